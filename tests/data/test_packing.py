import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhinao.data.store.packing import best_fit, efficiency

SIZES = st.integers(1, 200).flatmap(lambda size: st.tuples(st.lists(st.integers(0, size)), st.just(size)))


def first_fit(lengths, capacity):
    free = []
    for length in lengths:
        place = next((n for n, left in enumerate(free) if left >= length), None)
        if place is None:
            free.append(capacity - length)
        else:
            free[place] -= length
    return len(free)


def best_fit_slowly(lengths, capacity):
    free = []
    for length in sorted(lengths, reverse=True):
        fitting = [left for left in free if left >= length]
        if fitting:
            free[free.index(min(fitting))] -= length
        else:
            free.append(capacity - length)
    return sorted(free)


@given(SIZES, st.integers(0, 3))
@settings(deadline=None)
def test_every_document_once_and_no_pack_too_full(lengths_and_capacity, seed):
    lengths, capacity = lengths_and_capacity
    packs = best_fit(lengths, capacity, seed)
    assert sorted(index for pack in packs for index in pack) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in pack) <= capacity for pack in packs)
    assert all(packs)


@given(SIZES)
@settings(deadline=None)
def test_it_is_best_fit_decreasing(lengths_and_capacity):
    lengths, capacity = lengths_and_capacity
    free = sorted(capacity - sum(lengths[index] for index in pack) for pack in best_fit(lengths, capacity, 0))
    assert free == best_fit_slowly(lengths, capacity)


@pytest.mark.parametrize("capacity", [63, 64, 65, 2048, 32768])
def test_as_good_as_first_fit_on_random_lengths(capacity):
    random = np.random.default_rng(capacity)
    for _ in range(5):
        lengths = np.clip(random.lognormal(np.log(capacity / 6), 0.8, 400), 1, capacity).astype(int).tolist()
        packs = best_fit(lengths, capacity, 0)
        assert len(packs) <= first_fit(lengths, capacity)
        assert efficiency(packs, lengths, capacity) == pytest.approx(sum(lengths) / len(packs) / capacity)


def test_same_seed_same_packs_and_other_seeds_other_company():
    lengths = [30] * 40 + [20] * 40
    assert best_fit(lengths, 100, 1) == best_fit(np.array(lengths), 100, 1)
    company = {tuple(sorted(pack)) for pack in best_fit(lengths, 100, 1)}
    assert len(company & {tuple(sorted(pack)) for pack in best_fit(lengths, 100, 2)}) < len(company) / 2
    first = [pack for pack in best_fit([60] * 50 + [30] * 20, 100, 0)[:10] if len(pack) > 1]
    assert first  # the shortest documents do not all come last


def test_nothing_to_pack_and_too_long_a_document():
    assert best_fit([], 10, 0) == []
    assert efficiency([], [], 10) == 1
    with pytest.raises(ValueError, match="document 1 has 11 tokens; a row holds 10"):
        best_fit([3, 11, 2], 10, 0)


def test_a_hundred_thousand_documents_in_a_second():
    import time

    lengths = np.clip(np.random.default_rng(0).lognormal(6, 0.8, 10**5), 2, 32768).astype(int)
    started = time.process_time()
    packs = best_fit(lengths, 32768, 0)
    assert time.process_time() - started < 3  # 0.2 s on a quiet machine
    assert efficiency(packs, lengths, 32768) > 0.9999
