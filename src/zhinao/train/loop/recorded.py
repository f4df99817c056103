"""`settings.json`, written when the first step is done: a start that failed before leaves nothing that stands in the way."""

from pathlib import Path

from transformers import TrainerCallback

from zhinao.files import write_json
from zhinao.train.loop import record


class Recorded(TrainerCallback):
    """Comes before anything is saved. A run that goes on has the file already, and keeps it."""

    def __init__(self, output_dir: str | Path, made: dict):
        """made: of `record.made_of`."""
        self._file, self._made = Path(output_dir) / record.FILE, made
        self._is_due = False

    def on_train_begin(self, args, state, control, **kwargs):
        self._is_due = state.is_world_process_zero and not state.global_step

    def on_step_end(self, args, state, control, **kwargs):
        if self._is_due:
            self._is_due = False
            write_json(self._file, self._made)
