"""Groups of samples that are left out together, against heads refitted without them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg

from skhmmdd import HeadRegressor, forecast_risk
from skhmmdd.heads.solvers._left_out_groups import members_by_size
from skhmmdd.heads.solvers._left_out_path import (
    left_out_along_widths,
    left_out_at_width,
)

# Of sizes 1 to 6, in no order.
GROUPS = np.array([2, 0, 1, 1, 3, 3, 3, 4, 5, 4, 5, 5, 5, 6, 6, 6, 6, 6, 6, 3, 7, 8])
N = len(GROUPS)


def refitted(X, y, groups, width, **options):
    """Squared errors of every sample, (n, q), by a head that has not seen its group."""
    errors = np.empty(y.shape)
    for group in np.unique(groups):
        out = groups == group
        head = HeadRegressor(**options).fit(X[~out, :width], y[~out])
        predicted = head.predict(X[out, :width]).reshape(y[out].shape)
        errors[out] = predicted - y[out]
    return errors**2


def hostile_designs():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((N, 40))
    yield "plain", X
    yield "decaying", X * np.geomspace(1, 1e-3, 40)
    yield "huge", X * 1e150
    repeated = X.copy()
    repeated[:, 7], repeated[:, 3], repeated[:, 30:] = X[:, 2], 0.0, X[:, :10]
    yield "repeated columns", repeated
    yield "low rank", rng.standard_normal((N, 5)) @ rng.standard_normal((5, 40))
    yield "counts", rng.poisson(0.3, X.shape).astype(float)
    alone = X.copy()
    alone[:, 1] = GROUPS == 3
    alone[:, 4] = np.where(GROUPS == 6, X[:, 4], 0.0)
    alone[:, 6] = np.eye(N)[8]
    yield "columns of one group alone", alone
    alike = X.copy()
    alike[:, :12] = X[GROUPS][:, :12]
    yield "same leading columns within a group", alike
    copies = X.copy()
    copies[[4, 5]], copies[[9, 15]], copies[17] = X[6], X[7], X[20]
    yield "copies within groups and across", copies


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "alpha", [0.0, 0.5, *(pytest.param(a, marks=pytest.mark.slow) for a in (1e-6, 1e5))]
)
@pytest.mark.parametrize("name", dict(hostile_designs()))
def test_risk_is_that_of_heads_refitted_without_a_group(name, alpha, fit_intercept):
    X = dict(hostile_designs())[name]
    rng = np.random.RandomState(1)
    y = X[:, :5].sum(axis=1, keepdims=True) / np.abs(X).max() * [1.0, -2.0]
    y += rng.standard_normal(y.shape)
    options = {"alpha": alpha * np.abs(X).max() ** 2, "fit_intercept": fit_intercept}
    widths = [1, 5, 12, 16, 20, 21, 22, 40]
    forecast = forecast_risk(X, y, groups=GROUPS, widths=widths, **options)
    assert forecast.n_groups == 9 and forecast.n_samples == N
    for width, risk in zip(forecast.widths, forecast.risk, strict=True):
        expected = refitted(X, y, GROUPS, width, **options).mean()
        assert_allclose(risk, expected, rtol=1e-6, err_msg=f"width {width}")


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_shared_factorizations_are_used_for_groups(alpha):
    """The blocks of the path equal those of singular values, width by width."""
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((N, 40)), rng.standard_normal((N, 1))
    widths = np.arange(1, 41)

    def mean_square(residuals):
        return np.mean(residuals**2, axis=(1, 2))[None]

    of_rows = np.ones(N), members_by_size(GROUPS), mean_square
    path, in_doubt = left_out_along_widths(X, y, widths, *of_rows, alpha=alpha)
    # Without a penalty: where a group must be passed through in part.
    shared = np.setdiff1d(widths - 1, in_doubt)
    assert len(in_doubt) <= (0 if alpha else 6)
    for i in shared:
        risks, gcv, rank = left_out_at_width(
            widths[i], X, y, *of_rows, alpha, True, None
        )
        assert_allclose(path.risks[:, i], risks, rtol=1e-8)
        assert_allclose(path.gcv[i], gcv, rtol=1e-8)
        assert path.rank[i] == rank


def test_groups_of_any_labels_and_two_of_them():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((9, 12)), rng.standard_normal(9)
    names = np.array(["a", "b", "b", "a", "a", "a", "b", "a", "a"])
    forecast = forecast_risk(X, y, groups=names.tolist())
    expected = [refitted(X, y[:, None], names, width).mean() for width in range(1, 13)]
    assert_allclose(forecast.risk, expected, rtol=1e-9)
    assert_allclose(forecast_risk(X, y, groups=names == "a").risk, expected, rtol=1e-9)
    # A group without which one sample is left.
    lonely = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1])
    forecast = forecast_risk(X, y, groups=lonely)
    assert_allclose(
        forecast.risk[[0, 7, 11]],
        [refitted(X, y[:, None], lonely, width).mean() for width in (1, 8, 12)],
        rtol=1e-9,
    )


def test_groups_of_one_are_no_groups():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((20, 30)), rng.standard_normal(20)
    plain, grouped = forecast_risk(X, y), forecast_risk(X, y, groups=np.arange(20))
    assert_allclose(grouped.risk, plain.risk, rtol=1e-12)
    assert plain.n_groups == grouped.n_groups == 20
    assert plain.summary() == grouped.summary()
    assert "group" not in plain.summary()


def test_summary_counts_groups():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((24, 40)), rng.standard_normal(24)
    text = forecast_risk(X, y, groups=np.arange(24) // 4).summary().replace("\n ", "")
    assert "24 training samples, in 6 groups, each of which is left out whole." in text


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (np.zeros(8), ValueError, "at least two groups"),
        (np.arange(7), ValueError, "inconsistent"),
        (np.array([1.0, np.nan] * 4), ValueError, "groups contains NaN"),
        ([1, None] * 4, TypeError, "labels of one type"),
        (np.zeros((8, 2)), ValueError, "1d array"),
        (3, ValueError, "groups"),
    ],
)
def test_bad_groups(groups, error, message):
    X = np.random.RandomState(0).standard_normal((8, 3))
    with pytest.raises(error, match=message):
        forecast_risk(X, X[:, 0], groups=groups)


def draw_families(rng, n_families, n_columns, loading):
    """Four samples a family, their rows and noise correlated by .9."""
    family = np.repeat(np.arange(n_families), 4)

    def correlated(*shape):
        common = rng.standard_normal((n_families, *shape))[family]
        own = rng.standard_normal((len(family), *shape))
        return np.sqrt(0.9) * common + np.sqrt(0.1) * own

    X = correlated(n_columns)
    return X, X @ loading + correlated(), family


@pytest.mark.slow
def test_forecast_of_families_comes_true():
    """Median of 24 sets within 25 % of new families; of single samples a ninth."""
    n_families, n_columns = 25, 250
    widths = np.array([2, 5, 10, 20, 40, 150, 175, 200, 250])
    loading = np.random.RandomState(99).standard_normal(n_columns)
    loading *= np.geomspace(1, 0.05, n_columns)
    loading /= np.linalg.norm(loading)
    grouped, single, happened = [], [], []
    for seed in range(24):
        rng = np.random.RandomState(seed)
        X, y, family = draw_families(rng, n_families, n_columns, loading)
        X_new, y_new, _ = draw_families(rng, 500, n_columns, loading)
        grouped.append(forecast_risk(X, y, groups=family, widths=widths).risk)
        single.append(forecast_risk(X, y, widths=widths).risk)
        happened.append(
            [
                np.mean(
                    (HeadRegressor().fit(X[:, :p], y).predict(X_new[:, :p]) - y_new)
                    ** 2
                )
                for p in widths
            ]
        )
    grouped, single, happened = (
        np.median(risks, axis=0) for risks in (grouped, single, happened)
    )
    assert_allclose(grouped / happened, 1, atol=0.25)
    assert (happened / single)[-4:].min() > 5


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("small", [1.0, 1e-2, 1e-4, 1e-6])
def test_a_direction_of_one_row_alone_in_an_ill_conditioned_design(small, size):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((30, 8)), rng.standard_normal(30)
    X[:, -1] *= small
    X[:, 3] = 0.0
    X[5, 3] = small  # the head must pass through this row
    X = X @ linalg.qr(rng.standard_normal((8, 8)))[0]  # and no column tells
    groups = np.arange(30) // size
    forecast = forecast_risk(X, y, groups=groups, widths=[8])
    expected = refitted(X, y[:, None], groups, 8).mean()
    assert_allclose(forecast.risk, expected, rtol=1e-7)
