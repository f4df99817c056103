import pytest

from zhinao.score import statistics as s


def test_wilson_by_hand():
    # 8 of 10: (0.8 + 0.19207 ± 1.96 sqrt(0.016 + 0.0096036)) / 1.38415
    assert s.interval([1] * 8 + [0] * 2) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert s.interval([0] * 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert s.interval([1] * 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert s.interval([]) == (0.0, 1.0)


def test_other_scores_are_drawn_and_always_the_same():
    scores = [0.1, 0.4, 0.35, 0.8, 0.6] * 20
    low, high = s.interval(scores)
    assert s.interval(scores) == (low, high)
    # mean 0.45, standard deviation 0.2345 over 100 items: half width 0.046
    assert (low, high) == pytest.approx((0.404, 0.496), abs=0.008)
    assert s.interval([0.5, 0.5])[0] < 0.2  # two equal values do not make a sure thing


def test_samples_of_an_item_are_no_further_items():
    samples = [[1] * 64, [0] * 64, [1] * 64, [0] * 64]
    assert s.clustered_interval(samples) == s.wilson(2, 4)


def test_subsets_count_alike():
    subsets = {"small": [1, 1], "large": [0] * 98}
    assert s.subset_mean(subsets) == 0.5
    # Agresti and Coull: 4/6 of 6, 2/102 of 102
    half = 1.959964 * ((2 / 3 / 3) / 6 + (2 / 102 * 100 / 102) / 102) ** 0.5 / 2
    assert s.subset_interval(subsets) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)
    assert s.subset_interval({"one": [1, 0]}) == s.interval([1, 0])


@pytest.mark.parametrize(
    "n, c, k, chance", [(4, 2, 1, 0.5), (4, 2, 2, 5 / 6), (5, 1, 3, 0.6), (5, 0, 5, 0), (5, 3, 3, 1)]
)
def test_pass_at_k(n, c, k, chance):
    assert s.pass_at_k(n, c, k) == pytest.approx(chance)


def test_pass_at_k_of_more_than_there_are():
    with pytest.raises(ValueError):
        s.pass_at_k(3, 1, 4)


def test_the_vote():
    assert s.cons_at_k(["7", "7", "8"], "7") == 1
    assert s.cons_at_k(["7", "8", "8", None, None, None], "7") == 0
    assert s.cons_at_k(["7", "8"], "7") == 0.5
    assert s.cons_at_k([None], "7") == 0
    assert s.cons_at_k(["7.0", "8", "7"], "7", lambda a, b: float(a) == float(b)) == 1


def test_mcnemar_by_hand():
    # 1 lost, 6 gained: 2 (C(7,0) + C(7,1)) / 2**7 = 0.125
    before, after = [1] + [0] * 6 + [1] * 5, [0] + [1] * 6 + [1] * 5
    found = s.paired(before, after)
    assert (found.p, found.gained, found.lost) == (0.125, 6, 1)
    assert found.difference == pytest.approx(5 / 12)
    assert s.paired([1, 0], [1, 0]).p == 1


def test_permutation_of_signs_by_hand():
    # All three better: only +++ and --- are as far out, 2 of 8.
    assert s.paired([0.1, 0.2, 0.3], [0.4, 0.3, 0.9]).p == 0.25
    many = s.paired([0.1] * 40, [0.2] * 40)
    assert many.p == pytest.approx(1 / 2001)
    with pytest.raises(ValueError):
        s.paired([1], [1, 0])
