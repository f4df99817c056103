"""`zhinao serve MODEL`: an OpenAI-compatible server with a web page, on the embedded engine, or vLLM set up for this family."""

import argparse
import shlex
from dataclasses import fields

from zhinao import config
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.serve.gate.proxy import check_proxies
from zhinao.serve.settings import ServeSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        help=tr(
            "short name, hub id, folder or GGUF file (`zhinao models`)",
            "短名、hub id、目录或 GGUF 文件（见 `zhinao models`）",
        ),
    )
    add = parser.add_argument
    add("--host", help=tr("address (default 127.0.0.1: this machine only)", "监听地址（默认 127.0.0.1，仅本机）"))
    add("--port", type=int, help=tr("port (default 8360)", "端口（默认 8360）"))
    add(
        "--served-model-name",
        nargs="+",
        metavar="NAME",
        help=tr("what clients call the model (default: its own name)", "客户端使用的模型名（默认为模型自己的名称）"),
    )
    parser.set_defaults(rest=[], parser=parser)
    _add_engine(parser.add_argument_group(tr("engine", "引擎")))
    _add_limits(parser.add_argument_group(tr("who may ask, and how much", "访问与限额")))
    _add_behaviour(parser.add_argument_group(tr("behaviour", "行为")))


def _add_engine(group) -> None:
    add = group.add_argument
    add(
        "--engine",
        choices=("auto", "openvino", "transformers", "vllm"),
        help=tr("engine (default: the one that suits this machine)", "引擎（默认自动选择）"),
    )
    add("--quant", help=tr("weight format (openvino: int8, bf16, f32)", "权重格式（openvino：int8、bf16、f32）"))
    add("--device", help=tr("device: auto, cpu, cuda …", "设备：auto、cpu、cuda …"))
    add("--threads", type=int, help=tr("threads of the openvino engine", "openvino 引擎的线程数"))
    add(
        "--tuned-for",
        choices=("many", "one"),
        help=tr(
            "int8: many requests at once (default), or one at a time, faster for that one and nearer to the model",
            "int8：面向多个并发请求（默认），或逐个请求（单个更快、更接近原模型）",
        ),
    )
    add(
        "--cache-gb",
        type=float,
        help=tr("memory for keys and values, in GB (openvino)", "键值缓存大小（GB，openvino）"),
    )
    add("--source", choices=("huggingface", "modelscope"), help=tr("where to fetch from", "下载来源"))
    add("--revision", help=tr("branch, tag or commit on the hub", "hub 上的分支、标签或提交"))
    add("--offline", action="store_true", help=tr("open no connection to fetch anything", "不联网下载"))


def _add_limits(group) -> None:
    add = group.add_argument
    add(
        "--api-key-file",
        metavar="FILE",
        help=tr(
            "keys, one `name:key` a line; also by $ZHINAO_API_KEY", "密钥文件，每行 `名称:密钥`；也可用 $ZHINAO_API_KEY"
        ),
    )
    add(
        "--allow-anyone",
        action="store_true",
        default=None,
        help=tr("serve other machines without a key", "允许其他机器无密钥访问"),
    )
    add(
        "--cors-origin",
        action="append",
        metavar="ORIGIN",
        help=tr("a web page's origin that may use the server (repeatable)", "允许使用本服务的网页来源（可重复）"),
    )
    add(
        "--proxy",
        action="append",
        metavar="ADDRESS",
        help=tr(
            "a reverse proxy whose X-Forwarded-For is believed: address or network (repeatable; default: none)",
            "信任其 X-Forwarded-For 的反向代理：地址或网段（可重复；默认无）",
        ),
    )
    add(
        "--requests-per-minute",
        type=int,
        metavar="N",
        help=tr("of one key, or one address; each answer counts", "每个密钥（或地址）每分钟请求数，每个回答计一次"),
    )
    add(
        "--tokens-per-minute",
        type=int,
        metavar="N",
        help=tr("of one key, or one address", "每个密钥（或地址）每分钟 token 数"),
    )
    add(
        "--max-running",
        type=int,
        metavar="N",
        help=tr("answers that run at once (default 64)", "同时生成的回答数（默认 64）"),
    )
    add(
        "--max-queued",
        type=int,
        metavar="N",
        help=tr("answers that may wait (default 256)", "排队的回答数（默认 256）"),
    )
    add("--max-body-mb", type=float, metavar="MB", help=tr("size of a request (default 8)", "请求体上限（默认 8）"))
    add(
        "--max-connections",
        type=int,
        metavar="N",
        help=tr(
            "that one address may have open (default 256; a --proxy any number)",
            "每个地址可同时打开的连接数（默认 256；--proxy 不限）",
        ),
    )


def _add_behaviour(group) -> None:
    add = group.add_argument
    add(
        "--thinking-budget",
        type=int,
        metavar="N",
        help=tr(
            "tokens after which a thought is closed, where a request says nothing", "思考的 token 上限（请求未指定时）"
        ),
    )
    add(
        "--strict-params",
        action="store_true",
        default=None,
        help=tr("refuse requests with unknown fields", "拒绝含未知字段的请求"),
    )
    add(
        "--drain-seconds",
        type=float,
        metavar="S",
        help=tr(
            "how long running requests may take after SIGTERM (default 30)",
            "收到 SIGTERM 后等待运行中请求的秒数（默认 30）",
        ),
    )
    add("--log-format", choices=("text", "json"), help=tr("lines of the log", "日志格式"))
    add(
        "--log-content",
        action="store_true",
        default=None,
        help=tr("put prompts and answers into the log", "在日志中记录提示与回答"),
    )
    add("--config", metavar="FILE", help=tr("a YAML file with these settings", "包含上述设置的 YAML 文件"))
    add("--print-command", action="store_true", help=tr("print what would be run, and leave", "只打印将要执行的命令"))


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
    """The model as it will lie here; what is not here yet is fetched as far as the command depends on it."""
    from zhinao.hub import resolve, resolve_tokenizer

    revision, rest = hub["revision"], {name: hub[name] for name in ("source", "offline")}
    return resolve(model, **hub) if revision else resolve_tokenizer(model, **rest)


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
