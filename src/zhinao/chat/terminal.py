"""The chat's loop: read a line, run a command or a turn. Drawing, editing and the conversation live in files of their own."""

from rich.console import Console
from rich.text import Text

from zhinao.api.model import Model
from zhinao.chat import commands
from zhinao.chat.line import InputLine
from zhinao.chat.session import Session
from zhinao.chat.turn import TurnView
from zhinao.errors import ZhinaoError
from zhinao.lang import tr


class Terminal:
    """`draft` stands in the input line next time; `stopped_text` is a question that has no answer yet."""

    def __init__(self, model: Model, session: Session):
        self.model, self.session = model, session
        self.console = Console(highlight=False)
        self.view = TurnView(console=self.console)
        self.line = InputLine({name: c.words for name, c in commands.COMMANDS.items()}, self.status)
        self.draft = self.stopped_text = ""
        self.is_done = False

    def run(self) -> int:
        """Until the user leaves. Returns the exit code."""
        info = self.model.engine.info
        self.say(
            f"{self.model.name} · {info.precision} · {info.engine}"
            + tr(" · /help lists the commands", " · /help 列出命令")
        )
        while not self.is_done:
            draft, self.draft = self.draft, ""
            text = self.line.read(draft)
            if text is None:
                break
            try:
                self._take(text.strip())
            except ZhinaoError as error:
                self.console.print(Text(str(error), style="red"))
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
        self.stopped_text, self.draft = text, text
        reply = self.view.show(self.session.ask(text))
        self.draft = ""
        self.session.last = reply
        if reply.content:
            self.session.keep(text, reply)
            self.stopped_text = ""
        self.console.print()
        return bool(reply.content)

    def say(self, text: str) -> None:
        self.console.print(Text(text, style="dim"))

    def status(self) -> str:
        """The line under the input: what runs, and how much context is left."""
        info, used = self.model.engine.info, self.session.num_context_tokens_used
        left = max(info.num_context_tokens - used, 0)
        context = tr(
            f"context {used:,} / {info.num_context_tokens:,}, {left:,} left",
            f"上下文 {used:,} / {info.num_context_tokens:,}，剩余 {left:,}",
        )
        last = self.session.last
        speed = f" · {last.tokens_per_second:.0f} tokens/s" if last and last.tokens_per_second else ""
        return f"{self.model.name} · {info.precision} · {context}{speed}"
