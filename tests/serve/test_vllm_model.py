"""The model class inside vLLM, loaded through the installed plugin: the same tokens as transformers, LoRA, two ranks."""

import importlib.util
import os

import pytest

from tests.tiny import make_checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]
PROMPTS = ["The capital of France is", "def add(a, b):\n", "Once upon a time"]
NUM_TOKENS = 16


@pytest.fixture(scope="module")
def transformers_model(demo):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)  # vLLM's worker has the cores
    return AutoModelForCausalLM.from_pretrained(demo, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def tokenizer(demo):
    from zhinao.model.tokenizer import Tokenizer

    return Tokenizer.load(demo)


def greedy(model, prompts):
    """What transformers generates, without any end."""
    import torch

    made = []
    for ids in prompts:
        settings = {"max_new_tokens": NUM_TOKENS, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
        made.append(model.generate(torch.tensor([ids]), **settings)[0, len(ids) :].tolist())
    return made


def start(folder, **settings):
    from vllm import LLM

    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    return LLM(
        model=str(folder),
        dtype="float32",
        enforce_eager=True,
        kv_cache_memory_bytes=2**28,
        max_model_len=256,
        disable_log_stats=True,
        **settings,
    )


def run(llm, prompts, lora=None):
    from vllm import SamplingParams

    params = SamplingParams(temperature=0, max_tokens=NUM_TOKENS, ignore_eos=True, detokenize=False)
    outputs = llm.generate([{"prompt_token_ids": ids} for ids in prompts], params, lora_request=lora, use_tqdm=False)
    return [list(output.outputs[0].token_ids) for output in outputs]


@pytest.fixture(scope="module")
def llm(demo):
    made = start(demo, enable_lora=True, max_lora_rank=8)
    yield made
    made.llm_engine.engine_core.shutdown()


def test_greedy_equals_transformers(llm, transformers_model, tokenizer):
    prompts = [tokenizer.encode(text) for text in PROMPTS]
    assert run(llm, prompts) == greedy(transformers_model, prompts)


def test_lora_equals_peft(llm, transformers_model, tokenizer, tmp_path):
    import peft
    import torch
    from vllm.lora.request import LoRARequest

    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=targets)
    torch.manual_seed(0)
    adapted = peft.get_peft_model(transformers_model, config).eval()
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:  # begins as zeros, which would change nothing
            torch.nn.init.normal_(weight, std=0.03)
    adapted.save_pretrained(tmp_path / "adapter")
    prompts = [tokenizer.encode(text) for text in PROMPTS]
    expected = greedy(adapted, prompts)
    with adapted.disable_adapter():
        without = greedy(adapted, prompts)
    assert expected != without, "the adapter does something"
    assert run(llm, prompts, LoRARequest("adapter", 1, str(tmp_path / "adapter"))) == expected
    assert run(llm, prompts) == without, "and nothing to those who did not ask for it"


def test_two_ranks_equal_one(tmp_path, monkeypatch):
    import torch
    from transformers import AutoModelForCausalLM

    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("one core only")
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", f"{cores[0]}|{cores[1]}")
    folder = make_checkpoint(tmp_path / "tiny", hidden_size=192, scale=1.5)
    prompts = [[5, 77, 300], [1], list(range(100, 140))]
    expected = greedy(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), prompts)
    llm = start(folder, tensor_parallel_size=2, skip_tokenizer_init=True)
    try:
        assert run(llm, prompts) == expected
    finally:
        llm.llm_engine.engine_core.shutdown()


@pytest.mark.parametrize("is_cpu", [True, False])
def test_vllm_understands_the_command(demo, is_cpu, monkeypatch):
    """Both ways to start its server; the second is that of GPUs, which cannot be run here."""
    from vllm.entrypoints.cli.serve import ServeSubcommand
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    from zhinao.hub import resolve
    from zhinao.serve.settings import ServeSettings
    from zhinao.serve.vllm import launcher

    monkeypatch.setattr(launcher, "_is_installed", lambda package: is_cpu)
    settings = ServeSettings(log_content=True, max_running=9, cache_gb=1)
    argv = launcher.command(resolve(str(demo)), settings, ["--reasoning-parser", "zhinao", "-tp", "4"]).argv
    if is_cpu:
        args = make_arg_parser(FlexibleArgumentParser()).parse_args(argv[3:])
        assert args.model == str(demo)
    else:
        parser = FlexibleArgumentParser()
        ServeSubcommand().subparser_init(parser.add_subparsers())
        args = parser.parse_args(argv[3:])
        assert args.model_tag == str(demo)
    assert (args.port, args.max_num_seqs, args.tensor_parallel_size, args.shutdown_timeout) == (8360, 9, 4, 30)
    assert args.enable_log_outputs and args.middleware and args.kv_cache_memory_bytes == 10**9


def test_registering_again_changes_nothing():
    from vllm import ModelRegistry
    from vllm.reasoning import ReasoningParserManager

    from zhinao.serve.vllm.plugin import register

    for _ in range(2):
        register()
    assert "ZhinaoForCausalLM" in ModelRegistry.get_supported_archs()
    assert ReasoningParserManager.get_reasoning_parser("zhinao").__name__ == "ZhinaoReasoningParser"
