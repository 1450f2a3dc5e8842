"""The threshold of a training set with copies is the number of its distinct rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadRegressor,
    LeadingColumns,
    repeat_samples,
    width_path,
)

N_SAMPLES, N_DISTINCT, N_COLUMNS = 60, 35, 90
NAME = "leadingcolumns__n_components"


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, N_COLUMNS))
    return X, X[:, :5].sum(axis=1) + rng.standard_normal(300)


def distinct_and_counts(seed):
    """35 of 60 rows, of which 5 take up half of the training set, and their counts."""
    rows, counts = repeat_samples(N_SAMPLES, 5, 0.5, random_state=seed)
    assert len(rows) == N_DISTINCT and counts.sum() == N_SAMPLES
    return rows, counts


@pytest.mark.parametrize("strategy", ["path", "refit"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_curve(data, fit_intercept, strategy):
    splits = [
        (np.repeat(*distinct_and_counts(seed)), np.arange(N_SAMPLES, 300))
        for seed in range(6)
    ]
    head = HeadRegressor(fit_intercept=fit_intercept)
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), head),
        NAME,
        range(1, N_COLUMNS + 1),
        cv=splits,
        strategy=strategy,
    ).fit(*data)
    assert curve.n_train_ == N_SAMPLES
    assert curve.interpolation_threshold_ == N_DISTINCT - fit_intercept
    assert abs(curve.peak_.complexity - (N_DISTINCT - fit_intercept)) <= 1


def test_path_of_copies_is_that_of_counts(data):
    X, y = data
    rows, counts = distinct_and_counts(0)
    copies = np.repeat(rows, counts)
    test = slice(N_SAMPLES, 300)
    # Copies that differ by rounding, as features of several batches do.
    rng = np.random.RandomState(0)
    jitter = 1 + 2e-16 * rng.standard_normal((N_SAMPLES, N_COLUMNS))
    path = width_path(X[copies] * jitter, y[copies], X[test], y[test])
    for width in (3, 20, 33, 34, 35, 50, N_COLUMNS):
        head = HeadRegressor().fit(X[rows, :width], y[rows], sample_weight=counts)
        errors = head.predict(X[test, :width]) - y[test]
        assert_allclose(path.test_risk[width - 1], np.mean(errors**2), rtol=1e-6)
