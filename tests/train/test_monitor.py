"""A real Trainer is watched: what stands in log.jsonl, samples.jsonl, TensorBoard and run.html, and that watching changes nothing."""

import json
import random
import re
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from transformers import PrinterCallback, ProgressCallback

from tests.chat.screen import Screen
from tests.train import monitored_run
from tests.train.monitored_run import LENGTH, PROMPTS, make_model, train
from zhinao import lang
from zhinao.errors import MissingExtraError, UsageError
from zhinao.train.monitor import page
from zhinao.train.monitor.install import callbacks
from zhinao.train.monitor.journal import read
from zhinao.train.monitor.run_facts import RunFacts
from zhinao.train.monitor.samples import untouched_rng
from zhinao.train.monitor.trackers import trackers


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    """Six steps in one go; folder and trainer."""
    lang.choose("en")
    out = tmp_path_factory.mktemp("whole")
    trainer = train(model, out)
    lang.choose(None)
    return out, trainer


class Page(HTMLParser):
    """What a reader finds: points by figure and series, hover texts, text."""

    def __init__(self, html: str):
        super().__init__()
        self.points, self.titles, self.tags, self.text = {}, [], [], ""
        self._figure = self._series = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        if tag == "figure":
            self._figure = self._series = None
        if tag == "svg":
            self._figure = given["aria-label"]
        if "data-series" in given:
            self._series = given["data-series"]
        if "data-x" in given:
            points = self.points.setdefault((self._figure, self._series), [])
            points.append((float(given["data-x"]), float(given["data-y"])))

    def handle_data(self, data):
        self.text += data
        if self.tags and self.tags[-1][0] == "title" and self._figure:
            self.titles.append(data)


def test_a_line_for_each_step_with_all_numbers(whole):
    out, trainer = whole
    records = read(out / "log.jsonl")
    trained = [record for record in records if record["kind"] == "train"]
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert [record["step"] for record in trained] == [1, 2, 3, 4, 5, 6]
    for name in ("loss", "grad_norm", "learning_rate", "epoch"):
        assert [record[name] for record in trained] == [entry[name] for entry in logged]
    assert [record["num_tokens"] for record in trained] == [step * 2 * LENGTH for step in range(1, 7)]
    assert [record["num_supervised"] for record in trained] == [step * 2 * (LENGTH - 8) for step in range(1, 7)]
    assert [record["num_documents"] for record in trained] == [2, 4, 6, 8, 10, 12]
    seconds = [record["trained_seconds"] for record in trained]
    assert seconds == sorted(seconds)
    assert trained[3]["tokens_per_second"] == pytest.approx(2 * LENGTH / (seconds[3] - seconds[2]), rel=0.2)
    assert trained[3]["supervised_tokens_per_second"] == pytest.approx(
        trained[3]["tokens_per_second"] * 2 / 3, rel=0.01
    )
    assert 10**8 < trained[-1]["peak_memory_bytes"] < 10**11
    assert [record["step"] for record in records if record["kind"] == "eval"] == [3, 6]
    assert records[-1]["kind"] == "end"
    assert (
        "num_tokens" not in trainer.state.log_history[-1]
    )  # what is added here stays out of the trainer's own history


def test_prompts_are_answered_at_the_start_at_evaluations_and_at_the_end(whole, model, tmp_path):
    samples = read(whole[0] / "samples.jsonl")
    assert [sample["step"] for sample in samples] == [0, 3, 6]
    assert all([one["prompt"] for one in sample["answers"]] == list(PROMPTS) for sample in samples)
    assert samples[0]["answers"][0]["answer"] != samples[-1]["answers"][0]["answer"]  # it has learned something
    train(model, tmp_path, max_steps=2, eval_strategy="no")
    assert [sample["step"] for sample in read(tmp_path / "samples.jsonl")] == [0, 2]


def test_answers_are_those_of_plain_greedy_decoding(model):
    from transformers import AutoModelForCausalLM

    from zhinao.model.tokenizer import Tokenizer
    from zhinao.prompt.conversation import render
    from zhinao.train.monitor.samples import answerer

    tokenizer = Tokenizer.load(model)
    net = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).train()
    net.model.layers[0].eval()  # somebody froze it
    ids = render([{"role": "user", "content": "hi"}], tokenizer).ids
    with torch.no_grad():
        for _ in range(5):
            ids.append(int(net.eval()(torch.tensor([ids])).logits[0, -1].argmax()))
    net.train()
    net.model.layers[0].eval()
    assert answerer(net, tokenizer, max_new_tokens=5)("hi") == tokenizer.decode(ids[-5:], False)
    assert net.training and net.model.layers[1].training and not net.model.layers[0].mlp.training


def test_sampling_leaves_the_run_as_it_is(whole, model, tmp_path):
    """With dropout on, one number drawn too many would change every weight."""

    def greedy_for_numbers(prompt: str) -> str:
        return f"{torch.rand(3)} {random.random()} {np.random.rand()}"

    before = random.getstate()
    train(model, tmp_path / "none", answer=lambda prompt: "")
    states = [
        train(model, tmp_path / "much", answer=greedy_for_numbers).model.state_dict(),
        whole[1].model.state_dict(),
    ]
    expected = train(model, tmp_path / "again", answer=lambda prompt: "").model.state_dict()
    for state in states:
        assert all(torch.equal(state[name], value) for name, value in expected.items())
    random.setstate(before)


def test_all_three_generators_stand_where_they_stood():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    with untouched_rng():
        assert random.random() + np.random.rand() + float(torch.rand(1)) > 0
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_a_resumed_run_goes_on_where_the_checkpoint_was(whole, model, tmp_path):
    with pytest.raises(RuntimeError):
        train(model, tmp_path, interrupt=(5, "error"))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "train", "ste')  # killed while it wrote
    assert page.read_run(tmp_path)["sessions"][-1]["outcome"] == "failed"
    trainer = train(model, tmp_path, resume=str(tmp_path / "checkpoint-3"))
    for name, value in whole[1].model.state_dict().items():
        assert torch.equal(trainer.model.state_dict()[name], value)
    expected = [record for record in read(whole[0] / "log.jsonl") if record["kind"] != "end"]
    records = [record for record in read(tmp_path / "log.jsonl") if record["kind"] != "end"]
    for name in ("kind", "step", "loss", "eval_loss", "num_tokens", "num_supervised", "num_documents"):
        assert [record.get(name) for record in records] == [record.get(name) for record in expected]
    seconds = [record["trained_seconds"] for record in records if record["kind"] == "train"]
    assert seconds == sorted(seconds)
    assert [sample["step"] for sample in read(tmp_path / "samples.jsonl")] == [0, 3, 6]
    run = page.read_run(tmp_path)
    assert [(one["from_step"], one["to_step"], one["outcome"]) for one in run["sessions"]] == [
        (0, 5, "failed"),
        (3, 6, "finished"),
    ]
    assert _tensorboard(tmp_path) == _tensorboard(whole[0])


def test_a_fresh_run_puts_an_earlier_log_aside(model, tmp_path):
    train(model, tmp_path, max_steps=2)
    train(model, tmp_path, max_steps=1)
    assert max(record["step"] for record in read(tmp_path / "log.jsonl")) == 1
    assert max(record["step"] for record in read(tmp_path / "log.1.jsonl")) == 2
    assert len(page.read_run(tmp_path)["sessions"]) == 1


def _tensorboard(out) -> dict:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / "tensorboard")).Reload()
    names = ("train/loss", "eval/loss", "train/num_tokens")
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in names}


def test_tensorboard_is_told_our_numbers_too(whole):
    told = _tensorboard(whole[0])
    trained = [record for record in read(whole[0] / "log.jsonl") if record["kind"] == "train"]
    assert told["train/loss"] == [(record["step"], pytest.approx(record["loss"])) for record in trained]
    assert told["train/num_tokens"][-1] == (6, 6 * 2 * LENGTH)


def test_the_page_shows_the_numbers_of_the_log(whole):
    out, _ = whole
    html = (out / "run.html").read_text(encoding="utf-8")
    shown, records = Page(html), read(out / "log.jsonl")
    for title, series, name in (
        ("Loss", "training", "loss"),
        ("Loss", "held-out", "eval_loss"),
        ("Learning rate", "training", "learning_rate"),
        ("Gradient norm", "training", "grad_norm"),
        ("Tokens per second", "all", "tokens_per_second"),
        ("Tokens per second", "supervised", "supervised_tokens_per_second"),
    ):
        assert shown.points[title, series] == [(one["step"], one[name]) for one in records if name in one], title
    assert sum(count for _, count in shown.points["Lengths of the documents", None]) == 4
    assert f"step 3: held-out {next(one['eval_loss'] for one in records if 'eval_loss' in one):.4g}" in shown.titles
    for cell in ("tiny <model>", "too long", "1234", "a&b.jsonl", "0" * 64, torch.__version__, *PROMPTS):
        assert cell in shown.text
    for word in ("finished", "6 / 6", "step 0", "step 6"):
        assert word in shown.text


def test_run_json_says_what_it_was_made_of(whole):
    run = page.read_run(whole[0])
    assert run["versions"]["torch"] == torch.__version__ and run["machine"]["num_cores"] > 0
    assert re.fullmatch(r"[0-9a-f]{40}", run["code"].get("commit", "0" * 40)) and run["code"]["version"]
    assert run["num_steps"] == 6 and run["sessions"][0]["outcome"] == "finished"


def test_the_page_needs_no_other_file_and_runs_no_script(whole):
    html = (whole[0] / "run.html").read_text(encoding="utf-8")
    tags = Page(html).tags
    assert not {"script", "link", "img", "iframe", "model"} & {tag for tag, _ in tags}
    assert not [given for _, given in tags if {"src", "href"} & given.keys() or any(name[:2] == "on" for name in given)]
    assert not re.search(r"https?://|url\(|@import", html)


def test_the_page_in_chinese(whole, tmp_path):
    for name in ("run.json", "log.jsonl", "samples.jsonl"):
        (tmp_path / name).write_bytes((whole[0] / name).read_bytes())
    lang.choose("zh")
    html = page.write(tmp_path).read_text(encoding="utf-8")
    assert 'lang="zh-CN"' in html
    for word in ("已完成", "学习率", "第 6 步", "训练前的数据损失"):
        assert word in html
    assert not re.search(r">(Loss|Curves|finished|training|steps?)<", html)


def test_a_metric_of_another_trainer_gets_a_curve(whole, tmp_path):
    (tmp_path / "run.json").write_bytes((whole[0] / "run.json").read_bytes())
    lines = [
        {"kind": "train", "step": 1, "loss": None, "rewards/margins": 0.5, "trained_seconds": 1, "num_tokens": 0,
         "tokens_per_second": 0.0, "supervised_tokens_per_second": 0.0, "peak_memory_bytes": 10**9},
        {"kind": "eval", "step": 1, "eval_rewards/margins": 0.25},
    ]  # fmt: skip
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shown = Page(page.html(tmp_path))
    assert shown.points["rewards/margins", "training"] == [(1, 0.5)]
    assert shown.points["rewards/margins", "held-out"] == [(1, 0.25)]
    assert not [title for title, _ in shown.points if title in ("Loss", "Tokens per second")]  # nothing there to show


@pytest.mark.parametrize(
    ("how", "outcome", "reason"),
    [
        ("stop", "stopped", ""),
        ("ctrl-c", "stopped", "interrupted"),
        ("error", "failed", "RuntimeError: out of luck <here>"),
    ],
)
def test_whatever_ends_it_the_page_tells(model, tmp_path, how, outcome, reason, capsys):
    try:
        train(model, tmp_path, interrupt=(2, how))
    except (KeyboardInterrupt, RuntimeError):
        assert how != "stop"
    shown = Page((tmp_path / "run.html").read_text(encoding="utf-8"))
    assert outcome in shown.text and reason in shown.text
    assert len(shown.points["Loss", "training"]) == (2 if how == "stop" else 1)  # logging comes after the step's end
    assert "after step 2" in capsys.readouterr().err


def test_plain_lines_where_there_is_no_terminal(model, tmp_path, capsys):
    trainer = train(model, tmp_path)
    out, err = capsys.readouterr()
    err = err[err.index("step 1") :]  # before it the model was loaded
    assert "\x1b" not in out + err and "it/s" not in err and "{'loss'" not in out
    lines = [line for line in err.splitlines() if line.startswith(("step", "Finished"))]
    assert [line.split("  ")[0] for line in lines if "eval" not in line][:-1] == ["step 1/6", "step 6/6"]
    assert [line.split(":")[0] for line in lines if "eval" in line] == ["step 3", "step 6"]
    assert "supervised)" in lines[0] and lines[-1].startswith("Finished: 6 steps")
    kinds = {type(callback) for callback in trainer.callback_handler.callbacks}
    assert not kinds & {ProgressCallback, PrinterCallback}


def test_only_the_first_process_writes(model, tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(monitored_run.CountingTrainer, "is_world_process_zero", lambda self: False)
    trainer = train(model, tmp_path, max_steps=2, save_strategy="no", answer=lambda prompt: asked.append(prompt) or "")
    assert {path.name for path in tmp_path.iterdir()} <= {"tensorboard"}
    assert not list((tmp_path / "tensorboard").glob("*")) if (tmp_path / "tensorboard").exists() else True
    assert capsys.readouterr().err.count("step") == 0
    assert asked == [*PROMPTS, *PROMPTS]  # a sharded model answers with all processes
    assert trainer.counts.num_tokens == 2 * 2 * LENGTH


@pytest.mark.slow
def test_the_status_line_on_a_terminal(tmp_path):
    """One run is ended by Ctrl-C in its third step, the next goes to its end; both in the same terminal."""
    runs = [{"lang": "zh", "interrupt": [3, "ctrl-c"], "seconds": 0.15}, {"seconds": 0.15}]
    words = [sys.executable, "-m", "tests.train.monitored_run", str(tmp_path), json.dumps(runs)]
    screen = Screen(words, tmp_path, columns=110, OMP_NUM_THREADS="1")
    screen.until("第 2/6 步", "损失", "tokens/s", seconds=90).until("ended by KeyboardInterrupt")
    assert any(bar in screen.text for bar in "▁█")
    screen.until("step 4/6", "supervised)", "left", seconds=60).until("all is over", seconds=60)
    assert screen.end() == 0
    lines = [line for line in screen.lines if not line.startswith("Loading weights")]  # before the run
    drawn_again = [line for line in lines if re.match(r"(step|第) \d/6", line)]
    assert len(drawn_again) == 2  # one line a run
    assert len([line for line in lines if "→" in line]) == 2
    assert [line for line in lines if line.startswith("step 3: eval loss")]
    assert any("已在第 3 步后停止" in line for line in lines)
    assert any(line.startswith("Finished: 6 steps") for line in lines)
    assert not [line for line in lines if "it/s" in line or "{'loss'" in line or "Traceback" in line]
    assert not screen.screen.cursor.hidden


def test_trackers_by_name(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="wandbb"):
        trackers(["wandbb"], tmp_path)
    with pytest.raises(MissingExtraError) as caught:
        trackers(["wandb"], tmp_path)
    assert caught.value.hint == "pip install wandb"
    assert (
        len(trackers("none", tmp_path)) == len(trackers(None, tmp_path)) == len(trackers("tensorboard", tmp_path)) == 1
    )


def test_without_tensorboard_a_sentence_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("zhinao.train.settings.packages.is_installed", lambda package: False)
    assert trackers((), tmp_path) == []
    assert "pip install 'zhinao[train]'" in capsys.readouterr().err
    with pytest.raises(MissingExtraError):
        trackers(("tensorboard",), tmp_path)


def test_swanlab_is_told_our_numbers_too(model, tmp_path, monkeypatch):
    """A package of that name that writes down what it is told."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "swanlab.py").write_text(
        "told, config, run = [], {}, None\n"
        "def get_run(): return run\n"
        "def init(**settings): pass\n"
        "def log(values, step=None): told.append((step, dict(values)))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    train(model, tmp_path / "out", max_steps=2, report_to=("swanlab",))
    import swanlab

    told = [values for _, values in swanlab.told if "train/loss" in values]
    assert [values["train/num_tokens"] for values in told] == [2 * LENGTH, 4 * LENGTH]
    assert all(values["train/tokens_per_second"] > 0 for values in told)


def test_callbacks_come_in_the_order_that_they_need(tmp_path):
    names = [type(one).__name__ for one in callbacks(types.SimpleNamespace(report_to=()), RunFacts(tmp_path, "m"))]
    assert names == ["Recorder", "TensorBoard", "StatusLine", "Samples", "Report"]
