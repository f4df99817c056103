"""The added tokens that a checkpoint lists beyond the family's own: ids, flags, and what clashes.

Sources: `added_tokens_decoder` and `additional_special_tokens` of tokenizer_config.json, and the older added_tokens.json.
"""

from pathlib import Path

from tokenizers import AddedToken

from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.model.tokenizer_pipeline import SPECIAL_TOKENS, special_token

_FLAGS = ("lstrip", "rstrip", "single_word", "special")


def content_of(token) -> str | None:
    """The text of `"<eod>"`, `{"content": "<eod>", …}` or an AddedToken; None for anything else that a file may say."""
    found = token.get("content") if isinstance(token, dict) else token
    return str(found) if found and isinstance(found, str | AddedToken) else None


def merged(older: dict, config: dict) -> dict[str, dict]:
    """id as written -> fields; `older` is added_tokens.json (content -> id), `config` tokenizer_config.json."""
    listed = config.get("added_tokens_decoder")
    return {str(id): {"content": text} for text, id in older.items()} | (listed if isinstance(listed, dict) else {})


def further(listed: dict[str, dict], unnumbered: list, ranks: list[bytes], file: Path) -> dict[int, AddedToken]:
    """The tokens beyond the family's, by id; `unnumbered` (with names not known yet) follow the last id.

    Raises CheckpointError where an id or a name is taken, or a field cannot be read; `file` is only named in it.
    """
    taken = {len(ranks) + n: text for n, text in enumerate(SPECIAL_TOKENS)}
    found: dict[int, AddedToken] = {}
    for key, fields in listed.items():
        id, token = _read(key, fields, file)
        there = ranks[id].decode("utf-8", "replace") if 0 <= id < len(ranks) else taken.get(id)
        elsewhere = next((i for i, text in taken.items() if text == token.content and i != id), None)
        if id < 0 or elsewhere is not None or there not in (None, token.content):
            raise _clash(file, token.content, id, there, elsewhere)
        if token.content not in SPECIAL_TOKENS:  # whose flags are fixed
            found[id] = token
            taken[id] = token.content
    first = max(taken) + 1
    names = dict.fromkeys(name for name in map(content_of, unnumbered) if name and name not in taken.values())
    return found | {first + n: special_token(name) for n, name in enumerate(names)}


def _read(key: str, fields: dict, file: Path) -> tuple[int, AddedToken]:
    """Searched for after the replacements, like the family's own tokens."""
    try:
        flags = {name: bool(fields.get(name, False)) for name in _FLAGS}
        if not int(key) < 2**31:
            raise ValueError
        return int(key), AddedToken(fields["content"], normalized=True, **flags)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CheckpointError(
            tr(
                f"{file}: added_tokens_decoder[{key!r}] cannot be read.",
                f"{file}：added_tokens_decoder[{key!r}] 无法解析。",
            )
        ) from None


def _clash(file: Path, text: str, id: int, there: str | None, elsewhere: int | None) -> CheckpointError:
    if elsewhere is not None:
        why = tr(f"because it has the id {elsewhere}", f"因为其 id 是 {elsewhere}")
    elif there is not None:
        why = tr(f"because that id is {there!r}", f"因为该 id 已是 {there!r}")
    else:
        why = tr("which is negative", "因为它是负数")
    return CheckpointError(
        tr(
            f"{file}: the added token {text!r} cannot have the id {id}, {why}.",
            f"{file}：新增的 token {text!r} 不能使用 id {id}，{why}。",
        )
    )
