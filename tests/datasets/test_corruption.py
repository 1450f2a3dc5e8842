"""Repeated rows and flipped labels: exact counts, and what heads make of them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd import HeadRegressor, flip_labels, repeat_samples


@pytest.mark.parametrize(
    ("n_samples", "n_distinct", "fraction"),
    [(100, 7, 0.5), (100, 50, 0.5), (100, 1, 0.99), (9, 0, 0.0), (100, 29, 0.29)],
)
def test_counts(n_samples, n_distinct, fraction):
    indices, weight = repeat_samples(n_samples, n_distinct, fraction, random_state=0)
    copies = round(fraction * n_samples)
    assert weight.sum() == n_samples
    assert np.issubdtype(weight.dtype, np.integer)
    assert len(indices) == len(set(indices.tolist())) == len(weight)
    assert 0 <= indices.min() and indices.max() < n_samples
    pool, rest = weight[:n_distinct], weight[n_distinct:]
    assert pool.sum() == copies and (rest == 1).all()
    assert np.ptp(pool) <= 1 if n_distinct else True
    again = repeat_samples(n_samples, n_distinct, fraction, random_state=0)
    assert_array_equal(indices, again[0])


def test_every_row_may_be_chosen():
    chosen = [repeat_samples(20, 2, 0.5, random_state=seed)[0] for seed in range(400)]
    counts = np.bincount(np.concatenate(chosen), minlength=20)
    in_pool = np.bincount(np.concatenate([c[:2] for c in chosen]), minlength=20)
    # Means 240 and 40; five standard deviations.
    assert np.abs(counts - 240).max() < 5 * np.sqrt(400 * 0.6 * 0.4)
    assert np.abs(in_pool - 40).max() < 5 * np.sqrt(400 * 0.1 * 0.9)


def test_copies_past_the_threshold_change_no_coefficient():
    rng = np.random.RandomState(0)
    features, y = rng.standard_normal((100, 400)), rng.standard_normal(100)
    indices, weight = repeat_samples(100, 10, 0.5, random_state=0)
    copied = np.repeat(indices, weight)
    for width in (20, 59, 60, 150, 400):
        Z = features[:, :width]
        counted = HeadRegressor().fit(Z[indices], y[indices], sample_weight=weight)
        copies = HeadRegressor().fit(Z[copied], y[copied])
        once = HeadRegressor().fit(Z[indices], y[indices])
        size = np.abs(once.coef_).max()
        assert_allclose(counted.coef_, copies.coef_, atol=1e-9 * size)
        if width < 59:
            assert np.abs(counted.coef_ - once.coef_).max() > 1e-3 * size
            assert counted.score(Z[indices], y[indices]) < 0.99
        else:
            # 60 distinct rows, less one for the intercept.
            assert_allclose(counted.coef_, once.coef_, atol=1e-9 * size)
            assert counted.score(Z[indices], y[indices]) == pytest.approx(1)
    # Far from the threshold to the last digits.
    assert_allclose(counted.coef_, once.coef_, atol=1e-12 * size)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((100, 51, 0.5), r"n_distinct must be in \[1, fraction \* n_samples = 50\]"),
        ((100, 0, 0.5), r"n_distinct must be in \[1, .* = 50\]; got 0"),
        ((100, 1, 0.0), r"n_distinct must be in \[0, .* = 0\]; got 1"),
        ((100, 5, 1.0), "fraction"),
        ((100, 5, -0.1), "fraction"),
        ((100, 5, np.nan), "fraction"),
        ((0, 1, 0.5), "n_samples"),
        ((100.0, 5, 0.5), "n_samples"),
        ((100, 5.0, 0.5), "n_distinct"),
        ((100, True, 0.5), "n_distinct must be an integer; got True"),
        ((True, 1, 0.5), "n_samples must be an integer; got True"),
        ((100, 5, 0.5, "seed"), "random_state"),
    ],
)
def test_bad_repeats(args, message):
    with pytest.raises(ValueError, match=message):
        repeat_samples(*args)


@pytest.mark.parametrize(
    "y",
    [
        np.arange(300) % 3,
        np.array(["a", "bb", "ccc"] * 100),
        np.array(["a", "bb", "ccc"] * 100, dtype=object),
        pd.Series([1.0, 2.0, 3.0] * 100),
        [True, False] * 150,
    ],
)
def test_flips(y):
    before = np.array(y)
    y_noisy, flipped = flip_labels(y, 0.25, random_state=0)
    assert_array_equal(np.asarray(y), before)
    assert flipped.dtype == bool and flipped.sum() == 75
    assert_array_equal(y_noisy != before, flipped)
    assert set(y_noisy.tolist()) <= set(before.tolist())
    assert y_noisy.dtype == before.dtype
    assert_array_equal(y_noisy, flip_labels(y, 0.25, random_state=0)[0])
    assert not flip_labels(y, 0, random_state=0)[1].any()
    assert flip_labels(y, 1.0, random_state=0)[1].all()


def test_every_other_class_is_as_likely():
    y = np.arange(4).repeat(3000)
    y_noisy, flipped = flip_labels(y, 0.5, random_state=0)
    table = np.array([np.bincount(y_noisy[y == k], minlength=4) for k in range(4)])
    # 3,000 of a class: half stay, a sixth goes to each other; five deviations.
    assert np.abs(np.diag(table) - 1500).max() < 5 * np.sqrt(3000 / 4)
    others = table[~np.eye(4, dtype=bool)]
    assert np.abs(others - 500).max() < 5 * np.sqrt(3000 * 5 / 36)
    assert flipped.mean() == 0.5


@pytest.mark.parametrize(
    ("y", "fraction", "message"),
    [
        ([0, 1], 1.1, "fraction"),
        ([0, 1], -0.1, "fraction"),
        ([0, 1], np.nan, "fraction"),
        ([2, 2, 2], 0.5, "y must have at least 2 classes"),
        ([0.5, 1.7, 2.2], 0.5, "Unknown label type"),
        ([0.0, np.nan, 1.0], 0.5, "NaN"),
        ([[0, 1], [1, 0]], 0.5, "1d array"),
        ([], 0.5, "y must have at least 2 classes"),
    ],
)
def test_bad_flips(y, fraction, message):
    with pytest.raises(ValueError, match=message):
        flip_labels(y, fraction, random_state=0)
