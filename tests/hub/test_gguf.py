"""GGUF files rewritten: every weight in its place, the tokenizer equal, and what cannot be exact refused."""

import json
import struct
import time

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.gguf_files import CORPUS, SIZES, random_weights, reference_tokenizer, write_gguf
from tokenizers import Tokenizer

from zhinao import hub
from zhinao.errors import CheckpointError
from zhinao.hub import cache
from zhinao.model.checkpoint import Checkpoint, to_bf16, to_float32
from zhinao.progress import quiet


def rewritten(file) -> Checkpoint:
    return Checkpoint(hub.resolve(str(file), progress=quiet).path)


@pytest.mark.parametrize(("kind", "dtype"), [(Kind.F32, "F32"), (Kind.F16, "F16"), (Kind.BF16, "BF16")])
@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_every_weight_is_in_its_place(tmp_path, family, kind, dtype):
    weights = random_weights(has_bias=family == "qwen2")
    checkpoint = rewritten(write_gguf(tmp_path / "a.gguf", family=family, kind=kind, weights=weights))
    arch = checkpoint.architecture
    assert checkpoint.is_fused and arch.family == "zhinao" and arch.is_tied and arch.rope_theta == 50000.0
    for name in checkpoint.names():
        assert checkpoint.dtype(name) == dtype
        found = to_float32(checkpoint.read(name), dtype)
        expected = weights[name] if name in weights else np.zeros_like(found)
        assert np.array_equal(found, expected), name


@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_1, Kind.Q4_0, Kind.Q5_0])
def test_quantised_files_become_the_nearest_bf16(tmp_path, kind):
    weights = random_weights({**SIZES, "inner": 128})
    checkpoint = rewritten(write_gguf(tmp_path / "a.gguf", kind=kind, weights=weights, sizes={**SIZES, "inner": 128}))
    name = "model.layers.1.mlp.down_proj.weight"
    assert np.array_equal(checkpoint.read(name), to_bf16(dequantize(quantize(weights[name], kind), kind)))
    assert checkpoint.dtype("model.norm.weight") == "BF16"


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_agrees_with_the_reader_of_transformers(tmp_path, family):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    num_tokens = reference_tokenizer("smollm").get_vocab_size()
    weights = random_weights(num_tokens=num_tokens, has_bias=family == "qwen2")
    file = write_gguf(tmp_path / "a.gguf", family=family, weights=weights)
    reference = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=file.name).state_dict()
    checkpoint = rewritten(file)
    for name in checkpoint.names():
        if name in reference:
            assert np.array_equal(checkpoint.read(name), reference[name].numpy()), name
    assert set(reference) - set(checkpoint.names()) == {"lm_head.weight"}


TEXTS = [
    *dict.fromkeys(CORPUS),
    "1234567 a1b22",
    "  two  spaces\t\ttabs\r\n\r\n  x",
    "I'LL we've",
    "½ ٣ 〇 Ⅻ",
    "<|im_start|>user",
]


@pytest.mark.parametrize("pre", ["smollm", "gpt-2", "qwen2", "llama-bpe"])
def test_tokenizer_equals_the_original(tmp_path, pre):
    original = reference_tokenizer(pre)
    folder = rewritten(write_gguf(tmp_path / "a.gguf", pre=pre, tokenizer=original)).folder
    ours = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text in TEXTS:
        assert ours.encode(text, add_special_tokens=False).ids == original.encode(text).ids, text
        ids = ours.encode(text, add_special_tokens=False).ids
        assert ours.decode(ids, skip_special_tokens=False) == text
    first = ours.encode("x").ids[0]
    assert (first == 1) == (pre == "llama-bpe")

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=40))
    def any_text(text):
        if pre != "qwen2":  # whose original normalises to NFC, unlike the one trained here
            assert ours.encode(text, add_special_tokens=False).ids == original.encode(text).ids

    any_text()


def test_the_files_beside_the_weights(tmp_path):
    folder = rewritten(write_gguf(tmp_path / "a.gguf")).folder
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [2, 1, 0]  # <|im_end|>, <|im_start|>, <|endoftext|>
    assert (folder / "chat_template.jinja").read_text() == "{{ messages[0]['content'] }}"
    config = json.loads((folder / "tokenizer_config.json").read_text())
    assert config["eos_token"] == "<|im_end|>" and config["bos_token"] == "<|im_start|>"


def test_sampling_that_the_file_names_is_taken(tmp_path):
    named = {"general.sampling.temp": 0.6, "general.sampling.top_k": 20, "general.sampling.penalty_repeat": 1.05}
    found = rewritten(write_gguf(tmp_path / "a.gguf", metadata=named))
    config = json.loads((found.folder / "generation_config.json").read_text())
    assert {name: config.get(name) for name in ("temperature", "top_p", "top_k", "repetition_penalty")} == {
        "temperature": 0.6,
        "top_p": None,
        "top_k": 20,
        "repetition_penalty": 1.05,
    }


def test_the_demo_tokenizer_gives_known_ids(demo):
    """Ids of the original SmolLM2 tokenizer."""
    tokenizer = Tokenizer.from_file(str(demo / "tokenizer.json"))
    known = {
        "Hello world! 123": [19556, 905, 17, 216, 33, 34, 35],
        "Café déjà vu.": [51, 1939, 2756, 32564, 90, 16739, 386, 101, 30],
        "  multiple   spaces": [216, 2701, 256, 5600],
        "The capital of France is": [504, 3575, 282, 4649, 314],
    }
    assert {text: tokenizer.encode(text).ids for text in known} == known


def test_untied_output_and_head_dim(tmp_path):
    weights = random_weights()
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"] * 2
    checkpoint = rewritten(write_gguf(tmp_path / "a.gguf", weights=weights))
    assert not checkpoint.architecture.is_tied
    assert np.array_equal(checkpoint.read("lm_head.weight"), weights["lm_head.weight"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": "gemma"}, "architecture 'gemma' is not one of llama, qwen2"),
        ({"metadata": {"tokenizer.ggml.model": "llama"}}, "only byte-level BPE"),
        ({"metadata": {"tokenizer.ggml.pre": "tekken"}}, "pre-tokenizer 'tekken' is not one of smollm"),
        ({"metadata": {"llama.rope.dimension_count": 8}}, "only a part of each head"),
        (
            {"metadata": {"llama.rope.scaling.type": "longrope", "llama.rope.scaling.factor": 2.0}},
            "rope scaling 'longrope'",
        ),
        ({"metadata": {"split.count": 3}}, "one part of several"),
        ({"extra": {"rope_freqs.weight": np.ones(8, np.float32)}}, "rotary frequency"),
        ({"extra": {"blk.0.attn_output.bias": np.ones(64, np.float32)}}, "unknown tensor blk.0.attn_output.bias"),
        (
            {"weights": {k: v for k, v in random_weights().items() if "1.mlp.up" not in k}},
            "blk.1.ffn_up.weight is missing",
        ),
    ],
)
def test_what_cannot_be_exact_is_refused(tmp_path, options, words):
    with pytest.raises(CheckpointError, match=words):
        rewritten(write_gguf(tmp_path / "a.gguf", **options))
    assert not any(kept.is_whole for kept in cache.kept())


def test_more_tokens_than_rows(tmp_path):
    with pytest.raises(CheckpointError, match="rows for"):
        rewritten(write_gguf(tmp_path / "a.gguf", weights=random_weights(num_tokens=100)))


def test_a_wrong_shape_is_named(tmp_path):
    weights = random_weights()
    weights["model.layers.0.mlp.up_proj.weight"] = np.zeros((96, 32), np.float32)
    with pytest.raises(CheckpointError, match=r"blk.0.ffn_up.weight has shape \(96, 32\), expected \(96, 64\)"):
        rewritten(write_gguf(tmp_path / "a.gguf", weights=weights))


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.999])
def test_a_shortened_file_is_a_sentence(tmp_path, share):
    file = write_gguf(tmp_path / "a.gguf")
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(CheckpointError, match="not a whole GGUF file"):
        rewritten(file)


def test_rope_scaling_travels(tmp_path):
    metadata = {
        "llama.rope.scaling.type": "yarn",
        "llama.rope.scaling.factor": 4.0,
        "llama.rope.scaling.original_context_length": 32,
    }
    scaling = rewritten(write_gguf(tmp_path / "a.gguf", metadata=metadata)).architecture.rope_scaling
    assert scaling == {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}


def test_rewritten_once_and_again_when_the_file_changes(tmp_path):
    file = write_gguf(tmp_path / "a.gguf")
    first = hub.resolve(str(file), progress=quiet).path
    stamp = (first / "model.safetensors").stat().st_mtime_ns
    assert hub.resolve(str(file), progress=quiet).path == first
    assert (first / "model.safetensors").stat().st_mtime_ns == stamp
    write_gguf(file, weights=random_weights(seed=1))
    assert hub.resolve(str(file), progress=quiet).path != first


def test_a_damaged_rewriting_is_made_anew(tmp_path):
    file = write_gguf(tmp_path / "a.gguf")
    weights = hub.resolve(str(file), progress=quiet).path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-7])
    assert (hub.resolve(str(file), progress=quiet).path / "model.safetensors").read_bytes() == whole


def test_a_rewriting_that_breaks_off_leaves_nothing(tmp_path):
    def stop(label, num_done, num_total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hub.resolve(str(write_gguf(tmp_path / "a.gguf")), progress=stop)
    assert cache.kept() == []


def _header(num_tensors: int = 0, num_entries: int = 0, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, num_tensors, num_entries) + rest


def _entry(kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", 1) + b"k" + struct.pack("<I", kind) + value


LIES = {
    "entries": _header(0, 2**40),
    "tensors": _header(2**40, 0),
    "items": _header(0, 1, _entry(9, struct.pack("<IQ", 4, 2**40))),
    "strings": _header(0, 1, _entry(9, struct.pack("<IQ", 8, 2**40))),
    "no bytes at all": _header(0, 1, _entry(9, struct.pack("<IQ", 0, 2**63))),
    "a long string": _header(0, 1, _entry(8, struct.pack("<Q", 2**60))),
    "a long key": _header(0, 1, struct.pack("<Q", 2**64 - 1)),
    "arrays in arrays": _header(0, 1, _entry(9, struct.pack("<IQ", 9, 1) * 2000)),
    "a kind that is none": _header(0, 1, _entry(99, b"")),
    "dimensions": _header(1, 0, struct.pack("<QI", 0, 2**32 - 1)),
    "the other order": b"GGUF" + struct.pack(">IQQ", 3, 0, 2**40),
    "a short header": b"GGUF\x03\x00\x00\x00\x00",
}


@pytest.mark.parametrize("lie", LIES)
def test_counts_are_held_against_the_files_size(tmp_path, lie):
    file = tmp_path / "x.gguf"
    file.write_bytes(LIES[lie] + bytes(4000 if lie != "a short header" else 0))
    start = time.monotonic()
    with pytest.raises(CheckpointError, match="not a whole GGUF file"):
        hub.resolve(str(file), progress=quiet)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.block_count", 2**31),
        ("llama.attention.head_count", 0),
        ("llama.attention.head_count", "x"),
        ("llama.attention.layer_norm_rms_epsilon", "x"),
        ("llama.rope.freq_base", float("inf")),
        ("llama.embedding_length", 2**40),
        ("tokenizer.ggml.pre", []),
        ("tokenizer.ggml.tokens", 7),
        ("tokenizer.ggml.token_type", ["a"]),
        ("tokenizer.ggml.merges", [0]),
        ("tokenizer.ggml.bos_token_id", -1),
        ("tokenizer.ggml.eot_token_id", []),
        ("tokenizer.chat_template", 7),
    ],
)
def test_odd_values_are_sentences(tmp_path, monkeypatch, key, value):
    from zhinao.model.gguf import file as gguf_file

    check = gguf_file.GgufFile._check_kinds

    def spoiled(self):
        self.metadata[key] = value
        check(self)

    monkeypatch.setattr(gguf_file.GgufFile, "_check_kinds", spoiled)
    file = write_gguf(tmp_path / "x.gguf")
    with pytest.raises(CheckpointError, match=r"x\.gguf|config\.json"):
        hub.resolve(str(file), progress=quiet)
    assert not cache.kept()
