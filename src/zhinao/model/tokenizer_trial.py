"""Whether a stranger's tokenizer.json can be loaded and used at all: tried in a process of its own, once for each content.

The library ends its whole process over some files, and a normalizer that doubles a text again and again takes all memory with
the first word. What is run there stands in `tokenizer_trial_worker.py`; what was found good is remembered.
"""

import contextlib
import functools
import hashlib
from pathlib import Path

from zhinao import files, foreign
from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.limited import Limited
from zhinao.oserrors import reason

VERSION = 1  # counts up when the trial asks for more
CPU_SECONDS, CPU_SECONDS_PER_BYTE = 4.0, 2e-7  # a vocabulary of 150 thousand tokens (11 MB) loads in about one
NUM_BYTES, NUM_BYTES_PER_BYTE = 2**29, 64
MAX_GROWTH = 64  # characters that a normalizer or decoder may make of one, all its steps together


def check(file: Path) -> None:
    """Raises CheckpointError for a tokenizer.json that is damaged, or costs more than a tokenizer can."""
    try:
        foreign.check_regular(file)
        content = file.read_bytes()
    except OSError as error:
        raise _refused(file, reason(error)) from None
    good = files.home() / "tried" / f"{hashlib.sha256(content).hexdigest()}-{VERSION}"
    if good.exists():
        return
    _check_growth(file)
    why = _tried(content)
    if why is not None:
        raise _refused(file, why)
    with contextlib.suppress(OSError):  # a place that cannot be written costs the trial again, nothing else
        good.parent.mkdir(parents=True, exist_ok=True)
        good.touch()


def _tried(content: bytes) -> str | None:
    """A sentence against it, or None."""
    size = len(content)
    answer = _worker().ask(
        content, CPU_SECONDS + CPU_SECONDS_PER_BYTE * size, NUM_BYTES + NUM_BYTES_PER_BYTE * size, 2**16
    )
    if answer is None:
        return tr(
            "loading it, or encoding a few lines, takes more time or memory than a tokenizer can need",
            "加载它或编码几行文本所需的时间或内容超出任何分词器的需要",
        )
    return foreign.shown(answer.decode("utf-8", "replace"), 300) or None


def _check_growth(file: Path) -> None:
    """By the steps as they are written, since no trial has every character in it."""
    try:
        raw = foreign.read_json(file)
    except (OSError, ValueError) as error:
        raise _refused(file, str(error)) from None
    if not isinstance(raw, dict):
        raise _refused(file, tr("it must be a JSON object", "必须是 JSON 对象"))
    for part in ("normalizer", "decoder"):
        if growth(raw.get(part)) > MAX_GROWTH:
            raise _refused(
                file,
                tr(
                    f"its {part} makes more than {MAX_GROWTH} characters of one",
                    f"其 {part} 会把一个字符变成超过 {MAX_GROWTH} 个",
                ),
            )


def growth(steps) -> float:
    """How many characters `Replace` steps may make of one. `steps`: a normalizer or decoder as in tokenizer.json."""
    if not isinstance(steps, dict):
        return 1.0
    inside = steps.get("normalizers") or steps.get("decoders")
    if isinstance(inside, list):
        product = 1.0
        for step in inside:
            product = min(product * growth(step), 1e9)
        return product
    pattern, content = steps.get("pattern"), steps.get("content")
    if not isinstance(content, str) or not isinstance(pattern, dict):
        return 1.0
    text = pattern.get("String")
    # An expression may match one character, or nothing before each.
    return max(1.0, len(content) / len(text)) if isinstance(text, str) and text else len(content) + 1.0


def _refused(file: Path, why: str) -> CheckpointError:
    return CheckpointError(
        tr(f"{file}: damaged ({why}).", f"{file}：文件损坏（{why}）。"),
        tr("fetch the model again with `zhinao pull`", "请用 `zhinao pull` 重新下载"),
    )


@functools.cache
def _worker() -> Limited:
    return Limited("zhinao.model.tokenizer_trial_worker")
