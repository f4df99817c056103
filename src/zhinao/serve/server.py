"""The server's process: the application on uvicorn, the model loaded meanwhile, one line that says where it is."""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path

import uvicorn
import uvloop

from zhinao import family
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.serve import logs
from zhinao.serve.app import build
from zhinao.serve.auth import Keys, check_bind
from zhinao.serve.body import impatient_protocol
from zhinao.serve.cors import check_origins
from zhinao.serve.drain import DrainingServer
from zhinao.serve.model_names import names
from zhinao.serve.service import Service
from zhinao.serve.settings import ServeSettings


def serve(model: str, settings: ServeSettings, engine: str, **hub) -> int:
    """Serve until a signal comes; the exit code. Raises UsageError before anything is loaded. `hub` goes to `api.load`."""
    keys = Keys.load(settings.api_key_file)
    check_bind(settings.host, keys, settings.allow_anyone)
    check_origins(settings.cors_origin)
    for warning in keys.warnings:
        print(f"zhinao: {warning}", file=sys.stderr)
    listening = _bound(settings)
    logs.configure(settings.log_format, settings.log_content)
    service = Service(settings, lambda: _load(model, settings, engine, hub), _names(model, settings))
    with contextlib.closing(listening), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(service, keys, listening))


async def _serve(service: Service, keys: Keys, listening: socket.socket) -> int:
    settings = service.settings
    host, port = listening.getsockname()[:2]
    configured = uvicorn.Config(
        build(service, keys),
        http=impatient_protocol(),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
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
    try:
        await server.serve([listening])
    finally:
        loading.cancel()
        service.close()
    return 0


def _bound(settings: ServeSettings) -> socket.socket:
    """The listening socket, taken before anything is loaded: a port in use is told at once."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        address = (settings.host.strip("[]"), settings.port)
        return socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise UsageError(
            tr(
                f"{settings.host}:{settings.port} cannot be listened on ({error.strerror or error}).",
                f"无法监听 {settings.host}:{settings.port}（{error.strerror or error}）。",
            ),
            tr("another program may use it: --port N", "端口可能被占用：--port N"),
        ) from None


def _load(model: str, settings: ServeSettings, engine: str, hub: dict):
    from zhinao.api import load

    return load(
        model,
        engine=engine,
        quant=settings.quant,
        device=settings.device,
        num_threads=settings.threads,
        cache_gb=settings.cache_gb,
        **hub,
    )


def _names(model: str, settings: ServeSettings) -> tuple[str, ...]:
    """Known before the model is: a server that still loads can be asked for its name."""
    if settings.served_model_name:
        return settings.served_model_name
    release, place = family.find(model), Path(model).expanduser()
    own_name = place.resolve().name if place.exists() else model
    return names(release.short if release else own_name, release)
