"""The terms of a plan, added up by hand for a model of a few hundred parameters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.train.plan_cases import SMALL, TINY, device, model, settings
from zhinao.plan import activations, memory, pace, sharing, workload
from zhinao.plan.plan import Data
from zhinao.plan.workload import Batch
from zhinao.train.net import sizes

# One layer: q 8x8, k and v 4x8, o 8x8, gate and up 16x8, down 8x16 = 576; biases 8 + 4 + 4, norms 8 + 8.
MATRICES, VECTORS = 576, 32
TOTAL = 2 * (MATRICES + VECTORS) + 80 + 80 + 8


def test_parameters_are_counted_from_shapes():
    found = model(TINY)
    assert (found.layer_matrices, found.layer_vectors, found.embedding, found.head) == (MATRICES, VECTORS, 80, 80)
    assert found.total == TOTAL
    assert model({**TINY, "tie_word_embeddings": True}).total == TOTAL - 80


def test_adapters_of_rank_2_on_all_projections():
    found = sizes.with_adapters(model(TINY), settings().lora_targets, 2)
    assert found.adapter_layer == 2 * (16 + 12 + 12 + 16 + 24 + 24 + 24)
    with_magnitudes = sizes.with_adapters(model(TINY), settings().lora_targets, 2, is_dora=True)
    assert with_magnitudes.adapter_layer - found.adapter_layer == 8 + 4 + 4 + 8 + 16 + 16 + 8


@pytest.mark.parametrize(
    ("parallel", "n", "weights", "gradients", "optimizer", "host"),
    [
        (None, 1, 4, 4, 8, 0),
        ("ddp", 4, 4, 4, 8, 0),
        ("zero2", 4, 2, 2 / 4, 12 / 4, 0),
        ("zero3", 4, 2 / 4, 2 / 4, 12 / 4, 0),
        ("fsdp2", 4, 1, 1, 2, 0),
        ("zero2-offload", 4, 2, 0, 0, 16 / 4),
        ("zero3-offload", 4, 0, 0, 0, 18 / 4),
    ],
)
def test_bytes_a_parameter(parallel, n, weights, gradients, optimizer, host):
    found = sharing.of(settings(parallel=parallel), model(SMALL), n)
    total = model(SMALL).total
    shown = (found.weights, found.gradients, found.optimizer, found.host)
    assert [round(x / total, 3) for x in shown] == [weights, gradients, optimizer, host]


def test_frozen_weights_have_neither_gradients_nor_moments():
    found = sizes.with_adapters(model(SMALL), settings().lora_targets, 16)
    shares = sharing.of(settings(method="lora"), found, 1)
    assert shares.weights == 4 * (found.total + found.adapter)
    assert (shares.gradients, shares.optimizer) == (4 * found.adapter, 8 * found.adapter)
    four_bits = sharing.of(settings(method="qlora"), found, 1)
    matrices = 8 * found.layer_matrices
    assert four_bits.weights == pytest.approx(shares.weights - (4 - 0.516) * matrices, rel=1e-6)


def test_frozen_matrices_stay_in_16_bits_where_the_checkpoint_has_them_so():
    found = sizes.with_adapters(model({**SMALL, "torch_dtype": "bfloat16"}), settings().lora_targets, 16)
    wide, narrow = (sharing.of(settings(method="lora", bf16=bf16), found, 1).weights for bf16 in (False, True))
    assert wide - narrow == 2 * 8 * found.layer_matrices
    assert sharing.of(settings(method="lora", fp16=True, bf16=False), found, 1).weights == wide
    assert sharing.of(settings(method="dora"), found, 1).weights == wide


def test_a_deepspeed_file_says_its_stage(tmp_path):
    file = tmp_path / "ds.json"
    file.write_text('{"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}}}')
    assert sharing.mode(settings(deepspeed=str(file)), 8) == "zero3-offload"
    file.write_text('{"zero_optimization": {"stage": 2}}')
    assert sharing.mode(settings(deepspeed=str(file)), 8) == "zero2"


def test_what_a_layer_keeps_in_bf16():
    """H 8, I 16, q 8, k 4: two norms 2 (4H + 4 + 4H); q k v out 2 (8 + 4 + 4 + 8), log-sum 4 a head; inputs of q k v, o,
    gate and up, each its own copy, 2 (3 H + 8 + 2 H), and of down 2 I; in the MLP three of 2 I."""
    shares = sharing.of(settings(), model(TINY), 1)
    found = activations.of(settings(), model(TINY), shares)
    assert found.kept == 2 * (32 + 4 + 32) + 2 * 24 + 4 * 2 + 2 * (24 + 8 + 16 + 16) + 3 * 32
    assert found.input == 32


def test_a_layer_keeps_what_autograd_saves():
    """Two layers less one, so that embedding and last norm drop out."""
    torch = pytest.importorskip("torch")
    saved = {n: _saved_bytes(torch, {**SMALL, "num_hidden_layers": n, "vocab_size": 100}, 64) for n in (1, 2)}
    copies = 2 * model(SMALL).layer_matrices
    shares = sharing.of(settings(), model(SMALL), 1)
    found = activations.of(settings(), model(SMALL), shares).kept * 64
    assert found == pytest.approx(saved[2] - saved[1] - copies, rel=0.05)


def _saved_bytes(torch, config: dict, num_tokens: int) -> int:
    from transformers import AutoConfig, AutoModelForCausalLM

    from zhinao.train.net import attention

    net = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), dtype=torch.float32)
    attention.use(net)
    own = {p.untyped_storage().data_ptr() for p in net.parameters()}
    kept, sizes_of = [], {}

    def pack(tensor):
        kept.append(tensor)  # so that no address is used twice
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes_of[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids, half = torch.zeros(1, num_tokens, dtype=torch.long), num_tokens // 2
    positions = torch.arange(half).repeat(2)[None]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x), torch.autocast("cpu", torch.bfloat16):
        net.model(input_ids=ids, position_ids=positions, use_cache=False)
    return sum(sizes_of.values())


def test_the_step_of_full_training_is_sixteen_bytes_a_parameter():
    found = model(SMALL)
    stack = memory.stacks(settings(optim="adamw_torch_fused"), found, Batch((64,), 32), device(), 1)[-1]
    parts = [stack.parts[part] for part in ("weights", "gradients", "optimizer", "activations", "head")]
    assert parts == [4 * found.total, 4 * found.total, 8 * found.total, 0, 0]
    roots = memory.stacks(settings(), found, Batch((64,), 32), device(), 1)[-1].parts["optimizer"]
    assert roots == 12 * found.total, "adamw_torch has the roots of all second moments at once on a GPU"


def test_logits_are_never_whole():
    """32k tokens over 158k ids in bf16 would be 10 GB; a block of them with its float32 twin is below 250 MB."""
    large = model({**SMALL, "vocab_size": 158464})
    few, many = (
        memory.stacks(settings(), large, Batch((32768,), learned), device(), 1)[0].parts["head"]
        for learned in (1, 32768)
    )
    rows = 2 * (2 + 4) * 384 * 32768  # the learned hidden states and their gradient
    assert many - few < 250e6 + rows


def test_the_heaviest_batch_is_the_longest_rows_together():
    lengths, learned = [5, 9, 3, 9], [1, 2, 3, 4]
    found = workload.of([[0], [1], [2], [3]], lengths, learned, settings(per_device_train_batch_size=2))
    assert (found.heaviest.lengths, found.heaviest.num_supervised) == ((9, 9), 6)
    assert (found.num_tokens, found.num_supervised, found.num_pairs) == (26, 10, (25 + 81 + 9 + 81) // 2)
    packed = workload.of([[0, 2], [1], [3]], lengths, learned, settings())
    assert packed.heaviest.lengths == (9,) and packed.num_rows == 3


@pytest.mark.parametrize(("accumulation", "devices", "steps"), [(1, 1, 30), (2, 1, 15), (4, 1, 9), (1, 3, 12)])
def test_steps_are_those_of_the_trainer(accumulation, devices, steps):
    work = workload.of([[n] for n in range(10)], [4] * 10, [2] * 10, settings())
    assert work.num_steps(settings(gradient_accumulation_steps=accumulation), devices) == steps


def test_operations_of_one_token():
    work = workload.of([[0]], [1], [1], settings())
    plain = pace.flops(settings(gradient_checkpointing=False), model(TINY), work)
    assert plain == 2 * 2 * MATRICES * 3 + 2 * 10 * 8 * 4
    again = pace.flops(settings(), model(TINY), work)
    assert again - plain == 2 * 2 * MATRICES


def test_a_measured_speed_takes_the_place_of_the_estimate():
    work = workload.of([[n] for n in range(100)], [50] * 100, [25] * 100, settings())
    found = pace.of(settings(num_train_epochs=1), model(SMALL), work, device(), 1, tokens_per_second=100)
    assert found.hours == pytest.approx(5000 / 100 / 3600)


def test_a_shorter_limit_cuts_and_packs_anew():
    data = Data(np.array([100, 60, 40]), np.array([50, 30, 40]), [[0], [1, 2]])
    found = data.under(settings(model_max_length=50, is_concat=True))
    assert (found.num_tokens, found.num_supervised, found.num_rows) == (140, 120, 3)


COUNTS = st.integers(min_value=1, max_value=4000)


def _peak(batch, n=1, **changes):
    chosen = settings(**changes)
    found = model(SMALL)
    if chosen.is_adapter:
        found = sizes.with_adapters(found, chosen.lora_targets, chosen.lora_rank)
    return memory.peak(chosen, found, batch, device(), n).total


@given(COUNTS, COUNTS, st.booleans(), st.sampled_from(["full", "lora", "qlora"]))
@hypothesis_settings(max_examples=60, deadline=None)
def test_more_tokens_never_need_less(tokens, more, checkpointing, method):
    changes = {"gradient_checkpointing": checkpointing, "method": method}
    small, large = Batch((tokens,), tokens // 2), Batch((tokens + more,), (tokens + more) // 2)
    assert _peak(small, **changes) <= _peak(large, **changes)
    assert _peak(large, **{**changes, "gradient_checkpointing": True}) <= _peak(
        large, **{**changes, "gradient_checkpointing": False}
    )


@given(COUNTS, st.sampled_from(["zero2", "zero3", "fsdp2"]), st.integers(min_value=2, max_value=64))
@hypothesis_settings(max_examples=60, deadline=None)
def test_more_devices_never_need_more_each(tokens, parallel, n):
    batch = Batch((tokens,), tokens)
    assert _peak(batch, 2 * n, parallel=parallel) <= _peak(batch, n, parallel=parallel)


@given(COUNTS)
@hypothesis_settings(max_examples=30, deadline=None)
def test_adapters_need_less_than_everything(tokens):
    batch = Batch((tokens,), tokens)
    assert _peak(batch, method="qlora") < _peak(batch, method="lora") < _peak(batch)
