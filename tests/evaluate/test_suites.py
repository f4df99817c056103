"""Lists of tasks by name."""

import pytest

from zhinao.errors import UsageError
from zhinao.evaluate import suites, tasks
from zhinao.evaluate.sources import SOURCES


def test_each_task_once():
    assert list(suites.chosen("gsm8k, mmlu,gsm8k,")) == ["gsm8k", "mmlu"]


def test_quick_names_tasks_that_are_there():
    assert list(suites.chosen("quick")) == list(suites.SUITES["quick"])


@pytest.mark.parametrize(
    ("words", "said"),
    [("gsm8", "gsm8k"), ("quik", "quick"), ("gsm8k@odd", "no variant"), (",", "No task"), ("", "No task")],
)
def test_unknown(words, said):
    with pytest.raises(UsageError, match=said):
        suites.chosen(words)


def test_base_has_22_rows():
    assert len(set(suites.README_BASE)) == 22


def test_every_address_belongs_to_a_folder_of_a_task():
    folders = {tasks.find(name).folder for name in tasks.names()}
    later = {"cfbench", "ifeval", "mbpp", "mt_bench"}  # their tasks are made elsewhere
    assert set(SOURCES) <= folders | later
