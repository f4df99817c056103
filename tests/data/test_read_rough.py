"""Whatever stands in a file: samples that can be rendered, faults, or a sentence. Never a traceback, never half a character."""

import csv
import gzip
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhinao.data.read.containers import NAMES
from zhinao.data.read.formats import FORMATS, KNOWN_FIELDS
from zhinao.data.read.read import FORMAT_NAMES, read
from zhinao.data.sample import Fault, Sample
from zhinao.errors import ZhinaoError
from zhinao.prompt.messages import normalized
from zhinao.prompt.tools import checked_tools

rough = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check_whole(items) -> int:
    """Reads everything; what comes must be usable. How many samples there were."""
    num = 0
    for item in items:
        if isinstance(item, Fault):
            assert item.message and str(item)
            continue
        assert isinstance(item, Sample)
        num += 1
        for messages in (item.messages, item.chosen, item.rejected):
            for message in messages and normalized(messages):
                message["content"].encode()
                message.get("reasoning_content", "").encode()
        checked_tools(item.tools)
        for text in (item.text, item.prompt, item.completion):
            text.encode()
        assert {"chat": item.messages, "preference": item.chosen}.get(item.kind, True)
    return num


def read_bytes(tmp_path, name: str, data: bytes, format: str | None = None) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    try:
        check_whole(read([str(path)], format=format))
    except ZhinaoError as error:
        assert str(path) in str(error)


RECORDS = [
    {"instruction": "写一首诗", "input": "春\n天", "output": '"好"'},
    {"instruction": "a", "input": "", "output": "b\\ud83d"},
] * 3


def files() -> dict[str, bytes]:
    table = io.StringIO()
    writer = csv.DictWriter(table, RECORDS[0])
    writer.writeheader()
    writer.writerows(RECORDS)
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS)
    import pyarrow.parquet

    columns = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(RECORDS), columns)
    return {
        "a.jsonl": lines.encode(),
        "a.json": json.dumps(RECORDS, ensure_ascii=False, indent=1).encode(),
        "b.json": json.dumps(RECORDS).encode(),
        "a.csv": table.getvalue().encode(),
        "a.jsonl.gz": gzip.compress(lines.encode(), mtime=0),
        "a.parquet": columns.getvalue(),
    }


FILES = files()
assert len(NAMES) >= len(FILES)


@rough
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_files(tmp_path, name, data):
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        till = at + data.draw(st.integers(0, 5))
        content[at:till] = data.draw(
            st.binary(max_size=5) | st.sampled_from([b"{", b"}", b"[", b'"', b"\n", b",", b"\\"])
        )
    read_bytes(tmp_path, name, bytes(content))


@rough
@given(
    st.binary(max_size=200) | st.text(max_size=60).map(str.encode), st.sampled_from(["a", "a.json", "a.txt", "a.csv"])
)
def test_any_bytes(tmp_path, content, name):
    read_bytes(tmp_path, name, content)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "a", "user", "assistant", "tool", "[]", "{}", "Human:"])  # fmt: skip
keys = st.sampled_from(
    sorted(
        {
            "role",
            "content",
            "from",
            "value",
            "tool_calls",
            "function",
            "name",
            "arguments",
            "type",
            "weight",
            "loss",
            "loss_weight",
            "reasoning",
            "reasoning_content",
            "tool_call_id",
            "x",
        }
        | KNOWN_FIELDS
    )
)
message = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system"])},
    optional={
        "content": scalars,
        "weight": scalars,
        "reasoning": scalars,
        "tool_calls": st.lists(
            st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": scalars, "arguments": scalars})})
        ),
    },
)
values = st.recursive(
    scalars | st.lists(message, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@rough
@given(
    st.lists(st.dictionaries(keys, values, max_size=5), min_size=1, max_size=3), st.sampled_from([None, *FORMAT_NAMES])
)
def test_any_records(tmp_path, records, format):
    read_bytes(tmp_path, "a.jsonl", "\n".join(map(json.dumps, records)).encode(), format)


@pytest.mark.parametrize("format", FORMATS)
def test_any_value_in_any_field_of_a_format(format, tmp_path):
    """Each of a format's fields with each kind of value."""
    odd = [
        None,
        True,
        3,
        1e400,
        "x",
        "",
        [],
        [[]],
        [None],
        {},
        {"role": "user"},
        [{"from": "gpt"}],
        [{"role": []}],
        "\ud800",
    ]
    whole = {"conversations": [{"from": "human", "value": "a"}], "prompt": "a", "completion": "b", "chosen": "x"}
    whole |= {
        "messages": [{"role": "user", "content": "a"}],
        "instruction": "a",
        "output": "b",
        "rejected": "y",
        "text": "t",
    }
    for name in FORMATS[format].FIELDS:
        for value in odd:
            record = {key: whole[key] for key in FORMATS[format].FIELDS if key in whole} | {name: value}
            read_bytes(tmp_path, "a.jsonl", json.dumps(record).encode(), format)
