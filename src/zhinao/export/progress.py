"""The bar of a conversion in a terminal: stage, part done, MB/s, time left. Where there is no terminal it is silent."""

import sys

from zhinao.export.convert import Progress


class Bar(Progress):
    """Usable as a context manager. Draws on stderr, so that stdout holds results only."""

    def __enter__(self):
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Drawing

        self._drawing = Drawing(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            disable=not sys.stderr.isatty(),
        )
        self._drawing.start()
        self._task = None
        return self

    def __exit__(self, *_):
        self._drawing.stop()

    def stage(self, name: str, num_bytes: int | None = None) -> None:
        if self._task is not None:
            self._drawing.remove_task(self._task)
        self._task = self._drawing.add_task(name, total=num_bytes)

    def advance(self, num_bytes: int) -> None:
        self._drawing.advance(self._task, num_bytes)
