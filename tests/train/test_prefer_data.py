"""Pairs from files: ids as the server renders them, ends that are kept, and a sentence with file and line for what is wrong."""

import json
import shutil

import pytest

from zhinao import cli
from zhinao.data.sample import DataError
from zhinao.data.store import pairs as store
from zhinao.errors import UsageError
from zhinao.model.tokenizer import Tokenizer
from zhinao.prompt.conversation import render
from zhinao.train.method.preference import prepare
from zhinao.train.settings.prefer import PreferSettings

GOOD = {"prompt": "What is 1+1?", "chosen": "It is 2.", "rejected": "No idea."}
CHAT = {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hello"}]}


@pytest.fixture
def make(tiny, tmp_path):
    """Records -> what the trainer would get; keyword arguments are settings."""

    def prepared(records: list, **more):
        file = tmp_path / "pairs.jsonl"
        lines = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in records)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        settings = PreferSettings(
            **{
                "data_path": (str(file),),
                "model_name_or_path": str(tiny),
                "output_dir": "out",
                "model_max_length": 256,
                **more,
            }
        )
        return prepare(settings, tiny)

    return prepared


def test_ids_are_what_the_server_renders_with_the_end_of_each_answer(make, tiny):
    tokenizer, row = Tokenizer.load(tiny), make([GOOD]).train[0]
    question = [{"role": "user", "content": "What is 1+1?"}]
    assert row["prompt_ids"] == render(question, tokenizer).ids
    end = tokenizer.control_tokens["<|im_end|>"]
    for name, text in (("chosen_ids", "It is 2."), ("rejected_ids", "No idea.")):
        assert row[name] == [*tokenizer.encode(text), end]


def test_upstreams_form_with_a_system_message_and_turns(make, tiny):
    record = {
        "conversations": [
            {"from": "system", "value": "Be short."},
            {"from": "human", "value": "hello"},
            {"from": "gpt", "value": "hello!"},
            {"from": "human", "value": "and now?"},
        ],
        "chosen": {"from": "gpt", "value": "Well."},
        "rejected": {"from": "gpt", "value": "<|im_end|>"},
    }
    tokenizer, row = Tokenizer.load(tiny), make([record]).train[0]
    before = [("system", "Be short."), ("user", "hello"), ("assistant", "hello!"), ("user", "and now?")]
    messages = [{"role": role, "content": text} for role, text in before]
    assert row["prompt_ids"] == render(messages, tokenizer).ids
    end = tokenizer.control_tokens["<|im_end|>"]
    assert row["rejected_ids"].count(end) == 1  # the words in the answer are words


BROKEN = {
    "the same answer twice": ({**GOOD, "rejected": GOOD["chosen"]}, "same as chosen"),
    "an empty answer": ({**GOOD, "chosen": ""}, "chosen"),
    "no rejected answer": ({"prompt": "a", "chosen": "b", "rejected": None}, "rejected"),
    "an answer of the user": (
        {"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "user", "content": "b"}], "rejected": [{"role": "assistant", "content": "c"}]},
        "chosen",
    ),
    "a prompt without a question": (
        {"prompt": [{"role": "system", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": "c"}]},
        "has no message of the user",
    ),
    "a number for an answer": ({**GOOD, "chosen": 5}, "chosen"),
    "a thought that never ends": ({**GOOD, "chosen": "<think>\nwell"}, "thought never ends"),
    "a broken line": ('{"prompt": "a", "chosen"', "line 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pair_is_named_by_file_and_line(make, name):
    record, said = BROKEN[name]
    with pytest.raises(DataError) as error:
        make([GOOD, record, GOOD])
    assert "pairs.jsonl, line 2" in str(error.value)
    assert said in str(error.value)


def test_a_few_broken_pairs_may_be_left_out(make):
    records = [GOOD, {**GOOD, "rejected": GOOD["chosen"]}, {**GOOD, "prompt": "other"}]
    assert len(make(records, max_faulty_share=0.5).train) == 2
    with pytest.raises(DataError):
        make(records, max_faulty_share=0.3)


def test_conversations_are_sent_to_finetune(make):
    with pytest.raises(DataError) as error:
        make([CHAT])
    assert "pairs.jsonl, line 1" in str(error.value)
    assert "zhinao finetune" in str(error.value)


LONG = {**GOOD, "chosen": "春天来了 " * 60}


def test_what_is_too_long_is_never_cut(make):
    records = [{**GOOD, "prompt": str(n)} for n in range(3)] + [LONG]
    with pytest.raises(DataError) as error:
        make(records, model_max_length=60)
    assert "1 of 4 pairs has more than 60 tokens" in str(error.value)
    assert "pairs.jsonl, line 4" in str(error.value)
    for more in ({"overlong": "drop"}, {"max_overlong_share": 0.25}):
        prepared = make(records, model_max_length=60, **more)
        assert len(prepared.train) == 3
        assert prepared.omitted.total.num_dropped == 1
    with pytest.raises(DataError) as error:
        make([LONG], model_max_length=60, overlong="drop")
    assert error.value.hint == "a larger --model_max_length"  # not what was just given
    with pytest.raises(DataError, match="marked as a bad answer"):
        make([{**GOOD, "label": False}], rejected="drop")


def test_one_pair_may_be_as_long_as_the_limit(make):
    length = max(make([GOOD]).lengths)
    assert len(make([GOOD], model_max_length=int(length)).train) == 1
    with pytest.raises(DataError):
        make([GOOD], model_max_length=int(length) - 1)


def test_pairs_marked_as_bad_are_an_error_or_left_out(make):
    records = [GOOD, {**GOOD, "prompt": "other", "label": False, "id": 7}]
    with pytest.raises(DataError, match="line 2, label: false: marked as a bad answer"):
        make(records)
    made = make(records, rejected="drop")
    assert (len(made.train), made.omitted.total.num_rejected, made.found[0].ignored) == (1, 1, {"id": 1})


def test_held_out_pairs_are_not_trained_on(make):
    prepared = make([{**GOOD, "prompt": str(n)} for n in range(10)], eval_share=0.3)
    held = {tuple(row["prompt_ids"]) for row in prepared.evaluation}
    assert len(held) == 3 and len(prepared.train) == 7
    assert held.isdisjoint({tuple(row["prompt_ids"]) for row in prepared.train})


def test_data_are_encoded_once_and_anew_when_they_change(make, monkeypatch):
    first = make([GOOD])
    monkeypatch.setattr("zhinao.data.encode.pairs.encode_preference", None)  # would be called to encode
    assert make([GOOD]).key == first.key
    with pytest.raises(TypeError):
        make([{**GOOD, "chosen": "It is two."}])


def test_pairs_are_kept_as_conversations_are(make, monkeypatch):
    """By the same workers, in the same columns; the view that TRL reads is made of them and can be made again."""
    records = [{**GOOD, "prompt": str(n), "chosen": f"{n}."} for n in range(40)]
    built, build = [], store.build
    monkeypatch.setattr(store, "build", lambda *given: built.append(build(*given)) or built[-1])
    make(records)
    [alone] = built
    rows, view = alone.dataset[:], alone.documents.folder / "pairs.arrow"
    assert [len(row) for row in rows["chosen_ids"]] == [
        (d.weights > 0).sum() for d in map(alone.documents.__getitem__, range(40))
    ]
    sizes = [[len(ids) for ids in rows[name]] for name in ("prompt_ids", "chosen_ids", "rejected_ids")]
    answers = [[prompt + answer for prompt, answer in zip(sizes[0], size, strict=True)] for size in sizes[1:]]
    assert alone.lengths().tolist() == [*answers[0], *answers[1]]
    assert alone.num_answered() == sum(sizes[1]) + sum(sizes[2])
    view.unlink()
    make(records)
    again = built[-1]
    assert again.dataset[:] == rows and view.exists()
    assert make(records).train._fingerprint == again.dataset._fingerprint  # what TRL keeps beside it is found
    monkeypatch.setattr("zhinao.data.store.make._NUM_BATCH_CHARACTERS", 2000)
    shutil.rmtree(alone.documents.folder)
    make(records, preprocessing_num_workers=2)
    together = built[-1]
    assert (together.dataset[:], together.key) == (rows, alone.key)
    assert together.losses == alone.losses


def test_placeholders_are_filled(make, tiny):
    row = make([{**GOOD, "chosen": "I am {{name}}."}], set=("name=360",)).train[0]
    assert "I am 360." in Tokenizer.load(tiny).decode(row["chosen_ids"])


def test_standard_input_is_refused(tiny):
    with pytest.raises(UsageError):
        prepare(PreferSettings(data_path=("-",)), tiny)


def test_on_the_command_line_a_wrong_file_is_a_sentence(tiny, tmp_path, capsys):
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps(CHAT) + "\n")
    words = ["--data_path", str(file), "--model_name_or_path", str(tiny), "--output_dir", str(tmp_path / "out")]
    assert cli.main(["prefer", *words, "--model_max_length", "256"]) == DataError.exit_code
    assert "chats.jsonl, line 1: no pair of answers" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
