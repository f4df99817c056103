"""One answer for one prompt. Plain text where stdout is no terminal, so that it can be piped on."""

import sys

from zhinao.api.reply import ANSWER_NOW, NOTE, UNFINISHED, Reply
from zhinao.api.stream import ReplyStream
from zhinao.chat import welcome
from zhinao.chat.arguments import Settings
from zhinao.chat.keyboard import steering
from zhinao.engine.base import CANCELLED, LENGTH
from zhinao.lang import tr
from zhinao.prompt.thinking import ANSWER, RECLASSIFY, THOUGHT

INTERRUPTED, NO_ANSWER = 130, 1


def run(settings: Settings, prompt: str, shows_thought: bool) -> int:
    """Print the answer. Returns the exit code."""
    from zhinao.chat.session import Session

    with settings.load() as model:
        if welcome.is_chinese(prompt) and (sentence := welcome.knows_no_chinese(model)):
            print(sentence, file=sys.stderr)
        stream = Session(model, settings.system, settings.request).ask(prompt)
        if sys.stdout.isatty():
            from zhinao.chat.turn import TurnView

            reply = TurnView("show" if shows_thought else "fold").show(stream)
        else:
            reply = _print_plain(stream, shows_thought)
    return _exit_code(reply)


def _print_plain(stream: ReplyStream, shows_thought: bool) -> Reply:
    """Answer to stdout as it comes. Before a thought may yet show itself as one, it is held back."""
    held: list[str] = []
    with stream, steering(stream):
        for event in stream:
            if event.kind == ANSWER and stream.may_reclassify:
                held.append(event.text)
            elif event.kind == ANSWER:
                sys.stdout.write("".join(held) + event.text)
                sys.stdout.flush()
                held = []
            elif event.kind == NOTE:
                print(event.text, file=sys.stderr)
            elif shows_thought and event.kind in (THOUGHT, RECLASSIFY):
                sys.stderr.write(event.text or "".join(held))
            held = [] if event.kind == RECLASSIFY else held
    reply = stream.result()
    if shows_thought and reply.reasoning_content:
        sys.stderr.write("\n")
    sys.stdout.write("".join(held) + "\n" * (reply.content != "" and not reply.content.endswith("\n")))
    sys.stdout.flush()
    return reply


def _exit_code(reply: Reply) -> int:
    if reply.thought_end == UNFINISHED:
        print(
            tr(
                "zhinao: the thought did not end, so there is no answer.\n  → raise --max-tokens or set --thinking-budget",
                "zhinao：思考没有结束，因此没有回答。\n  → 调大 --max-tokens，或设置 --thinking-budget",
            ),
            file=sys.stderr,
        )
        return INTERRUPTED if reply.finish_reason == CANCELLED else NO_ANSWER
    if reply.finish_reason == LENGTH:
        print(tr("zhinao: the answer stops at the length limit.", "zhinao：回答因长度上限而中断。"), file=sys.stderr)
    if reply.finish_reason == CANCELLED or (reply.thought_end == ANSWER_NOW and not reply.content):
        return INTERRUPTED
    return 0
