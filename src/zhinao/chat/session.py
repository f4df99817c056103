"""A conversation: its turns, its settings, its file. A turn is kept whole or not at all. Draws nothing."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from zhinao import family, outfile
from zhinao.api.model import Model
from zhinao.api.options import NAMES
from zhinao.api.options import read as read_options
from zhinao.api.reply import Reply
from zhinao.api.stream import ReplyStream
from zhinao.chat.arguments import read_text
from zhinao.config import suggestion
from zhinao.engine.base import Sampling
from zhinao.errors import UsageError
from zhinao.files import write_json
from zhinao.lang import tr
from zhinao.prompt.messages import normalized

_NOT_BY_HAND = ("tools", "template_kwargs", "continue_final", "logprobs", "ignore_eos", "grammar")
SETTABLE = tuple(name for name in NAMES if name not in _NOT_BY_HAND)
LOADABLE, READABLE = ".json", (".md", ".txt")
_PLAIN = {field.name: field.default for field in fields(Sampling)}


def shown(name: str, value) -> str:
    """A setting's value as people read it."""
    if value is not None:
        return repr(value)
    return {"seed": tr("a fresh one each time", "每次随机"), "stop": tr("none", "无")}.get(name, tr("no limit", "不限"))


class Session:
    """`messages` are the turns without the system message; `last` is the newest reply of this run."""

    def __init__(self, model: Model, system: str | None = None, settings: dict | None = None):
        self.model, self.system = model, system
        self.settings = dict(settings or {})
        release = family.find(model.name)
        self._added = release.chat_sampling if release else {}
        self.messages: list[dict] = []
        self._saved: list[dict] = []  # as a file has them that can be read again
        self.num_context_tokens_used = 0
        self.last: Reply | None = None

    def all_messages(self) -> list[dict]:
        system = [{"role": "system", "content": self.system}] if self.system is not None else []
        return system + self.messages

    @property
    def is_unsaved(self) -> bool:
        """Whether there are turns that no file of this run has."""
        return bool(self.messages) and self.messages != self._saved

    def ask(self, text: str) -> ReplyStream:
        """Start the reply to `text`; the conversation stays as it is until `keep`."""
        return self.model.stream(
            [*self.all_messages(), {"role": "user", "content": text}], **{**self._added, **self.settings}
        )

    def keep(self, text: str, reply: Reply) -> None:
        """Add the turn."""
        self.messages += [{"role": "user", "content": text}, reply.message]
        self.num_context_tokens_used = reply.usage.total_tokens
        self.last = reply

    def undo(self) -> str:
        """Take the last turn away; returns what was asked. Raises UsageError where there is none."""
        asked = max((n for n, message in enumerate(self.messages) if message["role"] == "user"), default=None)
        if asked is None:
            raise UsageError(tr("There is no turn yet.", "还没有任何轮次。"))
        text = self.messages[asked]["content"]
        del self.messages[asked:]
        self._count()
        return text

    def clear(self) -> None:
        """Forget the turns; the system message and the settings stay."""
        self.messages = []
        self._count()

    def set_system(self, text: str | None) -> None:
        self.system = text
        self._count()

    def set(self, name: str, value: str) -> None:
        """Change a setting by its text: JSON, or a plain word for `stop`; empty or `default` puts it back. Raises UsageError."""
        if name not in SETTABLE:
            hint = "/system TEXT" if name == "system" else suggestion(name, SETTABLE) or ", ".join(SETTABLE)
            raise UsageError(tr(f"Unknown setting {name!r}.", f"未知的设置 {name!r}。"), hint)
        if value in ("", "default"):
            self.settings.pop(name, None)
            return
        try:
            parsed = json.loads(value)
        except json.JSONDecodeError:
            parsed = value
        if (name == "stop" and not isinstance(parsed, (str, list))) or parsed == value:
            parsed = value.replace("\\n", "\n").replace("\\t", "\t")
        changed = {**self.settings, name: parsed}
        try:
            read_options(changed, self.model.sampling, self.model.stop_ids)
        except UsageError as error:
            kept = shown(name, self.in_force(name)[0])
            raise UsageError(error.message, tr(f"{name} stays: {kept}", f"{name} 仍为：{kept}")) from None
        self.settings = changed

    def in_force(self, name: str) -> tuple[object, str]:
        """(value, whose it is) of a setting: set here, else the model's default, else what an engine does by itself."""
        if name in self.settings:
            return self.settings[name], tr("set here", "本次设置")
        if name in self._added:
            return self._added[name], tr("the chat's own, against loops", "对话默认，避免重复")
        if name in self.model.sampling:
            return self.model.sampling[name], self.model.sampling_source
        return _PLAIN.get(name), ""

    def save(self, file: Path) -> None:
        """As JSON, or as Markdown for people where the name ends in .md or .txt. Raises DiskError, UsageError for other endings."""
        if file.is_dir():
            inside = file / "chat.json"
            raise UsageError(tr(f"{file}: it is a folder.", f"{file}：是一个目录。"), f"/save {inside}")
        if file.suffix.lower() not in (LOADABLE, *READABLE):
            raise UsageError(
                tr(f"{file}: what kind of file is meant?", f"{file}：不知道要存成什么格式。"),
                tr(
                    f"/save {file.stem}.json, which /load reads; or .md, .txt for people",
                    f"/save {file.stem}.json（可用 /load 读回），或 .md、.txt（供阅读）",
                ),
            )
        if not file.parent.is_dir():  # a typo would make it
            raise UsageError(
                tr(f"{file.parent}: there is no such folder.", f"{file.parent}：没有这个目录。"), f"/save {file.name}"
            )
        if file.suffix.lower() in READABLE:
            outfile.write_text(file, self._markdown())
        else:
            write_json(file, {"model": self.model.name, "settings": self.settings, "messages": self.all_messages()})
            self._saved = list(self.messages)

    def load(self, file: Path, may_replace: Callable[[], bool] = lambda: True) -> bool:
        """Take the conversation of a file: one of `save`, or a list of messages. `may_replace` is asked before the turns of now
        are given up that no file has; False where it says no. Raises UsageError; nothing changes then."""
        try:
            found = json.loads(read_text(file))
        except json.JSONDecodeError as error:
            raise UsageError(
                tr(f"{file}, line {error.lineno}: not JSON.", f"{file} 第 {error.lineno} 行：不是有效的 JSON。"),
                tr(
                    "/save NAME.json writes a file that /load reads (.md and .txt are for people)",
                    "/save 名称.json 写出的文件可以用 /load 读回（.md、.txt 只供阅读）",
                ),
            ) from None
        saved = found if isinstance(found, dict) else {"messages": found}
        try:
            messages = normalized(saved.get("messages"))
            settings = saved.get("settings") or {}
            read_options(settings, self.model.sampling, self.model.stop_ids)
        except UsageError as error:
            raise UsageError(f"{file}: {error.message}", error.hint) from None
        system = messages.pop(0)["content"] if messages[0]["role"] == "system" else None
        if messages and messages[-1]["role"] != "assistant":
            raise UsageError(tr(f"{file}: the last message has no answer.", f"{file}：最后一条消息没有回答。"))
        if self.is_unsaved and not may_replace():
            return False
        self.system, self.messages, self.settings = system, messages, dict(settings)
        self._saved = list(messages)
        self._count()
        return True

    def _count(self) -> None:
        messages = self.all_messages()
        self.num_context_tokens_used = len(self.model.render(messages).ids) if messages else 0

    def _markdown(self) -> str:
        parts = [f"# {self.model.name}\n"]
        for message in self.all_messages():
            parts.append(f"## {message['role']}\n")
            if thought := message.get("reasoning_content"):
                parts.append("\n".join(f"> {line}".rstrip() for line in thought.split("\n")) + "\n")
            parts.append(message["content"].rstrip() + "\n")
        return "\n".join(parts)
