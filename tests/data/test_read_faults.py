"""Broken files: each gives a sentence with file and line, in both languages, and never a traceback."""

import codecs
import gzip
import json

import pytest

from zhinao import lang
from zhinao.data.read.read import read
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.errors import UsageError

GOOD = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}'


def chat(*messages: str, beside: str = "") -> str:
    return '{"messages": [' + ", ".join(messages) + "]" + beside + "}"


USER, ANSWER = '{"role": "user", "content": "hi"}', '{"role": "assistant", "content": "ok"}'
CALL = '{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}'

# file name, its lines, where and what the Fault says
FAULTS = {
    "cut line": ("a.jsonl", [GOOD, '{"messages": [{"role":'], "line 2: is no JSON: it ends in the middle (column 23)"),
    "cut string": ("a.jsonl", [GOOD, '{"messages": [{"role": "us'], "line 2: is no JSON: unterminated string starting at (column 24)"),
    "single quotes": ("a.jsonl", [GOOD, "{'messages': []}"], "line 2: is no JSON: expecting property name"),
    "trailing comma": ("a.jsonl", [GOOD, GOOD + ","], "line 2: is no JSON: extra data (column 93)"),
    "two on a line": ("a.jsonl", [GOOD, "", GOOD + GOOD], "line 3: is no JSON: extra data"),
    "not an object": ("a.jsonl", [GOOD, '["hi"]'], "line 2: must be an object, not a list"),
    "a bare text": ("a.jsonl", [GOOD, '"hi"'], "line 2: must be an object, not text"),
    "repeated key": ("a.jsonl", [GOOD, '{"messages": [], "messages": []}'], "line 2: the key 'messages' is there twice"),
    "half a character": ("a.jsonl", [GOOD, '{"messages": [{"role": "user", "content": "\\ud83d"}]}'], "line 2: a \\u escape"),
    "too deep": ("a.jsonl", [GOOD, '{"a":' * 100_000 + "1" + "}" * 100_000], "line 2: is nested too deeply"),
    "control character": ("a.jsonl", [GOOD, '{"text": "a\tb"}'], "line 2: is no JSON: invalid control character"),
    "unknown fields": ("a.jsonl", ['{"quiz": "a", "solution": "b"}'], "line 1: has no known format; its fields are quiz"),
    "prompt and response": ("a.jsonl", ['{"prompt": "a", "response": "b"}'], "line 1, completion: is missing"),
    "two questions": ("a.jsonl", ['{"question": "a", "answer": "b", "query": "c", "response": "d"}'], "line 1, query: stands beside question"),
    "choices": ("a.csv", ["question,A,B,answer", "a,b,c,A"], "line 2, A: belongs to the question and would be lost; put it into question"),
    "an answer that is a number": ("a.jsonl", ['{"question": "a", "answer": 4}'], "line 1, answer: must be text, not a number"),
    "empty object": ("a.jsonl", [GOOD, "{}"], "line 2: has no known format; its fields are none"),
    "mixed formats": ("a.jsonl", [GOOD, '{"instruction": "a", "output": "b"}'], "line 2: has the form of alpaca; the file began as messages"),
    "two formats later": ("a.jsonl", [GOOD, GOOD[:-1] + ', "text": "a"}'], "line 2: has the form of messages / text; the file began as messages"),
    "messages no list": ("a.jsonl", ['{"messages": "hi"}'], "line 1, messages: must be a list, not text"),
    "messages empty": ("a.jsonl", ['{"messages": []}'], "line 1, messages: is empty"),
    "message no object": ("a.jsonl", [chat(USER, '"hi"')], "line 1, messages[1]: must be an object, not text"),
    "role missing": ("a.jsonl", [chat('{"content": "hi"}')], "line 1, messages[0].role: is missing"),
    "role unknown": ("a.jsonl", [chat(USER, '{"role": "bot", "content": "x"}')], "line 1, messages[1].role: 'bot' is unknown; known: system"),
    "content missing": ("a.jsonl", [chat('{"role": "user"}')], "line 1, messages[0].content: is missing"),
    "content a number": ("a.jsonl", [chat('{"role": "user", "content": 3}')], "line 1, messages[0].content: must be text, not a number"),
    "a picture": ("a.jsonl", [chat('{"role": "user", "content": [{"type": "image_url"}]}')], "messages[0].content[0]: only text parts can be read, not 'image_url'"),
    "part without text": ("a.jsonl", [chat('{"role": "user", "content": [{"type": "text"}]}')], "messages[0].content[0].text: is missing"),
    "thought no text": ("a.jsonl", [chat('{"role": "assistant", "content": "x", "reasoning_content": 1}')], "messages[0].reasoning_content: must be text"),
    "two thoughts": ("a.jsonl", [chat('{"role": "assistant", "content": "x", "reasoning_content": "a", "reasoning": "b"}')], "messages[0].reasoning: differs from reasoning_content"),
    "weight text": ("a.jsonl", [chat(USER, '{"role": "assistant", "content": "x", "weight": "1"}')], "messages[1].weight: must be a number, not text"),
    "weight negative": ("a.jsonl", [chat(USER, '{"role": "assistant", "content": "x", "loss_weight": -1}')], "messages[1].loss_weight: is -1; it must be 0 or more"),
    "weight NaN": ("a.jsonl", [chat(USER, '{"role": "assistant", "content": "x", "weight": NaN}')], "messages[1].weight: is nan; it must be"),
    "loss no bool": ("a.jsonl", [chat(USER, '{"role": "assistant", "content": "x", "loss": 2}')], "messages[1].loss: must be true or false"),
    "two weights": ("a.jsonl", [chat(USER, '{"role": "assistant", "content": "x", "weight": 1, "loss": false}')], "messages[1].loss: contradicts"),
    "user trained": ("a.jsonl", [chat('{"role": "user", "content": "x", "loss": true}')], "messages[0].loss: only what the assistant says"),
    "user calls": ("a.jsonl", [chat('{"role": "user", "content": "x", "tool_calls": [{}]}')], "messages[0].tool_calls: only an assistant calls"),
    "call without name": ("a.jsonl", [chat(USER, '{"role": "assistant", "tool_calls": [{"function": {}}]}')], "messages[1].tool_calls[0].function.name: must be text"),
    "answer to no call": ("a.jsonl", [chat(USER, CALL, '{"role": "tool", "content": "1", "tool_call_id": "b"}')], "messages[2].tool_call_id: 'b' is no call"),
    "tools no list": ("a.jsonl", [chat(USER, ANSWER, beside=', "tools": {"a": 1}')], "line 1, tools: must be a list"),
    "tools no JSON": ("a.jsonl", [chat(USER, ANSWER, beside=', "tools": "[{"')], "line 1, tools: is no JSON"),
    "tool without name": ("a.jsonl", [chat(USER, ANSWER, beside=', "tools": [{"type": "function", "function": {}}]')], "tools[0].function.name: must be 1 to 64"),
    "from unknown": ("a.jsonl", ['{"conversations": [{"from": "bing", "value": "x"}]}'], "conversations[0].from: 'bing' is unknown; known: system, human"),
    "value missing": ("a.jsonl", ['{"conversations": [{"from": "human"}]}'], "conversations[0].value: is missing"),
    "from, then role": ("a.jsonl", ['{"conversations": [{"from": "human", "value": "x"}, {"role": "assistant", "content": "x"}]}'], "conversations[1]: has role where the turns before have from"),
    "role, then from": ("a.jsonl", ['{"conversations": [{"role": "user", "content": "x"}, {"from": "gpt", "value": "x"}]}'], "conversations[1].role: is missing"),
    "two systems": ("a.jsonl", ['{"system": "a", "conversations": [{"from": "system", "value": "b"}]}'], "line 1, system: differs from the system message"),
    "call no JSON": ("a.jsonl", ['{"conversations": [{"from": "function_call", "value": "f(1)"}]}'], "conversations[0].value: is no JSON"),
    "call no object": ("a.jsonl", ['{"conversations": [{"from": "function_call", "value": "[1]"}]}'], 'conversations[0].value: must be {"name"'),
    "no output": ("a.jsonl", ['{"instruction": "a"}'], "line 1, output: is missing"),
    "output null": ("a.jsonl", ['{"instruction": "a", "output": null}'], "line 1, output: is missing"),
    "output a list": ("a.jsonl", ['{"instruction": "a", "output": ["b"]}'], "line 1, output: must be text, not a list"),
    "history flat": ("a.jsonl", ['{"instruction": "a", "output": "b", "history": ["x", "y"]}'], "line 1, history[0]: must be a list of question and answer"),
    "belle twice": ("a.jsonl", ['{"instruction": "Human:a\\nHuman:b", "output": "c"}'], "line 1, instruction: turn 2: Human speaks twice"),
    "belle answered": ("a.jsonl", ['{"instruction": "Human:a\\nAssistant:b", "output": "c"}'], "line 1, instruction: ends with an answer"),
    "belle with input": ("a.jsonl", ['{"instruction": "Human:a", "input": "x", "output": "c"}'], "line 1, input: must be empty"),
    "alpaca in belle": ("a.jsonl", ['{"instruction": "Human:a", "output": "c"}', '{"instruction": "a", "output": "c"}'], "line 2: has the form of alpaca; the file began as belle"),
    "no completion": ("a.jsonl", ['{"prompt": "a"}'], "line 1, completion: is missing"),
    "text beside list": ("a.jsonl", ['{"prompt": [{"role": "user", "content": "a"}], "completion": "b"}'], "line 1, completion: is text beside a prompt that is a list"),
    "no rejected": ("a.jsonl", ['{"prompt": "a", "chosen": "b"}'], "line 1, rejected: is missing"),
    "no prompt": ("a.jsonl", ['{"chosen": "a", "rejected": "b"}'], "line 1, prompt: is missing"),
    "chosen a number": ("a.jsonl", ['{"prompt": "a", "chosen": 1, "rejected": "b"}'], "line 1, chosen: must be text or messages"),
    "pair of strangers": ("a.jsonl", [json.dumps({"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]})], "line 1, rejected: must begin as chosen does"),
    "text a list": ("a.jsonl", ['{"text": ["a"]}'], "line 1, text: must be text, not a list"),
    "in an array": ("a.json", ["[", '  {"text": "a"},', '  {"text": 1}', "]"], "line 3, text: must be text, not a number"),
    "array: broken": ("a.json", ["[", '  {"text": "a"},', '  {"text": },', '  {"text": "b"}', "]"], "line 3: is no JSON: expecting value (line 3, column 10)"),
    "array: inside": ("a.json", ["[", "  {", '    "text": "a"', "  },", "  {", '    "text": "b",', "  },", "  {", '    "text": "c"', "  }", "]"], "line 5: is no JSON"),
    "array: no object": ("a.json", ['[{"text": "a"}, 7]'], "line 1: must be an object, not a number"),
    "csv: cells": ("a.csv", ["instruction,output", "a,b", "a,b,c"], "line 3: has 3 cells; the header has 2"),
    "csv: messages": ("a.csv", ["messages,id", '"[{""role"": ""user""}]",1'], "line 2, messages[0].content: is missing"),
    "csv: no JSON": ("a.csv", ["messages", '"a', 'b"'], "line 2, messages: is no JSON"),
    "csv: over lines": ("a.csv", ["text,messages", '"a', 'b",', "c,["], "line 4, messages: is no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_record_that_does_not_fit_is_a_fault_with_its_place(name, tmp_path):
    file, lines, expected = FAULTS[name]
    path = tmp_path / file
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    faults = [item for item in read([str(path)]) if isinstance(item, Fault)]
    assert len(faults) == 1, faults
    assert str(faults[0]).startswith(f"{path}, line "), faults[0]
    assert expected in str(faults[0])
    lang.choose("zh")
    [fault] = [item for item in read([str(path)]) if isinstance(item, Fault)]
    assert str(fault).startswith(f"{path} 第 {fault.place.line} 行")
    assert any("一" <= char <= "鿿" for char in fault.message), fault.message


def test_what_follows_a_fault_is_read_all_the_same(tmp_path):
    for file, lines, _ in (FAULTS["array: broken"], FAULTS["array: inside"]):
        (tmp_path / file).write_text("\n".join(lines), encoding="utf-8")
        items = list(read([str(tmp_path / file)]))
        assert [isinstance(item, Sample) for item in items] == [True, False, True]
        assert [item.place.record for item in items] == [1, 2, 3]
        assert items[2].place.line == (4 if len(lines) == 5 else 8)


FULL_GZIP = gzip.compress(("\n".join([GOOD] * 500) + "\n").encode())
GBK = '{"text": "你好，世界"}\n{"text": "春天来了"}\n'


def bad_parquet() -> bytes:
    import io

    import pyarrow.parquet

    file = io.BytesIO()
    table = pyarrow.table({"text": ["你好" * 9]})
    pyarrow.parquet.write_table(table, file, compression="NONE", use_dictionary=False)
    return file.getvalue().replace("你好".encode(), b"\xff" * 6)


# file name, its bytes, what the DataError says; {} is the file
ERRORS = {
    "empty": ("a.jsonl", b"", "{}: is empty.\n  → leave it out"),
    "blank": ("a.json", b" \n\n ", "{}: is empty"),
    "empty gzip": ("a.jsonl.gz", gzip.compress(b""), "{}: is empty"),
    "empty array": ("a.json", b"[]", "{}: holds no records.\n  → leave it out"),
    "csv header only": ("a.csv", b"instruction,output\n", "{}: holds no records"),
    "utf-16": ("a.jsonl", GOOD.encode("utf-16"), "{}, line 1: byte 1 is not UTF-8; the file looks like UTF-16"),
    "utf-16, no mark": ("a.jsonl", GOOD.encode("utf-16-le"), "{}, line 1: byte 2 is a NUL byte; it is binary, or UTF-16"),
    "gbk": ("a.jsonl", GBK.encode("gbk"), "{}, line 1: byte 11 is not UTF-8; the file looks like GB18030"),
    "gbk csv": ("a.csv", "text\n你好，世界\n".encode("gbk"), "{}, line 2: byte 6 is not UTF-8; the file looks like GB18030"),
    "gbk text": ("a.txt", "hello\n你好，世界\n".encode("gbk"), "{}, line 2: byte 7 is not UTF-8; the file looks like GB18030"),
    "binary": ("a.jsonl", b"{\n\x00\x01", "{}, line 2: byte 3 is a NUL byte"),
    "array, one bad byte": ("a.json", '[\n{"text": "好"},\n{"text": "'.encode() + b'\xff"}]', "{}, line 3: is not UTF-8 (byte 0xff)"),
    "csv, one bad byte": ("a.csv", "text\n你好\n你好\n".encode() + b"\xff\xfe\n", "{}, line 4: is not UTF-8 (byte 0xff at position 1"),
    "gzip cut": ("a.jsonl.gz", FULL_GZIP[:-30], "{}: the gzip file ends too early"),
    "gzip damaged": ("a.jsonl.gz", FULL_GZIP[:40] + b"\xff" * 40 + FULL_GZIP[80:], "{}: the gzip file is damaged"),
    "zip": ("a.jsonl", b"PK\x03\x04" + b"x" * 40, "{}: is packed with zip"),
    "zstd": ("a.jsonl.zst", b"\x28\xb5\x2f\xfd" + b"x" * 40, "{}: is packed with zstd"),
    "array cut": ("a.json", b'[\n{"text": "a"},\n{"text": "b"}\n', "{}, line 4: the file ends before the closing ]"),
    "array cut inside": ("a.json", b'[\n{"text": "a"},\n{"text": "b', "{}, line 3: is no JSON: unterminated string starting at (line 3, column 10)"),
    "array cut before a value": ("a.json", b'[\n{"text":\n', "{}, line 2: is no JSON: it ends in the middle"),
    "array, no comma": ("a.json", b'[\n{"text": "a"}\n{"text": "b"}\n]', "{}, line 3: a comma or ] is missing before '{{'"),
    "array, last comma": ("a.json", b'[\n{"text": "a"},\n]', "{}, line 3: a comma stands before the closing ]"),
    "array, then more": ("a.json", b'[{"text": "a"}]\n[{"text": "b"}]', "{}, line 2: there is more after the closing ]"),
    "array in one line": ("a.json", b'[{"text": "a"}, {"text": }, {"text": "b"}]', "{}, line 1: is no JSON: expecting value (line 1, column 10)"),
    "csv without header": ("a.csv", "你好,您好\n".encode(), "{}, line 1: the header names no known column; it has 你好, 您好"),
    "csv of an old Mac": ("a.csv", b"text\rhi\r", "{}, line 1: the header names no known column"),
    "csv, column twice": ("a.csv", b"text,text\na,b\n", "{}, line 1: the column 'text' is there twice"),
    "csv, open quote": ("a.csv", b'text\nfine\n"never closed\nx\n', "{}, line 3: is no CSV (unexpected end of data)"),
    "no parquet": ("a.parquet", b"text\n", "{}: is no parquet file"),
    "parquet, bad text": ("a.parquet", bad_parquet(), "{}: is no whole parquet file (after 0 rows)"),
    "parquet cut": ("a.parquet", b"PAR1" + b"x" * 100, "{}: is no whole parquet file (after 0 rows)"),
    "unknown name": ("a.dat", b"hello\nworld\n", "{}, line 1: neither JSON nor a table with known columns"),
    "two formats": ("a.jsonl", b'{"text": "a", "instruction": "b", "output": "c"}\n', "{}, line 1: fits alpaca and text"),
    "two formats, 2": ("a.jsonl", b'{"messages": [], "conversations": [{"from": "human"}]}\n', "{}, line 1: fits messages and sharegpt"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_a_file_that_cannot_be_read_is_an_error_with_its_place(name, tmp_path):
    file, data, expected = ERRORS[name]
    path = tmp_path / file
    path.write_bytes(data)
    with pytest.raises(DataError) as error:
        list(read([str(path)]))
    assert str(error.value).startswith(expected.format(path)), error.value
    lang.choose("zh")
    with pytest.raises(DataError) as error:
        list(read([str(path)]))
    assert str(error.value).startswith(str(path))
    assert any("一" <= char <= "鿿" for char in error.value.message.removeprefix(str(path)))


def test_what_two_formats_fit_is_read_when_one_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(ERRORS["two formats"][1])
    with pytest.raises(DataError, match="--format alpaca / --format text"):
        list(read([str(path)]))
    assert [item.kind for item in read([str(path)], format="alpaca")] == ["chat"]
    assert [item.kind for item in read([str(path)], format="text")] == ["text"]


def test_a_broken_byte_costs_one_line(tmp_path):
    path = tmp_path / "a.jsonl"
    good = '{"text": "你好"}\n'.encode()
    path.write_bytes(good * 3 + b'{"text": "\xff"}\n' + good)
    items = list(read([str(path)]))
    assert [isinstance(item, Sample) for item in items] == [True, True, True, False, True]
    assert str(items[3]) == f"{path}, line 4: is not UTF-8 (byte 0xff at position 11 of the line)"
    text = tmp_path / "a.txt"
    text.write_bytes("你好\n你好\n".encode() + b"\xff\n" + "再见\n".encode())
    assert [str(i) if isinstance(i, Fault) else i.text for i in read([str(text)])] == [
        "你好",
        "你好",
        f"{text}, line 3: is not UTF-8 (byte 0xff at position 1 of the line)",
        "再见",
    ]
    for unit in ("text-blocks", "text-file"):
        with pytest.raises(DataError, match="line 3: is not UTF-8"):
            list(read([str(text)], format=unit))


def test_names_that_mean_nothing(tmp_path):
    (tmp_path / "train.jsonl").write_text(GOOD)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.md").write_text("x")
    for source, expected in {
        "trian.jsonl": "there is no such file or folder.\n  → did you mean train.jsonl?",
        "*.parquet": "there is no such file or folder.",
        "notes": "the folder holds no data files.",
    }.items():
        with pytest.raises(DataError) as error:
            read([f"{tmp_path}/{source}"])
        assert str(error.value).startswith(f"{tmp_path}/{source}: {expected}")
    with pytest.raises(UsageError, match="No training data is named"):
        read([])
    with pytest.raises(UsageError, match=r"-.*can be named once"):
        read(["-", "-"])
    with pytest.raises(UsageError, match=r"'sharegtp' is unknown(.|\n)*did you mean sharegpt"):
        read([f"{tmp_path}/train.jsonl"], format="sharegtp")


def test_a_folder_named_as_a_file_and_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text(GOOD)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(DataError, match=r"a\.jsonl: cannot be read \(Permission denied\)"):
        list(read([str(path)]))


def test_a_sample_of_the_wrong_kind(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n')
    [fault] = read([str(path)], kind="chat")
    assert str(fault) == f"{path}, line 1: is a sample of kind text, not chat"
    assert [item.kind for item in read([str(path)], kind=("chat", "text"))] == ["text"]


def test_the_mark_of_utf8_is_no_fault(tmp_path):
    for name, text in {"a.jsonl": GOOD, "a.json": f"[{GOOD}]", "a.csv": "text\nhi\n", "a.txt": "hi\n"}.items():
        path = tmp_path / name
        path.write_bytes(codecs.BOM_UTF8 + text.encode())
        assert [type(item) for item in read([str(path)])] == [Sample], name


def test_every_broken_file_is_a_sentence_for_the_command_too(tmp_path, capsys):
    """What `zhinao data convert` says of each has file and line; it writes nothing."""
    from zhinao import cli

    for number, (file, lines, expected) in enumerate(FAULTS.values()):
        path = tmp_path / f"{number}" / file
        path.parent.mkdir()
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert cli.main(["data", "convert", str(path), "--output", str(tmp_path / "out.jsonl")]) == DataError.exit_code
        err = capsys.readouterr().err
        assert f"{path}, line " in err
        assert expected in err
        assert not (tmp_path / "out.jsonl").exists()
