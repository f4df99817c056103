"""Leaving in good order: after SIGTERM the server still answers, takes no new work, and goes when nothing runs any more."""

import asyncio
import contextlib

import uvicorn

from zhinao.lang import tr
from zhinao.serve.gate.logs import LOGGER
from zhinao.serve.run.admission import Admission
from zhinao.signals import Repeats

_LAST_SECONDS = 2  # for handlers that are being cancelled


class DrainingServer(uvicorn.Server):
    """The first SIGTERM or Ctrl-C closes the admission and waits up to `seconds`; a second one ends the server at once."""

    def __init__(self, config: uvicorn.Config, admission: Admission, seconds: float):
        config.timeout_graceful_shutdown = _LAST_SECONDS
        super().__init__(config)
        self._admission, self._seconds, self._repeats = admission, seconds, Repeats()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task | None = None

    async def serve(self, sockets=None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig, frame) -> None:
        """uvicorn's signal handler, which Python runs between any two instructions of the main thread."""
        if self._repeats.is_same():
            return
        if self._admission.is_closed or not self.started:
            return super().handle_exit(sig, frame)
        self._admission.is_closed = True
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._draining = self._loop.create_task(self._drain())

    async def _drain(self) -> None:
        running = self._admission.num_running
        self._admission.close()
        LOGGER.info(tr("leaving; %d requests still run", "正在退出，还有 %d 个请求在运行"), running)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._admission.idle(), self._seconds)
        self.should_exit = True
