"""The application on uvicorn, in one event loop, until a signal comes; then it leaves in good order. One line says where it is.

After SIGTERM the server still answers, takes no new work, and goes when nothing runs any more.
"""

import asyncio
import contextlib
import socket
import sys
from concurrent.futures import Future

import uvicorn
import uvloop

from zhinao.lang import tr
from zhinao.serve.app import build
from zhinao.serve.gate import logs
from zhinao.serve.gate.auth import Keys
from zhinao.serve.gate.connection import protocol
from zhinao.serve.page import files
from zhinao.serve.run.admission import Admission
from zhinao.serve.run.service import Service
from zhinao.serve.settings import ServeSettings
from zhinao.signals import Repeats

_TURN_SECONDS = 0.001  # how long a thread that reads a large request may keep the loop waiting, of Python's 5 ms
_LAST_SECONDS = 2  # for handlers that are being cancelled


def run(settings: ServeSettings, keys: Keys, listening: socket.socket, loading: Future, names: tuple[str, ...]) -> int:
    """Serve on a socket that listens already; `loading` brings the `api.Model`. The exit code.

    Raises what loading the model raises, after the server has left: without a model it is of no use.
    """
    logs.configure(settings.log_format, settings.log_content)
    sys.setswitchinterval(_TURN_SECONDS)
    service = Service(settings, loading.result, names)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(service, keys, listening))


async def _serve(service: Service, keys: Keys, listening: socket.socket) -> int:
    settings = service.settings
    host, port = listening.getsockname()[:2]
    configured = uvicorn.Config(
        build(service, keys),
        http=protocol(max_connections=settings.max_connections, proxies=settings.proxy),
        ws="none",  # an offer of WebSocket is passed over like any other
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `gate/proxy.py` knows who is believed
        timeout_keep_alive=75,
    )
    server = DrainingServer(configured, service.admission, settings.drain_seconds)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    print(
        tr(
            f"zhinao: {service.names[0]} at {address} · web page: {address}/ · API: {address}/v1 · {address}/docs",
            f"zhinao：{service.names[0]} 位于 {address} · 网页：{address}/ · API：{address}/v1 · {address}/docs",
        ),
        file=sys.stderr,
        flush=True,
    )
    loading = asyncio.create_task(service.start())
    loading.add_done_callback(lambda done: _leave_without_model(server, done))
    await asyncio.to_thread(files.find, "/")  # packs the page's files, which would delay the first request
    try:
        await server.serve([listening])
        if loading.done():
            loading.result()
    finally:
        loading.cancel()
        service.close()
    return 0


def _leave_without_model(server: uvicorn.Server, loading: asyncio.Task) -> None:
    if not loading.cancelled() and loading.exception():
        server.should_exit = True


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
        logs.LOGGER.info(tr("leaving; %d requests still run", "正在退出，还有 %d 个请求在运行"), running)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._admission.idle(), self._seconds)
        self.should_exit = True
