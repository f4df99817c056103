"""The tools of a record in OpenAI's form, whatever name and form they came in. Judges no schema (`prompt/tools.py` does)."""

from collections import Counter

from zhinao.data.read.formats import nulls
from zhinao.data.read.formats.fields import Misfit, called, from_json
from zhinao.lang import tr
from zhinao.prompt.tools import checked_tools

TOOLS = frozenset({"tools", "functions"})


def tools(record: dict, ignored: Counter) -> list[dict] | None:
    """The tools of a record, under the older name `functions` too: a list, or JSON text of one; bare functions, as of ShareGPT,
    get OpenAI's wrapping. Nulls in schemas are left out and counted in `ignored` (`nulls.py`)."""
    found = {name: value for name in sorted(TOOLS) if (value := _tool_list(record.get(name), name))}
    if not found:
        return None
    if len(found) > 1 and found["tools"] != found["functions"]:
        raise Misfit("functions", tr("differs from the tools beside it", "与旁边的 tools 不一致"))
    [name, value] = list(found.items())[-1]
    return called(checked_tools, nulls.of_tools(value, ignored), name) or None


def _tool_list(value, field: str):
    if isinstance(value, str):
        value = from_json(value, field) if value.strip() else None
    return [_wrapped(tool) for tool in value] if isinstance(value, list) else value


def _wrapped(tool):
    if isinstance(tool, dict) and "function" not in tool and "name" in tool:
        return {"type": "function", "function": tool}
    return tool
