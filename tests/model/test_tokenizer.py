"""The tokenizer against the tiktoken reference on a small vocabulary, and what it promises to chat and serving."""

import itertools
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st

from tests.model.texts import FRAGMENTS, texts
from tests.reference_tokenizer import Reference
from tests.tiny_tokenizer import THINKING, make_tokenizer, train, write_ranks
from zhinao.model import tiktoken_file
from zhinao.model.tokenizer import Tokenizer

KINDS = ["byte-level", "sentencepiece"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def tokenizer(folder):
    return Tokenizer.load(folder)


@pytest.fixture(scope="module")
def reference(folder):
    return Reference(folder / "vocab" / "360.tiktoken", THINKING)


@pytest.mark.parametrize("control", [False, True])
@given(text=texts)
@example(text="".join(FRAGMENTS))
def test_ids_and_text_equal_the_reference(tokenizer, reference, control, text):
    ids = tokenizer.encode(text, control)
    assert ids == reference.encode(text, control)
    assert tokenizer.decode(ids) == reference.decode(ids)
    assert tokenizer.decode(ids, skip_control=False) == reference.decode(ids, skip_control=False)


@given(ids=st.lists(st.integers(0, 312), max_size=30))
def test_any_ids_decode_as_the_reference_does(tokenizer, reference, ids):
    assert tokenizer.decode(ids) == reference.decode(ids)
    assert tokenizer.decode(ids, skip_control=False) == reference.decode(ids, skip_control=False)


@pytest.fixture(scope="module")
def of_pairs(tmp_path_factory):
    """Every pair of bytes is a token, so that ids show where text was cut into pieces."""
    single = [bytes([byte]) for byte in range(256)]
    tokens = [*single, *(first + second for first in single for second in single)]
    folder = make_tokenizer(
        tmp_path_factory.mktemp("pairs"), ranks={token: n for n, token in enumerate(tokens)}, further=()
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZHINAO_HOME", str(folder / "home"))
        return Tokenizer.load(folder), Reference(folder / "vocab" / "360.tiktoken")


@given(text=texts)
@example(text="he'S it'ſ I'LL 'Tis 12a é e\u0301x")
def test_pieces_are_cut_as_in_the_reference(of_pairs, text):
    ours, reference = of_pairs
    assert ours.encode(text) == reference.encode(text)


def test_every_code_point_between_others(of_pairs):
    """Tables of letters, digits and white space must be those of the reference, also for code points without a name."""
    ours, reference = of_pairs
    rest = random.Random(0).sample(range(0x3400, 0x110000), 6_000)
    for code in itertools.chain(range(0x3400), rest, range(0x1E000, 0x1F000)):
        char = chr(code)
        text = f"a{char}a {char} 1{char}1!{char}\n{char}\t{char}'S{char}'l{char}'r{char}e'{char}{char} \r{char}"
        assert ours.encode(text) == reference.encode(text), hex(code)


def test_runs_and_ties_merge_from_the_left(tmp_path):
    """Random vocabularies over two letters: many tokens have several splits, and ranks are in no sensible order."""
    dice = random.Random(1)
    for number in range(30):
        longer = {bytes(dice.choices(b"ab", k=dice.randint(2, 6))) for _ in range(25)} | {b"aa", b"aaa", b"abab"}
        shuffled = dice.sample(sorted(longer), len(longer))
        ranks = {token: rank for rank, token in enumerate([*(bytes([b]) for b in range(256)), *shuffled])}
        folder = make_tokenizer(tmp_path / str(number), ranks=ranks)
        tokenizer, reference = Tokenizer.load(folder), Reference(folder / "vocab" / "360.tiktoken")
        for _ in range(200):
            text = "".join(dice.choices("ab", weights=(3, 1), k=dice.randint(1, 60)))
            assert tokenizer.encode(text) == reference.encode(text), (shuffled, text)


def test_each_token_has_the_one_pair_that_is_ever_merged():
    ranks = {bytes([b]): b for b in range(256)} | {b"aa": 256, b"aaa": 257, b"ba": 258, b"xyz": 259}
    # aaa is made of aa + a, never of a + aa; xyz cannot be reached by merging
    assert tiktoken_file.find_merges(ranks) == [(b"a", b"a"), (b"aa", b"a"), (b"b", b"a")]


def test_a_whole_piece_that_merging_cannot_reach_is_taken(tmp_path):
    folder = make_tokenizer(tmp_path, ranks={**train(), b"xqz": 300})
    tokenizer = Tokenizer.load(folder)
    assert tokenizer.encode("xqz") == [300]
    assert tokenizer.encode("xqzx") == [*b"xqzx"]


def test_the_replacements(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a<br>b[br]c")) == "a\nb\nc"
    markers = {n: tokenizer.token_to_id(f"[space{n}]") for n in (2, 3, 4, 8)}
    assert tokenizer.encode(" " * 15) == [markers[8], markers[4], markers[3]]
    assert tokenizer.encode(" " * 9) == [markers[8], 32]
    assert tokenizer.encode("[space4]") == [markers[4]]
    for n in range(40):
        assert tokenizer.decode(tokenizer.encode("x" + " " * n + "y")) == "x" + " " * n + "y"


@pytest.mark.parametrize(
    "token", ["<pad>", "<unk>", "<mask>", "<eod>", "<eop>", "<|im_start|>", "<|im_end|>", *THINKING]
)
def test_control_tokens_in_content_stay_text(tokenizer, token):
    id = tokenizer.control_tokens[token]
    assert tokenizer.encode(f"a{token}b", control=True) == [97, id, 98]
    plain = tokenizer.encode(f"a{token}b")
    assert id not in plain and tokenizer.decode(plain) == f"a{token}b"


def test_space_markers_are_no_control_tokens(tokenizer):
    assert not any(name.startswith("[space") for name in tokenizer.control_tokens)


def test_skipping_drops_special_tokens_only(tokenizer):
    ids = tokenizer.encode("<|im_start|>a<think>  b</think><eod>", control=True)
    assert tokenizer.decode(ids) == "a<think>  b</think>"
    assert tokenizer.decode(ids, skip_control=False) == "<|im_start|>a<think>  b</think><eod>"


def test_ids_of_the_family(tokenizer):
    names = (
        "<pad> <unk> <mask> <eod> <eop> [space2] [space3] [space4] [space8] <|im_start|> <|im_end|> <think> </think>"
    )
    assert [tokenizer.token_to_id(name) for name in names.split()] == list(range(300, 313))
    assert (tokenizer.eos_id, tokenizer.pad_id, tokenizer.vocab_size) == (303, 300, 313)
    assert tokenizer.id_to_token(312) == "</think>"
    assert tokenizer.id_to_token(313) is None and tokenizer.id_to_token(-1) is None
    assert tokenizer.token_to_id("no such token") is None


def test_ids_of_embedding_rows_without_a_token_decode_to_nothing(tokenizer):
    assert tokenizer.decode([97, 313, 400, -1, 10**12, 98]) == "ab"


def test_surrogates_are_treated_as_in_tiktoken(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a\ud800b\ud83d\ude00")) == "a\ufffdb😀"


def test_threads_do_not_disturb_each_other(tokenizer):
    text = "<|im_start|>user\nhello<|im_end|>" * 20
    wanted = {control: tokenizer.encode(text, control) for control in (False, True)}
    with ThreadPoolExecutor(8) as pool:
        jobs = [(control, pool.submit(tokenizer.encode, text, control)) for control in (False, True) * 200]
        assert all(job.result() == wanted[control] for control, job in jobs)


def test_a_saved_tokenizer_needs_none_of_our_code(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    plain, again = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json")), Tokenizer.load(tmp_path)
    text = "".join(fragment for fragment in FRAGMENTS if not any("\ud800" <= char <= "\udfff" for char in fragment))
    ids = tokenizer.encode(text, control=True)
    assert plain.encode(text).ids == ids
    assert plain.decode(ids) == tokenizer.decode(ids)
    assert again.encode(text) == tokenizer.encode(text) and again.encode(text, control=True) == ids
    assert (again.eos_id, again.pad_id, again.chat_template) == (303, 300, tokenizer.chat_template)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert "auto_map" not in config and config["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_a_rank_that_spells_a_special_token_keeps_its_id(tmp_path):
    """The stand-in for 360.tiktoken has such a rank (`<unk>`); the special token still gets its own id."""
    longer = [b"<u", b"<un", b"<unk", b"<unk>", b"<unk>>"]
    folder = make_tokenizer(tmp_path, ranks=train() | {token: 300 + n for n, token in enumerate(longer)})
    tokenizer = Tokenizer.load(folder)
    reference = Reference(folder / "vocab" / "360.tiktoken", THINKING)
    assert tokenizer.control_tokens["<unk>"] == 306 and tokenizer.vocab_size == 318
    for text, control in itertools.product(["<unk>", "a<unk>> <unk", "<unk><pad>  x"], [False, True]):
        assert tokenizer.encode(text, control) == reference.encode(text, control)
    for ids in ([303], [304], [306], [303, 306, 97]):
        assert tokenizer.decode(ids, skip_control=False) == reference.decode(ids, skip_control=False)
        assert "".join(map(tokenizer.stream(False).feed, ([id] for id in ids))) == reference.decode(ids, False)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return {kind: Tokenizer.load(other_family(tmp_path_factory.mktemp(kind), kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_other_families_load_from_tokenizer_json(others, kind):
    tokenizer = others[kind]
    ids = tokenizer.encode("hello  world 中<|end|>", control=True)
    assert ids[-1] == tokenizer.control_tokens["<|end|>"] and len(ids) > 3
    assert tokenizer.decode(ids) == "hello  world 中"
    assert tokenizer.decode(ids, skip_control=False) == "hello  world 中<|end|>"
    assert tokenizer.control_tokens["<|end|>"] not in tokenizer.encode("hello <|end|>")
    assert tokenizer.eos_id == tokenizer.control_tokens["<|end|>"] and tokenizer.pad_id is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("skip", [False, True])
@given(ids=st.lists(st.integers(0, 270), max_size=30))
def test_streaming_of_other_families(others, kind, skip, ids):
    stream = others[kind].stream(skip)
    assert "".join(stream.feed([id]) for id in ids) + stream.flush() == others[kind].decode(ids, skip)


def other_family(folder, kind):
    """A folder as Llama 3 or Qwen2 (byte-level) or Llama 2 (SentencePiece with byte fallback) have it."""
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    if kind == "byte-level":
        vocab = {char: n for n, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))} | {"he": 256}
        backend = tokenizers.Tokenizer(models.BPE(vocab, [("h", "e")]))
        backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    else:
        names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"helowrd", "he"]
        backend = tokenizers.Tokenizer(
            models.BPE({name: n for n, name in enumerate(names)}, [("h", "e")], unk_token="<unk>", byte_fallback=True)
        )
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        backend.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
    backend.add_special_tokens([tokenizers.AddedToken("<|end|>", normalized=False, special=True)])
    backend.enable_truncation(3)  # some published files have it on
    backend.save(str(folder / "tokenizer.json"))
    (folder / "special_tokens_map.json").write_text('{"eos_token": {"content": "<|end|>"}}')
    return folder


def test_the_written_vocabulary_reads_back(tmp_path):
    assert tiktoken_file.read(write_ranks(tmp_path / "x.tiktoken", train())) == train()
