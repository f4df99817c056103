"""Settings of a run as one dataclass: its defaults, then a YAML file, then flags. What nobody knows is an error.

Environment variables never change a setting.
"""

import argparse
import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

from zhinao import values
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.near import near
from zhinao.oserrors import next_step, reason

T = typing.TypeVar("T")
_MAX_LISTED = 20


def load(
    kind: type[T],
    file: str | Path | None = None,
    flags: dict | None = None,
    elsewhere: Mapping[str, str] = types.MappingProxyType({}),
) -> T:
    """An instance of the dataclass `kind`. `flags` that are None were not given; those that are no fields are not looked at.

    `elsewhere`: keys that `kind` does not have, with the command that they belong to. Raises UsageError naming file and key: unknown
    (with the nearest known one, or whose it is), of a wrong type, unreadable.
    """
    known = {field.name: field.type for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    found = read_yaml(Path(file)) if file else {}
    if unknown := [name for name in found if name not in known]:
        raise _unknown(file, unknown, known, elsewhere)
    read = {name: checked(f"{file}: {name}", value, known[name]) for name, value in found.items()}
    given = {name: value for name, value in (flags or {}).items() if name in known and value is not None}
    return kind(**{**read, **given})


def _unknown(file, names: list, known: Iterable[str], elsewhere: Mapping[str, str]) -> UsageError:
    """All that nobody knows, with where it belongs or what may have been meant; a list of everything only where it is short."""
    shown, others = ", ".join(map(repr, names)), {elsewhere.get(name) for name in names}
    if None not in others:
        where = ", ".join(f"`{one}`" for one in sorted(filter(None, others)))
        hint = (
            tr(f"of {where}", f"属于 {where}") if len(names) == 1 else tr(f"they are of {where}", f"它们属于 {where}")
        )
    else:
        known = list(known)
        listed = (
            ", ".join(known)
            if len(known) <= _MAX_LISTED
            else tr("`--help` lists what there is", "用 `--help` 查看全部")
        )
        hint = next(filter(None, (suggestion(name, known) for name in names)), listed)
    key = "key" if len(names) == 1 else "keys"
    return UsageError(tr(f"{file}: unknown {key} {shown}.", f"{file}：未知的键 {shown}。"), hint)


def read_yaml(file: Path) -> dict:
    """The mapping in a YAML file. Raises UsageError with the line where it breaks."""
    try:
        value = values.parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else tr("it is not UTF-8 text", "不是 UTF-8 文本")
        raise UsageError(
            tr(f"{file}: cannot be read ({why}).", f"{file}：无法读取（{why}）。"), next_step(Path(file), error)
        ) from None
    except values.Malformed as error:
        line = tr(f", line {error.line}", f" 第 {error.line} 行") if error.line else ""
        raise UsageError(tr(f"{file}{line}: {error}.", f"{file}{line}：{error}。"), "key: value") from None
    if value is not None and not isinstance(value, dict):
        raise UsageError(tr(f"{file}: must hold keys and values.", f"{file}：内容必须是键值对。"), "temperature: 0.7")
    return value or {}


def pair(flag: str, word: str, example: str) -> tuple[str, object]:
    """`NAME=VALUE` as given to `flag`, with the value read as in a YAML file. Raises UsageError that shows `example`."""
    name, sign, value = word.partition("=")
    if not sign or not name:
        raise UsageError(tr(f"{flag} {word}: there is no `=`.", f"{flag} {word}：缺少 `=`。"), f"{flag} {example}")
    try:
        return name.strip(), values.parse(value)
    except values.Malformed as error:
        raise UsageError(tr(f"{flag} {word}: {error}.", f"{flag} {word}：{error}。"), f"{flag} {example}") from None


def suggestion(word, known: Iterable[str]) -> str | None:
    """`did you mean …?`, or None where nothing is near."""
    found = near(str(word), known)
    return tr(f"did you mean {found[0]}?", f"是否想输入 {found[0]}？") if found else None


def checked(name: str, value, kind):
    """`value` if it is of the type `kind` (7 passes as float and 1e3 as int, `on` and `no` as bool, a list as tuple, one item
    as a list of one).

    Raises UsageError.
    """
    allowed = typing.get_args(kind) if typing.get_origin(kind) in (types.UnionType, typing.Union) else (kind,)
    if bool in allowed and isinstance(value, str) and value.lower() in _TRUTH:
        return _TRUTH[value.lower()]
    for one in allowed:
        if _fits(value, one):
            return tuple(value) if typing.get_origin(one) is tuple else value
    for one in allowed:
        if typing.get_origin(one) is tuple and _fits(value, typing.get_args(one)[0]):
            return (value,)
    if int in allowed and isinstance(value, float) and value.is_integer():
        return int(value)  # 1e3
    words = " / ".join(_word(one) for one in allowed if one is not type(None))
    raise UsageError(
        tr(f"{name} is {value!r}; it must be {words}.", f"{name} 为 {value!r}，应为{words}。"),
        f'"{value}"' if str in allowed and isinstance(value, (int, float)) else None,
    )


def _fits(value, kind) -> bool:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return value in args
    if origin in (list, tuple):
        return isinstance(value, (list, tuple)) and all(_fits(item, args[0]) for item in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _word(kind) -> str:
    args = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(map(str, args))
    if args:
        return tr(f"a list of {_word(args[0])}", f"{_word(args[0])}的列表")
    names: dict = {
        float: tr("a number", "数字"),
        int: tr("a whole number", "整数"),
        str: tr("text", "文本"),
        bool: "true / false",
    }
    return names.get(kind, kind.__name__)


_TRUTH = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}


def truth(word: str) -> bool:
    """True or False, as people write it on a command line. Raises ArgumentTypeError, for argparse to show."""
    if word.lower() not in _TRUTH:
        raise argparse.ArgumentTypeError(tr(f"{word!r} is neither True nor False", f"{word!r} 不是 True 或 False"))
    return _TRUTH[word.lower()]
