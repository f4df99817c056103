"""Signals: Ctrl-C before a command has begun to work, and one request to end that is delivered twice.

Imports next to nothing, since the command imports it first.
"""

import _signal  # built in; `signal` would import `enum` first  # pyright: ignore[reportMissingImports]
import os
import time

_TWICE = 0.1  # seconds; nobody presses a key so soon again


class ends_at_once:
    """A context in which SIGINT ends the process with 130, without a word. Elsewhere than in the main thread, and where somebody
    has set a handler, it does nothing.

    A KeyboardInterrupt would not do: in the middle of an import it is shown as a traceback, wrapped (`__set_name__`), or lost in a
    callback.
    """

    def __enter__(self) -> None:
        self._is_on = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
        try:
            self._is_on = self._is_on and bool(_signal.signal(_signal.SIGINT, lambda *_: os._exit(130)))
        except ValueError:  # not the main thread
            self._is_on = False

    def __exit__(self, *_) -> None:
        if self._is_on:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)


class Repeats:
    """Tells a second signal from the first one, delivered twice: `timeout` signals its command and then the whole group, the command
    among them, and systemd may send SIGHUP right behind SIGTERM."""

    def __init__(self):
        self._last = float("-inf")

    def is_same(self) -> bool:
        """Whether the signal that has just come belongs to the one before."""
        before, self._last = self._last, time.monotonic()
        return self._last - before < _TWICE
