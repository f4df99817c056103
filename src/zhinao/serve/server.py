"""How a server starts: checks, the address, the model on its way, and only then the packages that the API needs.

The engine's process loads while those are imported. What happens afterwards: `event_loop.py`.
"""

import contextlib
import errno
import socket
import sys
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from zhinao import family
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.oserrors import reason
from zhinao.serve.gate.auth import Keys, check_bind
from zhinao.serve.gate.cors import check_origins
from zhinao.serve.settings import ServeSettings, model_names


def serve(model: str, settings: ServeSettings, engine: str, **hub) -> int:
    """Serve until a signal comes; the exit code. Raises UsageError before anything is loaded. `hub` goes to `api.load`."""
    keys = Keys.load(settings.api_key_file)
    check_bind(settings.host, keys, settings.allow_anyone)
    check_origins(settings.cors_origin)
    for warning in keys.warnings:
        print(f"zhinao: {warning}", file=sys.stderr)
    with contextlib.closing(_bound(settings)) as listening:
        loading: Future = Future()
        Thread(target=_load, args=(loading, model, settings, engine, hub), daemon=True).start()
        from zhinao.serve.event_loop import run

        return run(settings, keys, listening, loading, _names(model, settings))


def _bound(settings: ServeSettings) -> socket.socket:
    """The listening socket, taken before anything is loaded: a port in use is told at once."""
    try:
        kind = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host.strip("[]"), settings.port), family=kind, backlog=2048)
    except OSError as error:
        raise UsageError(
            tr(
                f"{settings.host}:{settings.port} cannot be listened on ({reason(error)}).",
                f"无法监听 {settings.host}:{settings.port}（{reason(error)}）。",
            ),
            _other_address(error),
        ) from None


def _other_address(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return tr("another program uses it: --port N", "端口已被别的程序占用：--port N")
    return tr("--host ADDRESS and --port N choose another", "可用 --host 地址、--port N 换一个")


def _load(loading: Future, model: str, settings: ServeSettings, engine: str, hub: dict) -> None:
    from zhinao.api import load

    try:
        loaded = load(
            model,
            engine=engine,
            quant=settings.quant,
            device=settings.device,
            num_threads=settings.threads,
            cache_gb=settings.cache_gb,
            is_for_many=settings.tuned_for == "many",
            **hub,
        )
    except BaseException as error:  # whoever waits for the model raises it
        loading.set_exception(error)
    else:
        loading.set_result(loaded)


def _names(model: str, settings: ServeSettings) -> tuple[str, ...]:
    """Known before the model is: a server that still loads can be asked for its name."""
    if settings.served_model_name:
        return settings.served_model_name
    release, place = family.find(model), Path(model).expanduser()
    own_name = place.resolve().name if place.exists() else model
    return model_names(release.short if release else own_name, release)
