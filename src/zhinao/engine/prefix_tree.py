"""Many requests for log-likelihoods as one tree of their beginnings, so that what they share is computed once. Knows no engine.

The tokens of the tree are laid end to end in the order of a walk: a token, then all that follows it. One token may look at
another where that one stands before it and its branch has not ended: that is a mask over one long sequence, the tree attention
of speculative decoding (SpecInfer, arXiv 2305.09781). So there is no padding, no batch and no copy of a prefix for each of its
suffixes; every step has as many tokens as its neighbours, whatever the lengths of the requests are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Request = tuple[Sequence[int], int]  # (ids, start): the likelihood of ids[start:] is wanted
Scored = tuple[int, tuple[float, ...], tuple[bool, ...]]

_WINDOW_TOKENS = 2**22  # requests are put into one tree up to that many tokens, then the next begins


@dataclass(frozen=True, eq=False)
class Tree:
    """Arrays over its tokens (`num_tokens`,), and over the places that are asked, those of one request after another's.

    `ends`: the first token that does not follow this one. `asked`: the token behind which `targets` is looked for; those of
    request i are `offsets[i] … offsets[i + 1]`.
    """

    ids: np.ndarray
    positions: np.ndarray
    ends: np.ndarray
    asked: np.ndarray
    targets: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, eq=False)
class Step:
    """One run of the network behind what it remembers.

    `keep`: which of the remembered tokens are still needed, all others are to be forgotten before. `ids`, `positions`: the new
    ones. `mask` (new, kept + new): true where one may look. `rows`: the new tokens behind which somebody asks; `pairs` (n, 2):
    a row of `rows`, and a token whose likelihood is wanted there; `places`: where in the tree's `asked` these stand.
    """

    keep: np.ndarray
    ids: np.ndarray
    positions: np.ndarray
    mask: np.ndarray
    rows: np.ndarray
    pairs: np.ndarray
    places: np.ndarray
    num_done: int


@dataclass(frozen=True, eq=False)
class Heads:
    """What a step gives: `chosen`, the logits of its pairs; `largest` and `logsumexp` of its rows. All float32."""

    chosen: np.ndarray
    largest: np.ndarray
    logsumexp: np.ndarray


def score(
    requests: Sequence[Request],
    run: Callable[[Step], Heads],
    *,
    num_tokens: int,
    num_rows: int,
    progress: Callable[[int, int], None] | None = None,
    window: int = _WINDOW_TOKENS,
) -> Iterator[Scored]:
    """`(index, log-likelihoods, is each the likeliest)` of every request, in the order in which they are done.

    `num_tokens`, `num_rows`: the most of one step. `progress(tokens computed, of all)` counts tokens as they were asked.
    """
    num_all, num_before = sum(len(ids) for ids, _ in requests), 0
    for start, end in _windows(requests, window):
        part = requests[start:end]
        num_here = sum(len(ids) for ids, _ in part)
        for index, logprobs, greedy in _score(
            build(part), run, num_tokens, num_rows, num_here, num_before, num_all, progress
        ):
            yield start + index, logprobs, greedy
        num_before += num_here


def _windows(requests: Sequence[Request], window: int) -> Iterator[tuple[int, int]]:
    start, num = 0, 0
    for n, (ids, _) in enumerate(requests):
        if n > start and num + len(ids) > window:
            yield start, n
            start, num = n, 0
        num += len(ids)
    if start < len(requests):
        yield start, len(requests)


def _score(tree: Tree, run, num_tokens, num_rows, num_here, num_before, num_all, progress) -> Iterator[Scored]:
    logprobs, greedy = np.zeros(len(tree.asked), np.float64), np.zeros(len(tree.asked), bool)
    waiting = _Waiting(tree)
    yield from waiting.done(0, logprobs, greedy)  # those that ask nothing
    for step in steps(tree, num_tokens, num_rows):
        heads = run(step)
        if len(step.places):
            row = step.pairs[:, 0]
            logprobs[step.places] = heads.chosen.astype(np.float64) - heads.logsumexp[row]
            greedy[step.places] = heads.chosen >= heads.largest[row]
        if progress:
            progress(num_before + num_here * step.num_done // max(1, len(tree.ids)), num_all)
        yield from waiting.done(step.num_done, logprobs, greedy)


class _Waiting:
    """Which requests are answered once so many tokens of the tree are computed."""

    def __init__(self, tree: Tree):
        first, last = tree.offsets[:-1], tree.offsets[1:]
        self.offsets = tree.offsets
        # asked tokens of a request are in order: its last one decides
        self.needs = np.where(last > first, tree.asked[np.maximum(last, 1) - 1] + 1 if len(tree.asked) else 0, 0)
        self.order, self.num_done = np.argsort(self.needs, kind="stable"), 0

    def done(self, num_tokens: int, logprobs: np.ndarray, greedy: np.ndarray) -> Iterator[Scored]:
        while self.num_done < len(self.order) and self.needs[self.order[self.num_done]] <= num_tokens:
            index = int(self.order[self.num_done])
            self.num_done += 1
            own = slice(self.offsets[index], self.offsets[index + 1])
            yield index, tuple(logprobs[own].tolist()), tuple(greedy[own].tolist())


def build(requests: Sequence[Request]) -> Tree:
    """The tree of all requests. The last token of each is never read, only asked for."""
    read = [np.asarray(ids[:-1], np.int32) if len(ids) > start else np.empty(0, np.int32) for ids, start in requests]
    offsets = np.cumsum([0] + [len(ids) - start for ids, start in requests])
    num_most = sum(map(len, read))
    ids, positions, ends = (np.empty(num_most, np.int32) for _ in range(3))
    asked, targets = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.int32)
    path, before, num = np.empty(max(map(len, read), default=0), np.int32), np.empty(0, np.int32), 0
    for i in sorted(range(len(read)), key=lambda i: read[i].astype(">i4").tobytes()):
        now, (whole, start) = read[i], requests[i]
        num_shared = _num_shared(before, now)
        ends[path[num_shared : len(before)]] = num
        new = slice(num, num + len(now) - num_shared)
        path[num_shared : len(now)] = np.arange(new.start, new.stop)
        ids[new], positions[new] = now[num_shared:], np.arange(num_shared, len(now))
        if len(whole) > start:
            own = slice(offsets[i], offsets[i + 1])
            asked[own], targets[own] = path[start - 1 : len(now)], whole[start:]
        before, num = now, new.stop
    ends[path[: len(before)]] = num
    return Tree(ids[:num], positions[:num], ends[:num], asked, targets, offsets)


def _num_shared(a: np.ndarray, b: np.ndarray) -> int:
    num = min(len(a), len(b))
    differs = a[:num] != b[:num]
    return int(differs.argmax()) if differs.any() else num


def steps(tree: Tree, num_tokens: int, num_rows: int) -> Iterator[Step]:
    """Walk through the tree. At the end of a step remembered is the path to where it stopped, and that step."""
    order = np.argsort(tree.asked, kind="stable")
    by_token = tree.asked[order]
    asking = np.unique(by_token)  # each wants a row of logits
    start, cached = 0, np.empty(0, np.int64)
    while start < len(tree.ids):
        end = min(start + num_tokens, len(tree.ids))
        first, last = np.searchsorted(asking, [start, end])
        if last - first > num_rows:
            last = first + num_rows
            end = int(asking[last])
        keep = np.flatnonzero(tree.ends[cached] > start)
        new = np.arange(start, end)
        cached = np.concatenate([cached[keep], new])
        mask = (cached <= new[:, None]) & (new[:, None] < tree.ends[cached])
        here = slice(*np.searchsorted(by_token, [start, end]))
        places = order[here]
        row = np.searchsorted(asking[first:last], by_token[here])
        pairs = np.stack([row, tree.targets[places]], axis=1)
        yield Step(
            keep, tree.ids[start:end], tree.positions[start:end], mask, asking[first:last] - start, pairs, places, end
        )
        start = end
