"""Values out of text that people write: YAML files, and the VALUE of KEY=VALUE. Knows no settings; `config.py` does.

Scalars are read as YAML 1.2 and the flags read them, not as YAML 1.1 does: `1e-5` is a number, `on`, `no`, `1:30` and `2024-01-01`
are text, `010` is ten. Beyond YAML 1.2, `None` is null and `1_000` a number, as in Python.
"""

import functools
import re
import typing

from zhinao.lang import tr

_TAG = "tag:yaml.org,2002:"
_MAX_REPEATED = 10**6  # characters, by aliases
_MAX_DIGITS = 250  # what is longer is no float, and from 4300 decimals on Python does not even show it


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise Malformed(None, tr(f"a number of more than {_MAX_DIGITS} digits", f"有超过 {_MAX_DIGITS} 位的数"))
    return int(text, 0 if text[1:2] in ("o", "x") else 10)


def _number(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


# name: what it looks like, the characters it may begin with, what is made of it
_SCALARS = {
    "null": (r"~|null|Null|NULL|None|", ["~", "n", "N", ""], lambda text: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF"), lambda text: text.lower() == "true"),
    "int": (r"[-+]?[0-9]+(_[0-9]+)*|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789"), _whole),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
        _number,
    ),
    "merge": ("<<", ["<"], None),
}


class Malformed(ValueError):
    """Text that is no YAML. `line` counts from 1, and is None where nobody knows; `reason` is a sentence without its full stop."""

    def __init__(self, line: int | None, reason: str):
        super().__init__(reason)
        self.line, self.reason = line, reason


def parse(text: str):
    """The value of a YAML document; None where there is none. Raises Malformed, also for a key that stands there twice."""
    import yaml

    try:
        return yaml.load(text.removeprefix("\ufeff"), Loader=_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        raise Malformed(mark and mark.line + 1, _reason(error)) from None
    except Malformed:
        raise
    except (RecursionError, ValueError):
        raise Malformed(None, tr("not YAML", "不是有效的 YAML")) from None


def _reason(error) -> str:
    problem = getattr(error, "problem", None) or ""
    if isinstance(error, _loader().Swollen):
        return tr("its aliases (*name) repeat too much", "别名（*name）重复的内容过多")
    if isinstance(error, _loader().Twice):
        return tr(f"{problem} stands there twice", f"{problem} 重复出现")
    if "\\t" in problem:
        return tr("a tab; YAML is indented with spaces", "出现制表符，YAML 只能用空格缩进")
    if "single document" in (getattr(error, "context", None) or ""):
        return tr("a second document; there may be one", "出现第二个文档，只能有一个")
    return tr("not YAML", "不是有效的 YAML")


def _sizes(node, known: dict[int, int]) -> tuple[int, int]:
    """Characters of a node with all aliases written out, and of what of it was not met before. `known`: the first, of those met."""
    if id(node) in known:  # an alias; to what is still open (a circle) it counts as nothing
        return known[id(node)], 0
    known[id(node)] = 0
    whole = own = 1 + (len(node.value) if isinstance(node.value, str) else 0)
    for item in () if isinstance(node.value, str) else node.value:
        for one in item if isinstance(item, tuple) else (item,):
            sizes = _sizes(one, known)
            whole, own = whole + sizes[0], own + sizes[1]
    known[id(node)] = whole
    return whole, own


@functools.cache
def _loader() -> type:
    """PyYAML's safe loader with other scalars and no key twice, made when it is first needed."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: typing.ClassVar[dict] = {}  # none of YAML 1.1

        class Twice(yaml.constructor.ConstructorError):
            """`problem` is the key, `problem_mark` its second place."""

        class Swollen(yaml.constructor.ConstructorError):
            """Aliases of aliases: a few lines that mean any number of values."""

        def get_single_node(self):
            node = super().get_single_node()
            whole, own = _sizes(node, {}) if node else (0, 0)
            if whole - own > _MAX_REPEATED:
                raise self.Swollen(None, None, None)
            return node

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge":
                    if (key.tag, key.value) in seen:
                        raise self.Twice(None, None, key.value, key.start_mark)
                    seen.add((key.tag, key.value))
            return super().construct_mapping(node, deep)

    for name, (pattern, first, made) in _SCALARS.items():
        Loader.add_implicit_resolver(_TAG + name, re.compile(f"^(?:{pattern})$"), first)
        if made:
            construct = lambda self, node, made=made: made(self.construct_scalar(node))  # noqa: E731  # any node has a tag
            Loader.add_constructor(_TAG + name, construct)
    return Loader
