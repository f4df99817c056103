"""How vLLM's server is started: the command, the environment, the files beside it. Needs no vLLM."""

import importlib.metadata
import json
import os
import shlex
import shutil

import pytest

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao import cli, family, hub
from zhinao.engine import select
from zhinao.errors import DownloadError, MissingExtraError, UsageError
from zhinao.hub import LocalModel, cache
from zhinao.serve.settings import ServeSettings
from zhinao.serve.vllm import arguments, environment, launcher


@pytest.fixture(autouse=True)
def _surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("ZHINAO_HOME", str(tmp_path / "home"))
    for name in ("ZHINAO_API_KEY", "VLLM_CPU_OMP_THREADS_BIND", "VLLM_CPU_KVCACHE_SPACE", "VLLM_NO_USAGE_STATS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def installed(monkeypatch):
    """Which distributions of vLLM seem to be installed."""
    packages = set()
    monkeypatch.setattr(launcher, "_is_installed", lambda package: package in packages)
    return packages


@pytest.fixture
def model(tmp_path):
    folder = make_tokenizer(make_checkpoint(tmp_path / "model"))
    return LocalModel(folder, "7b-o1.5", family.find("7b-o1.5"))


def flags_of(command: launcher.Command) -> dict[str, str]:
    """Flag -> its values, joined."""
    found, flag = {}, ""
    for word in command.argv:
        if word.startswith("--"):
            found[flag := word] = ""
        elif flag:
            found[flag] = f"{found[flag]} {word}".strip()
    return found


def test_the_readme_s_settings(model, installed):
    further = ["--tensor-parallel-size", "4", "--gpu-memory-utilization", "0.8"]
    command = launcher.command(model, ServeSettings(host="0.0.0.0", allow_anyone=True), further)
    assert command.argv[1:5] == ("-m", "vllm.entrypoints.cli.main", "serve", str(model.path))
    flags = flags_of(command)
    expected = {
        "--served-model-name": "7b-o1.5 360Zhinao3-7B-O1.5 qihoo360/360Zhinao3-7B-O1.5",
        "--host": "0.0.0.0",
        "--port": "8360",
        "--dtype": "bfloat16",
        "--reasoning-parser": "zhinao",
        "--tool-call-parser": "hermes",
        "--enable-auto-tool-choice": "",
        "--shutdown-timeout": "30",
        "--middleware": "zhinao.serve.vllm.middleware.FamilyMiddleware",
        "--tensor-parallel-size": "4",
        "--gpu-memory-utilization": "0.8",
    }
    assert flags.items() >= expected.items()
    others = {"--generation-config", "--chat-template", "--disable-uvicorn-access-log", "--reasoning-config"}
    assert flags.keys() - expected.keys() == others
    assert json.loads(flags["--reasoning-config"])["reasoning_end_str"].endswith("answer now.\n</think>\n\n")
    assert command.argv[-4:] == tuple(further)


def test_stop_tokens_and_sampling_stand_in_a_file(model, installed):
    from zhinao.model.tokenizer import Tokenizer

    folder = flags_of(launcher.command(model, ServeSettings()))["--generation-config"]
    with open(f"{folder}/generation_config.json", encoding="utf-8") as file:
        config = json.load(file)
    control = Tokenizer.load(model.path).control_tokens
    assert config["eos_token_id"] == sorted(control[token] for token in family.STOP_TOKENS)
    assert config["temperature"] == 1.0 and config["top_p"] == 0.8
    assert launcher.command(model, ServeSettings()) == launcher.command(model, ServeSettings()), "written once"
    (model.path / "generation_config.json").write_text('{"max_new_tokens": 5, "temperature": 0.3}')
    other = flags_of(launcher.command(model, ServeSettings()))["--generation-config"]
    assert other != folder, "another content has another folder"
    with open(f"{other}/generation_config.json", encoding="utf-8") as file:
        assert "max_new_tokens" not in file.read(), "vLLM would allow nobody more"


@pytest.mark.parametrize(
    ("scaling", "told"),
    [({"type": "yarn", "factor": 4}, '{"max_position_embeddings": 1024}'), ({"type": "linear", "factor": 2}, None)],
)
def test_vllm_finds_the_context_that_the_scaling_gives(tmp_path, installed, scaling, told):
    """It multiplies by the factor itself under `linear` and `dynamic`, and takes the named length under `yarn`."""
    folder = make_tokenizer(make_checkpoint(tmp_path / "model", rope_scaling=scaling))
    command = launcher.command(LocalModel(folder, "m", None), ServeSettings(), [])
    assert flags_of(command).get("--hf-overrides") == told


def test_what_the_user_gives_vllm_wins(model, installed):
    further = ["--dtype=half", "--reasoning_parser", "qwen3", "--no-enable-auto-tool-choice", "--port", "1"]
    argv = launcher.command(model, ServeSettings(), further).argv
    text = " ".join(argv)
    assert text.count("--dtype") == text.count("reasoning") == text.count("auto-tool") == text.count("--port") == 1
    assert list(argv[-len(further) :]) == further


def test_a_model_without_thoughts_gets_no_reasoning_parser(tmp_path, installed):
    folder = make_tokenizer(make_checkpoint(tmp_path / "instruct"), further=(), chat_template=None)
    command = launcher.command(LocalModel(folder, "own", None), ServeSettings(quant="f32", thinking_budget=9))
    flags = flags_of(command)
    assert "--reasoning-parser" not in flags and flags["--dtype"] == "float32"
    assert environment.read(command.environment).thinking_budget is None, "vLLM would refuse every request"
    assert flags["--served-model-name"] == "own"
    with open(flags["--chat-template"], encoding="utf-8") as file:
        assert file.read() == family.CHAT_TEMPLATE, "it has none of its own"


def test_on_a_cpu(model, installed, monkeypatch):
    installed.add("vllm-cpu")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 4, 5, 6, 7}, raising=False)
    command = launcher.command(model, ServeSettings(cache_gb=2), ["--tensor-parallel-size=2"])
    assert command.argv[1:5] == ("-m", "vllm.entrypoints.launchers.api_server.entry", "--model", str(model.path))
    assert "--enforce-eager" in command.argv and flags_of(command)["--kv-cache-memory-bytes"] == "2000000000"
    assert command.environment["VLLM_CPU_OMP_THREADS_BIND"] == "3,4|5,6"
    assert "VLLM_CPU_KVCACHE_SPACE" not in command.environment
    one = launcher.command(model, ServeSettings(threads=2)).environment
    assert one["VLLM_CPU_OMP_THREADS_BIND"] == "3,4" and int(one["VLLM_CPU_KVCACHE_SPACE"]) >= 1
    assert "VLLM_CPU_OMP_THREADS_BIND" not in launcher.command(model, ServeSettings()).environment
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "0")
    assert "VLLM_CPU_OMP_THREADS_BIND" not in launcher.command(model, ServeSettings(threads=2)).environment, (
        "the user's"
    )


def test_settings_reach_the_middleware_without_keys(model, installed, tmp_path, monkeypatch):
    monkeypatch.setenv("ZHINAO_API_KEY", "ann:secret-of-ann")
    settings = ServeSettings(host="0.0.0.0", thinking_budget=5, cors_origin=("https://a.b",))
    command = launcher.command(model, settings)
    assert environment.read(command.environment) == settings
    assert environment.read({}) == ServeSettings()
    assert "secret-of-ann" not in str(command)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"quant": "int8"}, "int8"),
        ({"tokens_per_minute": 5}, "--tokens-per-minute"),
        ({"strict_params": True}, "--strict-params"),
        ({"threads": 5}, "--threads"),
        ({"device": "cpu"}, "built for GPU"),
        ({"host": "0.0.0.0"}, "no API key"),
        ({"cors_origin": ("https://a.b/",)}, "not an origin"),
    ],
)
def test_refused_in_a_sentence(model, installed, settings, words):
    with pytest.raises(UsageError, match=words):
        launcher.command(model, ServeSettings(**settings))


def test_an_address_given_to_vllm_is_looked_at_too(model, installed):
    with pytest.raises(UsageError, match="no API key"):
        launcher.command(model, ServeSettings(), ["--host=0.0.0.0"])


def test_a_head_size_that_vllm_would_misread(tmp_path, installed):
    folder = make_tokenizer(make_checkpoint(tmp_path / "wide", head_dim=16))
    with pytest.raises(UsageError, match="head_dim"):
        launcher.command(LocalModel(folder, "wide", None), ServeSettings())


def test_print_command_can_be_pasted(model, installed, capsys):
    assert launcher.show(model, ServeSettings(), ["--max-model-len", "2 k"]) == 0
    seen = capsys.readouterr()
    words = shlex.split(seen.out)
    assert words[0] == "env" and words[-1] == "2 k" and str(model.path) in words
    assert "vLLM is not installed here" in seen.err
    installed.add("vllm")
    launcher.show(model, ServeSettings())
    assert not capsys.readouterr().err


def test_a_command_is_printed_without_vllm(model, monkeypatch, capsys):
    monkeypatch.setattr(select, "_has", lambda package: False)
    words = ["serve", str(model.path), "--engine", "vllm"]
    assert cli.main([*words, "--print-command", "--max-num-seqs", "8"]) == 0
    assert "vllm.entrypoints" in capsys.readouterr().out
    assert cli.main(words) == 3


def test_a_command_is_printed_without_weights(model, monkeypatch, capsys):
    """Only what it depends on is fetched; it names the folder in which the weights will be."""
    staging = cache.staging("7b-o1.5")
    shutil.copytree(model.path, staging, ignore=shutil.ignore_patterns("*.safetensors"))
    (staging / cache._BEGUN).touch()
    monkeypatch.setattr(hub, "resolve", lambda *a, **b: pytest.fail("weights were asked for"))
    assert cli.main(["serve", "7b-o1.5", "--engine", "vllm", "--print-command"]) == 0
    seen = capsys.readouterr()
    assert str(cache.path("7b-o1.5")) in shlex.split(seen.out) and "zhinao pull 7b-o1.5" in seen.err


def test_a_command_is_printed_with_an_unreachable_hub(installed, monkeypatch, capsys):
    def unreachable(*a, **b):
        raise DownloadError("no network")

    monkeypatch.setattr(hub, "resolve_tokenizer", unreachable)
    monkeypatch.setattr(hub, "resolve", unreachable)
    words = ["--engine", "vllm", "--print-command"]
    for revision in ([], ["--revision", "abc"]):
        assert cli.main(["serve", "7b-o1.5", *words, *revision]) == 0
        seen = capsys.readouterr()
        place = cache.path("7b-o1.5@abc" if revision else "7b-o1.5")
        assert str(place) in shlex.split(seen.out) and "--reasoning-parser" in seen.out
        assert "--generation-config" not in seen.out and "--generation-config" in seen.err
    assert not cache.root().exists()
    assert cli.main(["serve", "some/unknown", *words]) == 6  # its settings stand in its files only


def test_without_vllm_the_install_line_is_named(model, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None)
    with pytest.raises(MissingExtraError, match=r"zhinao\[vllm\]"):
        launcher.run(model, ServeSettings())


def test_it_becomes_vllm(model, monkeypatch):
    seen = []
    monkeypatch.setattr(launcher.select, "require", lambda engine: None)
    monkeypatch.setattr(os, "execvpe", lambda *command: seen.append(command))
    launcher.run(model, ServeSettings())
    program, argv, variables = seen[0]
    assert program == argv[0] and environment.SETTINGS_VARIABLE in variables and "PATH" in variables


def test_the_plugin_is_an_entry_point():
    (entry,) = (e for e in importlib.metadata.entry_points(group="vllm.general_plugins") if e.name == "zhinao")
    assert callable(entry.load())


def test_flags_are_found_in_every_spelling():
    flags = ["--a-b", "1", "--c_d=2", "--no-e", "-tp", "4"]
    assert [arguments.value_of(flags, name) for name in ("--a-b", "--c-d", "-tp", "--x")] == ["1", "2", "4", None]
    assert arguments.has(flags, "--e") and not arguments.has(flags, "--a")
