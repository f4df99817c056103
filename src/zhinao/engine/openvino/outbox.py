"""Messages on their way into a pipe: a thread of its own writes them, so that whoever sends never waits for the reader."""

import contextlib
import json
import threading


class Outbox:
    """Writes JSON lines into `pipe` in the order they came. What is taken back before its turn is never sent."""

    def __init__(self, pipe):
        self._pipe, self._is_closed = pipe, False
        self._waiting: dict[object, dict] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="zhinao-outbox", daemon=True).start()

    def put(self, message: dict, key=None) -> None:
        """`key` is what it can be taken back by."""
        with self._changed:
            if not self._is_closed:
                self._waiting[object() if key is None else key] = message
                self._changed.notify()

    def take_back(self, key) -> bool:
        """Whether it was still here."""
        with self._changed:
            return self._waiting.pop(key, None) is not None

    def close(self) -> None:
        """Forget what waits; may be called twice."""
        with self._changed:
            self._is_closed, self._waiting = True, {}
            self._changed.notify()

    def _run(self) -> None:
        # A broken pipe means that the reader has ended; others notice that.
        with contextlib.suppress(OSError, ValueError):
            while (message := self._next()) is not None:
                self._pipe.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
                self._pipe.flush()
        self.close()

    def _next(self) -> dict | None:
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            return None if self._is_closed else self._waiting.pop(next(iter(self._waiting)))
