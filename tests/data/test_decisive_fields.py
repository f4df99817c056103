"""Fields that decide what is learned are read, or are an error; all others are named. Nothing is dropped in silence."""

import csv
import json

import pytest
from tests.tiny_tokenizer import make_tokenizer

from zhinao import cli
from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import encode, encode_preference
from zhinao.data.encode.omitted import Omitted
from zhinao.data.encode.overlong import Limit, fit
from zhinao.data.read.formats.fields import LABELS
from zhinao.data.read.read import read
from zhinao.data.sample import DataError, Fault, Sample
from zhinao.errors import UsageError
from zhinao.model.tokenizer import Tokenizer


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def call(name, arguments):
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}  # fmt: skip
CHAT = {"messages": [user("q"), assistant("r")]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tokenizer(tmp_path_factory.mktemp("model"))


@pytest.fixture
def items(tmp_path):
    """Records -> samples and faults of a file, and what was ignored in it."""

    def of(*records, name="a.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        found = []
        return list(read([str(path)], on_file=found.append)), found[0].ignored

    return of


BAD = {
    "TRL": {"prompt": "p", "completion": "c", "label": False},
    "TRL's chats": {"prompt": [user("p")], "completion": [assistant("c")], "label": False},
    "ms-swift": CHAT | {"label": False},
    "LLaMA-Factory, alpaca": {"instruction": "p", "input": "", "output": "c", "kto_tag": False},
    "LLaMA-Factory, ShareGPT": {"conversations": [{"from": "human", "value": "p"}, {"from": "gpt", "value": "c"}], "kto_tag": False},
    "a number": CHAT | {"label": 0},
    "desirable": CHAT | {"desirable": False},
    "is_rejected": CHAT | {"is_rejected": True},
    "undesirable": {"prompt": "p", "completion": "c", "undesirable": "true"},
    "text, as in tables": CHAT | {"label": "False"},
    "a pair": {"prompt": "p", "chosen": "a", "rejected": "b", "label": False},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_an_error_or_left_out_or_learned(name, items, model):
    [sample], ignored = items(BAD[name])
    assert sample.label is False and not +ignored
    tokenizer, to_ids = Tokenizer.load(model), encode_preference if name == "a pair" else encode
    refused = to_ids(sample, tokenizer, Choices())
    assert (
        isinstance(refused, Fault)
        and refused.field == next(name for name in BAD[name] if name in LABELS)
        and "--rejected drop" in refused.message
    )
    assert not isinstance(to_ids(sample, tokenizer, Choices(rejected="learn")), Fault)
    losses = Omitted()
    if name != "a pair":
        assert fit(sample, tokenizer, Choices(rejected="drop"), Limit(100), losses) == []
        assert (losses.total.num_samples, losses.total.num_rejected, losses.total.num_faulty) == (1, 1, 0)


def test_good_answers_and_classes(items):
    samples, ignored = items(CHAT | {"label": True}, CHAT | {"label": "funny"}, CHAT | {"label": 3}, CHAT)
    assert [sample.label for sample in samples] == [True, None, None, None] and +ignored == {"label": 2}
    [text], ignored = items({"text": "a film", "label": 0})  # a class of texts
    assert text.label is None and +ignored == {"label": 1}
    [fault], _ = items(CHAT | {"kto_tag": "perhaps"})
    assert "kto_tag: must be true or false" in str(fault)
    [fault], _ = items(CHAT | {"kto_tag": True, "label": False})
    assert "contradicts" in str(fault)
    [fault], _ = items(CHAT | {"desirable": True, "is_rejected": True})
    assert "is_rejected: contradicts desirable" in str(fault)
    [sample], ignored = items(CHAT | {"is_rejected": False, "desirable": True})
    assert sample.label is True and not +ignored
    with pytest.raises(UsageError):
        Choices(rejected="maybe")


def test_check_finds_bad_answers_and_convert_keeps_the_label(items, model, tmp_path, capsys):
    path = str(tmp_path / "a.jsonl")
    items(CHAT, CHAT | {"label": False})
    assert cli.main(["data", "check", path, "--model", str(model)]) == 10
    assert "bad-answer" in (out := capsys.readouterr().out) and "--rejected drop leaves it out" in out
    assert cli.main(["data", "check", path, "--model", str(model), "--rejected", "drop"]) == 0
    assert "left-out" in capsys.readouterr().out
    for target in ("messages", "alpaca", "sharegpt", "completion"):
        assert cli.main(["data", "convert", path, "--to", target, "-o", str(tmp_path / f"{target}.jsonl")]) in (0, 10)
    for target in ("messages", "alpaca", "sharegpt"):
        assert [sample.label for sample in read([str(tmp_path / f"{target}.jsonl")])] == [None, False]


MASKS = {
    "weight": (0, 0.0), "loss_weight": (0.5, 0.5), "loss_scale": (2, 2.0), "loss": (False, 0.0), "train": (False, 0.0),
    "training": (False, 0.0), "trainable": (0, 0.0), "loss_mask": (0, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_turns_in_their_spellings(name, items):
    value, weight = MASKS[name]
    turns = {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r", name: value}]}
    for record in ({"messages": [user("q"), assistant("r", **{name: value})]}, turns):
        [sample], ignored = items(record)
        assert sample.messages[1].get("weight") == weight and not +ignored
    [sample], _ = items({"messages": [user("q"), assistant("r", **{name: 1})]})
    assert "weight" not in sample.messages[1]


def test_a_truth_and_a_number_go_together_unless_they_contradict(items):
    for more, weight in (({"loss": True, "loss_scale": 0.5}, 0.5), ({"train": False, "weight": 0}, 0)):
        [sample], _ = items({"messages": [user("q"), assistant("r", **more)]})
        assert sample.messages[1]["weight"] == weight
    [fault], _ = items({"messages": [user("q"), assistant("r", train=True, weight=0)]})
    assert "contradicts" in str(fault)


PAIRS = {
    "ms-swift's text": {"messages": [user("q"), assistant("good")], "rejected_response": "bad"},
    "ms-swift's message": {"messages": [user("q"), assistant("good")], "rejected_response": assistant("bad")},
    "ms-swift's conversation": {"messages": [user("q"), assistant("good")], "rejected_messages": [user("q"), assistant("bad")]},
    "ShareGPT": {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "good"}], "rejected_response": "bad"},
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_worse_answer_beside_a_conversation_makes_a_pair(name, items, model):
    [pair], ignored = items(PAIRS[name])
    assert (pair.kind, pair.messages, pair.chosen, pair.rejected) == ("preference", *CELLS) and not +ignored
    tokenizer = Tokenizer.load(model)
    assert not isinstance(encode_preference(pair, tokenizer, Choices()), Fault)
    assert "zhinao prefer" in str(encode(pair, tokenizer, Choices()))  # finetune would learn one and forget the other
    assert items(PAIRS[name] | {"rejected_response": None, "rejected_messages": []})[0][0].kind == "chat"


def test_a_worse_answer_without_a_better_one(items):
    for record in ({"text": "t", "rejected_response": "b"}, PAIRS["ms-swift's text"] | {"chosen": "c"}):
        assert "needs messages beside it" in str(items(record)[0][0])


def test_the_weight_of_a_record_counts_for_its_answers(items):
    messages = [user("q"), assistant("r", weight=0.5), assistant("s")]
    [sample], ignored = items({"messages": messages, "weight": 0.5})
    assert [m.get("weight") for m in sample.messages] == [None, 0.25, 0.5] and not +ignored
    assert [m.get("weight") for m in items({**CHAT, "train": False})[0][0].messages] == [None, 0]
    for record in ({"prompt": "a", "completion": "b", "weight": 0.5}, CHAT | {"weight": 70}):
        assert "only conversations can have a weight, from 0 to 1" in str(items(record)[0][0])
    [sample], ignored = items(CHAT | {"loss": 0.35, "training": "first round"})  # columns about something else
    assert "weight" not in sample.messages[1] and +ignored == {"loss": 1, "training": 1}


NOT_FOLLOWED = {
    "Axolotl's parts": (assistant("r", train_detail=[{"begin_offset": 0, "end_offset": 0, "train": False}]), "train_detail"),
    "a mask that may mean either": (assistant("r", mask=1), "mask"),
    "calls as text": (assistant("", function_calls="f(a=1)"), "function_calls"),
    "a turn's label": (assistant("r", label=False), "label"),
    "a rejected turn": (assistant("r", is_rejected=True), "is_rejected"),
    "a part that is not learned": (assistant([{"type": "text", "text": "r", "train": False}]), "content[0].train"),
    "a call of the user": (user("r") | {"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
    "two calls that differ": (assistant("", tool_calls=[call("g", "{}")], function_call={"name": "f"}), "function_call"),
    "not a number in arguments": (assistant("", tool_calls=[call("f", {"a": float("nan")})]), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_decides_and_is_not_followed_is_a_fault(name, items):
    message, field = NOT_FOLLOWED[name]
    [fault], _ = items({"messages": [user("q"), message]})
    assert isinstance(fault, Fault) and fault.field.endswith(field), fault


def test_pictures_that_a_text_speaks_of_are_a_fault(items):
    [fault], _ = items({"messages": [user("<image>what?"), assistant("a cat")], "images": ["a.png"]})
    assert "images: <image> stands in the text" in str(fault)
    [sample], ignored = items(CHAT | {"image": "a.png"})
    assert isinstance(sample, Sample) and +ignored == {"image": 1}


def test_the_older_form_of_calls(items):
    older = {
        "messages": [
            user("q"),
            assistant("One moment.", function_call={"name": "f", "arguments": '{"a": "b"}'}),
            {"role": "function", "name": "f", "content": "x"},
            assistant("r", function_call=None),
        ],
        "functions": [TOOL["function"]],
    }
    [sample], ignored = items(older)
    assert sample.tools == [TOOL] and not +ignored
    assert sample.messages[1] == assistant("One moment.", tool_calls=[call("f", '{"a": "b"}')])
    assert sample.messages[2] == {"role": "tool", "name": "f", "content": "x"}
    [fault], _ = items(older | {"tools": [TOOL | {"function": {"name": "g"}}]})
    assert "functions: differs from the tools" in str(fault)


def test_a_text_and_its_calls_are_one_turn(items, model):
    said, called = {"from": "gpt", "value": "One moment."}, [
        {"from": "function_call", "value": json.dumps({"name": name, "arguments": {"a": "b"}})} for name in ("f", "g")
    ]  # fmt: skip
    results = [{"from": "observation", "value": text} for text in ("x", "y")]
    record = {
        "conversations": [{"from": "human", "value": "q"}, said, *called, *results, {"from": "gpt", "value": "r"}]
    }
    [sample], _ = items(record)
    calls = [call(name, '{"a": "b"}') for name in ("f", "g")]
    answer = assistant("One moment.", tool_calls=calls)
    assert sample.messages[1:] == [answer, *({"role": "tool", "content": c} for c in "xy"), assistant("r")]
    tokenizer = Tokenizer.load(model)
    [document] = encode(sample, tokenizer, Choices())
    learned = tokenizer.decode(document.ids[document.weights > 0].tolist(), skip_control=False)
    assert learned.startswith("One moment.") and learned.count("<|im_end|>") == 2 == len(document.turns)
    # the same in the other formats: ms-swift's roles, and messages
    roles = [user("q"), assistant("One moment.")]
    swift = [{"role": "tool_call", "content": one["value"]} for one in called]
    gone_on = [{"role": "tool_response", "content": c} for c in "xy"]
    for middle in (swift, [assistant(None, tool_calls=[one]) for one in calls]):
        assert items({"messages": [*roles, *middle, *gone_on, assistant("r")]})[0][0].messages == sample.messages
    # and back again
    from zhinao.data.read import formats

    assert items(formats.write(sample, "sharegpt"))[0][0].messages == sample.messages


def test_an_answer_behind_a_call_that_nobody_responded_to(items, model, tmp_path, capsys):
    """The other order than a turn's: the run says what `check` says."""
    called = {"from": "function_call", "value": json.dumps({"name": "f", "arguments": {}})}
    human, said, result = ({"from": role, "value": "q"} for role in ("human", "gpt", "observation"))
    tokenizer = Tokenizer.load(model)
    [sample] = items({"conversations": [human, called, said]})[0]
    fault = encode(sample, tokenizer, Choices())
    assert fault.field == "messages[2].role" and "no tool has responded" in fault.message
    assert cli.main(["data", "check", str(tmp_path / "a.jsonl"), "--model", str(model)]) == 10
    assert fault.message in " ".join(capsys.readouterr().out.split())
    for turns in ([human, called, result, said], [human, said, called, result, said], [human, called, human, said]):
        [sample] = items({"conversations": turns})[0]
        assert not isinstance(encode(sample, tokenizer, Choices()), Fault), turns
    pair = {"prompt": [user("q"), assistant("", tool_calls=[call("f", "{}")])], "chosen": "a", "rejected": "b"}
    assert encode_preference(items(pair)[0][0], tokenizer, Choices()).field == "messages[2].role"


def test_one_turn_has_one_weight(items):
    turns = [user("q"), assistant("a", loss=False), {"role": "tool_call", "content": '{"name": "f"}'}]
    [fault], _ = items({"messages": turns})
    assert "messages[2]: is one turn with the message before it" in str(fault)
    turns[2]["loss"] = False
    assert items({"messages": turns})[0][0].messages[1]["weight"] == 0
    [sample], _ = items({"messages": [user("q"), assistant("a"), assistant("b"), user("c")]})
    assert len(sample.messages) == 4  # two texts stay two turns; `check` finds them


def test_a_thought_before_a_call(items):
    value = '<think>\nhm\n</think>\n\n{"name": "f", "arguments": {}}'
    [sample], _ = items({"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": value}]})
    assert sample.messages[1] == assistant("<think>\nhm\n</think>", tool_calls=[call("f", "{}")])


def schema(properties: dict, **more) -> dict:
    return {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": properties, **more}},
    }


def test_nulls_that_arrow_adds_are_left_out_and_counted(items):
    arguments = {"a": "x", "b": None, "c": {"d": None}, "e": [None, {"g": None, "h": 1}], "i": None, "j": None}
    nullable = {
        "a": {"type": "string", "enum": None},
        "b": None,
        "i": {"type": ["string", "null"]},
        "k": {"type": None},
    }
    record = {
        "messages": [user("q"), assistant("", tool_calls=[call("f", arguments)])],
        "tools": [schema(nullable, required=["j"])],
    }
    [sample], ignored = items(record)
    kept = {"a": "x", "e": [None, {"h": 1}], "i": None, "j": None}  # what may be null, must be there, or is in a list
    assert sample.messages[1]["tool_calls"][0]["function"]["arguments"] == kept
    assert sample.tools == [schema({"a": {"type": "string"}, "i": {"type": ["string", "null"]}}, required=["j"])]
    assert +ignored == {"tools[].*: null": 3, "tool_calls[].arguments.*: null": 3}
    text = [user("q"), assistant("", tool_calls=[call("f", '{"a": null}')])]
    assert items({"messages": text})[0][0].messages[1]["tool_calls"] == [call("f", '{"a": null}')]  # no Arrow was here


def test_nulls_of_parquet_too(tmp_path):
    import pyarrow.parquet

    rows = [
        {"messages": [user("q"), {**assistant("x"), "tool_calls": [call("f", {name: "1"})]}], "tools": [schema({name: {"type": "string"}})]}
        for name in ("a", "b")
    ]  # fmt: skip
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = []
    one, two = read([str(tmp_path / "a.parquet")], on_file=found.append)
    assert [s.messages[1]["tool_calls"][0]["function"]["arguments"] for s in (one, two)] == [{"a": "1"}, {"b": "1"}]
    assert [list(s.tools[0]["function"]["parameters"]["properties"]) for s in (one, two)] == [["a"], ["b"]]
    assert +found[0].ignored == {"tools[].*: null": 2, "tool_calls[].arguments.*: null": 2}


CELLS = [[user("q")], [assistant("good")], [assistant("bad")]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_messages_in_cells_are_messages(kind, tmp_path):
    path, names = tmp_path / f"a.{kind}", ["prompt", "chosen", "rejected"]
    cells = [json.dumps(cell) for cell in CELLS]
    if kind == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([names, cells, ["q", "a [b]", '{"c": 1}'], [str(cell) for cell in CELLS]])
    else:
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([dict(zip(names, cells, strict=True))]), path)
    pair, *more = read([str(path)])
    assert [pair.messages, pair.chosen, pair.rejected] == CELLS
    if kind == "csv":
        assert [more[0].chosen, more[0].rejected] == [[assistant("a [b]")], [assistant('{"c": 1}')]]
        assert "as Python writes it" in str(more[1])


def test_completions_and_conversations_in_cells(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "completion", "label"], [*map(json.dumps, CELLS[:2]), "False"]])
    [sample] = read([str(path)])
    assert (sample.messages, sample.label) == ([user("q"), assistant("good")], False)
    turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}]
    for suffix in ("csv", "jsonl"):
        path = tmp_path / f"b.{suffix}"
        with path.open("w", newline="") as file:
            if suffix == "csv":
                csv.writer(file).writerows([["conversations"], [json.dumps(turns)]])
            else:
                file.write(json.dumps({"conversations": json.dumps(turns)}))
        assert [s.messages for s in read([str(path)])] == [[user("q"), assistant("r")]]


def test_arrow_files_get_a_sentence(tmp_path):
    import pyarrow as pa

    table, path = pa.Table.from_pylist([CHAT]), tmp_path / "data.arrow"
    for writer in (pa.ipc.new_file, pa.ipc.new_stream):
        with writer(str(path), table.schema) as out:
            out.write_table(table)
        with pytest.raises(DataError, match="Arrow file") as error:
            list(read([str(path)]))
        assert "to_parquet" in error.value.hint


def test_messages_written_as_text_elsewhere_are_found(items, model, tmp_path, capsys):
    items({"prompt": json.dumps([user("q")]), "completion": str([assistant("r")])})
    assert cli.main(["data", "check", str(tmp_path / "a.jsonl"), "--model", str(model)]) == 10
    out = capsys.readouterr().out
    assert "messages-as-text-learned" in out and "prompt: a text that is a list of messages" in out


@pytest.mark.parametrize("verb", ["check", "view", "stats", "convert", "split"])
def test_every_verb_names_what_is_not_kept(verb, items, model, tmp_path, capsys):
    items(*({"id": n, **CHAT, "messages": [user(f"q{n}"), assistant("r", mood="x")]} for n in range(2)))
    more = {"convert": ["-o", str(tmp_path / "b.jsonl")], "split": ["--eval", "1", "-o", str(tmp_path)]}
    words = more.get(verb, ["--model", str(model)])
    assert cli.main(["data", verb, str(tmp_path / "a.jsonl"), *words]) == 0
    said = "".join(capsys.readouterr())
    assert (
        "fields not kept: messages[].mood (2), id (2)" in said or "fields not kept: id (2), messages[].mood (2)" in said
    )
