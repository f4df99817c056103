"""Cells of tables that hold lists: JSON text, since a table has nothing else for them. Knows no format and no file."""

import json
import re

from zhinao.data.read.formats.fields import from_json
from zhinao.data.read.formats.message_list import is_message

# Fields that are lists whatever they are written as; and fields that are text or messages.
LISTS, EITHER = ("messages", "conversations", "history"), ("prompt", "completion", "chosen", "rejected")
_BEGINNING = re.compile(r"""\s*\[?\s*\{\s*["'](?:role|content|from|value)["']\s*:""")


def opened(record: dict, is_table: bool) -> dict:
    """The record with its lists read. Raises Misfit for what is meant as a list and is no JSON.

    Texts that are lists of messages are read as such where `is_table`: elsewhere a list could have been written as one, and
    `check` says so.
    """
    names = (*LISTS, *EITHER) if is_table else LISTS
    texts = {name: record[name] for name in names if isinstance(record.get(name), str)}
    found = {name: _opened(text, name) for name, text in texts.items() if is_table or text.lstrip().startswith("[")}
    return record | found if found else record


def _opened(value: str, name: str):
    if name in LISTS:
        return from_json(value, name) if value.strip() else None
    if not _BEGINNING.match(value):
        return value
    return read if is_messages(read := from_json(value, name)) else value


def is_messages(value) -> bool:
    """One message or turn, or a list of them."""
    many = value if isinstance(value, list) else [value]
    return bool(many) and all(is_message(one) or (isinstance(one, dict) and "from" in one) for one in many)


def holds_messages(text: str) -> bool:
    """Whether a text is a list of messages as JSON, or as Python writes it, and nothing else."""
    if not _BEGINNING.match(text) or text.rstrip()[-1] not in "]}":
        return False
    try:
        return is_messages(json.loads(text))
    except (ValueError, RecursionError):
        return "'role'" in text or "'from'" in text
