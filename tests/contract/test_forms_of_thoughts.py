"""`thinking.missing-open` on servers that cannot be asked it, on one that keeps it, and on one that does not."""

import json

import pytest

from zhinao_contract.areas.thinking import missing_open
from zhinao_contract.contract import Failure, Skip
from zhinao_contract.server import Answer

FORCED = "It is 42.\n</think>\nThe answer is 42."


class Server:
    """Answers with one thought and one answer, whole and in a stream."""

    def __init__(self, thought, content):
        message = {"reasoning_content": thought, "content": content}
        self._answer = Answer(200, {}, json.dumps({"choices": [{"message": message}]}).encode())

    def known(self, name, find):
        return lambda text: {"structured_outputs": {"regex": text}}

    def try_chat(self, *messages, **fields):
        return self._answer

    chat = try_chat

    def chat_stream(self, *messages, **fields):
        answer = self._answer
        return type("Stream", (), {"thought": answer.thought, "text": answer.said})()


@pytest.mark.parametrize(
    ("thought", "content"),
    [
        ("I wonder what to say.", ""),  # cut off within a thought that nothing constrains
        ("I wonder what to say.", FORCED),  # which the model ended itself: the form came after it
    ],
)
def test_a_form_that_begins_after_the_thought_cannot_be_asked(thought, content):
    with pytest.raises(Skip, match="after the thought"):
        missing_open(Server(thought, content))


def test_a_thought_that_is_forced_is_looked_at():
    missing_open(Server("It is 42.\n", "The answer is 42."))
    for wrong in (("", FORCED), ("It is 42.\n</think>\nThe answer is 42.", ""), ("It is 42.", "")):
        with pytest.raises(Failure):
            missing_open(Server(*wrong))
