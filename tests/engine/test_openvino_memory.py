"""Weights of a bf16 graph stay bf16 in the compiled model, whatever is computed in: else a 7B would take 30 GB instead of 15."""

import subprocess
import sys

import pytest

from tests.tiny import make_checkpoint
from zhinao import machine
from zhinao.engine.openvino import build
from zhinao.engine.openvino.prepare import products
from zhinao.model.checkpoint import Checkpoint

LOOK = """
import sys
import openvino

folder, hint = sys.argv[1:]
model = openvino.Core().compile_model(folder, "CPU", {"INFERENCE_PRECISION_HINT": hint}).get_runtime_model()
def told(node, what):
    return node.get_rt_info()[what].astype(str)
products = [node for node in model.get_ops() if told(node, "layerType") == "FullyConnected"]
weights = [told(node.inputs()[1].get_source_output().get_node(), "outputPrecisions") for node in products]
print({kind: weights.count(kind) for kind in sorted(set(weights))})
"""


@pytest.mark.parametrize("computed", ["f32", "bf16"])
def test_weights_stay_bf16(home, tmp_path, computed):
    if computed == "bf16" and not products(machine.cpu_features()).bf16:
        pytest.skip("this processor has no products of bfloat16")
    checkpoint = Checkpoint(make_checkpoint(tmp_path / "tiny", dtype="BF16", head_dim=16))
    file = build.compiled(checkpoint, "bf16") / build.XML
    done = subprocess.run([sys.executable, "-c", LOOK, str(file), computed], capture_output=True, text=True)
    # five of each layer and the head; the angles of the positions are float32
    assert done.stdout.strip() == str({"bf16": 2 * 5 + 1, "f32": 1}), done.stderr
