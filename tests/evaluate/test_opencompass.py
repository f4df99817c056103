"""The configuration for OpenCompass: its form, its rows, and, where that is installed, that it reads it.

`ZHINAO_OPENCOMPASS` names a python that has `opencompass`; without it the last test is skipped.
"""

import ast
import json
import os
import subprocess

import pytest

from zhinao.errors import CheckpointError, UsageError
from zhinao.evaluate import published, tasks
from zhinao.evaluate.opencompass import ROWS, write_opencompass


@pytest.fixture
def model(tmp_path):
    return checkpoint(tmp_path, "qwen2")


def checkpoint(folder, kind: str):
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text(json.dumps({"model_type": kind, "max_position_embeddings": 32768}))
    return folder / "model"


def names_of(file) -> dict[str, ast.expr]:
    """What the file assigns at its top."""
    tree = ast.parse(file.read_text())
    return {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}


def imported(file) -> dict[str, str]:
    """Under `with read_base():`, each name and where it comes from; lists of data sets are the only other thing used."""
    frame = next(node for node in ast.parse(file.read_text()).body if isinstance(node, ast.With))
    assert ast.unparse(frame.items[0]) == "read_base()"
    return {name.name: line.module for line in frame.body for name in line.names}


def test_the_whole_table(model, tmp_path):
    file = write_opencompass(ROWS, model, tmp_path / "base.py")
    names = imported(file)
    assert len([name for name in names if name.endswith("_datasets")]) == 21  # both halves of RACE are one list
    assert names["ceval_datasets"] == "opencompass.configs.datasets.ceval.ceval_ppl_578f8d"
    added = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.AugAssign)]
    assert len(added) == 22
    summary = ast.unparse(names_of(file)["summarizer"])
    assert summary.count("'avg_zh'") == summary.count("'avg_all'") == 2
    (described,) = names_of(file)["models"].elts
    fields = {keyword.arg: ast.unparse(keyword.value) for keyword in described.keywords}
    assert fields["type"] == "HuggingFaceBaseModel" and fields["path"] == repr(str(model))
    assert fields["generation_kwargs"] == "dict(do_sample=False)"


def test_the_rows_are_those_of_the_published_table_in_its_order():
    assert list(ROWS) == list(published.BASE.rows)
    assert {row.shown.removeprefix("openai_") for row in ROWS.values()} == set(published.BASE.titles.values())


@pytest.mark.parametrize("name", [name for name in ROWS if name in tasks.names()])
def test_a_task_says_the_configuration_that_is_written(name):
    assert ROWS[name].config in tasks.find(name).protocol


def test_variants_and_parts_of_a_list(model, tmp_path):
    file = write_opencompass(["arc-c@ppl_a450bd", "race-high", "humaneval@gen_dcae0e"], model, tmp_path / "some.py")
    assert imported(file)["ARC_c_datasets"].endswith(".ARC_c.ARC_c_ppl_a450bd")
    assert imported(file)["humaneval_datasets"].endswith(".humaneval_openai_sample_evals_gen_dcae0e")
    text = file.read_text()
    assert "d['abbr'] == 'race-high'" in text and "race-middle" not in text and "avg_all" not in text


@pytest.mark.parametrize("names", [["aime24"], ["arc-c@nonsense"], ["nonsense"], []])
def test_what_the_tool_has_not_is_a_sentence(names, model, tmp_path):
    with pytest.raises(UsageError):
        write_opencompass(names, model, tmp_path / "file.py")
    assert not (tmp_path / "file.py").exists()


def test_a_checkpoint_in_our_layout_is_sent_to_export(tmp_path):
    with pytest.raises(CheckpointError) as raised:
        write_opencompass(["wic"], checkpoint(tmp_path, "zhinao"), tmp_path / "file.py")
    assert "zhinao convert" in str(raised.value) and "--to qwen2" in str(raised.value)


def test_no_checkpoint_at_all(tmp_path):
    with pytest.raises(CheckpointError):
        write_opencompass(["wic"], tmp_path, tmp_path / "file.py")


PARSE = """
import sys
from mmengine.config import Config
config = Config.fromfile(sys.argv[1], format_python_code=False)
print(len(config.datasets), config.models[0]["type"].__name__, *config.summarizer["dataset_abbrs"])
"""


@pytest.mark.slow
def test_opencompass_reads_it(model, tmp_path):
    if not (python := os.environ.get("ZHINAO_OPENCOMPASS")):
        pytest.skip("ZHINAO_OPENCOMPASS names no python with opencompass")
    file = write_opencompass(ROWS, model, tmp_path / "base.py")
    ran = subprocess.run([python, "-c", PARSE, file], capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr[-2000:]
    count, kind, *shown = ran.stdout.split("\n")[-2].split()
    # 52 + 57 + 67 + 27 subjects, and 18 rows of one set each.
    assert (int(count), kind) == (221, "HuggingFaceBaseModel")
    assert shown == [row.shown for row in ROWS.values()] + ["avg_zh", "avg_all"]
