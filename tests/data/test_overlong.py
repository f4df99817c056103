"""What becomes of samples over the limit, and what is said of it."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests.byte_tokenizer import ByteTokenizer

from zhinao.data.encode.choices import Choices
from zhinao.data.encode.encoding import encode
from zhinao.data.encode.omitted import Omitted, Row
from zhinao.data.encode.overlong import Limit, fit, nothing_left
from zhinao.data.sample import DataError, Fault, Place, Sample
from zhinao.errors import UsageError

plain = ByteTokenizer()
PLACE = Place("train.jsonl", 7, 7)
SYSTEM = {"role": "system", "content": "S"}
NUM_TURN = (
    len("user\nq\n") + 2 + len("assistant\n\n") + 2
)  # of a question and an empty answer, without the last line break


def turns(*answers, **more):
    return [
        message
        for n, answer in enumerate(answers)
        for message in (
            {"role": "user", "content": str(n)},
            {"role": "assistant", "content": answer, **({k: v[n] for k, v in more.items()})},
        )
    ]


def chat(*answers, head=(SYSTEM,), **more):
    return Sample("chat", PLACE, [*head, *turns(*answers, **more)])


def fitted(sample, size, policy, losses=None, **how):
    losses = losses if losses is not None else Omitted()
    made = fit(sample, plain, Choices(**how), Limit(size, policy), losses)
    return [plain.decode(document.ids.tolist(), skip_control=False) for document in made], losses.total


def alone(*answers, first=0):
    """The text of a conversation of its own, whose questions are numbered from `first` on."""
    messages = [SYSTEM, *turns(*[""] * first, *answers)[2 * first :]]
    (document,) = encode(Sample("chat", PLACE, messages), plain, Choices())
    return plain.decode(document.ids.tolist(), skip_control=False)


def size(text):
    return len(plain.encode(text, control=True))


def test_what_fits_stays():
    sample = chat("a", "b")
    for policy in ("error", "split", "drop", "left"):
        documents, row = fitted(sample, size(alone("a", "b")), policy)
        assert documents == [alone("a", "b")]
        assert row == Row(1, 0, 0, 0, 1, size(alone("a", "b")), 0, 4, 0)


def test_split_at_turns_each_part_a_conversation_of_its_own():
    sample, limit = chat("a", "b", "c", "d", "e"), size(alone("a", "b"))
    documents, row = fitted(sample, limit, "split")
    assert documents == [alone("a", "b"), alone("c", "d", first=2), alone("e", first=4)]
    assert all(text.endswith("<|im_end|>") for text in documents)
    assert (row.num_overlong, row.num_dropped, row.num_documents) == (1, 0, 3)
    assert row.num_lost_supervised == row.num_lost_tokens == 0 and row.num_supervised == 10


def test_a_turn_that_alone_is_too_long_is_lost_and_said():
    losses = Omitted()
    sample, limit = chat("a", "b" * 50, "c"), size(alone("a"))
    documents, row = fitted(sample, limit, "split", losses)
    assert documents == [alone("a"), alone("c", first=2)]
    assert row.num_lost_supervised == 51 and row.num_dropped == 0
    (cut,) = losses.worst
    assert cut.place == PLACE and cut.num_tokens == size(alone("a", "b" * 50, "c"))


def test_one_turn_a_part():
    documents, row = fitted(chat("a", "b", "c"), size(alone("a")), "split")
    assert documents == [alone("a"), alone("b", first=1), alone("c", first=2)]
    assert row.num_lost_supervised == 0


def test_questions_in_a_row_belong_to_one_turn():
    asked = [{"role": "user", "content": "x"}, *turns("a")]
    sample = Sample("chat", PLACE, [SYSTEM, *asked, *asked])
    (one,) = encode(Sample("chat", PLACE, [SYSTEM, *asked]), plain, Choices())
    documents, _ = fitted(sample, len(one.ids), "split")
    assert documents == [plain.decode(one.ids.tolist(), skip_control=False)] * 2


def test_parts_with_nothing_to_train_are_not_kept():
    documents, row = fitted(chat("a", "b", "c", weight=[1, 0, 1]), size(alone("a")), "split")
    assert documents == [alone("a"), alone("c", first=2)]
    assert row.num_lost_supervised == 0


def test_calls_stay_with_their_responses():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    used = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
        {"role": "assistant", "content": "b"},
    ]
    sample = Sample("chat", PLACE, [SYSTEM, *turns("a"), *used, *turns("c")])
    whole = size(plain.decode(encode(sample, plain, Choices())[0].ids.tolist(), skip_control=False))
    documents, row = fitted(sample, whole - 1, "split")
    assert len(documents) == 2 and "42" in documents[0] and documents[1] == alone("c")
    assert row.num_lost_supervised == 0


def test_left_keeps_the_system_message_and_the_newest_turns():
    documents, row = fitted(chat("a", "b", "c"), size(alone("b", "c")), "left")
    assert documents == [alone("b", "c", first=1)]
    assert row.num_lost_supervised == 2 and row.num_lost_tokens == NUM_TURN + 1
    documents, row = fitted(chat("a", "b" * 90), size(alone("a")), "left")
    assert documents == [] and row.num_dropped == 1 and row.num_lost_supervised == row.num_supervised


def test_where_only_the_last_turn_is_trained_no_other_becomes_last():
    documents, _ = fitted(chat("a", "b", "c"), size(alone("b", "c")), "split", train_on="last")
    assert documents == [alone("b", "c", first=1)]
    sample = chat("a", "b", "c", reasoning_content=["", "", "T"])
    documents, _ = fitted(sample, size(alone("a", "b")) + 20, "split", thoughts="last")
    assert len(documents) == 1 and "T" in documents[0]


def test_thinking_turns_are_split_too():
    sample = chat("a", "b", "c", reasoning_content=["T", "U", "V"])
    limit = max(len(d.ids) for d in encode(chat("a", "b", reasoning_content=["T", "U"]), plain, Choices()))
    documents, row = fitted(sample, limit, "split")
    assert len(documents) == 3 and row.num_lost_supervised == 0
    assert "a<|im_end|>" in documents[1] and "b<|im_end|>" not in documents[2]
    assert [text.count("<think>") for text in documents] == [1, 1, 1]


def test_drop_and_error_keep_nothing_of_it():
    for policy in ("drop", "error"):
        documents, row = fitted(chat("a", "b"), size(alone("a")), policy)
        assert documents == [] and row.num_dropped == 1
        assert row.num_lost_tokens == row.num_tokens and row.num_lost_supervised == row.num_supervised == 4


@given(st.integers(0, 40), st.integers(2, 12))
@settings(deadline=None)
def test_text_in_pieces_predicts_every_token_once(num_characters, limit):
    sample = Sample("text", PLACE, text="".join(chr(ord("a") + n % 26) for n in range(num_characters + 1)))
    (whole,) = encode(sample, plain, Choices())
    for policy in ("error", "split"):
        losses = Omitted()
        pieces = fit(sample, plain, Choices(), Limit(limit, policy), losses)
        assert all(2 <= len(piece.ids) <= limit for piece in pieces)
        assert [n for piece in pieces for n in piece.ids[1:].tolist()] == whole.ids[1:].tolist()
        assert all(piece.weights.tolist() == [0] + [1] * (len(piece.ids) - 1) for piece in pieces)
        assert [plain.eos_id in piece.ids for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        assert losses.total.num_overlong == losses.total.num_lost_supervised == 0


def test_text_and_completion_from_the_left():
    documents, row = fitted(Sample("text", PLACE, text="abcdef"), 4, "left")
    assert documents == ["def<eod>"] and row.num_overlong == 1 and row.num_lost_supervised == 3
    completion = Sample("completion", PLACE, prompt="abcd", completion="ef")
    assert fitted(completion, 4, "left")[0] == ["def<eod>"]
    assert fitted(completion, 4, "split")[0] == []  # nothing of it may be split
    assert fitted(completion, 3, "left")[0] == []  # the completion's own beginning would be cut
    assert fitted(Sample("text", PLACE, text="abcdef"), 4, "drop")[0] == []


def test_faults_are_counted():
    losses = Omitted()
    assert isinstance(fit(Sample("text", PLACE), plain, Choices(), Limit(9), losses), Fault)
    assert losses.total == Row(num_samples=1, num_faulty=1)


def test_limits_that_cannot_be_meant():
    with pytest.raises(UsageError, match="overlong: 'cut' is unknown"):
        Limit(9, "cut")
    with pytest.raises(UsageError, match="2 or more"):
        Limit(1)


def long_table(num_overlong, num_samples=100):
    losses = Omitted()
    for n in range(num_samples):
        sample = Sample("chat", Place("a.jsonl" if n % 2 else "b.jsonl", n + 1, n + 1), [SYSTEM, *turns("a" * n)])
        limit = size(alone("a" * (num_samples - num_overlong - 1)))
        fit(sample, plain, Choices(), Limit(limit), losses)
    return losses


def test_above_the_share_the_run_does_not_start():
    losses = long_table(1)
    losses.check(50, 0.01)
    losses = long_table(2)
    losses.check(50, None)
    with pytest.raises(DataError) as error:
        losses.check(50, 0.01)
    assert "2 of 100 samples (2.0%) have more than 50 tokens" in str(error.value)
    assert "a.jsonl, line 100" in str(error.value) and "--overlong split" in error.value.hint


@pytest.mark.parametrize(
    ("policy", "helps"),
    [
        ("error", "split or left"),
        ("drop", "split or left"),
        ("left", "--overlong split"),
        ("split", "--model_max_length"),
    ],
)
def test_where_nothing_is_left_another_way_is_named(policy, helps):
    losses = Omitted()
    fitted(chat("a" * 50), size(alone("")), policy, losses)
    error = nothing_left(losses, Limit(size(alone("")), policy))
    assert (
        f"1 of 1 sample is too long for {size(alone(''))} tokens, and --overlong {policy} keeps no part of it"
        in error.message
    )
    assert "train.jsonl, line 7" in error.message
    assert error.hint.endswith(helps) and f"--overlong {policy}" not in error.hint


def test_nothing_is_left_for_other_reasons():
    losses = Omitted()
    assert nothing_left(losses, Limit(9)).message == "Nothing is left to train."
    losses.add_rejected(PLACE)
    assert nothing_left(losses, Limit(9)).hint == "--rejected learn"


def test_the_table_adds_up_and_comes_back_from_json():
    losses = long_table(10)
    parts = Omitted()
    for part in (long_table(3), long_table(7)):
        parts.merge(part)
    assert parts.total.num_samples == 200 and parts.total.num_overlong == 10
    assert set(losses.rows) == {"a.jsonl", "b.jsonl"} and losses.total.num_overlong == 10
    assert [cut.place.line for cut in losses.worst] == list(range(100, 90, -1))
    assert Omitted.from_json(json.loads(json.dumps(losses.to_json()))) == losses


def test_the_table_fits_a_terminal():
    losses = long_table(10)
    losses.rows["/data/deep/down/c.jsonl"] = Row(2_000_000, 3, 0, 0, 5, 3_210_000_000, 0, 45_000, 9)
    out = io.StringIO()
    Console(file=out, width=80).print(losses.table())
    lines = out.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    row = next(line.split() for line in lines if line.startswith("c.jsonl"))
    assert row == ["c.jsonl", "2,000,000", "3", "0", "0", "3.2B", "0", "45.0k", "9"]
    assert next(line for line in lines if line.startswith("all")).split()[1] == "2,000,100"
    assert len(losses.table(max_rows=1).rows) == 2
