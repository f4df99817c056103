"""The `tools` and `tool_choice` of a request in OpenAI's form: checked, and what they mean for prompt, grammar and answer.

Knows function tools only; the older `functions` is not taken. How a prompt tells of tools: `conversation.render`.
"""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao.prompt.messages import check_depth
from zhinao.prompt.tool_calls import ToolCallSplitter

NONE, AUTO, REQUIRED = "none", "auto", "required"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True)
class ToolUse:
    """`tools` are those offered; `choice` is none, auto or required; `named`, with required: the one that must be called;
    `is_single`: an answer calls one at most."""

    tools: tuple[dict, ...] = ()
    choice: str = NONE
    named: str | None = None
    is_single: bool = False

    @property
    def shown(self) -> list[dict] | None:
        """For `render(tools=…)`. With `none` the model is not told of tools, so that it does not call one."""
        return list(self.tools) if self.tools and self.choice != NONE else None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(tool["function"]["name"] for tool in self.tools)

    @property
    def is_forced(self) -> bool:
        return self.choice == REQUIRED

    def grammar(self) -> tuple[str, str] | None:
        """`("json_schema", text)` of the one call that is demanded; None where the model is free.

        The answer is then the bare object `{"name": …, "arguments": …}` without tags, which `splitter` knows.
        """
        if not self.is_forced:
            return None
        tools = [t["function"] for t in self.tools if self.named in (None, t["function"]["name"])]
        calls, definitions = [], {}
        for n, function in enumerate(tools):
            parameters = {"type": "object", **(function.get("parameters") or {"properties": {}})}
            if _has_references(parameters):  # they start at the root, which is elsewhere now
                definitions[f"tool{n}"] = _moved(parameters, f"#/$defs/tool{n}")
                parameters = {"$ref": f"#/$defs/tool{n}"}
            calls.append(_call_schema(function["name"], parameters))
        schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
        return "json_schema", json.dumps(schema | ({"$defs": definitions} if definitions else {}), ensure_ascii=False)

    def splitter(self, is_form: bool = False) -> ToolCallSplitter | None:
        """A new splitter for one answer, which may have to be in a form otherwise; None where no calls are looked for."""
        if not self.shown:
            return None
        return ToolCallSplitter(
            self.names, self.is_forced, 1 if self.is_single else None, is_form and not self.is_forced
        )


def read(tools, tool_choice=None, is_single: bool = False) -> ToolUse:
    """Raises UsageError naming place and field. Without a choice it is `auto` where there are tools."""
    checked = checked_tools(tools)
    if tool_choice is None:
        tool_choice = AUTO if checked else NONE
    if tool_choice in (NONE, AUTO):
        return ToolUse(tuple(checked), tool_choice, is_single=is_single)
    named = None if tool_choice == REQUIRED else _chosen_name(tool_choice)
    if not checked:
        raise _error("tool_choice", tr("there are no tools to choose from", "没有可供选择的 tools"))
    names = [tool["function"]["name"] for tool in checked]
    if named is not None and named not in names:
        known = ", ".join(names)
        raise _error(
            "tool_choice.function.name",
            tr(f"{named!r} is none of the tools: {known}", f"tools 中没有 {named!r}，只有：{known}"),
        )
    return ToolUse(tuple(checked), REQUIRED, named, is_single)


def checked_tools(tools) -> list[dict]:
    """Deep copies of `tools` (None: no tools). Raises UsageError naming place and field."""
    if tools is None:
        return []
    if not isinstance(tools, (list, tuple)):
        raise _error("tools", tr("must be a list", "必须是列表"))
    check_depth("tools", tools)
    result = [_tool(f"tools[{n}]", tool) for n, tool in enumerate(tools)]
    names = [tool["function"]["name"] for tool in result]
    for n, name in enumerate(names):
        if name in names[:n]:
            raise _error(f"tools[{n}].function.name", tr(f"{name!r} is there twice", f"{name!r} 重复"))
    return result


def _tool(place: str, tool) -> dict:
    if not isinstance(tool, Mapping):
        raise _error(place, tr("must be an object", "必须是对象"))
    if tool.get("type") != "function":
        raise _error(f"{place}.type", tr('only "function" is known', '只支持 "function"'))
    function = tool.get("function")
    if not isinstance(function, Mapping):
        raise _error(f"{place}.function", tr("must be an object with a name", "必须是带 name 的对象"))
    if not isinstance(function.get("name"), str) or not _NAME.fullmatch(function["name"]):
        raise _error(
            f"{place}.function.name", tr("must be 1 to 64 of a-z A-Z 0-9 _ -", "必须是 1 到 64 个 a-z A-Z 0-9 _ -")
        )
    if not isinstance(function.get("description") or "", str):
        raise _error(f"{place}.function.description", tr("must be text", "必须是文本"))
    _check_parameters(f"{place}.function.parameters", function.get("parameters"))
    return copy.deepcopy({**tool, "function": dict(function)})


def _check_parameters(place: str, parameters) -> None:
    if parameters is None:
        return
    if not isinstance(parameters, Mapping):
        raise _error(place, tr("must be a JSON schema of an object", "必须是对象的 JSON schema"))
    if parameters.get("type", "object") != "object":
        raise _error(f"{place}.type", tr('must be "object"', '必须是 "object"'))
    if not isinstance(parameters.get("properties", {}), Mapping):
        raise _error(f"{place}.properties", tr("must be an object", "必须是对象"))
    required = parameters.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise _error(f"{place}.required", tr("must be a list of names", "必须是名称的列表"))


def _chosen_name(choice) -> str:
    function = choice.get("function") if isinstance(choice, Mapping) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if isinstance(name, str):
        return name
    form = '"none", "auto", "required", {"type": "function", "function": {"name": "…"}}'
    raise _error("tool_choice", tr(f"is {choice!r}; allowed: {form}", f"为 {choice!r}，可用：{form}"))


def _call_schema(name: str, parameters: dict) -> dict:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _has_references(schema) -> bool:
    if isinstance(schema, Mapping):
        return isinstance(schema.get("$ref"), str) or any(map(_has_references, schema.values()))
    return isinstance(schema, list) and any(map(_has_references, schema))


def _moved(schema, root: str):
    """A copy whose references inside the schema start at `root`."""
    if isinstance(schema, list):
        return [_moved(item, root) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    copied = {key: _moved(item, root) for key, item in schema.items()}
    if isinstance(ref := schema.get("$ref"), str) and ref.startswith("#"):
        copied["$ref"] = root + ref[1:]
    return copied


def _error(place: str, what: str) -> UsageError:
    return UsageError(tr(f"{place}: {what}.", f"{place}：{what}。"))
