"""A signal without the system: a real one would also reach whatever runs the tests, which died of it."""

import signal


def arrives(number: int) -> None:
    """What the process does about the signal, here and now."""
    handler = signal.getsignal(number)
    if handler is not signal.SIG_IGN:
        handler(number, None)
