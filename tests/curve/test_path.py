"""The curve from a path of the head, against refits at every value."""

from functools import partial

import numpy as np
import pytest
from both_strategies import both_strategies, count_decompositions
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import RBFSampler
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skhmmdd import DoubleDescentCurve, HeadClassifier, HeadRegressor, LeadingColumns
from skhmmdd.heads.solvers._head_path import HeadPath
from skhmmdd.theory import effective_parameters

CV = ShuffleSplit(4, train_size=30, random_state=0)
ALPHAS = [0.0, 1e-9, 0.01, 1.0, 30.0, 1e12]


def draw(n_features, n_outputs=None, n_samples=80):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((n_samples, n_features))
    noise = rng.standard_normal((n_samples, n_outputs or 1))
    y = X[:, :3] @ rng.standard_normal((3, n_outputs or 1)) + noise
    return X, (y if n_outputs else y[:, 0])


def mean_of_largest(y_true, y_pred):
    assert y_pred.shape == y_true.shape
    return np.sort(np.abs(y_true - y_pred).ravel())[-5:].mean()


both = partial(both_strategies, cv=CV)


@pytest.mark.parametrize("n_features", [10, 60])
@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("risk", ["squared_error", ["absolute_error", mean_of_largest]])
def test_alpha_of_a_regressor(n_features, n_outputs, fit_intercept, risk):
    X, y = draw(n_features, n_outputs)
    model = make_pipeline(StandardScaler(), HeadRegressor(fit_intercept=fit_intercept))
    path = both(model, "headregressor__alpha", ALPHAS, X, y, risk=risk)
    assert path.param_range_ == ALPHAS
    assert path.strategy_reason_ == (
        "A path of the head: all values of headregressor__alpha share their work."
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_features", [10, 60])
def test_alpha_of_a_classifier(n_classes, n_features):
    X, y = draw(n_features)
    labels = np.array(["a", "b", "c"])[np.digitize(y, [0.0, 1.5][: n_classes - 1])]
    model = make_pipeline(PCA(5, svd_solver="full"), HeadClassifier(rcond=1e-10))
    risks = ["squared_error", "zero_one_error", "absolute_error"]
    both(model, "headclassifier__alpha", ALPHAS, X, labels, risk=risks)


def test_alpha_of_a_bare_head_and_behind_frozen_steps():
    X, y = draw(10)
    bare = both(HeadRegressor(), "alpha", ALPHAS, X, y)
    model = make_pipeline(FunctionTransformer(), HeadRegressor())
    piped = both(model, "headregressor__alpha", ALPHAS, X, y)
    assert_array_equal(bare.test_risk_, piped.test_risk_)


def test_one_decomposition_a_split_and_equal_for_every_n_jobs(monkeypatch):
    X, y = draw(60)
    calls = count_decompositions(monkeypatch)
    curves = [
        DoubleDescentCurve(HeadRegressor(), "alpha", ALPHAS, cv=CV, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    ]
    risks = [curve.fit(X, y).test_risk_ for curve in curves]
    assert len(calls) == 4
    assert_array_equal(*risks)


def test_values_in_any_order():
    X, y = draw(60)
    model = make_pipeline(LeadingColumns(), HeadRegressor(0.1))
    widths = [5, 60, 1, 29]
    path = both(
        model, "leadingcolumns__n_components", widths, X, y, complexity=lambda k: -k
    )
    assert path.param_range_ == [60, 29, 5, 1]
    path = both(
        HeadRegressor(), "alpha", [0.1, 3.0, 1.0], X, y, complexity=lambda a: -a
    )
    assert path.param_range_ == [3.0, 1.0, 0.1]


# Who may not be given the path of another


class Shrinks(HeadRegressor):
    """Another `fit` than its parent's."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.coef_ = self.coef_ / 2
        return self


class Rounds(HeadRegressor):
    """Another `predict` than its parent's."""

    def predict(self, X):
        return np.round(super().predict(X))


class Clips:
    """A mixin that stands left of a head."""

    def predict(self, X):
        return np.clip(super().predict(X), -1, 1)


class Clipped(Clips, HeadRegressor):
    pass


class Named(HeadRegressor):
    """Changes nothing that matters."""

    def describe(self):
        return "a head"


@pytest.mark.parametrize(
    ("head", "changed"),
    [(Shrinks(), "fit"), (Rounds(), "predict"), (Clipped(), "predict")],
)
@pytest.mark.parametrize("parameter", ["alpha", "n_components"])
def test_a_subclass_with_methods_of_its_own_is_refitted(head, changed, parameter):
    X, y = draw(10)
    model = make_pipeline(LeadingColumns(), head)
    step, values = "leadingcolumns", [1, 4]
    if parameter == "alpha":
        step, values = type(head).__name__.lower(), [0.1, 1.0]
    options = {"cv": CV, "diagnostics": True}
    curve = DoubleDescentCurve(model, f"{step}__{parameter}", values, **options)
    curve.fit(X, y)
    assert curve.strategy_ == "refit"
    assert f"{type(head).__name__} has its own {changed}" in curve.strategy_reason_
    assert curve.effective_parameters_ is None
    split = next(CV.split(X))
    fitted = model.set_params(**{f"{step}__{parameter}": values[0]})
    fitted.fit(X[split[0]], y[split[0]])
    expected = np.mean((fitted.predict(X[split[1]]) - y[split[1]]) ** 2)
    assert curve.test_risk_[0, 0] == pytest.approx(expected)


def test_a_subclass_that_changes_nothing_keeps_the_path():
    X, y = draw(10)
    both(Named(), "alpha", ALPHAS, X, y)
    head = Named(0.5).fit(X, y)
    expected = effective_parameters(X, X[:7], alpha=0.5)
    assert_allclose(head._effective_parameters(X, X[:7]), expected, rtol=1e-12)


def test_a_frozen_head_is_left_as_it_is():
    X, y = draw(10)
    frozen = FrozenEstimator(HeadRegressor().fit(X, y))
    model = make_pipeline(LeadingColumns(10), frozen)
    curve = DoubleDescentCurve(model, "leadingcolumns__n_components", [10], cv=CV)
    curve.set_params(diagnostics=True).fit(X, y)
    assert curve.strategy_ == "refit"
    assert "FrozenEstimator, which offers no path" in curve.strategy_reason_
    assert curve.effective_parameters_ is None


@pytest.mark.parametrize(
    ("model", "name", "values", "reason"),
    [
        (
            make_pipeline(RBFSampler(), HeadRegressor()),
            *("headregressor__alpha", [0.1, 1.0]),
            "'rbfsampler' draws something else at every fit",
        ),
        (
            make_pipeline(RBFSampler(), LeadingColumns(), HeadRegressor()),
            *("leadingcolumns__n_components", [1, 5]),
            "'rbfsampler' draws something else at every fit",
        ),
        (
            make_pipeline(StandardScaler(), HeadRegressor()),
            *("headregressor__fit_intercept", [0, 1]),
            "HeadRegressor offers no path along 'fit_intercept'",
        ),
        (
            make_pipeline(PCA(3), StandardScaler(), HeadRegressor()),
            *("pca__n_components", [1, 3]),
            "'pca__n_components' is not the n_components of the step before",
        ),
    ],
)
def test_otherwise_it_refits_and_says_why(model, name, values, reason):
    X, y = draw(10)
    curve = DoubleDescentCurve(model, name, values, cv=CV)
    if "fit_intercept" in name:
        curve.set_params(param_range=[False, True], complexity=float)
    curve.fit(X, y)
    assert curve.strategy_ == "refit"
    assert reason in curve.strategy_reason_


def test_a_penalty_to_be_chosen_is_refitted():
    X, y = draw(10)
    order = {0.1: 0, "loo": 1}
    curve = DoubleDescentCurve(
        HeadRegressor(), "alpha", list(order), cv=CV, complexity=order.get
    ).fit(X, y)
    assert curve.strategy_ == "refit"
    assert "some values of alpha are not penalties" in curve.strategy_reason_


class Scaled(RegressorMixin, BaseEstimator):
    """A head of somebody else's: least squares, times a factor."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y):
        self.coef_ = self.factor * np.linalg.pinv(X) @ y
        return self

    def predict(self, X):
        return X @ self.coef_

    def _why_no_path(self, name, values):
        return None if name == "factor" else f"no path along {name!r}"

    def _path(
        self, X, y, X_test, name, values, *, y_test, keep_predictions, count_parameters
    ):
        coef = np.linalg.pinv(X) @ y
        train, test = (
            np.multiply.outer(values, rows @ coef)[:, :, None] for rows in (X, X_test)
        )
        risks = [
            None if targets is None else np.mean((said[:, :, 0] - targets) ** 2, axis=1)
            for said, targets in ((test, y_test), (train, y))
        ]
        return HeadPath(test, train, *risks, np.abs(values) * np.linalg.norm(coef))


def test_a_head_of_another_package_may_offer_a_path():
    X, y = draw(10)
    factors = [0.5, 1.0, 2.0]
    for risk in ("squared_error", "absolute_error"):
        path, refit = (
            DoubleDescentCurve(
                Scaled(), "factor", factors, cv=CV, risk=risk, strategy=strategy
            ).fit(X, y)
            for strategy in ("auto", "refit")
        )
        assert path.strategy_ == "path"
        assert_allclose(path.test_risk_, refit.test_risk_, rtol=1e-10)


# Weights along the widths


def weights_of(kind, n):
    rng = np.random.default_rng(5)
    return {
        "counts": rng.integers(0, 4, n),
        "real": rng.uniform(0.1, 3.0, n) * (rng.random(n) < 0.8),
        "far apart": 10.0 ** rng.uniform(-4, 4, n),
        "tiny": np.full(n, 1e-90),
    }[kind]


def along_widths_with_weights(head, X, y, weights, **options):
    """Curves of a path and of refits at every width, which must agree."""
    model = make_pipeline(LeadingColumns(), head)
    widths = range(1, X.shape[1] + 1)
    cv = ShuffleSplit(1, train_size=24, random_state=0)
    options = {"cv": cv, "weight_risks": True, **options}
    name = "leadingcolumns__n_components"
    path, refit = (
        DoubleDescentCurve(model, name, widths, strategy=strategy, **options).fit(
            X, y, sample_weight=weights
        )
        for strategy in ("path", "refit")
    )
    for risk, expected in refit.test_risks_.items():
        assert_allclose(path.test_risks_[risk], expected, rtol=1e-8)
        found, expected = path.train_risks_[risk], refit.train_risks_[risk]
        assert_allclose(found, expected, rtol=1e-8, atol=1e-12 * expected.max())
    assert path.interpolation_threshold_ == refit.interpolation_threshold_


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("counts", {}),
        ("real", {}),
        ("real", {"alpha": 0.3}),
        ("real", {"fit_intercept": False}),
        ("real", {"alpha": 1e200}),
        ("far apart", {}),
        ("far apart", {"alpha": 0.3, "fit_intercept": False}),
        ("tiny", {"alpha": 1e-90}),
    ],
)
def test_weights_along_widths(kind, options):
    X, y = draw(40)
    X = X + 3.0
    weights = weights_of(kind, len(X))
    along_widths_with_weights(HeadRegressor(**options), X, y, weights)


@pytest.mark.parametrize(("alpha", "n_classes"), [(0.0, 2), (0.3, 3)])
def test_weights_along_widths_of_a_classifier(alpha, n_classes):
    X, y = draw(40)
    labels = np.argsort(np.argsort(y)) * n_classes // len(y)
    weights = weights_of("real", len(X))
    risk = ["squared_error", "zero_one_error"]
    head = HeadClassifier(alpha)
    along_widths_with_weights(head, X, labels, weights, risk=risk)
    # A class without weight is none.
    labels[weights == 0] = n_classes
    along_widths_with_weights(head, X, labels, weights, risk=["zero_one_error"])


def test_weights_along_widths_of_dependent_columns_and_rows():
    X, y = draw(60)
    X[:, 7] = X[:, 2]
    X[:, 20:40] = np.repeat(X[:, 20:30], 2, axis=1)
    X[40:] = X[:40]
    both = np.column_stack([y, y**2])
    along_widths_with_weights(HeadRegressor(), X, both, weights_of("real", 80))


def test_bad_weights_along_widths():
    X, y = draw(60)
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    curve = DoubleDescentCurve(model, "leadingcolumns__n_components", [3, 9], cv=CV)
    with pytest.raises(ValueError, match="sample_weight must be non-negative; got -1"):
        curve.fit(X, y, sample_weight=np.where(np.arange(len(X)) % 2, 1.0, -1.0))
    with pytest.raises(ValueError, match="positive for at least one sample"):
        curve.fit(X, y, sample_weight=np.zeros(len(X)))
