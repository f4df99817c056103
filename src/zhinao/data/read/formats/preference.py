"""`preference`: a prompt with one better and one worse continuation, in the forms of TRL, LLaMA-Factory and UltraFeedback.

The prompt is `prompt`, `messages`, `conversations` or alpaca's fields, or what `chosen` and `rejected` have in common.
`chosen` and `rejected` are each a text, a message or a list of messages. Texts become messages of user and assistant.
"""

from collections import Counter

from zhinao.data.read.formats import alpaca, sharegpt
from zhinao.data.read.formats.fields import Misfit, items, kind_of, text, with_system
from zhinao.data.read.formats.message_list import is_message, read_messages
from zhinao.data.read.formats.tools import TOOLS, tools
from zhinao.data.sample import Place, Sample
from zhinao.lang import tr

# ms-swift's: the worse answer beside a conversation that ends with the better one, as an answer or as a conversation of its own
_BESIDE = ("rejected_response", "rejected_messages")
NAME, KINDS = "preference", ("preference",)
FIELDS = {"prompt", "messages", "conversations", "chosen", "rejected", *_BESIDE, *TOOLS, *alpaca.FIELDS - {"output"}}


def claims(record: dict) -> bool:
    is_named = record.get("chosen") is not None or record.get("rejected") is not None
    return is_named or any(record.get(name) for name in _BESIDE)


def read(record: dict, place: Place, ignored: Counter) -> Sample:
    record = _named(record)
    chosen, rejected = _continuation(record, "chosen", ignored), _continuation(record, "rejected", ignored)
    prompt = _prompt(record, ignored)
    if chosen[0]["role"] != "assistant":  # whole conversations that begin alike
        common, chosen, rejected = _parted(chosen, rejected)
        prompt = _agreed(prompt, common)
    if not prompt:
        raise Misfit("prompt", tr("is missing", "缺失"))
    if rejected[0]["role"] != "assistant":
        what = tr("must continue the same prompt as chosen", "必须与 chosen 接在同一个提示之后")
        raise Misfit("rejected", what)
    return Sample("preference", place, prompt, tools(record, ignored), chosen, rejected)


def _named(record: dict) -> dict:
    """The record with `chosen` and `rejected`, where it has ms-swift's fields. Raises Misfit where no better answer stands beside."""
    name = next((name for name in _BESIDE if record.get(name)), None)
    if name is None:
        return record
    whole = next((field for field in ("messages", "conversations") if record.get(field) is not None), None)
    if whole is None or record.get("chosen") is not None or record.get("rejected") is not None:
        what = tr("needs messages beside it that end with the better answer", "旁边需要以更好的回答结尾的 messages")
        raise Misfit(name, what)
    turns, rest = items(record[whole], whole), {key: value for key, value in record.items() if key != whole}
    if name == "rejected_messages":
        return rest | {"chosen": turns, "rejected": record[name]}
    return rest | {whole: turns[:-1], "chosen": turns[-1:], "rejected": record[name]}


def _continuation(record: dict, name: str, ignored: Counter) -> list[dict]:
    value = record.get(name)
    if value is None or isinstance(value, str):
        return [{"role": "assistant", "content": text(record, name)}]
    if not isinstance(value, (dict, list)):
        what = tr(f"must be text or messages, not {kind_of(value)}", f"必须是文本或消息，而不是{kind_of(value)}")
        raise Misfit(name, what)
    return _message_list([value] if isinstance(value, dict) else value, name, ignored)


def _message_list(value, name: str, ignored: Counter) -> list[dict]:
    """Messages with role and content, or turns with from and value."""
    read = read_messages if is_message(items(value, name)[0]) else sharegpt.read_turns
    return read(value, name, ignored)


def _prompt(record: dict, ignored: Counter) -> list[dict]:
    """The prompt that the record names, or an empty list."""
    for name in ("messages", "conversations", "prompt"):
        value = record.get(name)
        if value is not None and not (name == "prompt" and isinstance(value, str)):
            return with_system(record, _message_list(value, name, ignored))
    if record.get("instruction") is not None:
        return alpaca.prompt(record)
    if record.get("prompt"):
        return with_system(record, [{"role": "user", "content": record["prompt"]}])
    return []


def _parted(chosen: list[dict], rejected: list[dict]) -> tuple[list[dict], list[dict], list[dict]]:
    """What both begin with, and what is left of each. Raises Misfit where that is no prompt and two answers."""
    num_common = 0
    for one, other in zip(chosen, rejected, strict=False):
        if one != other:
            break
        num_common += 1
    rest = chosen[num_common:], rejected[num_common:]
    if not all(rest) or any(left[0]["role"] != "assistant" for left in rest):
        what = tr(
            "must begin as chosen does, and differ from it in the assistant's answer",
            "开头必须与 chosen 相同，并在 assistant 的回答处不同",
        )
        raise Misfit("rejected", what)
    return chosen[:num_common], *rest


def _agreed(prompt: list[dict], common: list[dict]) -> list[dict]:
    """`common`, unless the record names a prompt that is not in it. (UltraFeedback repeats the first question beside it.)"""
    shown = [(m["role"], m["content"]) for m in common]
    if not all((m["role"], m["content"]) in shown for m in prompt if m["role"] != "assistant"):
        raise Misfit("prompt", tr("differs from what chosen begins with", "与 chosen 的开头不一致"))
    return common


def write(sample: Sample) -> dict:
    record = {"prompt": sample.messages, "chosen": sample.chosen, "rejected": sample.rejected}
    return record | ({"tools": sample.tools} if sample.tools else {})
