"""The thought of an assistant's message and its answer, told apart wherever they stand. Knows no template and no ids."""

from zhinao.family import THINK_CLOSE, THINK_OPEN


def is_cut(message: dict) -> bool:
    """Whether a thought begins in `content` and never ends: the answer was cut off, and its end is none."""
    content = message["content"].lstrip()
    return content.startswith(THINK_OPEN) and THINK_CLOSE not in content


def apart(message: dict) -> dict:
    """A copy of a normalized message (`prompt/messages.py`) with the thought in its own field, as a server gets it back.

    As everywhere in this package, what stands before a `</think>` that was never opened is a thought too.
    """
    if message["role"] != "assistant":
        return dict(message)
    thought, content = message.get("reasoning_content", ""), message["content"]
    if THINK_CLOSE in content:
        before, _, after = content.partition(THINK_CLOSE)
        thought, content = thought or before.lstrip().removeprefix(THINK_OPEN), after.lstrip("\n")
    bare = {**without_thought(message), "content": content}
    return {**bare, "reasoning_content": thought, "reasoning": thought} if thought.strip() else bare


def thought_of(message: dict) -> str:
    """The thought of a message that `apart` made; empty where there is none."""
    return message.get("reasoning_content", "").strip()


def without_thought(message: dict) -> dict:
    """A copy of a message that `apart` made, with the answer alone."""
    return {key: value for key, value in message.items() if key not in ("reasoning_content", "reasoning")}


def has_thoughts(messages: list[dict]) -> bool:
    """Whether the assistant thinks in any of these messages, which need not be normalized."""
    return any(
        m.get("role") == "assistant"
        and (m.get("reasoning_content") or m.get("reasoning") or THINK_CLOSE in str(m.get("content")))
        for m in messages
    )
