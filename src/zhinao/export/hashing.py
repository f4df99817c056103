"""SHA-256 of the source's files, made by a thread beside the conversion: the same hashes that a hub shows."""

import threading
from pathlib import Path

from zhinao import files


class Hasher:
    """Starts at once; `result` waits for the end. As a context manager it is stopped when the block fails."""

    def __init__(self, paths: list[Path]):
        self._paths, self._hashes = paths, {}
        self._error: OSError | None = None
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for path in self._paths:
                self._hashes[path.name] = files.sha256(path, self._on_bytes)
        except InterruptedError:
            pass
        except OSError as error:
            self._error = error

    def _on_bytes(self, _: int) -> None:
        if self._is_stopped.is_set():
            raise InterruptedError

    def result(self) -> dict[str, str]:
        """File name -> hex SHA-256. Raises the OSError that reading met."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._hashes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._is_stopped.set()
        self._thread.join()
