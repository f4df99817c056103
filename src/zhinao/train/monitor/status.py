"""The status line as a callback: when it is drawn, and what it says. How it gets to the screen is in `view.py`."""

import atexit
import time

from transformers import TrainerCallback

from zhinao.lang import tr
from zhinao.train.monitor import view, words
from zhinao.train.monitor.recorder import EVAL, TRAIN, Recorder

REDRAW_SECONDS = 0.1


class StatusLine(TrainerCallback):
    """Writes to stderr, in the first process only. Stands behind the recorder; `close` gives the terminal back."""

    def __init__(self, recorder: Recorder):
        self._recorder = recorder
        self._view = None
        self._step, self._num_steps, self._doing, self._drawn = 0, 0, "", 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero and self._view is None:
            self._view = view.opened()
            atexit.register(self.close)
        self._at(state)

    def on_step_end(self, args, state, control, **kwargs):
        self._at(state)

    def on_log(self, args, state, control, **kwargs):
        if self._view is None:
            return
        last = self._recorder.records[-1]
        if last["kind"] == EVAL and "eval_loss" in last:
            loss = words.number(last["eval_loss"])
            self._view.print_line(
                tr(f"step {last['step']}: eval loss {loss}", f"第 {last['step']} 步：验证损失 {loss}")
            )
        if last["kind"] == TRAIN:
            self._draw(is_logged=True)

    def on_prediction_step(self, args, state, control, **kwargs):
        self.doing(tr("evaluating", "验证中"))

    def on_evaluate(self, args, state, control, **kwargs):
        self.doing("")

    def doing(self, what: str) -> None:
        """Say what keeps the next step waiting; empty: nothing."""
        is_new, self._doing = bool(what) and what != self._doing, what
        self._draw(is_new=is_new)

    def close(self, sentence: str | None = None) -> None:
        """Leave the last line as it is, and say `sentence` below it."""
        if self._view is not None:
            self._doing = ""
            self._draw(is_last=True)
            self._view.close()
            if sentence:
                self._view.print_line(sentence)
            self._view = None
            atexit.unregister(self.close)

    def _at(self, state) -> None:
        self._step, self._num_steps, self._doing = state.global_step, state.max_steps, ""
        self._draw()

    def _draw(self, is_logged: bool = False, is_last: bool = False, is_new: bool = False) -> None:
        now = time.monotonic()
        if self._view is None or (now - self._drawn < REDRAW_SECONDS and not (is_logged or is_last or is_new)):
            return
        self._drawn = now
        recorder = self._recorder
        left = recorder.pace.seconds_left(self._num_steps)
        parts = words.status(self._step, self._num_steps, recorder.last_trained, left)
        if self._doing:
            parts.insert(1, self._doing)
        self._view.show(parts, recorder.losses, is_logged, is_last, bool(self._doing))
