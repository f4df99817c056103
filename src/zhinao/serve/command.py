"""`zhinao serve MODEL`: an OpenAI-compatible server with a web page, on the embedded engine, or vLLM set up for this family."""

import argparse
import shlex
from dataclasses import fields

from zhinao import config
from zhinao.errors import DownloadError, UsageError
from zhinao.lang import tr
from zhinao.serve.gate.proxy import check_proxies
from zhinao.serve.settings import ServeSettings
from zhinao.serve.words import translated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        help=translated("short name, hub id, folder or GGUF file (`zhinao models`)"),
    )
    add = parser.add_argument
    add("--host", help=translated("address (default 127.0.0.1: this machine only)"))
    add("--port", type=int, help=translated("port (default 8360)"))
    add(
        "--served-model-name",
        nargs="+",
        metavar="NAME",
        help=translated("what clients call the model (default: its own name)"),
    )
    parser.set_defaults(rest=[], parser=parser)
    _add_engine(parser.add_argument_group(translated("engine")))
    _add_limits(parser.add_argument_group(translated("who may ask, and how much")))
    _add_behaviour(parser.add_argument_group(translated("behaviour")))


def _add_engine(group) -> None:
    add = group.add_argument
    add(
        "--engine",
        choices=("auto", "openvino", "transformers", "vllm"),
        help=translated("engine (default: the one that suits this machine)"),
    )
    add("--quant", help=translated("weight format (openvino: int8, bf16, f32)"))
    add("--device", help=translated("device: auto, cpu, cuda …"))
    add("--threads", type=int, help=translated("threads of the openvino engine"))
    add(
        "--tuned-for",
        choices=("many", "one"),
        help=translated(
            "int8: many requests at once (default), or one at a time, faster for that one and nearer to the model"
        ),
    )
    add(
        "--cache-gb",
        type=float,
        help=translated("memory for keys and values, in GB (openvino)"),
    )
    add("--source", choices=("huggingface", "modelscope"), help=translated("where to fetch from"))
    add("--revision", help=translated("branch, tag or commit on the hub"))
    add("--offline", action="store_true", help=translated("open no connection to fetch anything"))


def _add_limits(group) -> None:
    add = group.add_argument
    add(
        "--api-key-file",
        metavar="FILE",
        help=translated("keys, one `name:key` a line; also by $ZHINAO_API_KEY"),
    )
    add(
        "--allow-anyone",
        action="store_true",
        default=None,
        help=translated("serve other machines without a key"),
    )
    add(
        "--cors-origin",
        action="append",
        metavar="ORIGIN",
        help=translated("a web page's origin that may use the server (repeatable)"),
    )
    add(
        "--proxy",
        action="append",
        metavar="ADDRESS",
        help=translated(
            "a reverse proxy whose X-Forwarded-For is believed: address or network (repeatable; default: none)"
        ),
    )
    add(
        "--requests-per-minute",
        type=int,
        metavar="N",
        help=translated("of one key, or one address; each answer counts"),
    )
    add(
        "--tokens-per-minute",
        type=int,
        metavar="N",
        help=translated("of one key, or one address"),
    )
    add(
        "--max-running",
        type=int,
        metavar="N",
        help=translated("answers that run at once (default 64)"),
    )
    add(
        "--max-queued",
        type=int,
        metavar="N",
        help=translated("answers that may wait (default 256)"),
    )
    add("--max-body-mb", type=float, metavar="MB", help=translated("size of a request (default 8)"))
    add(
        "--max-connections",
        type=int,
        metavar="N",
        help=translated("that one address may have open (default 256; a --proxy any number)"),
    )


def _add_behaviour(group) -> None:
    add = group.add_argument
    add(
        "--thinking-budget",
        type=int,
        metavar="N",
        help=translated("tokens after which a thought is closed, where a request says nothing"),
    )
    add(
        "--strict-params",
        action="store_true",
        default=None,
        help=translated("refuse requests with unknown fields"),
    )
    add(
        "--drain-seconds",
        type=float,
        metavar="S",
        help=translated("how long running requests may take after SIGTERM (default 30)"),
    )
    add("--log-format", choices=("text", "json"), help=translated("lines of the log"))
    add(
        "--log-content",
        action="store_true",
        default=None,
        help=translated("put prompts and answers into the log"),
    )
    add("--config", metavar="FILE", help=translated("a YAML file with these settings"))
    add("--print-command", action="store_true", help=translated("print what would be run, and leave"))


def run(args: argparse.Namespace) -> int | None:
    """Serve until a signal comes; flags that we do not know are vLLM's. Raises UsageError, ModelNotFoundError and what loading raises."""
    flags = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(args).items()}
    settings = config.load(ServeSettings, args.config, flags)
    _check(settings)
    check_proxies(settings.proxy)
    from zhinao.engine import select

    engine = select.choose(settings.engine, settings.quant, settings.device, must_be_here=not args.print_command).engine
    hub = {"source": args.source, "revision": args.revision, "offline": args.offline}
    if engine == "vllm":
        return _run_vllm(args, settings, hub)
    if args.rest:
        args.parser.error(f"unrecognized arguments: {' '.join(args.rest)}")
    if args.print_command:
        print(_described(args, settings, engine))
        return None
    from zhinao.serve.server import serve

    return serve(args.model, settings, engine, **hub)


def _run_vllm(args: argparse.Namespace, settings: ServeSettings, hub: dict) -> int:
    from zhinao.hub import resolve
    from zhinao.serve.vllm import launcher

    if args.print_command:
        return launcher.show(_without_weights(args.model, hub), settings, args.rest)
    return launcher.run(resolve(args.model, **hub), settings, args.rest)


def _without_weights(model: str, hub: dict):
    """The model as it will lie here; what is not here yet is fetched as far as the command depends on it. Of a released one all
    that must be known is known without its files, so that an unreachable hub is no hindrance."""
    from zhinao.hub import LocalModel, cache, resolve, resolve_tokenizer
    from zhinao.hub.locate import plan_for

    revision, rest = hub["revision"], {name: hub[name] for name in ("source", "offline")}
    try:
        return resolve(model, **hub) if revision else resolve_tokenizer(model, **rest)
    except DownloadError:
        plan = plan_for(model, hub["source"], revision)
        if plan.release is None:
            raise
        return LocalModel(cache.path(plan.name), plan.name, plan.release)


def _described(args: argparse.Namespace, settings: ServeSettings, engine: str) -> str:
    """The same run with everything said that was left open."""
    words = ["zhinao", "serve", args.model, "--engine", engine]
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value in (None, False, ()) or field.name == "engine":
            continue
        flag = f"--{field.name.replace('_', '-')}"
        if field.name in ("cors_origin", "proxy"):
            words += [word for one in value for word in (flag, one)]
        elif value is True:
            words.append(flag)
        else:
            words += [flag, *map(str, value if isinstance(value, tuple) else [value])]
    return shlex.join(words)


def _check(settings: ServeSettings) -> None:
    bounds = {
        "port": (0, 65535),
        "max_running": (1, 10_000),
        "max_queued": (0, 1_000_000),
        "max_body_mb": (0.001, 10_000),
        "max_connections": (1, 1_000_000),
        "drain_seconds": (0, 86_400),
        "requests_per_minute": (1, 10**9),
        "tokens_per_minute": (1, 10**12),
        "thinking_budget": (0, 10**9),
    }
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                tr(f"{flag} is {value}; allowed: {low} … {high}.", f"{flag} 为 {value}，允许 {low} … {high}。"),
                "--port 8360" if name == "port" else None,
            )
