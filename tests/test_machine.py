"""What a processor has: read from the kernel, limited as oneDNN is, and asked for in one place."""

import re
from pathlib import Path

import pytest

from zhinao import machine

AMX = "fpu avx2 avx512f avx512_vnni avx512_bf16 avx_vnni amx_tile amx_bf16 amx_int8"
SOURCES = Path(machine.__file__).parent


def on(monkeypatch, tmp_path, flags: str, key: str = "flags") -> None:
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nmodel name : one\n{key} : {flags}\n\nprocessor : 1\n")
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")


@pytest.mark.parametrize(
    ("flags", "has_bf16", "has_int8"),
    [
        ("sse4_2 avx", False, False),
        ("avx2 f16c fma", False, False),
        ("avx2 avx_vnni", False, True),
        ("avx2 avx512f", False, False),
        ("avx2 avx512f avx512_vnni", False, True),
        ("avx2 avx512f avx512_vnni avx512_bf16", True, True),
        (AMX, True, True),
    ],
)
def test_products_of_narrow_numbers(monkeypatch, tmp_path, flags, has_bf16, has_int8):
    on(monkeypatch, tmp_path, flags)
    assert (machine.has_bf16(), machine.has_int8()) == (has_bf16, has_int8)
    assert machine.facts().cpu_features == machine.cpu_features()


def test_arm(monkeypatch, tmp_path):
    from zhinao.engine.openvino.prepare import products

    on(monkeypatch, tmp_path, "fp asimd i8mm bf16", "Features")
    assert machine.has_bf16() and machine.has_int8()
    assert not products(machine.cpu_features()).bf16, "OpenVINO computes in float16 or float32 there"


@pytest.mark.parametrize(
    ("limit", "has_bf16"),
    [("AVX2", False), ("avx512_core_vnni", False), ("AVX512_CORE_BF16", True), ("AVX512_CORE_AMX", True), ("", True)],
)
def test_onednns_limit_counts(monkeypatch, tmp_path, limit, has_bf16):
    on(monkeypatch, tmp_path, AMX)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert machine.has_bf16() is has_bf16
    assert ("amx_bf16" in machine.cpu_features()) is (limit in ("AVX512_CORE_AMX", ""))


def test_avx2_is_only_missed_where_it_is_known_to_be_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    on(monkeypatch, tmp_path, "sse4_2 avx")
    assert machine.lacks_avx2()
    on(monkeypatch, tmp_path, "avx2")
    assert not machine.lacks_avx2()
    (tmp_path / "cpuinfo").unlink()
    assert not machine.lacks_avx2()


def test_nobody_else_decides_by_names_of_instructions():
    names = re.compile(r"avx512_|amx_|avx_vnni|i8mm")
    found = [file.name for file in SOURCES.rglob("*.py") if names.search(file.read_text(encoding="utf-8"))]
    assert found == ["machine.py"]
