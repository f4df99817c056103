"""The embedded engine gives what the reference gives, streams, stops, samples, cancels, and refuses what is bad."""

import math

import numpy as np
import pytest

from tests.tiny import make_checkpoint
from zhinao import engine as engines
from zhinao import machine
from zhinao.engine.base import Sampling
from zhinao.engine.openvino.prepare import products
from zhinao.errors import ContextLengthError, EngineError, UsageError

PROMPT = np.random.default_rng(1).integers(0, 320, 70).tolist()  # longer than two cache blocks
GREEDY = Sampling(temperature=0, max_tokens=24)


def collect(generation):
    chunks = list(generation)
    assert chunks[-1].finish and all(chunk.finish is None for chunk in chunks[:-1])
    return [i for chunk in chunks for i in chunk.ids], chunks[-1].finish


def load(folder, quant="f32", **options):
    return engines.open(folder, engine="openvino", quant=quant, **options)


@pytest.fixture(scope="module")
def engine(home, tmp_path_factory):
    folder = make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", head_dim=16, scale=1.5)
    with load(folder) as engine:
        yield engine


KINDS = {
    "zhinao, heads that fit nothing": ("zhinao", {"head_dim": 24}),
    "zhinao, bf16, shards": ("zhinao", {"dtype": "BF16", "max_shard_bytes": 30_000}),
    "qwen2, tied, one head for all": ("qwen2", {"is_tied": True, "num_key_value_heads": 1}),
    "qwen2, f16": ("qwen2", {"dtype": "F16"}),
    "llama, biases everywhere": ("llama", {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 6}),
    "llama, linear rope": ("llama", {"rope_scaling": {"type": "linear", "factor": 3.0}}),
    "llama, llama3 rope": (
        "llama",
        {
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "zhinao, yarn rope": (
        "zhinao",
        {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_reference(home, tmp_path, kind):
    pytest.importorskip("torch")
    family, config = KINDS[kind]
    folder = make_checkpoint(tmp_path / family, family, **config)
    with engines.open(folder, engine="transformers") as reference, load(folder) as engine:
        assert collect(engine.generate(PROMPT, GREEDY)) == collect(reference.generate(PROMPT, GREEDY))
        np.testing.assert_allclose(engine.score(PROMPT), reference.score(PROMPT), atol=5e-5)


@pytest.mark.parametrize(("quant", "allowed"), [("bf16", 0.03), ("int8", 0.05)])
def test_compressed_weights_stay_near_the_reference(home, tmp_path, quant, allowed):
    pytest.importorskip("torch")
    folder = make_checkpoint(tmp_path / "tiny", dtype="BF16", head_dim=16)
    with engines.open(folder, engine="transformers") as reference, load(folder, quant) as engine:
        mine, its = np.array(engine.score(PROMPT)), np.array(reference.score(PROMPT))
        # bf16 weights of a bf16 checkpoint lose nothing where the processor has to compute in float32
        is_rounded = quant == "int8" or products(machine.cpu_features()).bf16
        assert 1e-5 * is_rounded < abs(mine - its).max() < allowed
        assert abs(mine.sum() / its.sum() - 1) < 1e-3
        assert engine.info.precision == quant


@pytest.mark.parametrize(("quant", "is_for_many"), [("bf16", False), ("int8", False), ("int8", True)])
def test_answers_under_the_settings_of_a_processor_without_bf16(home, tmp_path, monkeypatch, quant, is_for_many):
    """What such a processor is told runs on every other too."""
    pytest.importorskip("torch")
    monkeypatch.setattr(machine, "cpu_features", lambda: ("avx2",))
    folder = make_checkpoint(tmp_path / "tiny", dtype="BF16", head_dim=16)
    with (
        engines.open(folder, engine="transformers") as reference,
        load(folder, quant, is_for_many=is_for_many) as engine,
    ):
        np.testing.assert_allclose(
            engine.score(PROMPT), reference.score(PROMPT), atol=0.02 if quant == "bf16" else 0.08
        )
        assert len(collect(engine.generate(PROMPT, GREEDY))[0]) == 24 and engine.info.precision == quant


def test_a_processor_without_avx2_gets_a_sentence(home, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "lacks_avx2", lambda: True)
    with pytest.raises(EngineError, match="AVX2"):
        load(make_checkpoint(tmp_path / "tiny"))


def test_int8_is_the_default(home, tmp_path):
    with engines.open(make_checkpoint(tmp_path / "tiny"), engine="openvino") as engine:
        assert (engine.info.engine, engine.info.precision, engine.info.device) == ("openvino", "int8", "cpu")
        assert (engine.info.vocab_size, engine.info.num_context_tokens) == (320, 256)


def test_streams_one_id_a_chunk_with_its_logprob(engine):
    generation = engine.generate(PROMPT, Sampling(temperature=0, max_tokens=5, logprobs=True))
    chunks = list(generation)
    assert generation.num_prompt_tokens == 70
    assert [len(chunk.ids) for chunk in chunks] == [1] * 5
    ids = [chunk.ids[0] for chunk in chunks]
    np.testing.assert_allclose([chunk.logprobs[0] for chunk in chunks], engine.score(PROMPT + ids)[-5:], atol=1e-4)


def test_scores_of_a_prompt_over_several_pieces(engine):
    scores = engine.score(PROMPT * 3)
    assert len(scores) == 209 and all(math.isfinite(s) and s < 0 for s in scores)
    np.testing.assert_allclose(engine.score(PROMPT), scores[:69], atol=1e-4)
    assert engine.score([5]) == []
    assert len(engine.score((PROMPT * 4)[:256])) == 255, "a prompt to be scored may fill the context"


def test_one_pipeline_where_scoring_is_the_main_use(engine, home, tmp_path):
    folder = make_checkpoint(tmp_path / "tiny", head_dim=16, scale=1.5)
    with load(folder, is_for_scoring=True) as other:
        np.testing.assert_allclose(other.score(PROMPT), engine.score(PROMPT), atol=1e-4)
        assert len(other.score(PROMPT)) == 69, "nothing may come out of a prefix cache"
        assert collect(other.generate(PROMPT, GREEDY)) == collect(engine.generate(PROMPT, GREEDY))


def test_stops_at_a_stop_id_and_delivers_it(engine):
    ids, _ = collect(engine.generate(PROMPT, GREEDY))
    stop = ids[6]
    until = ids[: ids.index(stop) + 1]
    stopping = Sampling(temperature=0, max_tokens=24, stop_ids=(319 if stop != 319 else 318, stop))
    assert collect(engine.generate(PROMPT, stopping)) == (until, "stop")
    ignoring = Sampling(temperature=0, max_tokens=24, stop_ids=(stop,), ignore_eos=True)
    assert collect(engine.generate(PROMPT, ignoring)) == (ids, "length")


def test_min_tokens_hold_a_stop_id_back(engine):
    ids, _ = collect(engine.generate(PROMPT, GREEDY))
    late = Sampling(temperature=0, max_tokens=24, stop_ids=(ids[0],), min_tokens=4)
    got, finish = collect(engine.generate(PROMPT, late))
    assert len(got) >= 4 and ids[0] not in got[:4]
    assert (len(got) == 24) == (finish == "length")


def test_nothing_stops_a_request_without_stop_ids_but_the_context(engine):
    ids, finish = collect(engine.generate(PROMPT * 3, Sampling(temperature=0)))
    assert (len(ids), finish) == (256 - 210, "length")


def test_seeds(engine):
    def draw(seed):
        return collect(engine.generate(PROMPT, Sampling(temperature=1.5, max_tokens=16, seed=seed)))[0]

    assert draw(7) == draw(7) != draw(8)
    assert draw(2**63 - 1) == draw(2**63 - 1)
    assert len({tuple(draw(None)) for _ in range(4)}) > 1, "without a seed each request draws its own"


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 1},
        {"top_k": -1},
        {"top_k": 0},
        {"top_k": 10**30},
        {"temperature": 1e-50},
        {"top_p": 1e-50},
        {"min_p": 1.0},
        {"temperature": 2.0},
        {"presence_penalty": 2.0},
        {"frequency_penalty": -2.0},
        {"repetition_penalty": 1e-50},
        {"repetition_penalty": 1.3},
        {"temperature": 0.0, "top_p": 0.5, "top_k": 3, "repetition_penalty": 2.0},
    ],
)
def test_every_setting_is_taken(engine, settings):
    ids, finish = collect(engine.generate(PROMPT, Sampling(**{"max_tokens": 6, "seed": 1, **settings})))
    assert (len(ids), finish) == (6, "length")
    if settings.keys() & {"min_p"} or settings.get("top_k") == 1 or settings.get("top_p") == 1e-50:
        assert ids == collect(engine.generate(PROMPT, GREEDY))[0][:6], "only the likeliest token is left"


def test_repetition_penalty_changes_a_greedy_answer(engine):
    free, _ = collect(engine.generate(PROMPT, GREEDY))
    held, _ = collect(engine.generate(PROMPT, Sampling(temperature=0, max_tokens=24, repetition_penalty=50.0)))
    assert free != held and len(set(held)) == 24


def test_many_at_once_are_each_like_alone(engine):
    prompts = [PROMPT[n : n + 5 + n] for n in range(40)]
    running = [
        engine.generate(prompt, Sampling(temperature=0, max_tokens=1 + n % 9)) for n, prompt in enumerate(prompts)
    ]
    together = [collect(generation) for generation in running]
    assert [len(ids) for ids, _ in together] == [1 + n % 9 for n in range(40)]
    for n in (0, 17, 39):
        assert together[n] == collect(engine.generate(prompts[n], Sampling(temperature=0, max_tokens=1 + n % 9)))


def test_cancel_ends_a_request_and_no_other(engine):
    endless, other = (engine.generate(PROMPT, Sampling(temperature=0)) for _ in range(2))
    chunks = iter(endless)
    first = next(chunks)
    endless.cancel()
    endless.cancel()
    rest = list(chunks)
    assert first.finish is None and rest[-1].finish == "cancelled" and rest[-1].ids == ()
    assert len(collect(other)[0]) == 186
    before_its_start = engine.generate(PROMPT, Sampling(temperature=0))
    before_its_start.cancel()
    assert collect(before_its_start)[1] == "cancelled"


def test_cancel_after_the_end_changes_nothing(engine):
    generation = engine.generate(PROMPT, GREEDY)
    ids, finish = collect(generation)
    generation.cancel()
    assert list(generation) == [] and (len(ids), finish) == (24, "length")


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ([], "empty"),
        ([5, 320], "320 is outside"),
        ([-1], "-1 is outside"),
        ([1] * 256, "256 tokens"),
        ([1] * 9000, "9000 tokens"),
    ],
)
def test_bad_prompts_are_refused_before_anything_runs(engine, ids, sentence):
    with pytest.raises(UsageError, match=sentence):
        engine.generate(ids, GREEDY)
    assert len(collect(engine.generate(PROMPT, GREEDY))[0]) == 24


def test_bad_prompts_to_score(engine):
    with pytest.raises(ContextLengthError):
        engine.score([1] * 257)
    with pytest.raises(UsageError):
        engine.score([])


def test_a_small_cache_is_named(home, tmp_path):
    folder = make_checkpoint(tmp_path / "tiny", head_dim=16)
    block = 2 * 2 * 2 * 4 * 32 * 16  # layers, kv heads, keys and values, float32, tokens, head_dim
    with load(folder, cache_gb=5.2 * block / 1e9) as engine:
        assert engine.info.num_context_tokens == 128
        with pytest.raises(ContextLengthError, match="cache_gb"):
            engine.generate([1] * 130, GREEDY)
        ids, finish = collect(engine.generate([1] * 100, Sampling(temperature=0)))
        assert (len(ids), finish) == (28, "length")
        running = [engine.generate([n] * 60, Sampling(temperature=0, max_tokens=60)) for n in range(6)]
        assert [len(collect(generation)[0]) for generation in running] == [60] * 6, "they wait for one another"


@pytest.mark.parametrize(
    ("scaling", "context"), [({"type": "yarn", "factor": 4}, 1024), ({"type": "linear", "factor": 2}, 512)]
)
def test_the_context_that_the_scaling_gives(home, tmp_path, scaling, context):
    with load(make_checkpoint(tmp_path / "tiny", rope_scaling=scaling)) as engine:
        assert engine.info.num_context_tokens == context
        assert len(collect(engine.generate([1, 2, 3] * 100, GREEDY))[0])  # past the 256 of config.json


def test_dynamic_rope_ends_at_the_original_context(home, tmp_path):
    scaling = {"type": "dynamic", "factor": 4.0, "original_max_position_embeddings": 64}
    with load(make_checkpoint(tmp_path / "tiny", "llama", rope_scaling=scaling)) as engine:
        assert engine.info.num_context_tokens == 64
        with pytest.raises(ContextLengthError):
            engine.generate([1] * 64, GREEDY)


@pytest.mark.parametrize("options", [{"quant": "int3"}, {"num_threads": 0}, {"cache_gb": 1e-9}, {"cache_gb": 1e9}])
def test_bad_options(home, tmp_path, options):
    with pytest.raises(UsageError):
        load(make_checkpoint(tmp_path / "tiny"), **options)


@pytest.mark.slow
def test_the_demo_model_answers_like_the_reference(demo):
    pytest.importorskip("torch")
    ids = [
        1,
        9690,
        198,
        2683,
        359,
        253,
        5356,
        5646,
        11173,
        2,
        198,
        1,
        4093,
        198,
        1780,
        314,
        260,
        3575,
        282,
        4649,
        47,
        2,
        198,
        1,
        520,
        9531,
        198,
    ]
    with engines.open(demo, engine="transformers", quant="f32") as reference:
        its, answer = np.array(reference.score(ids)), collect(reference.generate(ids, GREEDY))[0]
    for quant, allowed in (("bf16", 0.005), ("int8", 0.02)):
        with load(demo, quant, is_for_scoring=True) as engine:
            assert abs(sum(engine.score(ids)) / its.sum() - 1) < allowed
            assert collect(engine.generate(ids, GREEDY))[0][:6] == answer[:6]
