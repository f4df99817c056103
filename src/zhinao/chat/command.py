"""`zhinao chat`: the conversation in the terminal, or one answer where a prompt comes by argument or pipe."""

import argparse
import sys
import threading

from zhinao.chat import arguments
from zhinao.chat.words import translated
from zhinao.errors import UsageError
from zhinao.family import DEMO
from zhinao.lang import tr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help=tr(
            f"folder, GGUF file, hub id or short name (default: the demo model {DEMO})",
            f"目录、GGUF 文件、hub 名称或短名（默认：演示模型 {DEMO}）",
        ),
    )
    parser.add_argument(
        "prompt",
        nargs="*",
        metavar="PROMPT",
        help=translated("ask this, print the answer and leave; piped text is put after it"),
    )
    parser.add_argument("--system", metavar="TEXT", help=translated("system message"))
    parser.add_argument(
        "--thinking-budget",
        type=int,
        metavar="N",
        help=translated("close the thought after N tokens"),
    )
    parser.add_argument(
        "--show-thinking",
        action="store_true",
        help=translated("one answer: print the thought too, on stderr"),
    )
    arguments.add(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 where there was an answer, 1 where the thought used up all tokens, 130 after Ctrl-C."""
    settings = arguments.read(args)
    if settings.model is None:
        print(tr(f"model: {DEMO} (the demo model)", f"模型：{DEMO}（演示模型）"), file=sys.stderr)
    if args.prompt or arguments.is_piped():
        from zhinao.chat import oneshot

        return oneshot.run(settings, _one_prompt(args.prompt, settings.model), shows_thought=args.show_thinking)
    if not sys.stdout.isatty():
        raise UsageError(
            tr("The chat needs a terminal.", "对话需要在终端中进行。"),
            'zhinao chat MODEL "…"' + tr(" prints one answer", " 可输出单次回答"),
        )
    _warm_up()
    with settings.load() as model:
        from zhinao.chat.session import Session
        from zhinao.chat.terminal import Terminal

        return Terminal(model, Session(model, settings.system, settings.request)).run()


def _one_prompt(words: list[str], model: str | None) -> str:
    """The words of the command line, then what is piped in."""
    piped = arguments.read_piped() if arguments.is_piped() else ""
    text = "\n\n".join(part for part in (" ".join(words), piped.rstrip("\n")) if part.strip())
    if not text:
        if model:
            from zhinao.hub.locate import check_path

            check_path(model)  # a prompt would not help
        raise UsageError(
            tr("The prompt is empty.", "提示为空。"),
            'zhinao chat MODEL "…"' + tr(", or pipe a text in", "，或通过管道输入文本"),
        )
    return text


def _warm_up() -> None:
    """Import what draws the terminal while the engine loads in its own process."""

    def work():
        import rich.markdown  # noqa: F401

    threading.Thread(target=work, daemon=True).start()
