"""A conversation and its files, without a terminal."""

from types import SimpleNamespace

import pytest
from tests.chat.fake_engine import fake_model

from zhinao.api.reply import Reply, Usage
from zhinao.chat import commands
from zhinao.chat.session import Session
from zhinao.errors import UsageError


def test_load_asks_before_it_replaces_turns_that_no_file_has(tmp_path):
    session, asked, told = Session(fake_model(["one", "two"])), [], []
    answers = iter([False, True])
    terminal = SimpleNamespace(
        session=session, say=told.append, say_system=lambda: None, saved_as=None,
        confirms=lambda question: asked.append(question) or next(answers),
    )  # fmt: skip

    def turn(text):
        session.keep(text, Reply("answer", None, "stop", None, Usage(1, 1, 0), (), None, 0.0, 0.0, 0.0))

    turn("a")
    session.save(tmp_path / "a.json")
    commands.load(terminal, f"{tmp_path}/a.json")
    assert asked == [], "what is in a file is not lost"
    turn("b")
    session.save(tmp_path / "b.md")
    with pytest.raises(UsageError, match="cannot be read"):
        commands.load(terminal, f"{tmp_path}/none.json")
    assert asked == [], "a file that cannot be loaded replaces nothing"
    commands.load(terminal, f"{tmp_path}/a.json")
    assert len(session.messages) == 4 and asked == ["This conversation is not saved. Replace it?"]
    assert told[-1].startswith("not loaded")
    commands.load(terminal, f"{tmp_path}/a.json")
    assert len(session.messages) == 2 and len(asked) == 2
    session.clear()
    commands.load(terminal, f"{tmp_path}/a.json")
    assert len(session.messages) == 2 and len(asked) == 2
