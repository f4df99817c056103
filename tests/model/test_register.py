"""`import zhinao` is enough for transformers, in either order, and costs nothing without it. Each case is a process."""

import os
import subprocess
import sys

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer

HEAVY = "{'torch', 'transformers', 'openvino', 'numpy', 'huggingface_hub'}"
WAITING = "[f for f in sys.meta_path if type(f).__module__.startswith('zhinao')]"
KNOWS = """
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification
config = AutoConfig.for_model('zhinao', hidden_size=48, intermediate_size=96, num_hidden_layers=1,
                              num_attention_heads=6, vocab_size=99)
assert type(config).__name__ == 'ZhinaoConfig', type(config)
for auto, name in ((AutoModel, 'ZhinaoModel'), (AutoModelForCausalLM, 'ZhinaoForCausalLM'),
                   (AutoModelForSequenceClassification, 'ZhinaoForSequenceClassification')):
    assert type(auto.from_config(config)).__name__ == name
from transformers import AutoTokenizer
from transformers.models.auto.tokenization_auto import tokenizer_class_from_name
assert tokenizer_class_from_name(config.tokenizer_class).__module__ == 'zhinao.model.tokenizer_transformers'
"""


def run(code: str, *args) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:zhinao", "-c", f"import sys\n{code}", *map(str, args)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_importing_zhinao_loads_nothing_heavy():
    run(f"import zhinao; assert not {HEAVY} & set(sys.modules), {HEAVY} & set(sys.modules); assert len({WAITING}) == 1")


def test_zhinao_first():
    run(f"import zhinao\n{KNOWS}\nassert not {WAITING}, sys.meta_path")


def test_transformers_first():
    run(f"import transformers\nfrom transformers import AutoModelForCausalLM\nimport zhinao\n{KNOWS}")


@pytest.mark.parametrize(
    "first",
    [
        *(
            pytest.param(first, marks=pytest.mark.long)
            for first in (
                "from transformers import Qwen2ForCausalLM",
                "from transformers import Qwen2Config, AutoTokenizer",
                "from zhinao.model.modeling import ZhinaoForCausalLM",
                "from transformers import pipeline",
            )
        ),
        "from transformers import PreTrainedTokenizerFast, Qwen2TokenizerFast",
    ],
)
def test_whatever_part_of_transformers_comes_first(first):
    """Some of these load the Auto classes in the middle of loading Qwen2, where registration must not stumble."""
    run(f"import zhinao\n{first}\n{KNOWS}")


def test_registering_again_and_from_threads():
    run(f"""
import threading, zhinao
from zhinao.model.register import register, register_when_imported
threads = [threading.Thread(target=action) for action in (register, register_when_imported, register, register)]
for t in threads: t.start()
for t in threads: t.join()
register(); register_when_imported()
assert not {WAITING}
{KNOWS}""")


def test_a_published_folder_needs_no_trust_and_no_answer(tmp_path):
    """No prompt (stdin is closed), no file of the folder executed, unknown keys kept, auto_map dropped on save."""
    auto_map = {"AutoConfig": "configuration_zhinao.ZhinaoConfig", "AutoModelForCausalLM": "modeling_zhinao.X"}
    folder = make_checkpoint(tmp_path / "m", auto_map=auto_map, use_flash_attn="auto", torch_dtype="bfloat16")
    make_tokenizer(folder)
    for name in ("configuration_zhinao.py", "modeling_zhinao.py", "tokenization_zhinao.py"):
        (folder / name).write_text("raise SystemExit('remote code was run')")
    run(
        """
import json, pathlib, zhinao
from transformers import AutoModelForCausalLM, AutoTokenizer
for trust in ({}, {'trust_remote_code': False}, {'trust_remote_code': True}):  # upstream's examples pass the last
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], **trust)
    assert type(tokenizer).__module__ == 'zhinao.model.tokenizer_transformers'
    assert tokenizer.decode(tokenizer('你好 x').input_ids) == '你好 x'
for trust in ({}, {'trust_remote_code': True}):
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], **trust)
    assert type(model).__module__ == 'zhinao.model.modeling'
assert model.config.use_flash_attn == 'auto' and str(model.dtype) == 'torch.bfloat16'
model.save_pretrained(sys.argv[2])
saved = json.loads(pathlib.Path(sys.argv[2], 'config.json').read_text())
assert not {'auto_map', 'tokenizer_class'} & saved.keys() and saved['use_flash_attn'] == 'auto' and saved['model_type'] == 'zhinao'
assert saved['architectures'] == ['ZhinaoForCausalLM']
""",
        folder,
        tmp_path / "out",
    )


@pytest.mark.long
def test_a_folder_that_names_no_tokenizer_class(tmp_path):
    """The configuration names it then, for `AutoTokenizer` and for pipelines."""
    folder = make_tokenizer(make_checkpoint(tmp_path), tokenizer_class=None, auto_map={})
    run(
        """
import zhinao
from transformers import AutoTokenizer, pipeline
assert type(AutoTokenizer.from_pretrained(sys.argv[1])).__name__ == 'ZhinaoTokenizer'
made = pipeline('text-generation', sys.argv[1])
assert type(made.tokenizer).__name__ == 'ZhinaoTokenizer' and len(made('a', max_new_tokens=2)) == 1
""",
        folder,
    )


def test_a_transformers_that_is_too_old_is_a_warning_not_a_crash(tmp_path):
    """A stand-in package that lacks what is needed."""
    auto = tmp_path / "transformers" / "models" / "auto"
    auto.mkdir(parents=True)
    for folder in (auto, auto.parent, auto.parent.parent):
        (folder / "__init__.py").write_text("")
    (auto / "configuration_auto.py").write_text("AutoConfig = None")
    out = subprocess.run(
        [sys.executable, "-c", "import zhinao, transformers.models.auto.configuration_auto; print('alive')"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        timeout=60,
    )
    assert "alive" in out.stdout and "transformers does not know Zhinao" in out.stderr
