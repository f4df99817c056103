"""The verbs pull, models and remove, and what is left behind."""

import json

import pytest
from tests.hub.conftest import REPO
from tests.tiny import make_checkpoint

from zhinao import cli, files, lang
from zhinao.hub import cache
from zhinao.lang import columns


def run(*words: str) -> int:
    return cli.main([*words, "--lang", "en"])


def keep(name: str):
    """Put a tiny model into the cache as a download would."""
    return cache.obtain(name, lambda folder: make_checkpoint(folder) and {"source": "huggingface", "id": name})


def test_models_when_there_are_none(capsys):
    assert run("models") == 0
    out = capsys.readouterr().out
    assert "no models are kept" in out and "qihoo360/360Zhinao3-7B-O1.5" in out


def test_models_tells_what_each_needs(capsys):
    cli.main(["models", "--lang", "zh"])
    lines = capsys.readouterr().out.splitlines()
    lang.choose("en")
    (line,) = [line for line in lines if line.startswith("  qwen2.5-0.5b")]
    assert line.split()[1:] == [
        "Qwen/Qwen2.5-0.5B-Instruct",
        "1.0",
        "GB",
        "1.2",
        "GB",
        "Apache-2.0",
        "中英双语小模型，不属于本系列",
    ]
    (line,) = [line for line in lines if line.startswith("  7b-instruct")]
    assert line.split()[2:7] == ["15.6", "GB", "10.0", "GB", "可免费商用"]
    heads = next(line for line in lines if line.startswith("  名称"))
    assert columns(heads[: heads.index("许可证")]) == columns(line[: line.index("可免费商用")])


def test_models_lists_sizes_and_where_from(capsys):
    folder = keep("someone/tiny")
    size = sum(p.stat().st_size for p in folder.iterdir())
    keep("7b")
    cache.staging("7b-o1.5").mkdir(parents=True)
    assert run("models") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        "someone/tiny" in line and files.human_size(size) in line and "huggingface: someone/tiny" in line
        for line in lines
    )
    assert any("7b-o1.5" in line and "unfinished" in line for line in lines)
    assert not any(line.split()[:1] == ["7b"] and "base model" in line for line in lines)


def test_models_as_json(capsys):
    folder = keep("7b")
    assert run("models", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kept"] == [
        {
            "name": "7b",
            "path": str(folder),
            "bytes": sum(p.stat().st_size for p in folder.iterdir()),
            "is_whole": True,
            "source": "huggingface",
            "id": "7b",
            "revision": None,
        }
    ]
    assert {r["name"]: r["is_kept"] for r in found["released"]}["7b"] is True


def test_pull_tells_where_it_is_and_what_is_next(hub, capsys):
    assert run("pull", REPO) == 0
    out = capsys.readouterr().out
    assert str(cache.path(REPO)) in out and f"next: zhinao chat {REPO}" in out
    hub.requests.clear()
    assert run("pull", REPO) == 0 and hub.requests == []


def test_pull_of_a_base_model_leads_to_generate(capsys):
    keep("7b")
    assert run("pull", "7b") == 0
    assert "next: zhinao generate 7b" in capsys.readouterr().out


def test_pull_speaks_chinese(capsys):
    keep("7b-instruct")
    assert cli.main(["pull", "7b-instruct", "--lang", "zh"]) == 0
    assert "下一步：zhinao chat 7b-instruct" in capsys.readouterr().out
    lang.choose("en")


def test_pull_offline_never_deletes_what_is_damaged(capsys):
    folder = keep("7b")
    (folder / "config.json").write_text("{}")
    assert run("pull", "7b", "--offline") == 5
    assert folder.is_dir() and "damaged: config.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("pull", "nothing-like-this"), 4),
        (("pull", "./nowhere"), 4),
        (("pull", "7b", "--offline"), 6),
        (("pull", "7b", "--source", "moon"), 2),
        (("pull",), 2),
        (("remove", "7b"), 4),
        (("models", "x"), 2),
    ],
)
def test_bad_input_has_its_exit_code(words, code, capsys):
    assert run(*words) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("zhinao: ") and "Traceback" not in captured.err


def test_remove_takes_the_compiled_graphs_along(capsys):
    folder, other = keep("someone/tiny"), keep("7b")
    compiled = files.home() / "compiled"
    for name, model in (("mine", folder), ("other", other)):
        (compiled / name).mkdir(parents=True)
        (compiled / name / "source.json").write_text(json.dumps({"model": str(model)}))
    (compiled / "odd").mkdir()
    (compiled / "odd" / "source.json").write_text("[]")
    assert run("remove", "someone/tiny", "--yes") == 0
    assert not folder.exists() and other.is_dir()
    assert sorted(p.name for p in compiled.iterdir()) == ["odd", "other"]
    assert "someone/tiny removed" in capsys.readouterr().out


def test_remove_of_an_unfinished_download():
    cache.staging("7b").mkdir(parents=True)
    (cache.staging("7b") / "model.safetensors.abc.part").write_bytes(b"x" * 100)
    assert run("remove", "7b", "-y") == 0
    assert cache.kept() == []


@pytest.mark.parametrize(
    ("answer", "is_there", "code"), [("n", True, 1), ("", True, 1), ("y", False, 0), ("YES", False, 0)]
)
def test_remove_asks(answer, is_there, code, monkeypatch):
    folder = keep("7b")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert run("remove", "7b") == code and folder.is_dir() == is_there


def test_remove_without_a_terminal_wants_yes(capsys, monkeypatch):
    folder = keep("7b")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run("remove", "7b") == 2 and folder.is_dir()
    assert "zhinao remove 7b --yes" in capsys.readouterr().err


def test_a_home_that_cannot_be_written(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "file"))
    assert run("pull", "7b") == 7
    assert "ZHINAO_HOME" in capsys.readouterr().err


@pytest.mark.parametrize("status", [404, 403])
def test_a_name_that_is_not_on_the_hub_leaves_nothing_behind(hub, status, capsys):
    hub.status["someone/else"] = status
    assert run("pull", "someone/else") in (4, 6)
    assert cache.kept() == [] and {path.suffix for path in cache.root().iterdir()} == {".lock"}
