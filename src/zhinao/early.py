"""Ctrl-C before a command has begun to work: it ends at once. Imports next to nothing, since it must come first.

A KeyboardInterrupt would not do: in the middle of an import it is shown as a traceback, wrapped (`__set_name__`), or lost in a callback.
"""

import _signal  # built in; `signal` would import `enum` first
import os


class ends_at_once:
    """A context in which SIGINT ends the process with 130, without a word. Elsewhere than in the main thread, and where somebody
    has set a handler, it does nothing."""

    def __enter__(self) -> None:
        self._is_on = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
        try:
            self._is_on = self._is_on and bool(_signal.signal(_signal.SIGINT, lambda *_: os._exit(130)))
        except ValueError:  # not the main thread
            self._is_on = False

    def __exit__(self, *_) -> None:
        if self._is_on:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
