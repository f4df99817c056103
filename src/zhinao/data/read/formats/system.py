"""The field `system` beside a conversation, and what plain formats can say of a conversation."""

from zhinao.data.read.formats.fields import Misfit, optional_text
from zhinao.data.sample import Sample
from zhinao.lang import tr


def with_system(record: dict, messages: list[dict]) -> list[dict]:
    """`messages` behind the record's system prompt, where it has one. Raises Misfit where there are two."""
    system = optional_text(record, "system")
    if not system:
        return messages
    if messages and messages[0]["role"] == "system":
        if messages[0]["content"] == system:
            return messages
        raise Misfit(
            "system", tr("differs from the system message in the conversation", "与对话中的 system 消息不一致")
        )
    return [{"role": "system", "content": system}, *messages]


def check_plain(sample: Sample, name: str, allowed: set[str] = frozenset()) -> None:
    """Raises Misfit for tools, and for fields of messages beyond role, content and those `allowed`: `name` cannot hold them."""
    if sample.tools and "tools" not in allowed:
        raise Misfit("tools", _no_place("tools", name))
    for n, message in enumerate(sample.messages):
        for field in message.keys() - {"role", "content"} - allowed:
            raise Misfit(f"messages[{n}].{field}", _no_place(field, name))


def _no_place(field: str, name: str) -> str:
    return tr(f"{name} has no place for {field}", f"{name} 格式无法保存 {field}")


def plain_turns(sample: Sample, name: str) -> tuple[str, list[tuple[str, str]]]:
    """`(system, [(user, assistant), …])` of a conversation that is no more than that. Raises Misfit for any other."""
    check_plain(sample, name)
    messages, first = sample.messages, 0
    system = ""
    if messages and messages[0]["role"] == "system" and messages[0]["content"]:
        system, first = messages[0]["content"], 1
    for n, message in enumerate(messages[first:]):
        role = ("user", "assistant")[n % 2]
        if message["role"] != role:
            what = tr(
                f"{name} holds user and assistant in turn; this is {message['role']}",
                f"{name} 只能保存 user 与 assistant 交替的对话，这里是 {message['role']}",
            )
            raise Misfit(f"messages[{first + n}].role", what)
    if len(messages) == first or (len(messages) - first) % 2:
        raise Misfit("messages", tr(f"{name} needs an answer at the end", f"{name} 格式要求以回答结尾"))
    texts = [message["content"] for message in messages[first:]]
    return system, list(zip(texts[::2], texts[1::2], strict=True))
