"""run.json and run.html as a callback: written at the start, kept current, finished whatever the end. Draws nothing itself."""

import contextlib
from collections.abc import Iterator

from transformers import TrainerCallback

from zhinao.errors import ZhinaoError
from zhinao.files import write_json
from zhinao.lang import counted, tr
from zhinao.train.monitor import page
from zhinao.train.monitor.recorder import Recorder, now
from zhinao.train.monitor.run_facts import RunFacts
from zhinao.train.monitor.status import StatusLine
from zhinao.train.monitor.words import span

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


class Report(TrainerCallback):
    """Stands last: what it writes is complete, and with it a pause between steps ends."""

    def __init__(self, facts: RunFacts, recorder: Recorder, status: StatusLine):
        self._facts, self._recorder, self._status = facts, recorder, status
        self._run: dict | None = None  # what run.json holds; None in all processes but the first
        self._step = 0

    def on_train_begin(self, args, state, control, **kwargs):
        self._step = state.global_step
        if state.is_world_process_zero:
            earlier = page.read_run(self._facts.output_dir).get("sessions", []) if state.global_step else []
            session = {"from_step": state.global_step, "began": now(), "outcome": RUNNING}
            world = {"num_steps": state.max_steps, "num_processes": args.world_size}
            self._run = {**self._facts.as_record(), **world, "sessions": [*earlier, session]}
            self._write()
        self._recorder.pause_ended()

    def on_step_end(self, args, state, control, **kwargs):
        self._step = state.global_step

    def on_evaluate(self, args, state, control, **kwargs):
        self._write()
        self._recorder.pause_ended()

    def on_save(self, args, state, control, **kwargs):
        self._write()
        self._recorder.pause_ended()

    def on_train_end(self, args, state, control, **kwargs):
        self._end(FINISHED if state.global_step >= state.max_steps else STOPPED)

    def fail(self, error: BaseException) -> None:
        """The run ended by an exception; after an end that was noticed already this does nothing."""
        if self._run is not None and self._run["sessions"][-1]["outcome"] == RUNNING:
            self._end(STOPPED if isinstance(error, KeyboardInterrupt) else FAILED, _reason(error))
        self._status.close()

    def _end(self, outcome: str, reason: str = "") -> None:
        if self._run is not None:
            self._run["sessions"][-1] |= {"outcome": outcome, "to_step": self._step, "ended": now(), "reason": reason}
            self._write()
        self._status.close(self._sentence(outcome))

    def _sentence(self, outcome: str) -> str:
        took, file = span(self._recorder.pace.trained_seconds), self._facts.output_dir / page.FILE
        done = {
            FINISHED: tr(
                f"Finished: {counted(self._step, 'step')} in {took}.", f"训练完成：{self._step} 步，用时 {took}。"
            ),
            STOPPED: tr(f"Stopped after step {self._step} ({took}).", f"已在第 {self._step} 步后停止（{took}）。"),
            FAILED: tr(f"Failed after step {self._step} ({took}).", f"在第 {self._step} 步后失败（{took}）。"),
        }[outcome]
        return done + tr(f" Curves and answers: {file}", f"曲线与回答：{file}")

    def _write(self) -> None:
        if self._run is not None:
            write_json(self._facts.output_dir / page.RUN, self._run)
            page.write(self._facts.output_dir)


@contextlib.contextmanager
def reported(report: Report) -> Iterator[None]:
    """Whatever ends the block, the terminal is given back and run.html tells of it."""
    try:
        yield
    except BaseException as error:  # Ctrl-C too
        report.fail(error)
        raise


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return tr("interrupted", "被中断")
    return error.message if isinstance(error, ZhinaoError) else f"{type(error).__name__}: {error}"
