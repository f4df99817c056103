"""Which engine is taken where, and what is refused."""

import pytest

from zhinao.engine import select
from zhinao.errors import MissingExtraError, UsageError
from zhinao.machine import Gpu

GPU = Gpu("H100", 80 * 2**30, "570")


@pytest.fixture
def installed(monkeypatch):
    packages = {"openvino_genai", "torch", "vllm"}
    monkeypatch.setattr(select, "_has", lambda package: package in packages)
    return packages


def test_a_machine_without_gpu_gets_openvino(installed):
    choice = select.choose(gpus=())
    assert (choice.engine, choice.reason) == ("openvino", "no GPU found")


def test_a_gpu_gets_vllm_else_torch_else_openvino(installed):
    assert select.choose(gpus=[GPU]).engine == "vllm"
    installed.remove("vllm")
    choice = select.choose(gpus=[GPU])
    assert choice.engine == "transformers" and "H100" in choice.reason and "vLLM is not" in choice.reason
    installed.remove("torch")
    choice = select.choose(gpus=[GPU])
    assert choice.engine == "openvino" and "neither vLLM nor torch" in choice.reason


def test_device_and_weight_format_lead_the_choice(installed):
    assert select.choose(device="cpu", gpus=[GPU]).engine == "openvino"
    assert select.choose(quant="int8", gpus=[GPU]).engine == "openvino"
    assert select.choose(quant="bf16", gpus=[GPU]).engine == "vllm"
    assert select.choose(device="cuda", gpus=()).engine == "vllm"
    assert select.choose(device="mps", gpus=()).engine == "transformers"
    with pytest.raises(UsageError, match="no 'int2' weights"):
        select.choose(quant="int2", gpus=[GPU])


@pytest.mark.parametrize("engine", ["openvino", "transformers", "vllm"])
def test_a_named_engine_is_taken(installed, engine):
    assert select.choose(engine, gpus=[GPU]).engine == engine


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"engine": "llama"}, "no engine 'llama'"),
        ({"engine": "openvino", "device": "cuda"}, "runs on the CPU"),
        ({"engine": "openvino", "quant": "f16"}, "int8, bf16, f32"),
        ({"engine": "transformers", "quant": "int8"}, "no 'int8' weights"),
        ({"engine": "vllm", "quant": "int8"}, "no 'int8' weights"),
        ({"quant": "int2"}, "no 'int2' weights"),
        ({"device": "cpu", "quant": "f16"}, "no 'f16' weights"),
    ],
)
def test_what_does_not_go_together(installed, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        select.choose(**options, gpus=())


def test_missing_packages_name_the_install_line(installed):
    installed.clear()
    for engine, line in (("transformers", r"zhinao\[torch\]"), ("vllm", r"zhinao\[vllm\]")):
        with pytest.raises(MissingExtraError, match=line):
            select.choose(engine)
    with pytest.raises(UsageError, match="pip install openvino-genai"):
        select.choose("openvino")
    with pytest.raises(MissingExtraError, match=r"zhinao\[torch\]"):
        select.choose(device="cuda", gpus=[GPU])


def test_reasons_speak_chinese(installed):
    from zhinao import lang

    lang.choose("zh")
    assert select.choose(gpus=()).reason == "没有找到 GPU"
