"""A measured score beside a published one."""

import pytest

from zhinao.evaluate.report.verdict import AGREES, CANNOT_TELL, HIGHER, LOWER, margin, verdict


@pytest.mark.parametrize(
    ("score", "interval", "published", "n", "said"),
    [
        (0.742, (0.735, 0.749), 74.05, 14042, AGREES),
        (0.80, (0.793, 0.807), 74.05, 14042, HIGHER),
        (0.70, (0.693, 0.707), 74.05, 14042, LOWER),
        (0.70, (0.51, 0.84), 74.05, 14042, CANNOT_TELL),
        (0.20, (0.10, 0.36), 74.05, 14042, LOWER),
    ],
)
def test_verdict(score, interval, published, n, said):
    assert verdict(score, interval, published, n) == said


def test_rounding_alone_is_no_difference():
    exact, many = (0.7406, 0.7406), 10**15
    assert verdict(0.7406, exact, 74.1, many, decimals=1) == AGREES
    assert verdict(0.7406, exact, 74.1, many, decimals=2) == LOWER


def test_few_published_items_widen_the_margin():
    assert margin(0.6, (0.58, 0.62), 50.0, 30) > margin(0.6, (0.58, 0.62), 50.0, 3000)


def test_another_scale():
    assert verdict(0.80, (0.79, 0.81), 7.0, 10000, scale=10) == HIGHER
