"""A `.tiktoken` vocabulary file: `base64(token bytes) rank`, one pair a line; and the merge list that it implies.

Does not know special tokens, patterns or normalisation: `tokenizer_pipeline.py` adds those.
"""

import base64
import binascii
import itertools
from pathlib import Path

from zhinao import foreign
from zhinao.errors import CheckpointError
from zhinao.lang import tr
from zhinao.oserrors import cannot_read

NUM_BYTES = 256


def read(file: Path) -> dict[bytes, int]:
    """Token bytes -> rank, in rank order. Raises CheckpointError naming file and line.

    The ranks must be 0, 1, 2 … without a gap or a repetition, and every single byte must be a token.
    """
    try:
        foreign.check_regular(file)
        data = file.read_bytes()
    except OSError as error:
        raise cannot_read(file, error) from None
    ranks: dict[bytes, int] = {}
    lines: dict[int, int] = {}  # rank -> line
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        token, rank = _parse(line, file, number)
        if rank in lines:
            raise _damaged(
                file,
                number,
                f"rank {rank} stands in line {lines[rank]} too",
                f"rank {rank} 在第 {lines[rank]} 行已出现",
            )
        if token in ranks:
            first = lines[ranks[token]]
            raise _damaged(file, number, f"the same token as in line {first}", f"与第 {first} 行的 token 相同")
        ranks[token], lines[rank] = rank, number
    _check_complete(ranks, lines, file)
    return dict(sorted(ranks.items(), key=lambda pair: pair[1]))


def find_merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """For each token the one pair that merging by rank ever joins into it, in rank order.

    tiktoken merges the neighbours whose *joined bytes* have the lowest rank, leftmost first. What happens between the
    borders of a token depends on nothing outside of them, so in any text a token is made of the same two parts as when
    its own bytes are merged alone. One pair a token therefore gives a merge list exactly the same results.
    A token that merging cannot reach has no pair; it is only found where it is a whole piece (`ignore_merges`).
    """
    pairs = (_last_pair(token, ranks) for token in ranks if len(token) > 1)
    return [pair for pair in pairs if pair]


def _last_pair(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes] | None:
    """The two parts that are left just before merging by rank completes `token`."""
    parts = [token[i : i + 1] for i in range(len(token))]
    joined = [ranks.get(a + b) for a, b in itertools.pairwise(parts)]
    while len(parts) > 2:
        lowest = min((rank for rank in joined if rank is not None), default=None)
        if lowest is None:
            return None
        at = joined.index(lowest)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        del joined[at]
        if at > 0:
            joined[at - 1] = ranks.get(parts[at - 1] + parts[at])
        if at < len(joined):
            joined[at] = ranks.get(parts[at] + parts[at + 1])
    return parts[0], parts[1]


def _parse(line: bytes, file: Path, number: int) -> tuple[bytes, int]:
    fields = line.split()
    if len(fields) != 2:
        raise _damaged(file, number, "expected `base64 rank`", "应为 `base64 rank`")
    try:
        token = base64.b64decode(fields[0], validate=True)
    except binascii.Error:
        raise _damaged(file, number, "the token is not base64", "token 不是 base64") from None
    if not token:
        raise _damaged(file, number, "the token is empty", "token 为空")
    if not fields[1].isdigit():
        raise _damaged(file, number, "the rank is not a whole number", "rank 不是整数")
    return token, int(fields[1])


def _check_complete(ranks: dict[bytes, int], lines: dict[int, int], file: Path) -> None:
    if lines and max(lines) != len(lines) - 1:
        gap = next(rank for rank in range(len(lines)) if rank not in lines)
        above = min(rank for rank in lines if rank > gap)
        raise _damaged(
            file, lines[above], f"rank {above}, but there is no rank {gap}", f"出现 rank {above}，却没有 rank {gap}"
        )
    lost = [byte for byte in range(NUM_BYTES) if bytes([byte]) not in ranks]
    if lost:
        raise CheckpointError(
            tr(
                f"{file}: damaged, {len(lost)} single bytes are no tokens, the first is 0x{lost[0]:02X}.",
                f"{file}：文件损坏，有 {len(lost)} 个单字节不是 token，第一个是 0x{lost[0]:02X}。",
            ),
            fetch_again(),
        )


def fetch_again() -> str:
    return tr(
        "fetch the file again (`zhinao pull` checks sizes and hashes)", "请重新下载（`zhinao pull` 会校验大小和哈希）"
    )


def _damaged(file: Path, line: int, english: str, chinese: str) -> CheckpointError:
    return CheckpointError(
        tr(f"{file}: damaged in line {line}: {english}.", f"{file}：第 {line} 行损坏：{chinese}。"), fetch_again()
    )
