"""Placeholders such as `{{name}}` in samples, filled in. Those without a value stay; `check` reports them."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from zhinao.data.sample import Sample
from zhinao.errors import UsageError
from zhinao.lang import tr

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


def parse(words: Sequence[str]) -> dict[str, str]:
    """`name=…` words as a mapping. Raises UsageError for what has no name or comes twice."""
    values = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not re.fullmatch(r"[\w.-]+", name):
            raise UsageError(
                tr(f"--set {word}: must be name=value.", f"--set {word}：应为 名称=值。"), "--set name=智脑"
            )
        if name in values:
            raise UsageError(tr(f"--set {name} is given twice.", f"--set {name} 重复。"))
        values[name] = value
    return values


def substitute(sample: Sample, values: Mapping[str, str]) -> Sample:
    """A copy whose texts have `values` in place of `{{name}}`, thoughts and arguments of calls included; `sample` itself where
    there is nothing to do."""
    if not values:
        return sample
    new = {
        field.name: _filled(old, values)
        for field in dataclasses.fields(sample)
        if field.name not in ("kind", "place") and (old := getattr(sample, field.name))
    }
    changed = {name: value for name, value in new.items() if value != getattr(sample, name)}
    return dataclasses.replace(sample, **changed) if changed else sample


def placeholders(sample: Sample) -> set[str]:
    """The names of all placeholders in the sample's texts."""
    found: set[str] = set()
    for field in dataclasses.fields(sample):
        if field.name not in ("kind", "place"):
            _walk(getattr(sample, field.name), lambda text: found.update(_PLACEHOLDER.findall(text)) or text)
    return found


def _filled(value, values: Mapping[str, str]):
    return _walk(value, lambda text: _PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text) if "{{" in text else text)


def _walk(value, change):
    """`value` with `change` applied to every text in it. Keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _walk(inner, change) for key, inner in value.items()}
    return [_walk(inner, change) for inner in value] if isinstance(value, list) else value
