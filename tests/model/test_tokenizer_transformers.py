"""ZhinaoTokenizer in transformers: published folders, batches, saving, and reading back without our class."""

import json

import pytest
from hypothesis import given

from tests.model.texts import texts
from tests.tiny_tokenizer import make_tokenizer, write_ranks
from zhinao.errors import CheckpointError
from zhinao.model.tokenizer import Tokenizer

transformers = pytest.importorskip("transformers")
TEXT = "a    b<|im_start|>x<br>  y <eod><think>好😀</think><unk>\n\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def ours(folder):
    return Tokenizer.load(folder)


@pytest.fixture(scope="module")
def tokenizer(folder):
    from zhinao.model.tokenizer_transformers import ZhinaoTokenizer

    return ZhinaoTokenizer.from_pretrained(str(folder))


@given(text=texts)
def test_same_ids_as_ours(tokenizer, ours, text):
    ids = tokenizer(text).input_ids
    assert ids == ours.encode(text, control=True)
    assert tokenizer.decode(ids) == ours.decode(ids, skip_control=False)
    assert tokenizer.decode(ids, skip_special_tokens=True) == ours.decode(ids)


def test_special_tokens_and_padding(tokenizer):
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.bos_token_id) == (303, 300, None)
    assert len(tokenizer) == 313 and tokenizer.model_max_length == 32768
    assert set(tokenizer.all_special_tokens) == {
        "<pad>", "<unk>", "<mask>", "<eod>", "<eop>", "<|im_start|>", "<|im_end|>"
    }  # fmt: skip
    batch = tokenizer(["a", "abc\ud800"], padding=True)
    assert batch.input_ids == [[300] * 5 + [97], [*b"abc", 239, 191, 189]]
    assert batch.attention_mask == [[0] * 5 + [1], [1] * 6]


def test_chat_template(tokenizer):
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    encoded = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], return_dict=True)
    assert encoded["input_ids"][0] == 309 and encoded["input_ids"][-2] == 310


@pytest.mark.parametrize("save", ["transformers", "ours"])
def test_what_is_saved_loads_without_our_class(tokenizer, ours, tmp_path, save):
    tokenizer.save_pretrained(tmp_path) if save == "transformers" else ours.save(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert "auto_map" not in config and config["tokenizer_class"] == "PreTrainedTokenizerFast"
    plain = transformers.PreTrainedTokenizerFast.from_pretrained(str(tmp_path))
    ids = ours.encode(TEXT, control=True)
    assert plain(TEXT).input_ids == ids
    assert plain.decode(ids, skip_special_tokens=True) == ours.decode(ids)
    assert plain.chat_template == ours.chat_template
    assert (plain.eos_token_id, plain.pad_token_id, plain.padding_side) == (303, 300, "left")
    assert set(plain.all_special_tokens) == set(tokenizer.all_special_tokens)
    assert Tokenizer.load(tmp_path).encode(TEXT, control=True) == ids

    auto = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    assert auto(TEXT).input_ids == ids


def test_saved_and_loaded_with_our_class_again(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = type(tokenizer).from_pretrained(str(tmp_path))
    assert again(TEXT).input_ids == tokenizer(TEXT).input_ids
    again.save_pretrained(tmp_path / "twice")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (tmp_path / "twice" / name).read_text() == (tmp_path / name).read_text()


def test_a_token_added_later_is_saved(tokenizer, folder, tmp_path):
    tokenizer = type(tokenizer).from_pretrained(str(folder))
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(tmp_path)
    assert Tokenizer.load(tmp_path).encode("a<new>", control=True) == [97, 313]


def test_a_folder_with_the_vocabulary_alone(tokenizer, tmp_path):
    from tests.tiny_tokenizer import train

    write_ranks(tmp_path / "vocab" / "360.tiktoken", train())
    alone = type(tokenizer).from_pretrained(str(tmp_path))
    assert (len(alone), alone.eos_token_id, alone.pad_token_id, alone.padding_side) == (311, 303, 300, "left")
    assert alone("a  b<eod>").input_ids == [97, 305, 98, 303]


def test_a_damaged_vocabulary(tokenizer, tmp_path):
    make_tokenizer(tmp_path)
    (tmp_path / "vocab" / "360.tiktoken").write_text("IQ== 0\nnonsense\n")
    with pytest.raises(CheckpointError, match="line 2"):
        type(tokenizer).from_pretrained(str(tmp_path))
