"""The slash commands of the chat: one function each, and the table that help and completion are made of.

A function gets the terminal and the rest of the line. It raises UsageError for what cannot be meant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zhinao.chat.session import SETTABLE, shown
from zhinao.chat.turn import FOLD, HIDE, SHOW
from zhinao.config import suggestion
from zhinao.errors import UsageError
from zhinao.lang import tr

_NUM_SHOWN = 6  # messages of a loaded conversation: three turns


@dataclass(frozen=True)
class Command:
    """`words` complete the argument; None: it is a file name."""

    run: Callable
    argument: str
    help: tuple[str, str]  # English, Chinese
    words: tuple[str, ...] | None = ()


def run(terminal, line: str) -> None:
    """Run the command in `line`. Raises UsageError for an unknown one, with the nearest."""
    name, _, rest = line.strip().partition(" ")
    name = {"/exit": "/quit", "/?": "/help", "/bye": "/quit"}.get(name, name)
    if name not in COMMANDS:
        raise UsageError(
            tr(f"Unknown command {name}.", f"未知的命令 {name}。"),
            suggestion(name, COMMANDS)
            or tr(
                "/help lists them; a question that begins with / is sent by //",
                "/help 列出所有命令；以 / 开头的问题请用 // 发送",
            ),
        )
    COMMANDS[name].run(terminal, rest.strip())


def help_(terminal, _) -> None:
    terminal.say_pairs([(f"{name} {c.argument}".rstrip(), tr(*c.help)) for name, c in COMMANDS.items()])
    terminal.say(
        tr(
            "\nAlt-Enter or \\ at the end: new line · Tab: complete · Ctrl-X Ctrl-E: editor\n"
            "Ctrl-C: answer now while it thinks, stop while it answers · Ctrl-D: leave",
            "\nAlt-Enter 或行末 \\：换行 · Tab：补全 · Ctrl-X Ctrl-E：外部编辑器\n"
            "Ctrl-C：思考时立即回答，回答时停止 · Ctrl-D：退出",
        )
    )


def system(terminal, text: str) -> None:
    session = terminal.session
    if not text:
        current = session.system
        terminal.say(current if current is not None else tr("(the template's own)", "（模板默认）"))
        return
    session.set_system(None if text == "default" else text)
    terminal.say(tr("system message set", "系统消息已设置"))
    if session.messages:
        terminal.say(
            tr(
                "It holds for this conversation from the next question on; /clear begins a new one with it.",
                "从下一个问题起对当前对话生效；/clear 可用它开始新对话。",
            )
        )


def clear(terminal, _) -> None:
    terminal.session.clear()
    terminal.say(tr("conversation cleared", "对话已清空"))


def retry(terminal, _) -> None:
    """The old answer stays in the conversation until there is a new one."""
    session = terminal.session
    before = list(session.messages)
    text = terminal.stopped_text or session.undo()
    is_answered = False
    try:
        is_answered = terminal.send(text)
    finally:
        if not is_answered:
            session.messages = before


def undo(terminal, _) -> None:
    text = terminal.session.undo()
    terminal.say(tr(f"taken back: {_short(text)}", f"已撤回：{_short(text)}"))


def edit(terminal, _) -> None:
    terminal.draft = terminal.session.undo()


def save(terminal, name: str) -> None:
    file = _file(name, "/save chat.json")
    if file.exists() and not file.is_dir() and file != terminal.saved_as and not terminal.confirms(_overwrite(file)):
        terminal.say(tr("not saved", "没有保存"))
        return
    terminal.session.save(file)
    terminal.saved_as = file
    terminal.say(tr(f"saved: {file}", f"已保存：{file}"))


def load(terminal, name: str) -> None:
    file = _file(name, "/load chat.json")
    if not terminal.session.load(file, lambda: terminal.confirms(_replace())):
        terminal.say(
            tr("not loaded; /save NAME.json keeps this conversation", "没有载入；/save 名称.json 可保存当前对话")
        )
        return
    count = len(terminal.session.messages)
    terminal.saved_as = file
    terminal.say(tr(f"loaded: {file}, {count} messages", f"已载入：{file}，{count} 条消息"))
    terminal.say_system()
    if settings := terminal.session.settings:
        terminal.say(" · ".join(f"{key} = {shown(key, value)}" for key, value in settings.items()))
    _say_last(terminal)


def _say_last(terminal) -> None:
    """Where the conversation stands: its last turns, each on a line."""
    messages = [m for m in terminal.session.messages if m["role"] in ("user", "assistant") and m["content"].strip()]
    if len(messages) > _NUM_SHOWN:
        terminal.say("…")
    for message in messages[-_NUM_SHOWN:]:
        terminal.say(("> " if message["role"] == "user" else "  ") + _short(message["content"], 120))


def set_(terminal, text: str) -> None:
    name, _, value = text.partition(" ")
    session = terminal.session
    if text and not value:
        raise UsageError(
            tr(f"{name} needs a value.", f"{name} 需要一个值。"), "/set temperature 0.7 · /set temperature default"
        )
    if text:
        session.set(name, value.strip())
    for key in (name,) if text else SETTABLE:
        found, source = session.in_force(key)
        terminal.say(f"{key} = {shown(key, found)}" + (f"  ({source})" if source else ""))


def think(terminal, text: str) -> None:
    word, _, value = text.partition(" ")
    if word in (SHOW, FOLD, HIDE) and not value:
        terminal.view.mode = word
        last = terminal.session.last
        if word == SHOW and last and last.reasoning_content:
            terminal.say(last.reasoning_content)
        terminal.say(tr(f"thoughts: {word}", f"思考显示：{word}"))
    elif word == "budget" and (value.isdecimal() or value in ("off", "default")):
        terminal.session.set("thinking_budget", value if value.isdecimal() else "")
        terminal.say(tr(f"thinking budget: {value}", f"思考预算：{value}"))
        if not terminal.model.thinks:
            terminal.say(tr("(this model is not known to think)", "（该模型似乎不会思考）"))
    else:
        raise UsageError(
            tr(f"/think {text}: cannot be meant.", f"/think {text}：无法理解。"),
            "/think show | fold | hide | budget N | budget off",
        )


def stats(terminal, _) -> None:
    info, last = terminal.model.engine.info, terminal.session.last
    used = terminal.session.num_context_tokens_used
    lines = [
        f"{terminal.model.name} · {info.precision} · {info.engine} · {info.device}",
        tr(
            f"context: {used:,} of {info.num_context_tokens:,} tokens",
            f"上下文：{used:,} / {info.num_context_tokens:,} 个 token",
        ),
    ]
    if last:
        u = last.usage
        lines += [
            tr(
                f"last turn: {u.prompt_tokens:,} tokens read, {u.completion_tokens:,} written ({u.reasoning_tokens:,} thought)",
                f"上一轮：读入 {u.prompt_tokens:,}，生成 {u.completion_tokens:,}（其中思考 {u.reasoning_tokens:,}）个 token",
            ),
            tr(
                f"first token after {last.first_token_seconds:.2f} s, then {last.tokens_per_second:.1f} tokens/s",
                f"首个 token {last.first_token_seconds:.2f} 秒，之后每秒 {last.tokens_per_second:.1f} 个",
            ),
        ]
    terminal.say("\n".join(lines))


def quit_(terminal, _) -> None:
    terminal.is_done = True


def _file(name: str, example: str) -> Path:
    if not name:
        raise UsageError(tr("A file name is missing.", "缺少文件名。"), example)
    return Path(name).expanduser()


def _overwrite(file: Path) -> str:
    return tr(f"{file} is there already. Overwrite it?", f"{file} 已存在，要覆盖吗？")


def _replace() -> str:
    return tr("This conversation is not saved. Replace it?", "当前对话尚未保存，要替换吗？")


def _short(text: str, most: int = 40) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


COMMANDS = {
    "/help": Command(help_, "", ("this list", "显示本列表")),
    "/system": Command(
        system, "[TEXT]", ("show or set the system message (default: back)", "查看或设置系统消息（default 恢复默认）")
    ),
    "/clear": Command(clear, "", ("forget the conversation", "清空对话")),
    "/retry": Command(retry, "", ("answer the last question again", "重新回答上一个问题")),
    "/undo": Command(undo, "", ("take the last turn back", "撤回上一轮")),
    "/edit": Command(edit, "", ("take the last question back and edit it", "撤回并修改上一个问题")),
    "/save": Command(
        save,
        "FILE",
        ("save the conversation (.json; .md or .txt for people)", "保存对话（.json；.md、.txt 供阅读）"),
        None,
    ),
    "/load": Command(load, "FILE", ("load a conversation (.json)", "载入对话（.json）"), None),
    "/set": Command(
        set_,
        "[NAME VALUE]",
        ("show or set sampling (default: back)", "查看或设置采样参数（default 恢复默认）"),
        SETTABLE,
    ),
    "/think": Command(
        think,
        "show|fold|hide|budget N",
        ("how thoughts are shown, how long they may be", "思考的显示方式与预算"),
        (SHOW, FOLD, HIDE, "budget"),
    ),
    "/stats": Command(stats, "", ("speed and context", "速度与上下文")),
    "/quit": Command(quit_, "", ("leave", "退出")),
}
