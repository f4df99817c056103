"""`{{NAME}}` in training data, filled in while it is read: identity sets come with the name left open. Changes no file."""

from collections.abc import Mapping
from dataclasses import replace

from zhinao.data.sample import Sample

_FIELDS = ("messages", "tools", "chosen", "rejected", "text", "prompt", "completion")


def filled(sample: Sample, values: Mapping[str, str]) -> Sample:
    """The sample with each `{{NAME}}` of `values` replaced in all of its strings; the sample itself where there are none."""
    if not values:
        return sample
    return replace(sample, **{name: _filled(getattr(sample, name), values) for name in _FIELDS})


def _filled(value, values: Mapping[str, str]):
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(f"{{{{{name}}}}}", text)
        return value
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value
