"""Two processes, each with its share of the rows: the same logits, and the same bits saved."""

import subprocess
import sys

import numpy as np
import pytest

from tests.model.reference import reference_logits
from tests.tiny import make_checkpoint
from zhinao.model.checkpoint import Checkpoint

RANK = """
import sys, numpy, torch, torch.distributed as dist, zhinao
from transformers import AutoModelForCausalLM
from transformers.distributed import DistributedConfig
dist.init_process_group("gloo")
folder, out = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, distributed_config=DistributedConfig(tp_plan="auto", tp_size=2))
rows = model.model.layers[0].self_attn.q_proj.weight
assert type(rows).__name__ == "DTensor" and rows.to_local().shape == (48, 48), rows.shape
with torch.no_grad():
    logits = model(torch.arange(30)[None]).logits
if dist.get_rank() == 0:
    numpy.save(out + ".npy", getattr(logits, "full_tensor", lambda: logits)().numpy())
model.save_pretrained(out)
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.long
def test_two_ranks_compute_and_save_the_same(tmp_path):
    folder = make_checkpoint(tmp_path / "in", head_dim=16)
    script = tmp_path / "rank.py"
    script.write_text(RANK)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", str(script)]
    done = subprocess.run([*launch, folder, tmp_path / "out"], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-3000:]
    got = np.load(tmp_path / "out.npy")[0]
    assert np.abs(got - reference_logits(folder, list(range(30)))).max() <= 1e-5
    a, b = Checkpoint(folder), Checkpoint(tmp_path / "out")
    assert b.is_fused
    assert all(np.array_equal(a.stored[name].read(), b.stored[name].read()) for name in a.stored)
