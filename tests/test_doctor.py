import json

import pytest

from zhinao import bandwidth, cli, doctor, lang, machine

FACTS = machine.Machine("Linux 6 x86_64", "3.11.7", "a processor", ("avx2",), 2, 24 * 10**9, 20 * 10**9, ())
GOOD = {"openvino": "2026.4.1", "openvino-genai": "2026.4.1.0", "torch": "2.13.0", "transformers": "5.23.0"}
GPU = machine.Gpu("a card", 80 * 10**9, "580")


def with_facts(**changes) -> machine.Machine:
    return machine.Machine(**{**vars(FACTS), **changes})


def test_nothing_to_complain_about():
    assert doctor.problems(FACTS, GOOD, 10**12) == []


@pytest.mark.parametrize(
    ("versions", "facts", "free", "word", "is_fatal"),
    [
        ({"openvino-genai": None}, FACTS, 10**12, "OpenVINO GenAI", True),
        ({"openvino": "2026.3.0"}, FACTS, 10**12, "must be of one release", True),
        ({"torch": None}, FACTS, 10**12, "without torch", False),
        ({"transformers": "5.15.9"}, FACTS, 10**12, "too old", True),
        ({"torch": "2.13.0+cpu"}, with_facts(gpus=(GPU,)), 10**12, "CPU build", False),
        ({"torch": "2.13.0+cpu", "torchvision": "0.28.0"}, FACTS, 10**12, "torchvision", True),
        ({}, with_facts(cpu_features=()), 10**12, "AVX2", True),
        ({}, FACTS, 10**9, "disk", False),
        ({}, with_facts(free_memory_bytes=10**9), 10**12, "memory", False),
    ],
)
def test_each_problem_is_told_once(versions, facts, free, word, is_fatal):
    (problem,) = doctor.problems(facts, {**GOOD, **versions}, free)
    assert word in problem.text and problem.is_fatal is is_fatal and problem.fix


def test_report_of_this_machine_as_json(capsys):
    code = cli.main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == int(any(problem["is_fatal"] for problem in report["problems"]))
    assert report["machine"]["num_cores"] >= 1 and report["machine"]["memory_bytes"] > 10**9
    assert report["packages"]["openvino-genai"] and report["engine"]["name"] and report["engine"]["reason"]
    assert set(report["fits_7b"]) == {"bf16", "int8"}


@pytest.mark.parametrize(("language", "words"), [("en", ("processor", "engine")), ("zh", ("处理器", "引擎"))])
def test_report_for_people(language, words, capsys):
    cli.main(["--lang", language, "doctor"])
    out = capsys.readouterr().out
    lang.choose("en")
    assert all(word in out for word in words)


def test_the_speed_of_a_7b_is_estimated_from_memory():
    assert doctor.estimate(48e9) == {"bf16": 1.3, "int8": 2.7}
    assert doctor.estimate(None) == {}
    assert bandwidth.measure(2, 10**8) is None  # too little is free to try
    assert 10**8 < bandwidth.measure(2, 10**10) < 10**13


@pytest.mark.parametrize(("features", "name"), [(("avx2",), "float32"), (("avx2", "amx_bf16"), "bfloat16")])
def test_what_is_computed_in(monkeypatch, capsys, features, name):
    monkeypatch.setattr(machine, "facts", lambda: with_facts(cpu_features=features))
    cli.main(["doctor"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("computes in")]
    assert line.split()[2] == name


def test_gpus_are_read_from_the_drivers_answer(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559, 580.159.04'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.nvidia_gpus() == (machine.Gpu("NVIDIA H100 80GB HBM3", 81559 * 2**20, "580.159.04"),)
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert machine.nvidia_gpus() == ()


def test_container_limits_count(monkeypatch, tmp_path):
    for name, text in {"cpu.max": "150000 100000", "memory.max": str(10**9), "memory.current": str(10**8)}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    facts = machine.facts()
    assert facts.num_cores == 1 and facts.memory_bytes == 10**9 and facts.free_memory_bytes <= 9 * 10**8
