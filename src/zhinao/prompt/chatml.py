"""ChatML, for checkpoints that bring no chat template (source: the project's `checkpoint.md`). Knows no ids.

A thought is kept after the last user message only, as reasoning models expect. `family.CHAT_TEMPLATE` says the same in Jinja.
"""

from zhinao.family import DEFAULT_SYSTEM, THINK_CLOSE, THINK_OPEN
from zhinao.prompt import hermes
from zhinao.prompt.guard import Guard

START, END = "<|im_start|>", "<|im_end|>"
ASSISTANT = f"{START}assistant\n"


def text(messages: list[dict], guard: Guard, add_generation_prompt: bool, continue_final: bool, tools) -> str:
    """The guarded text of a conversation; tools and calls are told the Hermes way."""
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}, *messages]
    last_user = max((n for n, m in enumerate(messages) if m["role"] == "user"), default=-1)
    guarded: list[dict] = [
        {
            "role": m["role"],
            "content": _content(m, guard, n > last_user),
            "tool_calls": guard.value(m.get("tool_calls")),
        }
        for n, m in enumerate(messages)
    ]
    told = hermes.in_messages(guarded, guard.value(tools))
    whole = "".join(f"{START}{m['role']}\n{m['content']}{END}\n" for m in told)
    if continue_final:
        return whole.removesuffix(f"{END}\n")
    return whole + ASSISTANT if add_generation_prompt else whole


def _content(message: dict, guard: Guard, keeps_thought: bool) -> str:
    """The guarded words of one frame. An assistant's thought may stand in its own field or between markers in `content`."""
    content, thought = message["content"], message.get("reasoning_content", "")
    if message["role"] != "assistant":
        return guard.text(content)
    if not thought and content.lstrip().startswith(THINK_OPEN):
        thought, closing, rest = content.lstrip()[len(THINK_OPEN) :].partition(THINK_CLOSE)
        if not closing and keeps_thought:  # a thought still open: only as a message to be continued
            return THINK_OPEN + guard.text(thought)
        content = rest
    if not thought:
        return guard.text(content)
    content = content.lstrip("\n")
    if not keeps_thought:
        return guard.text(content)
    return f"{THINK_OPEN}\n{guard.text(thought.strip(chr(10)))}\n{THINK_CLOSE}\n\n{guard.text(content)}"
