"""Lipschitz bounds of heads: by loops, along curves, and the published figures."""

from types import SimpleNamespace

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    DoubleDescentFamily,
    HeadClassifier,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    lipschitz_bounds,
    make_hmm_regression,
)
from skhmmdd.curve.measurement._routing import route
from skhmmdd.curve.measurement._steepness import path_bounds

RNG = np.random.RandomState(0)
JACOBIANS = RNG.randn(7, 5, 3)
# A Lipschitz constant that any of them allows.
NORM = max(np.linalg.norm(one, 2) for one in JACOBIANS)
NAME = "hmmfeaturetransformer__n_components"


# The function


def test_one_output():
    coef = RNG.randn(5)
    lower, upper = lipschitz_bounds(coef, JACOBIANS, NORM)
    steepest = max(np.linalg.norm(one.T @ coef) for one in JACOBIANS)
    assert lower == pytest.approx(steepest, rel=1e-13)
    assert upper == pytest.approx(NORM * np.linalg.norm(coef), rel=1e-13)
    assert lipschitz_bounds(coef[None], JACOBIANS, NORM) == (lower, upper)


def test_several_outputs():
    coef = RNG.randn(4, 5)
    lower, upper = lipschitz_bounds(coef, JACOBIANS, NORM)
    steepest = max(np.linalg.svd(coef @ one)[1][0] for one in JACOBIANS)
    assert lower == pytest.approx(steepest, rel=1e-13)
    assert upper == pytest.approx(NORM * np.linalg.svd(coef)[1][0], rel=1e-13)


@pytest.mark.parametrize("coef", [RNG.randn(5), RNG.randn(2, 5), np.ones((1, 5))])
def test_a_callable(coef):
    def products(coef):
        assert coef.ndim == 2
        return np.einsum("qp,npd->nqd", coef, JACOBIANS)

    expected = lipschitz_bounds(coef, JACOBIANS, NORM)
    np.testing.assert_allclose(lipschitz_bounds(coef, products, NORM), expected)


@pytest.mark.parametrize("coef", [RNG.randn(5), RNG.randn(5, 1), RNG.randn(3, 5)])
def test_the_identity(coef):
    size = np.linalg.norm(coef, 2)
    np.testing.assert_allclose(lipschitz_bounds(coef, None, 1.0), [size, size])
    dense = np.eye(np.shape(coef)[-1])[None]
    np.testing.assert_allclose(lipschitz_bounds(coef, dense, 1.0), [size, size])


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_scales(scale):
    found = lipschitz_bounds(scale * np.ones(5), JACOBIANS, NORM)
    np.testing.assert_allclose(
        found, scale * np.array(lipschitz_bounds(np.ones(5), JACOBIANS, NORM))
    )


def test_equal_bounds_are_not_rounded_past_each_other():
    for _ in range(200):
        coef, jacobian = RNG.randn(1), RNG.randn(1, 1, 4)
        norm = np.linalg.norm(jacobian)
        lower, upper = lipschitz_bounds(coef, jacobian, norm)
        assert lower <= upper <= lower * (1 + 1e-12)


@pytest.mark.parametrize(
    ("coef", "jacobians", "norm", "message"),
    [
        (np.ones(4), JACOBIANS, NORM, r"shape \(n, 4, d\).*got \(7, 5, 3\)"),
        (np.ones(5), JACOBIANS[0], NORM, r"shape \(n, 5, d\).*got \(5, 3\)"),
        (np.ones(5), JACOBIANS * np.nan, NORM, "jacobians contains NaN"),
        (np.ones(5) * np.inf, JACOBIANS, NORM, "coef contains infinity"),
        (np.ones((1, 1, 5)), JACOBIANS, NORM, "dim 3"),
        (np.ones(5), JACOBIANS, -1.0, "'operator_norm' parameter"),
        (np.ones(5), JACOBIANS, np.inf, "'operator_norm' parameter"),
        (np.ones(5), JACOBIANS, np.nan, "'operator_norm' parameter"),
        (np.ones(5), JACOBIANS, 0.1, "operator_norm=0.1 is too small: the Jacobians"),
        (np.ones(5), "ones", NORM, "'jacobians' parameter"),
        (np.ones(5), lambda coef: coef, NORM, r"products of shape \(n, 1, d\)"),
        (np.ones(5), lambda coef: np.ones((0, 1, 2)), NORM, r"got \(0, 1, 2\)"),
        (np.ones(5), lambda coef: np.full((1, 1, 2), np.nan), NORM, "finite products"),
        (np.full(5, 1e308), JACOBIANS, 1e3, "exceed the largest float"),
    ],
)
def test_bad_input(coef, jacobians, norm, message):
    with pytest.raises(ValueError, match=message):
        lipschitz_bounds(coef, jacobians, norm)


# Along a curve


@pytest.fixture(scope="module")
def data():
    X, y, truth = make_hmm_regression(200, random_state=0)
    return X, y, truth.hmm


def make_curve(hmm, head, values=(5, 29, 60), **options):
    options = {
        "train_size": 30, "cv": 4, "random_state": 0, "diagnostics": True, **options,
    }  # fmt: skip
    features = HMMFeatureTransformer(hmm, 60, random_state=0)
    return DoubleDescentCurve(make_pipeline(features, head), NAME, values, **options)


def bounds_by_hand(curve, X, y):
    """A refit at every value and split, and the function."""
    found = []
    for value in curve.param_range_:
        for train, _ in curve._split(X, y, route(curve, None, {}), False):
            rows = [X[i] for i in train] if isinstance(X, list) else X[train]
            fitted = curve.estimator.set_params(**{curve.param_name: value})
            fitted.fit(rows, y[train])
            dense = fitted[-2].readout_jacobians(rows)
            found.append(
                lipschitz_bounds(
                    fitted[-1].coef_, dense.to_array(), dense.operator_norm
                )
            )
    shape = (len(curve.param_range_), curve.n_splits_, 2)
    return np.reshape(found, shape).transpose(2, 0, 1)


@pytest.mark.parametrize("strategy", ["path", "refit"])
@pytest.mark.parametrize(
    ("name", "values"),
    [(NAME, (60, 5, 29)), ("headregressor__alpha", (0.0, 0.1, 10.0))],
)
@pytest.mark.parametrize("readout", ["relu", "fourier"])
def test_of_a_curve(data, strategy, name, values, readout):
    X, y, hmm = data
    curve = make_curve(hmm, HeadRegressor(), values, strategy=strategy)
    curve.set_params(param_name=name)
    curve.estimator.set_params(hmmfeaturetransformer__readout=readout)
    curve.fit(X, y)
    assert curve.strategy_ == strategy
    lower, upper = curve.lipschitz_
    expected = bounds_by_hand(curve, X, y)
    np.testing.assert_allclose([lower, upper], expected, rtol=1e-7)
    assert (lower <= upper).all()
    np.testing.assert_array_equal(
        curve.results_["lipschitz_lower_median"], np.median(lower, axis=1)
    )
    assert "lipschitz_upper_median" in curve.results_


@pytest.mark.parametrize("strategy", ["path", "refit"])
def test_pretrained_in_every_split(data, strategy):
    X, y, _ = data
    hmm = BaumWelch(3, n_symbols=int(X.max()) + 1, max_iter=3, tol=0, random_state=0)
    curve = make_curve(hmm, HeadRegressor(), strategy=strategy, cv=2).fit(X, y)
    expected = bounds_by_hand(curve, X, y)
    np.testing.assert_allclose(curve.lipschitz_, expected, rtol=1e-6)


def test_several_outputs_and_other_axes(data):
    X, y, hmm = data
    y = np.column_stack([y, y[::-1], np.ones(200)])
    for strategy in ("path", "refit"):
        curve = make_curve(hmm, HeadRegressor(), strategy=strategy).fit(X, y)
        expected = bounds_by_hand(curve, X, y)
        np.testing.assert_allclose(curve.lipschitz_, expected, rtol=1e-7)
    # A parameter of the frozen step that is no width, of one before the head.
    curve.set_params(
        param_name="hmmfeaturetransformer__random_state", param_range=[0, 1]
    ).fit(X, y)
    np.testing.assert_allclose(curve.lipschitz_, bounds_by_hand(curve, X, y), rtol=1e-7)


def test_classifiers(data):
    X, y, hmm = data
    for labels in (y > 0, np.digitize(y, [-0.5, 0.5])):
        paths, refits = (
            make_curve(hmm, HeadClassifier(), strategy=strategy).fit(X, labels)
            for strategy in ("path", "refit")
        )
        np.testing.assert_allclose(paths.lipschitz_, refits.lipschitz_, rtol=1e-6)
    other = make_curve(hmm, LogisticRegression(), (5, 60)).fit(X, labels)
    assert (other.lipschitz_.lower <= other.lipschitz_.upper).all()


def test_of_any_head_with_coefficients(data):
    X, y, hmm = data
    curve = make_curve(hmm, Lasso(0.01, max_iter=100_000), (5, 60)).fit(X, y)
    np.testing.assert_allclose(curve.lipschitz_, bounds_by_hand(curve, X, y), rtol=1e-9)
    # All coefficients zero.
    flat = make_curve(hmm, Lasso(1e6), (5, 60)).fit(X, y)
    assert np.array_equal(flat.lipschitz_, np.zeros((2, 2, 4)))


def test_where_there_are_none(data):
    X, y, hmm = data
    features = HMMFeatureTransformer(hmm, 60, random_state=0)
    for model in (
        make_pipeline(features, StandardScaler(), HeadRegressor()),
        make_pipeline(features, make_pipeline(StandardScaler(), HeadRegressor())),
        make_pipeline(features, LeadingColumns(20), HeadRegressor()),
        make_pipeline(features, KNeighborsRegressor()),
    ):
        curve = DoubleDescentCurve(
            model, NAME, (20, 60), train_size=30, cv=2, random_state=0,
            diagnostics=True,
        ).fit(X, y)  # fmt: skip
        assert curve.lipschitz_ is None
        assert "lipschitz_lower_median" not in curve.results_
    plain = make_curve(hmm, HeadRegressor(), diagnostics=False).fit(X, y)
    assert plain.lipschitz_ is None
    alone = DoubleDescentCurve(
        HeadRegressor(), "alpha", [0.0, 1.0], diagnostics=True, cv=2
    )
    assert alone.fit(X.astype(float), y).lipschitz_ is None


def test_what_passes_through_changes_nothing(data):
    X, y, hmm = data
    plain = make_curve(hmm, HeadRegressor()).fit(X, y)
    for where in (0, 1):
        for strategy in ("auto", "refit"):
            curve = make_curve(hmm, HeadRegressor(), strategy=strategy)
            curve.estimator.steps.insert(where, ("nothing", "passthrough"))
            curve.fit(X, y)
            np.testing.assert_allclose(curve.lipschitz_, plain.lipschitz_, rtol=1e-7)


def test_ragged_sequences_masks_workers_and_families(data):
    X, y, hmm = data
    plain = make_curve(hmm, HeadRegressor()).fit(X, y)
    splits = []
    for train, _ in plain._split(X, y, route(plain, None, {}), False):
        mask = np.zeros(200, dtype=bool)
        mask[train] = True
        splits.append((mask, ~mask))
    curve = make_curve(hmm, HeadRegressor(), train_size=None, cv=splits, n_jobs=2)
    with parallel_config(backend="threading"):
        masked = curve.fit([row[row >= 0] for row in X], y)
    np.testing.assert_allclose(masked.lipschitz_, plain.lipschitz_, rtol=1e-7)
    family = DoubleDescentFamily(
        make_curve(hmm, HeadRegressor()), "headregressor__alpha", [0.0, 1.0]
    ).fit(X, y)
    np.testing.assert_array_equal(family.curves_[0].lipschitz_, plain.lipschitz_)
    assert family.results_["lipschitz_upper_median"].shape == (6,)


def test_features_in_a_container(data):
    X, y, hmm = data
    for strategy in ("path", "refit"):
        curve = make_curve(hmm, HeadRegressor(), strategy=strategy)
        plain = curve.fit(X, y).lipschitz_
        curve.estimator.set_output(transform="pandas")
        np.testing.assert_array_equal(curve.fit(X, y).lipschitz_, plain)


def test_a_path_that_is_not_linear_has_no_bounds(data):
    X, _, hmm = data
    features = HMMFeatureTransformer(hmm, 5, random_state=0).fit(X)
    jacobians = features.readout_jacobians(X)

    class Squares:
        def _path(self, X, y, X_test, name, values):
            predictions = np.sum(X_test**2, axis=1)[None, :, None] ** 2
            return SimpleNamespace(predictions=np.repeat(predictions, len(values), 0))

    assert path_bounds(Squares(), X, None, "alpha", [0, 1], jacobians) is None
    assert path_bounds(Squares(), X, None, "alpha", [0, 1], None) is None


# The published figures


def test_figures_of_the_preset():
    X, y, truth = make_hmm_regression(3000, random_state=0)
    features = HMMFeatureTransformer(truth.hmm, 400, random_state=0)
    orders = [np.random.RandomState(k).permutation(3000) for k in range(16)]
    widths = [60, 80, 99, 120, 200, 400]
    curve = DoubleDescentCurve(
        make_pipeline(features, HeadRegressor()),
        NAME,
        widths,
        cv=[(order[:100], order[100:300]) for order in orders],
        diagnostics=True,
    ).fit(X, y)
    assert curve.strategy_ == "path"
    lower, upper = curve.lipschitz_
    assert (lower <= upper).all()
    medians = np.median([lower, upper], axis=2)
    figures = np.array([[15, 110, 8.9, 6.8], [37, 333, 27, 21]])
    ratio = medians[:, [0, 2, 4, 5]] / figures
    assert (ratio > 0.5).all() and (ratio < 2).all()
    assert (medians.argmax(axis=1) == widths.index(99)).all()
    # No two beliefs, of the training set or not, are further apart than allowed.
    values, points = features.fit_transform(X), features.readout_jacobians(X).inputs
    for split, order in enumerate(orders[:4]):
        train, pairs = order[:100], order.reshape(2, -1)
        for point, width in enumerate(widths):
            head = HeadRegressor().fit(values[train, :width], y[train])
            told = head.predict(values[:, :width])
            apart = np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)
            steps = np.abs(told[pairs[0]] - told[pairs[1]])
            assert (steps <= upper[point, split] * apart * (1 + 1e-9)).all()
