"""OpenVINO without its usage reports.

`import openvino` reports to Google Analytics through a forked process unless the user once opted out. Nothing here may
open a socket that nobody asked for (`--offline` promises none), and a fork of a process with threads can hang. OpenVINO
itself goes without the package where it cannot be imported.
"""

import sys


def without_reports() -> None:
    """Call before the first `import openvino`."""
    sys.modules.setdefault("openvino_telemetry", None)


def without_tools() -> None:
    """Leave the model conversion tools out as well, which the worker never needs: a fifth of the import."""
    without_reports()
    sys.modules.setdefault("openvino.tools.ovc", None)
