"""vLLM behind the engine interface. What needs vLLM itself is skipped where it is not installed."""

import importlib.machinery
import importlib.metadata
import importlib.util

import pytest

from tests.tiny import make_checkpoint
from zhinao.engine.base import Sampling
from zhinao.engine.vllm import VLLMEngine
from zhinao.errors import CheckpointError, ContextLengthError, EngineError, MissingExtraError, UsageError

HAS_VLLM = importlib.util.find_spec("vllm") is not None
needs_vllm = pytest.mark.skipif(not HAS_VLLM, reason="vllm is not installed")
SIZES = {"hidden_size": 192, "scale": 1.5}  # vLLM's attention on a CPU takes heads of 32 and more
PROMPTS = [[5, 77, 300], [1], list(range(100, 140))]
GREEDY = Sampling(temperature=0, max_tokens=16, logprobs=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """As published: vLLM reads it through our plugin."""
    return make_checkpoint(tmp_path_factory.mktemp("vllm") / "zhinao", **SIZES)


@pytest.fixture(scope="module")
def engine(folder):
    with VLLMEngine.load(folder, dtype="f32", kv_cache_memory_bytes=2**28) as engine:
        yield engine


@pytest.fixture(scope="module")
def reference(folder):
    from zhinao.engine.transformers import TransformersEngine

    with TransformersEngine.load(folder, device="cpu") as engine:
        yield engine


def collect(generation):
    chunks = list(generation)
    return [i for c in chunks for i in c.ids], chunks[-1].finish, [p for c in chunks for p in c.logprobs or ()]


@pytest.mark.skipif(HAS_VLLM, reason="vllm is installed")
def test_without_vllm_the_install_line_is_named(folder):
    with pytest.raises(MissingExtraError, match=r"zhinao\[vllm\]"):
        VLLMEngine.load(folder)


@pytest.fixture
def pretended(monkeypatch):
    """vLLM seems installed; what follows must be refused before it is imported."""
    find = importlib.util.find_spec
    there = importlib.machinery.ModuleSpec("vllm", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: there if name == "vllm" else find(name, *a))


def test_refused_before_vllm_is_imported(tmp_path, folder, pretended, monkeypatch):
    fused = make_checkpoint(tmp_path / "zhinao")
    with monkeypatch.context() as patch, pytest.raises(UsageError) as error:
        patch.setattr(importlib.metadata, "entry_points", lambda group: ())  # run from its sources, not installed
        VLLMEngine.load(fused)
    assert f"zhinao convert {fused} --to qwen2" in str(error.value)
    with pytest.raises(UsageError, match="head_dim"):
        VLLMEngine.load(make_checkpoint(tmp_path / "wide", "qwen2", head_dim=16))
    with pytest.raises(UsageError, match="dtype"):
        VLLMEngine.load(folder, dtype="int3")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        VLLMEngine.load(tmp_path)


@needs_vllm
@pytest.mark.slow
def test_greedy_equals_the_reference_engine(engine, reference):
    running = [engine.generate(prompt, GREEDY) for prompt in PROMPTS]  # all at once
    for prompt, generation in zip(PROMPTS, running, strict=True):
        ids, finish, logprobs = collect(generation)
        expected = collect(reference.generate(prompt, GREEDY))
        assert (ids, finish) == expected[:2] and generation.num_prompt_tokens == len(prompt)
        assert logprobs == pytest.approx(expected[2], abs=1e-3)


@needs_vllm
@pytest.mark.slow
def test_scores_equal_the_reference_engine(engine, reference):
    for prompt in (*PROMPTS, [i * 7 % 320 for i in range(256)]):  # the last fills the context
        assert engine.score(prompt) == pytest.approx(reference.score(prompt), abs=1e-3)
    with pytest.raises(ContextLengthError):
        engine.score([1] * 257)


@needs_vllm
@pytest.mark.slow
def test_penalties_and_min_tokens_mean_the_same(engine, reference):
    stop = collect(reference.generate(PROMPTS[0], GREEDY))[0][1]
    for settings in (
        {"presence_penalty": 1.5},
        {"frequency_penalty": 0.7},
        {"repetition_penalty": 1.7},
        {"stop_ids": (stop,)},
        {"stop_ids": (stop,), "ignore_eos": True},
        {"stop_ids": (stop,), "min_tokens": 5},
        {"top_k": 1, "temperature": 1.0, "seed": 1},
    ):
        sampling = Sampling(**({"temperature": 0, "max_tokens": 16} | settings))
        got = collect(engine.generate(PROMPTS[0], sampling))
        assert got[:2] == collect(reference.generate(PROMPTS[0], sampling))[:2], settings


@needs_vllm
@pytest.mark.slow
def test_seeds_cancel_and_bad_prompts(engine):
    def run(seed):
        return collect(engine.generate([1], Sampling(seed=seed, max_tokens=20)))[0]

    assert run(3) == run(3) != run(4)
    for read_first in (True, False):
        generation = engine.generate([1], Sampling(seed=1))
        if read_first:
            next(iter(generation))
        generation.cancel()
        generation.cancel()
        assert collect(generation)[1] == "cancelled"
    for prompt, error in (([], UsageError), ([320], UsageError), ([1] * 256, ContextLengthError)):
        with pytest.raises(error):
            engine.generate(prompt, GREEDY)
    assert len(run(5)) == 20, "the engine goes on after all this"


@needs_vllm
@pytest.mark.slow
def test_the_converted_layout_then_closed_twice(tmp_path):
    from zhinao.engine.transformers import TransformersEngine

    folder = make_checkpoint(tmp_path / "qwen2", "qwen2", **SIZES)
    engine = VLLMEngine.load(folder, dtype="f32", kv_cache_memory_bytes=2**28)
    with TransformersEngine.load(folder, device="cpu") as reference:
        assert collect(engine.generate(PROMPTS[0], GREEDY))[0] == collect(reference.generate(PROMPTS[0], GREEDY))[0]
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.generate([1], GREEDY)


@needs_vllm
@pytest.mark.slow
def test_a_start_that_fails_is_a_sentence(folder):
    with pytest.raises(EngineError, match="could not start"):
        VLLMEngine.load(folder, dtype="f32", max_model_len=10**6)
    with pytest.raises(UsageError, match="built for"):
        VLLMEngine.load(folder, device="toaster")
