"""lm-evaluation-harness over HTTP: `lm-eval --model local-completions`, its log-likelihoods compared with the engine's own."""

import json
import os
import subprocess
import sys

import pytest

from tests.clients.conftest import NAME, ROOT, zhinao_python

ITEMS = [
    {"question": "The capital of France is", "choices": [" Paris", " a banana", " 42"], "answer": 0},
    {"question": "Monday, Tuesday,", "choices": [" green", " Wednesday"], "answer": 1},
    {"question": "一、二、三、", "choices": ["四", "红色"], "answer": 0},
    {"question": "Two plus two equals", "choices": [" four.", " purple mountains."], "answer": 0},
]
CHOICE = """
task: zhinao_choice
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: answer
target_delimiter: ""
metric_list: [{metric: acc}]
"""
GENERATE = """
task: zhinao_generate
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{choices[answer]}}"
generation_kwargs: {until: ["\\n", "."], max_gen_toks: 8, temperature: 0}
metric_list: [{metric: exact_match}]
"""
SCORE = """
import json, sys, zhinao
with zhinao.load("smollm2-135m") as model:
    for context, continuation in json.load(sys.stdin):
        known = len(model.tokenizer.encode(context))
        print(sum(model.score(context + continuation).logprobs[known - 1:]))
"""


@pytest.fixture(scope="module")
def samples(server, tmp_path_factory):
    """What the harness wrote about each item, by task."""
    folder = tmp_path_factory.mktemp("lm_eval")
    data = folder / "items.jsonl"
    data.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in ITEMS), encoding="utf-8")
    for name, task in (("choice", CHOICE), ("generate", GENERATE)):
        (folder / f"{name}.yaml").write_text(task.replace("FILE", str(data)))
    model = f"model={NAME},base_url={server}/v1/completions,tokenizer_backend=remote,num_concurrent=4,max_retries=1"
    command = ["run", "--model", "local-completions", "--model_args", model, "--include_path", str(folder)]
    command += ["--tasks", "zhinao_choice,zhinao_generate", "--output_path", str(folder / "out"), "--log_samples"]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", *command], env=environ, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return {
        name: [json.loads(line) for line in next((folder / "out").rglob(f"samples_zhinao_{name}_*")).open()]
        for name in ("choice", "generate")
    }


def test_likelihoods_are_the_engine_s_own(samples):
    pairs = [[item["question"], choice] for item in ITEMS for choice in item["choices"]]
    done = subprocess.run(
        [zhinao_python(), "-c", SCORE],
        input=json.dumps(pairs),
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    expected = [float(line) for line in done.stdout.split()]
    by_item = sorted(samples["choice"], key=lambda sample: sample["doc_id"])
    told = [float(resp[0][0]) for sample in by_item for resp in sample["resps"]]
    assert told == pytest.approx(expected, rel=0.02, abs=0.1)


def test_the_model_knows_some_of_it(samples):
    assert sum(sample["acc"] for sample in samples["choice"]) >= 3


def test_generation(samples):
    texts = {sample["doc"]["question"]: sample["resps"][0][0] for sample in samples["generate"]}
    assert "Paris" in texts["The capital of France is"]
