"""Which documents share a row: best fit decreasing. Looks at lengths alone; keeping documents apart is the trainer's work."""

from collections.abc import Sequence

import numpy as np

from zhinao.lang import tr

_BITS = 64


def best_fit(lengths: Sequence[int] | np.ndarray, capacity: int, seed: int) -> list[list[int]]:
    """Indices of `lengths` in packs of at most `capacity` tokens, each index once, the packs in random order.

    The longest document goes first, each into the pack whose free space fits it best (Johnson 1974: at most 11/9 of the
    fewest packs possible). Documents of equal length are shuffled by `seed`, so that neighbours of one source do not
    always travel together. Same lengths, capacity and seed: same packs. O(n log n).
    Raises ValueError for a document that is longer than `capacity`.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    _check(lengths, capacity)
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    order = order[np.argsort(-lengths[order], kind="stable")]
    packs: list[list[int]] = []
    room = _Room(capacity)
    for index, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        pack, free = room.take(length)
        if pack is None:
            pack = len(packs)
            packs.append([])
        packs[pack].append(index)
        room.put(pack, free - length)
    return [packs[n] for n in random.permutation(len(packs)).tolist()]


def efficiency(packs: Sequence[Sequence[int]], lengths: Sequence[int], capacity: int) -> float:
    """The share of the packs' room that holds tokens, between 0 and 1."""
    used = sum(int(lengths[index]) for pack in packs for index in pack)
    return used / (len(packs) * capacity) if packs else 1.0


class _Room:
    """Packs by their free space. The smallest space that is large enough is found in two steps, through bits that say
    which spaces occur: 64 spaces in one word, and one long integer for the words."""

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._packs: list[list[int]] = [[] for _ in range(capacity + 1)]
        self._words = [0] * (capacity // _BITS + 1)
        self._occurring_words = 0

    def put(self, pack: int, free: int) -> None:
        self._packs[free].append(pack)
        self._words[free // _BITS] |= 1 << free % _BITS
        self._occurring_words |= 1 << free // _BITS

    def take(self, length: int) -> tuple[int | None, int]:
        """The fullest pack with room for `length`, and its free space; None and the whole capacity where there is none."""
        free = self._smallest(length)
        if free is None:
            return None, self._capacity
        packs = self._packs[free]
        pack = packs.pop()
        if not packs:
            self._words[free // _BITS] &= ~(1 << free % _BITS)
            if not self._words[free // _BITS]:
                self._occurring_words &= ~(1 << free // _BITS)
        return pack, free

    def _smallest(self, length: int) -> int | None:
        """The smallest free space that occurs and is at least `length`."""
        word, bit = divmod(length, _BITS)
        if found := self._words[word] >> bit:
            return length + _lowest(found)
        found = self._occurring_words >> word + 1
        if not found:
            return None
        word += 1 + _lowest(found)
        return word * _BITS + _lowest(self._words[word])


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _check(lengths: np.ndarray, capacity: int) -> None:
    if len(lengths) and lengths.max() > capacity:
        index = int(lengths.argmax())
        raise ValueError(
            tr(
                f"document {index} has {lengths[index]} tokens; a row holds {capacity}",
                f"第 {index} 个文档有 {lengths[index]} 个 token，而一行只能放 {capacity} 个",
            )
        )
