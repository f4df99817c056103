"""`zhinao data` itself: light help, verbs inside the verb, their place in the documentation."""

import subprocess
import sys

import pytest

from zhinao import cli, generated_docs
from zhinao.data.command import VERBS

HEAVY = ("torch", "transformers", "tokenizers", "rich", "numpy", "jinja2", "pyarrow", "yaml", "huggingface_hub")


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_light(verb):
    code = (
        f"import sys\nfrom zhinao.cli import main\ntry: main(['data', {verb!r}, '--help'])\nexcept SystemExit: pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
        f"print([m for m in {[module for module, _, _ in VERBS.values()]!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *help_lines, heavy, imported = done.stdout.splitlines()
    assert help_lines[0].startswith(f"usage: zhinao data {verb}") and heavy == "[]"
    assert VERBS[verb][0] in imported and "zhinao.data.stats.command" not in imported.replace(VERBS[verb][0], "")


def test_the_generated_page_has_every_verb(monkeypatch):
    page = generated_docs.cli_pages()["data.md"]
    for verb in VERBS:
        _, english, chinese = page.split(f"## `zhinao data {verb}`\n")[1].split("```text\n", 2)
        assert english.startswith(f"usage: zhinao data {verb} ") and chinese.startswith(f"用法：zhinao data {verb} ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["data"], "required"),
        (["data", "chekc"], "Did you mean check?"),
        (["data", "check"], "SOURCE"),
        (["data", "check", "a.jsonl", "--strit"], "Did you mean --strict?"),
        (["data", "view", "a.jsonl", "--overlong", "cut"], "split"),
    ],
)
def test_usage_errors_are_sentences(words, sentence, capsys):
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert sentence in error and "zhinao data" in error and "Traceback" not in error


def test_sources_after_flags(tmp_path, capsys):
    """argparse closes a list at the first flag; what follows is not lost."""
    code = cli.main(
        [
            "data",
            "stats",
            str(tmp_path / "a.jsonl"),
            "--limits",
            "64",
            str(tmp_path / "b.jsonl"),
            "--model",
            str(tmp_path),
        ]
    )
    assert code != 2 and "unrecognized" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--lang", "zh", "data", "check", "--help"], ["data", "check", "--help", "--lang", "zh"]]
)
def test_language(words, capsys):
    with pytest.raises(SystemExit):
        cli.main(words)
    assert "找出数据中的问题" in capsys.readouterr().out
