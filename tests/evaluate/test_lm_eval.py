"""lm-evaluation-harness on a tiny model of ours: hand-written tasks, both ways in, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import api
from zhinao.errors import MissingExtraError, UsageError
from zhinao.evaluate.lm_eval import run

pytest.importorskip("lm_eval")
from zhinao.evaluate.lm_eval.model import ZhinaoLM, generation

ITEMS = [
    {"question": "1 + 1 =", "choices": ["2", "3", "42"], "gold": 0},
    {"question": "春天来了，花", "choices": ["开了", "落"], "gold": 0},
    {"question": "The quick brown fox jumps over the lazy", "choices": ["dog", "cafe"], "gold": 0},
]
CHOICES = {
    "task": "tiny_choices",
    "output_type": "multiple_choice",
    "doc_to_text": "Q: {{question}}\nA:",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "gold",
    "num_fewshot": 0,
}
ANSWERS = {
    "task": "tiny_answers",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{choices[0]}}",
    "generation_kwargs": {"until": ["\n"], "do_sample": False, "max_gen_toks": 6},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    "num_fewshot": 0,
}


class Request:
    def __init__(self, *args):
        self.args = args


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZHINAO_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tokenizer(make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", head_dim=16, scale=1.5))


@pytest.fixture(scope="module")
def model(home, folder):
    with api.load(str(folder), engine="openvino", quant="f32", is_lazy=True) as model:
        yield model


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS), encoding="utf-8")
    for task in (CHOICES, ANSWERS):
        data = {
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(folder / "items.jsonl")}},
            "test_split": "test",
        }
        (folder / f"{task['task']}.yaml").write_text(json.dumps({**task, **data}), encoding="utf-8")
    return folder


def direct(model, context: str, continuation: str) -> float:
    """The likelihood as one request, written down in full."""
    ids = model.tokenizer.encode(context + continuation)
    return sum(model.engine.score(ids)[len(model.tokenizer.encode(context)) - 1 :])


def test_its_task_in_our_shape(model, tasks, tmp_path):
    out = tmp_path / "run"
    results = run.run_lm_eval(["tiny_choices"], model, include_path=tasks, out=out, is_silent=True)
    row = results["tasks"]["lm-eval:tiny_choices"]
    assert row["num_items"] == 3 and "0-shot" in row["protocol"] and "metric acc,none" in row["protocol"]
    assert json.loads((out / "results.json").read_text()) == results
    items = [json.loads(line) for line in (out / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    right = 0
    for item, known in zip(sorted(items, key=lambda item: item["id"]), ITEMS, strict=True):
        expected = [direct(model, f"Q: {known['question']}\nA:", f" {choice}") for choice in known["choices"]]
        assert item["loglikelihoods"] == pytest.approx(expected, abs=1e-3)
        assert item["grade"] == float(np.argmax(expected) == known["gold"]) and item["prompt_hash"]
        right += item["grade"]
    assert row["score"] == pytest.approx(right / 3) and row["metrics"]["acc,none"] == row["score"]


def test_answers(model, tasks, tmp_path):
    results = run.run_lm_eval(["tiny_answers"], model, include_path=tasks, limit=2, out=tmp_path, is_silent=True)
    row = results["tasks"]["lm-eval:tiny_answers"]
    assert row["num_items"] == 2 and row["protocol"].endswith("first 2 items")
    items = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    expected = [
        model.generate(item["question"], temperature=0, max_tokens=6, stop="\n", repetition_penalty=1.0).text
        for item in ITEMS[:2]
    ]
    assert [item["output"] for item in items] == expected


def test_a_text_with_nothing_before_it(model):
    lm = ZhinaoLM(model)
    ids = model.tokenizer.encode("hello 42")
    (total,) = lm.loglikelihood_rolling([Request("hello 42")], disable_tqdm=True)
    assert total == pytest.approx(sum(model.engine.score([lm.prefix_token_id, *ids])), abs=1e-3)
    ((same, _),) = lm.loglikelihood([Request("", "hello 42")], disable_tqdm=True)
    assert same == pytest.approx(total, abs=1e-3)


def test_what_is_too_long_loses_its_beginning(model, caplog):
    lm = ZhinaoLM(model)
    context, length = "dog " * 400, lm.max_length
    ids = model.tokenizer.encode(context + "fox")
    ((found, _),) = lm.loglikelihood([Request(context[:-1], " fox")], disable_tqdm=True)
    num = len(ids) - len(model.tokenizer.encode(context[:-1]))
    assert found == pytest.approx(
        sum(next(iter(model.engine.score_many([(ids[-length - 1 :], length + 1 - num)])))[1]), abs=1e-3
    )
    assert "1 requests are longer than the context of 256" in caplog.text
    long = lm.loglikelihood_rolling([Request(context)], disable_tqdm=True)  # in windows
    assert np.isfinite(long[0])


def test_a_chat_as_text(model):
    lm = ZhinaoLM(model)
    text = lm.apply_chat_template([{"role": "user", "content": "hello"}])
    assert lm.tok_encode(text) == model.render([{"role": "user", "content": "hello"}]).ids
    assert lm.chat_template() and lm.tokenizer_name


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"until": "\n"}, {"stop": ["\n"], "temperature": 0.0, "max_tokens": 256}),
        ({"until": ["a", ""], "max_gen_toks": 9}, {"stop": ["a"], "max_tokens": 9}),
        ({"do_sample": True, "temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"do_sample": False, "temperature": 0.5}, {"temperature": 0.0}),
        ({"temperature": 0.7, "max_new_tokens": 3}, {"temperature": 0.7, "max_tokens": 3}),
    ],
)
def test_settings_of_answers(given, expected):
    found = generation(given, 256)
    assert {name: found[name] for name in expected} == expected


def test_names_that_there_are_not(model, tasks, monkeypatch):
    with pytest.raises(UsageError, match="takes no argument pretraned"):
        ZhinaoLM(pretraned="x")
    with pytest.raises(UsageError, match="No model is named"):
        ZhinaoLM()

    class Manager:
        all_tasks = ("hellaswag", "tiny_choices")

    with pytest.raises(UsageError, match=r"no task 'helaswag'(.|\n)*lm-eval:hellaswag"):
        run._check_names(["helaswag"], Manager)
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="lm-eval"):
        run.run_lm_eval(["tiny_choices"], model)


@pytest.mark.slow
def test_its_own_command(home, folder, tasks, tmp_path):
    """`--model zhinao` beside its own models, in a process of its own."""
    program = [sys.executable, "-m", "zhinao.evaluate.lm_eval", "run", "--model", "zhinao"]
    given = ["--model_args", f"pretrained={folder},engine=openvino", "--tasks", "tiny_choices"]
    where = ["--include_path", str(tasks), "--output_path", str(tmp_path), "--log_samples"]
    done = subprocess.run([*program, *given, *where], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "tiny_choices" in done.stdout and list(tmp_path.rglob("results_*.json"))
