"""The chat's loop: read a line, run a command or a turn. Drawing, editing and the conversation live in files of their own."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from zhinao import lang
from zhinao.api.model import Model
from zhinao.chat import commands, welcome
from zhinao.chat.line import InputLine
from zhinao.chat.session import Session
from zhinao.chat.status import status
from zhinao.chat.turn import TurnView
from zhinao.chat.wrap import Wrapping
from zhinao.errors import ZhinaoError
from zhinao.lang import tr


class Terminal:
    """`draft` stands in the input line next time; `stopped_text` is a question that has no answer yet.

    `saved_as`: the file of this conversation, which is written again without a question.
    """

    def __init__(self, model: Model, session: Session):
        self.model, self.session = model, session
        self.console = Console(highlight=False)
        self.view = TurnView(console=self.console)
        self.line = InputLine({name: c.words for name, c in commands.COMMANDS.items()}, self.status)
        self.draft = self.stopped_text = ""
        self.saved_as: Path | None = None
        self.is_done = self._is_warned = False

    def run(self) -> int:
        """Until the user leaves. Returns the exit code."""
        info = self.model.engine.info
        self.say(
            f"{self.model.name} · {info.precision} · {info.engine}"
            + tr(" · /help lists the commands", " · /help 列出命令")
        )
        if lang.current() == "zh":
            self._warn_of_chinese()
        self.say_system()
        if sentence := welcome.sampling(self.model):
            self.say(sentence)
        while not self.is_done:
            draft, self.draft = self.draft, ""
            text = self.line.read(draft)
            if text is None:
                break
            try:
                self._take(text.strip())
            except ZhinaoError as error:
                self.console.print(Wrapping(str(error), style="red"))
            except KeyboardInterrupt:
                continue
        return 0

    def _take(self, text: str) -> None:
        if text.startswith("//"):
            self.send(text[1:])
        elif text.startswith("/") and "\n" not in text:
            commands.run(self, text)
        elif text:
            self.send(text)

    def send(self, text: str) -> bool:
        """One turn; whether there was an answer. Where there was none the conversation is as before.

        Where the request failed the text comes back into the input line. Raises what the engine raises.
        """
        if welcome.is_chinese(text):
            self._warn_of_chinese()
        self.stopped_text, self.draft = text, text
        reply = self.view.show(self.session.ask(text))
        self.draft = ""
        self.session.last = reply
        if reply.content:
            self.session.keep(text, reply)
            self.stopped_text = ""
        self.console.print()
        return bool(reply.content)

    def _warn_of_chinese(self) -> None:
        """Once: the model does not know it."""
        sentence = "" if self._is_warned else welcome.knows_no_chinese(self.model)
        self._is_warned = True
        if sentence:
            self.console.print(Wrapping(sentence, style="yellow"))

    def say(self, text: str) -> None:
        self.console.print(Wrapping(text, style="dim"))

    def say_pairs(self, pairs: list[tuple[str, str]]) -> None:
        """Two columns; what does not fit is folded within its own."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(overflow="fold", max_width=max(self.console.width // 2, 1))
        table.add_column(overflow="fold")
        for left, right in pairs:
            table.add_row(Wrapping(left, style="dim"), Wrapping(right, style="dim"))
        self.console.print(table)

    def say_system(self) -> None:
        """The system message, where it is not the template's own: nobody should talk to a role without knowing it."""
        if self.session.system is not None:
            self.say(tr(f"system: {self.session.system}", f"系统消息：{self.session.system}"))

    def confirms(self, question: str) -> bool:
        return self.line.confirms(question)

    def status(self) -> str:
        """The line under the input: what runs, and how much context is left."""
        info, last = self.model.engine.info, self.session.last
        return status(
            self.model.name,
            info.precision,
            self.session.num_context_tokens_used,
            info.num_context_tokens,
            last.tokens_per_second if last else 0,
            self.console.width - 1,
        )
