"""Ctrl-C, SIGTERM, or a terminal that closes, while a run is under way: asked once, the step is finished and saved; asked twice,
it ends at once. What was ignored when the run began stays ignored: `nohup` means what it says."""

import contextlib
import signal
import sys
from types import FrameType

from transformers import TrainerCallback

from zhinao.lang import tr
from zhinao.signals import Repeats


class Interruption:
    """A context in which the signals only leave a note. `signal`: which came, or None."""

    def __init__(self):
        self.signal: int | None = None
        self._before, self._repeats = {}, Repeats()

    def __enter__(self) -> "Interruption":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup, or a shell in whose background this runs
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._repeats.is_same():
            return
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        with contextlib.suppress(OSError):  # the terminal may have gone with a launcher
            print(
                tr(
                    "\nzhinao: saving after this step; once more stops at once.",
                    "\nzhinao：本步结束后保存并停止；再按一次立即停止。",
                ),
                file=sys.stderr,
            )

    @property
    def exit_code(self) -> int:
        return 128 + (self.signal or 0)


class StopWhenAsked(TrainerCallback):
    """Saves and stops at the end of the step in which any of the processes was asked to."""

    def __init__(self, interruption: Interruption, is_asked_anywhere):
        """`is_asked_anywhere(bool) -> bool`: whether it is true on any process; all must call it."""
        self.interruption, self.is_asked_anywhere = interruption, is_asked_anywhere

    def is_asked(self) -> bool:
        """Whether any process was asked to. All must call it."""
        return self.is_asked_anywhere(self.interruption.signal is not None)

    def on_step_end(self, args, state, control, **kwargs):
        if self.is_asked():
            control.should_save = control.should_training_stop = True
            control.should_evaluate = False
        return control
