"""The cache is sized by what is free and what the context needs, never more than fits."""

from pathlib import Path

import pytest

from zhinao.engine.openvino import settings as settings
from zhinao.engine.openvino.prepare import products
from zhinao.engine.openvino.settings import Memory, Precisions
from zhinao.errors import EngineError, UsageError
from zhinao.model import architecture

GB = 10**9
AMX = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
PROCESSORS = {
    "laptop": ("avx2",),
    "laptop with VNNI": ("avx2", "avx_vnni"),
    "older server": ("avx2", "avx512f", "avx512_vnni"),
    "AMX": AMX,
    "ARM": ("asimd", "bf16", "i8mm"),
}


def arch(**config):
    raw = {
        "model_type": "zhinao", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 158464, "max_position_embeddings": 32768,
    }  # fmt: skip
    return architecture.from_config({**raw, **config}, Path("config.json"))


def test_bytes_of_a_block():
    # 32 layers, 8 heads, 32 tokens, 128 wide: keys and values of one byte; 8 bytes for each key channel and each value
    assert settings.block_bytes(arch(), "u8") == 32 * 8 * (2 * 32 * 128 + 8 * 128 + 8 * 32)
    assert settings.block_bytes(arch(), "bf16") == 32 * 8 * 2 * 2 * 32 * 128
    assert settings.block_bytes(arch(), "f32") == 2 * settings.block_bytes(arch(), "bf16")
    # 1 GiB held 2452 blocks of the demo model's shape when it was tried
    demo = arch(hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3)
    assert 2**30 // settings.block_bytes(demo, "u8") == 2452


def test_enough_memory_gives_two_contexts():
    assert settings.num_blocks(arch(), "u8", 32768, Memory(7 * GB, 64 * GB), None) == 2 * 32768 // 32
    assert settings.num_blocks(arch(), "u8", 4096, Memory(7 * GB, 64 * GB), None) == 32768 // 32


def test_little_memory_gives_half_of_what_the_weights_leave():
    num = settings.num_blocks(arch(), "u8", 360_000, Memory(7 * GB, 9 * GB), None)
    assert num * settings.block_bytes(arch(), "u8") == pytest.approx(GB, rel=0.01)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(EngineError, match=r"7\.0 GB; 6\.0 GB of memory are free"):
        settings.num_blocks(arch(), "u8", 4096, Memory(7 * GB, 6 * GB), None)


def test_cache_gb():
    memory = Memory(7 * GB, 16 * GB)
    assert settings.num_blocks(arch(), "bf16", 4096, memory, 4) == 4 * GB // settings.block_bytes(arch(), "bf16")
    for gb in (10, 0.0001, -1, float("nan")):
        with pytest.raises(UsageError, match="does not fit"):
            settings.num_blocks(arch(), "bf16", 4096, memory, gb)


def worker(weight_format="int8", weight_bytes=7 * GB, num_threads=None, is_for_scoring=False):
    memory = Memory(weight_bytes, 64 * GB)
    return settings.for_worker(Path("/x"), weight_format, 100, 1024, memory, num_threads, is_for_scoring, products(AMX))


def test_prompts_are_scored_without_a_prefix_cache():
    first = worker()
    assert first["generate"]["scheduler"]["enable_prefix_caching"]
    assert not first["score"]["scheduler"]["enable_prefix_caching"]
    one = worker(is_for_scoring=True)
    assert not one["generate"]["scheduler"]["enable_prefix_caching"] and one["is_for_scoring"]
    assert one["generate"]["scheduler"]["num_kv_blocks"] == 100
    assert all(each["scheduler"]["dynamic_split_fuse"] for each in (first["generate"], first["score"], one["generate"]))


def test_a_step_reads_so_little_that_others_are_not_kept_waiting():
    assert worker()["generate"]["scheduler"]["max_num_batched_tokens"] == 256
    assert worker(weight_bytes=GB)["generate"]["scheduler"]["max_num_batched_tokens"] == 256


def test_threads():
    assert "INFERENCE_NUM_THREADS" not in worker()["generate"]["properties"]
    assert worker(num_threads=3)["score"]["properties"]["INFERENCE_NUM_THREADS"] == 3


@pytest.mark.parametrize("name", PROCESSORS)
def test_what_is_computed_in_is_what_the_processor_has(name):
    has_bf16, has_int8 = name == "AMX", name != "laptop"
    wide = Precisions("bf16", "bf16") if has_bf16 else Precisions("f32", "f32")
    for is_for_many in (False, True):
        assert settings.precisions("bf16", products(PROCESSORS[name]), is_for_many) == wide
        assert settings.precisions("f32", products(PROCESSORS[name]), is_for_many) == Precisions("f32", "f32")
    assert settings.precisions("int8", products(PROCESSORS[name])) == Precisions(wide.computed, "u8")
    assert settings.precisions("int8", products(PROCESSORS[name]), True) == Precisions("f32", "u8", 32 * has_int8)


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize("weight_format", ["int8", "bf16", "f32"])
@pytest.mark.parametrize("is_for_many", [False, True])
def test_both_pipelines_are_told_what_goes_together(name, weight_format, is_for_many):
    made = settings.for_worker(
        Path("/x"), weight_format, 100, 1024, Memory(GB, 64 * GB), None, False, products(PROCESSORS[name]), is_for_many
    )
    assert made["generate"]["properties"] == made["score"]["properties"]
    told = made["generate"]["properties"]
    if told["INFERENCE_PRECISION_HINT"] == "f32":
        assert told["KV_CACHE_PRECISION"] in ("f32", "u8"), "OpenVINO ends with `expect kvcache type f32`"
