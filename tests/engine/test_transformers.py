"""The reference engine: streams, stops, cancels, scores; the same answers as transformers' own generate."""

import importlib.util
import threading

import pytest

torch = pytest.importorskip("torch")

from tests.model.reference import reference_logits  # noqa: E402
from tests.tiny import make_checkpoint  # noqa: E402
from zhinao import machine  # noqa: E402
from zhinao.engine.base import Sampling  # noqa: E402
from zhinao.engine.transformers import TransformersEngine  # noqa: E402
from zhinao.errors import (  # noqa: E402
    CheckpointError,
    ContextLengthError,
    EngineError,
    MissingExtraError,
    UsageError,
)

GREEDY = Sampling(temperature=0, max_tokens=12)
PROMPT = [5, 77, 300, 8, 1, 2, 3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("engine") / "tiny", head_dim=16, scale=1.5)


@pytest.fixture(scope="module")
def engine(folder):
    with TransformersEngine.load(folder, device="cpu") as engine:
        yield engine


def collect(generation):
    chunks = list(generation)
    assert all(chunk.finish is None for chunk in chunks[:-1])
    return [i for chunk in chunks for i in chunk.ids], chunks[-1].finish, chunks


@pytest.mark.parametrize("family", ["zhinao", "qwen2", "llama"])
def test_greedy_equals_generate_of_transformers(tmp_path, family):
    from transformers import AutoModelForCausalLM

    folder = make_checkpoint(tmp_path / family, family, head_dim=16, scale=1.5)
    model = AutoModelForCausalLM.from_pretrained(folder)
    expected = model.generate(torch.tensor([PROMPT]), max_new_tokens=12, do_sample=False)[0, len(PROMPT) :].tolist()
    with TransformersEngine.load(folder, device="cpu") as engine:
        ids, finish, chunks = collect(engine.generate(PROMPT, GREEDY))
    assert (ids, finish, len(chunks)) == (expected, "length", 12)


@pytest.mark.parametrize(("scaling", "context"), [({"type": "yarn", "factor": 4}, 1024), ({"type": "linear", "factor": 2}, 512),
                                                  ({"type": "dynamic", "factor": 2}, 512)])  # fmt: skip
def test_the_context_that_the_scaling_gives(tmp_path, scaling, context):
    with TransformersEngine.load(make_checkpoint(tmp_path / "z", rope_scaling=scaling), device="cpu") as engine:
        assert engine.info.num_context_tokens == context
        assert len(collect(engine.generate([1, 2, 3] * 100, GREEDY))[0]) == 12  # past the 256 of config.json


def test_info(engine):
    info = engine.info
    assert (info.engine, info.device, info.precision) == ("transformers", "cpu", "f32")
    assert (info.vocab_size, info.num_context_tokens) == (320, 256)
    assert engine.generate(PROMPT, GREEDY).num_prompt_tokens == len(PROMPT)


def test_bf16(folder):
    with TransformersEngine.load(folder, device="cpu", dtype="bf16") as engine:
        assert engine.info.precision == "bf16"
        assert len(collect(engine.generate(PROMPT, GREEDY))[0]) == 12


def test_bf16_weights_where_the_processor_has_no_bf16(folder, monkeypatch):
    monkeypatch.setattr(machine, "cpu_features", lambda: ("avx2",))
    with TransformersEngine.load(folder, device="cpu", dtype="bf16") as engine:
        assert engine.info.precision == "bf16" and engine._model.dtype == torch.float32
        assert all(torch.equal(weight, weight.bfloat16().float()) for weight in engine._model.parameters())
        assert len(collect(engine.generate(PROMPT, GREEDY))[0]) == 12


def test_score_equals_the_independent_forward(engine, folder):
    ids = [i * 7 % 320 for i in range(200)]  # longer than one piece
    expected = torch.from_numpy(reference_logits(folder, ids)).log_softmax(-1)
    got = engine.score(ids)
    assert got == pytest.approx([float(expected[n, ids[n + 1]]) for n in range(len(ids) - 1)], abs=1e-4)
    assert engine.score([3]) == []


def test_score_of_a_full_context(engine):
    assert len(engine.score([1] * 256)) == 255
    with pytest.raises(ContextLengthError):
        engine.score([1] * 257)


def test_a_long_prompt_goes_in_pieces_without_a_trace(tmp_path, monkeypatch):
    from zhinao.engine import transformers

    folder = make_checkpoint(tmp_path / "m", head_dim=16, scale=1.5)
    with TransformersEngine.load(folder, device="cpu") as engine:
        prompt = [i * 7 % 320 for i in range(100)]
        whole = collect(engine.generate(prompt, GREEDY))[0]
        monkeypatch.setattr(transformers, "_PREFILL_TOKENS", 7)
        assert collect(engine.generate(prompt, GREEDY))[0] == whole


def test_stop_ids_end_the_answer_and_are_delivered(engine):
    ids, _, _ = collect(engine.generate(PROMPT, GREEDY))
    stop = ids[4]
    cut = ids[: ids.index(stop) + 1]
    got, finish, _ = collect(engine.generate(PROMPT, Sampling(temperature=0, max_tokens=12, stop_ids=(stop,))))
    assert (got, finish) == (cut, "stop")
    ignoring = Sampling(temperature=0, max_tokens=12, stop_ids=(stop,), ignore_eos=True)
    assert collect(engine.generate(PROMPT, ignoring))[:2] == (ids, "length")
    later = Sampling(temperature=0, max_tokens=12, stop_ids=(stop,), min_tokens=6)
    got, finish, _ = collect(engine.generate(PROMPT, later))
    assert stop not in got[:6]
    assert finish == "length" or (len(got) > 6 and got[-1] == stop)


def test_max_tokens_one_and_the_rest_of_the_context(engine):
    ids, finish, chunks = collect(engine.generate(PROMPT, Sampling(max_tokens=1, seed=1)))
    assert (len(ids), finish, len(chunks)) == (1, "length", 1)
    assert len(collect(engine.generate([1] * 250, Sampling(seed=1)))[0]) == 6


def test_logprobs_are_those_of_score(engine):
    sampling = Sampling(temperature=0.7, top_p=0.9, presence_penalty=1, seed=3, max_tokens=10, logprobs=True)
    ids, _, chunks = collect(engine.generate(PROMPT, sampling))
    logprobs = [p for chunk in chunks for p in chunk.logprobs]
    assert logprobs == pytest.approx(engine.score(PROMPT + ids)[-10:], abs=1e-4)
    assert collect(engine.generate(PROMPT, GREEDY))[2][0].logprobs is None


def test_seeds_repeat_and_differ(engine):
    def run(seed):
        return collect(engine.generate(PROMPT, Sampling(seed=seed, max_tokens=20)))[0]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_cancel_in_the_middle_before_and_twice(engine):
    generation = engine.generate(PROMPT, Sampling(max_tokens=200, seed=0))
    stream = iter(generation)
    first = [next(stream), next(stream)]
    generation.cancel()
    generation.cancel()
    rest = list(stream)
    assert [c.finish for c in first] == [None, None] and [c.finish for c in rest] == ["cancelled"]
    before = engine.generate(PROMPT, GREEDY)
    before.cancel()
    assert [c.finish for c in before] == ["cancelled"]


def test_cancel_from_another_thread(engine):
    generation = engine.generate([1], Sampling(seed=0))
    timer = threading.Timer(0.1, generation.cancel)
    timer.start()
    ids, finish, _ = collect(generation)
    timer.join()
    assert finish == "cancelled" or len(ids) == 255


def test_several_requests_at_once(engine):
    alone = [collect(engine.generate([n, n + 1], GREEDY))[0] for n in range(4)]
    got = [None] * 4

    def work(n):
        got[n] = collect(engine.generate([n, n + 1], GREEDY))[0]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == alone


@pytest.mark.parametrize(
    "prompt, error", [([], UsageError), ([320], UsageError), ([-1], UsageError), ([1] * 256, ContextLengthError)]
)
def test_bad_prompts_are_refused_before_anything_runs(engine, prompt, error):
    with pytest.raises(error):
        engine.generate(prompt, GREEDY)


def test_bad_folders_devices_and_types(folder, tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        TransformersEngine.load(tmp_path)
    with pytest.raises(UsageError, match="cannot be used"):
        TransformersEngine.load(folder, device="cuda:99")
    with pytest.raises(UsageError, match="cannot be used"):
        TransformersEngine.load(folder, device="toaster")
    with pytest.raises(UsageError, match="dtype"):
        TransformersEngine.load(folder, dtype="int3")
    odd = make_checkpoint(tmp_path / "odd")
    (odd / "model.safetensors").rename(odd / "weights.safetensors")
    with pytest.raises(CheckpointError, match="transformers cannot load it"):
        TransformersEngine.load(odd)


def test_without_torch_the_install_line_is_named(folder, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a))
    with pytest.raises(MissingExtraError, match=r"zhinao\[torch\]"):
        TransformersEngine.load(folder)


def test_closed_twice_then_used(folder):
    engine = TransformersEngine.load(folder, device="cpu")
    running = iter(engine.generate(PROMPT, Sampling(max_tokens=50, seed=0)))
    next(running)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        next(running)
    with pytest.raises(EngineError, match="closed"):
        engine.generate(PROMPT, GREEDY)
    with pytest.raises(EngineError, match="closed"):
        engine.score(PROMPT)


def test_numbers_that_are_none_are_an_error(folder):
    with TransformersEngine.load(folder, device="cpu") as engine:
        engine._model.model.norm.weight.data.fill_(float("nan"))
        with pytest.raises(EngineError, match="NaN"):
            list(engine.generate(PROMPT, GREEDY))


def test_an_adapter_beside_the_model_is_not_loaded_unasked(tmp_path):
    folder = make_checkpoint(tmp_path)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "/somewhere/else", "peft_type": "LORA"}')
    with pytest.raises(CheckpointError, match="an adapter lies beside"):
        TransformersEngine.load(folder, device="cpu")
