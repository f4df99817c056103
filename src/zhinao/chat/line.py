"""The input line: editing, several lines, history over runs, Tab completion, the status line. Knows no model."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import has_completions
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings

from zhinao import files
from zhinao.lang import tr

_YES = ("y", "yes", "是", "好", "覆盖")


class CommandCompleter(Completer):
    """Completes `/commands` and their first word; file names where the command takes one."""

    def __init__(self, words: dict[str, Iterable[str] | None]):
        """`words`: command -> its possible words; None where it takes a file name."""
        self._words = words
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event) -> Iterable[Completion]:
        text = document.text_before_cursor
        command, space, rest = text.partition(" ")
        if not text.startswith("/") or "\n" in text:
            return
        if not space:
            yield from (Completion(name, -len(text)) for name in self._words if name.startswith(text))
        elif command in self._words and self._words[command] is None:
            yield from self._paths.get_completions(Document(rest), event)
        else:
            words = self._words.get(command) or ()
            yield from (Completion(word, -len(rest)) for word in words if word.startswith(rest))


class InputLine:
    """`read` gives what the user entered. Enter sends; Alt-Enter or a backslash at the end begins a new line."""

    def __init__(self, words: dict[str, Iterable[str] | None], status: Callable[[], str]):
        self._status = status
        self._wants_to_quit = False
        self._session = PromptSession(
            history=_history(),
            completer=CommandCompleter(words),
            complete_while_typing=False,
            key_bindings=self._keys(),
            multiline=True,
            prompt_continuation="  ",
            bottom_toolbar=self._toolbar,
            enable_open_in_editor=True,
        )
        self._session.default_buffer.on_text_changed += self._stay

    def read(self, draft: str = "") -> str | None:
        """The text, or None for leaving (Ctrl-D on an empty line, Ctrl-C twice). `draft` stands in the line at first."""
        self._wants_to_quit = False
        try:
            return self._session.prompt("› ", default=draft)
        except EOFError:
            return None

    def confirms(self, question: str) -> bool:
        """Whether the user says yes to it; Enter alone, Ctrl-C and Ctrl-D mean no."""
        try:
            return PromptSession(history=InMemoryHistory()).prompt(f"{question} [y/N] ").strip().lower() in _YES
        except (EOFError, KeyboardInterrupt):
            return False

    def _stay(self, _) -> None:
        self._wants_to_quit = False

    def _toolbar(self) -> str:
        if self._wants_to_quit:
            return tr(" Ctrl-C again leaves", " 再按一次 Ctrl-C 退出")
        return f" {self._status()}"

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter", filter=~has_completions)
        def _(event):
            buffer = event.current_buffer
            if buffer.document.text_before_cursor.endswith("\\"):
                buffer.delete_before_cursor()
                buffer.insert_text("\n")
            elif buffer.text.strip():
                buffer.validate_and_handle()

        @keys.add("enter", filter=has_completions)
        def _(event):
            event.current_buffer.complete_state = None

        @keys.add("escape", "enter")
        def _(event):
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def _(event):
            if event.current_buffer.text:
                event.current_buffer.reset()
            elif self._wants_to_quit:
                event.app.exit(exception=EOFError)
            else:
                self._wants_to_quit = True

        return keys


def _history():
    """What was entered before, in a file that only the user may read; in memory where it cannot be written."""
    file: Path = files.home() / "chat_history"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(file))
