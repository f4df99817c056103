"""The `zhinao` command: a verb is a module, imported only when it is chosen.

A verb's module has `add_arguments(parser)` and `run(args) -> int | None` and must itself import nothing heavy at its top.
"""

from zhinao.signals import ends_at_once
from zhinao.words import translated

with ends_at_once():
    import argparse
    import contextlib
    import importlib
    import sys

    from zhinao import lang, outfile
    from zhinao.arguments import Parser, add_language
    from zhinao.errors import MissingExtraError, ZhinaoError
    from zhinao.lang import tr
    from zhinao.version import __version__

CONTRACT = "zhinao_contract"  # a distribution of its own, in the folder `contract`

# verb -> module, English and Chinese summary
VERBS = {
    "chat": ("zhinao.chat.command", "talk to a model in the terminal", "在终端里与模型对话"),
    "generate": (
        "zhinao.chat.generate",
        "complete text, from arguments, files or a pipe",
        "续写文本，可来自参数、文件或管道",
    ),
    "serve": ("zhinao.serve.command", "an OpenAI-compatible server with a web page", "OpenAI 兼容的服务与网页"),
    "pull": ("zhinao.hub.commands.pull", "fetch a model", "下载模型"),
    "models": ("zhinao.hub.commands.models", "list the models kept here, with sizes", "列出本机保存的模型及大小"),
    "remove": ("zhinao.hub.commands.remove", "remove a kept model", "删除已保存的模型"),
    "convert": (
        "zhinao.export.command",
        "rewrite a checkpoint in another layout, with proof",
        "转换模型格式，并给出证明",
    ),
    "check-api": (
        f"{CONTRACT}.command",
        "check any OpenAI-compatible server against the API's contract",
        "检查任意 OpenAI 兼容服务器是否符合接口约定",
    ),
    "eval": (
        "zhinao.evaluate.commands.eval",
        "run benchmarks: scores with intervals, beside the published numbers",
        "运行评测：得分与区间，并与公布数字对照",
    ),
    "card": (
        "zhinao.evaluate.commands.card",
        "what a fine-tune has made better or worse: two models, side by side",
        "微调前后对照：哪些变好，哪些变差",
    ),
    "finetune": ("zhinao.train.commands.finetune", "supervised fine-tuning", "监督微调"),
    "pretrain": ("zhinao.train.commands.pretrain", "continued pre-training on text", "文本继续预训练"),
    "data": ("zhinao.data.command", "see, check and convert training data", "查看、检查与转换训练数据"),
    "plan": (
        "zhinao.plan.command",
        "what a training run needs: memory and time",
        "训练前估算：显存与时间",
    ),
    "launch": ("zhinao.launch.command", "start training in many processes", "以多进程启动训练"),
    "prefer": (
        "zhinao.train.commands.prefer",
        "tune a model to preferences: pairs of answers, DPO or NCA",
        "偏好优化：成对的回答，DPO 或 NCA",
    ),
    "reason": (
        "zhinao.reason.commands.command",
        "long chains of thought, stage by stage: from an instruct model to one that reasons",
        "长思维链训练，逐阶段进行：从指令模型到推理模型",
    ),
    "tour": (
        "zhinao.reason.commands.tour",
        "watch a tiny model learn to reason, stage by stage, on this machine",
        "在本机看一个小模型逐阶段学会推理",
    ),
    "doctor": ("zhinao.doctor", "what this machine has, and which engine will be taken", "检查本机环境与将使用的引擎"),
}


def build_parser(verb: str | None = None) -> Parser:
    """The parser of the whole command; of the verbs only `verb` gets its arguments (and is imported)."""
    parser = Parser(
        prog="zhinao",
        description=translated("Chat, serve, fine-tune and export the 360Zhinao3 models."),
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"zhinao {__version__}",
        help=translated("show the version and exit"),
    )
    add_language(parser)
    verbs = parser.add_subparsers(
        dest="verb", metavar=translated("VERB"), parser_class=Parser, title=translated("verbs")
    )
    for name, (module, english, chinese) in VERBS.items():
        sub = verbs.add_parser(name, help=tr(english, chinese), description=tr(english, chinese))
        add_language(sub)
        if name == verb:
            _module(module).add_arguments(sub)
    return parser


def _module(name: str):
    """A verb's module. Raises MissingExtraError where its distribution is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != CONTRACT:
            raise
    error = MissingExtraError(tr("zhinao-contract, which holds these checks,", " zhinao-contract（接口检查）"), "")
    error.hint = tr("in the project's folder: pip install ./contract", "在项目目录中运行：pip install ./contract")
    raise error


def verb_parser(parser: argparse.ArgumentParser, verb: str) -> argparse.ArgumentParser:
    """The parser of one verb: it knows its own flags, for suggestions and for the documentation."""
    return next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices[verb]


def _peek(argv: list[str]) -> str | None:
    """Take `--lang` (help must already speak it) and find the verb."""
    argv = argv[: argv.index("--")] if "--" in argv else argv
    for n, word in enumerate(argv):
        if word == "--lang" and n + 1 < len(argv) and argv[n + 1] in ("en", "zh"):
            lang.choose(argv[n + 1])
        elif word in ("--lang=en", "--lang=zh"):
            lang.choose(word[-2:])
    return next((word for word in argv if word in VERBS), None)


def main(argv: list[str] | None = None) -> int:
    """Entry point. Returns the exit code: 0 good, 2 usage, 130 Ctrl-C, others by the error (see `errors.py`)."""
    try:
        outfile.mend_standard_streams()
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:  # also of `--help`, which ends by SystemExit: what a pipe or a disk refuses is found out here
            sys.stdout.flush()
    except ZhinaoError as error:
        _tell(f"zhinao: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _tell(tr("zhinao: stopped.", "zhinao：已停止。"))
        return 130
    except BrokenPipeError:  # the reader has left (`zhinao … | head`)
        return 141
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich leaves so
            return 141
        raise
    finally:
        outfile.forget_standard_output()


def _run(argv: list[str]) -> int:
    with ends_at_once():
        verb = _peek(argv)
        parser = build_parser(verb)
        args, unknown = parser.parse_known_args(argv)
        if unknown:
            (verb_parser(parser, args.verb) if args.verb else parser).take_rest(args, unknown)  # pyright: ignore
        if args.verb is None:
            parser.print_help()
            return 0
        module = _module(VERBS[args.verb][0])
    return module.run(args) or 0


def _tell(sentence: str) -> None:
    """On stderr, which may be full or gone too; the exit code tells then."""
    with contextlib.suppress(OSError, ZhinaoError):
        print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
