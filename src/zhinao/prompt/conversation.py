"""Messages to token ids and loss mask: the one renderer that chat, serving, training and evaluation share.

Pure: it never edits what it is given and keeps no state. The checkpoint's own chat template wins where there is one; else it is
ChatML. It does not choose a context length and cuts nothing.
"""

import functools
import re
from dataclasses import dataclass

from zhinao.errors import UsageError
from zhinao.family import THINK_CLOSE, THINK_OPEN
from zhinao.lang import tr
from zhinao.prompt import chatml, hermes
from zhinao.prompt.chatml import ASSISTANT, END, START
from zhinao.prompt.guard import Guard, unused_characters
from zhinao.prompt.messages import check_depth, normalized, with_arguments
from zhinao.prompt.tools import checked_tools

TOOL_USE = "tool_use"  # the name that checkpoints give to their template for conversations with tools


class MaskError(UsageError):
    """A chat template that does not show which tokens are the assistant's."""


@dataclass(frozen=True)
class Rendered:
    """`ids` is what the model reads. `text` is the same for people (marks removed; ids are not encoded from it).

    `opens_thought`: the prompt ends inside `<think>`, so that the output begins with a thought.
    """

    ids: list[int]
    text: str
    opens_thought: bool
    _mask: list[bool] | None

    @property
    def mask(self) -> list[bool]:
        """One flag per id: True on what the assistant says and on its end token.

        Raises MaskError where the template shows neither `{% generation %}` blocks nor ChatML frames.
        """
        if self._mask is None:
            raise MaskError(
                tr(
                    "The chat template does not show which tokens are the assistant's.",
                    "无法从对话模板中看出哪些 token 属于助手。",
                ),
                tr(
                    "put {% generation %}…{% endgeneration %} around them in the template",
                    "请在模板中用 {% generation %}…{% endgeneration %} 标出",
                ),
            )
        return self._mask


@dataclass(frozen=True)
class _Marks:
    """Characters that occur nowhere in the conversation: inside a broken control token, around the assistant, at the cut."""

    broken: str
    open: str
    close: str
    cut: str


def render(
    messages,
    tokenizer,
    *,
    add_generation_prompt: bool = True,
    continue_final: bool = False,
    tools=None,
    template_kwargs: dict | None = None,
) -> Rendered:
    """Render a conversation.

    `continue_final` leaves the last message, an assistant's, open for the model to go on with. `tools` go to the checkpoint's
    template where it shows them, else into the system message (`hermes.py`). Raises UsageError for messages and tools
    that are not in OpenAI's form (with number and field) and for what the template refuses.
    """
    messages, tools = normalized(messages), checked_tools(tools) or None
    if continue_final:
        _check_continued(messages)
    template, kwargs = _chosen(tokenizer, messages, tools), template_kwargs or {}
    check_depth("template_kwargs", kwargs)
    marks = _Marks(
        *(char for char, _ in zip(unused_characters(messages, tools, template or "", kwargs), range(4), strict=False))
    )
    guard = Guard(tokenizer.control_tokens, marks.broken)
    add_generation_prompt = add_generation_prompt and not continue_final
    if template:
        text = _by_template(
            template,
            messages,
            guard,
            marks,
            tokenizer,
            {**kwargs, "tools": guard.value(tools), "add_generation_prompt": add_generation_prompt},
            continue_final,
        )
    else:
        text = chatml.text(messages, guard, add_generation_prompt, continue_final, tools)
    has_assistant = any(message["role"] == "assistant" for message in messages)
    return _encoded(text, tokenizer, guard, marks, has_assistant)


def _chosen(tokenizer, messages: list[dict], tools) -> str | None:
    """The checkpoint's template for this conversation: of several, the one that it has for tools, where there are any."""
    has_tools = tools or any(message["role"] == "tool" or message.get("tool_calls") for message in messages)
    for_tools = getattr(tokenizer, "named_templates", {}).get(TOOL_USE)
    return for_tools if has_tools and for_tools else tokenizer.chat_template


def _check_continued(messages: list[dict]) -> None:
    number, last = len(messages), messages[-1]
    if last["role"] != "assistant":
        raise UsageError(
            tr(
                f"Message {number}.role: only an assistant's message can be continued.",
                f"第 {number} 条消息.role：只能续写 assistant 的消息。",
            )
        )
    if last.get("tool_calls"):
        raise UsageError(
            tr(
                f"Message {number}.tool_calls: a message that ended in calls cannot be continued.",
                f"第 {number} 条消息.tool_calls：以工具调用结尾的消息不能续写。",
            )
        )


def _by_template(
    template: str, messages: list[dict], guard: Guard, marks: _Marks, tokenizer, context: dict, continue_final: bool
) -> str:
    from zhinao.prompt import template as jinja

    support = jinja.tool_support(template)
    if support.calls:
        messages = with_arguments(messages, as_text=support.calls == jinja.TEXT)
    guarded = [guard.message(message) for message in messages]
    if not support.calls:
        guarded = hermes.in_messages(guarded, None if support.tells_tools else context["tools"])
    if not support.tells_tools:
        context = {**context, "tools": None}
    if continue_final:
        guarded[-1]["content"] += marks.cut
    guarded = [
        message if message["role"] == "tool" else _shown(message, jinja.content_form(template, message["role"]))
        for message in guarded  # of responses it is known that they are shown
    ]
    names = {
        f"{name}_token": tokenizer.id_to_token(number)
        for name in ("eos", "pad", "bos")
        if (number := getattr(tokenizer, f"{name}_id", None)) is not None
    }
    text = jinja.render(template, {"bos_token": "", **names, **context, "messages": guarded}, marks.open, marks.close)
    if not continue_final:
        return text
    before, cut, _ = text.rpartition(marks.cut)
    if not cut:
        raise UsageError(
            tr("The chat template drops the message that is to be continued.", "对话模板丢掉了要续写的消息。")
        )
    return before.replace(marks.cut, "")


def _shown(message: dict, form: str | None) -> dict:
    """The message as the template reads it. Raises UsageError where its words would be dropped."""
    if form == "parts":
        return {**message, "content": [{"type": "text", "text": message["content"]}]}
    if form is None and message["content"].strip():
        role = message["role"]
        raise UsageError(
            tr(
                f"The checkpoint's chat template drops what {role} messages say.",
                f"模型自带的对话模板会丢掉 {role} 消息的内容。",
            ),
            tr(
                "leave them out, or change the chat_template of the checkpoint",
                "请去掉这类消息，或修改模型的 chat_template",
            ),
        )
    return message


def _encoded(text: str, tokenizer, guard: Guard, marks: _Marks, has_assistant: bool) -> Rendered:
    """Split at the frame's control tokens and encode what stands between them as plain text."""
    is_marked = marks.open in text
    if not is_marked:
        frame = re.escape(ASSISTANT) + "(.*?)" + re.escape(END)
        text, found = re.subn(
            frame, lambda m: f"{ASSISTANT}{marks.open}{m[1]}{END}{marks.close}", text, flags=re.DOTALL
        )
        is_marked = found > 0
    control = tokenizer.control_tokens
    ids, mask, is_assistant = [], [], False
    for piece in _any_of(tuple(control)).split(text) if control else [text]:
        if piece in control:
            ids.append(control[piece])
            mask.append(is_assistant)
        else:
            new_ids, new_mask, is_assistant = _piece(piece, tokenizer, marks, is_assistant)
            ids += new_ids
            mask += new_mask
    plain = text.replace(marks.open, "").replace(marks.close, "")
    shown = plain.replace(marks.broken, "")
    last_frame = plain[plain.rfind(START) + 1 :]
    opens_thought = last_frame.rfind(THINK_OPEN) > last_frame.rfind(THINK_CLOSE)
    return Rendered(ids, shown, opens_thought, mask if is_marked or not has_assistant else None)


@functools.lru_cache(maxsize=8)
def _any_of(control: tuple[str, ...]) -> re.Pattern:
    return re.compile("(" + "|".join(re.escape(token) for token in sorted(control, key=len, reverse=True)) + ")")


def _piece(piece: str, tokenizer, marks: _Marks, is_assistant: bool) -> tuple[list[int], list[bool], bool]:
    """Ids of the text between two control tokens, in one go, and the mask with its changes inside the piece."""
    parts = re.split(f"([{marks.open}{marks.close}])", piece.replace(marks.broken, ""))
    plain = "".join(parts[::2])
    ids = tokenizer.encode(plain) if plain else []
    mask, start, before = [], 0, ""
    for n in range(0, len(parts), 2):
        before += parts[n]
        is_last = n + 1 == len(parts)
        end = len(ids) if is_last else _num_ids(ids, before, tokenizer)
        mask += [is_assistant] * (end - start)
        start = max(start, end)
        if not is_last:
            is_assistant = parts[n + 1] == marks.open
    return ids, mask, is_assistant


def _num_ids(ids: list[int], before: str, tokenizer) -> int:
    """How many of `ids` are needed to write `before`. Counted in decoded characters, since encoding may replace text.

    An id that also holds what follows counts as belonging to `before`: the assistant could not have said it.
    """
    if not before:
        return 0
    alone = tokenizer.encode(before)
    if ids[: len(alone)] == alone:
        return len(alone)
    wanted = len(tokenizer.decode(alone, skip_control=False))
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if len(tokenizer.decode(ids[:middle], skip_control=False)) < wanted:
            low = middle + 1
        else:
            high = middle
    return low
