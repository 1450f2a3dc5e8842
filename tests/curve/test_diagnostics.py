"""Bias, variance, norms and effective parameters of a curve, against plain loops."""

import joblib
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import clone
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skhmmdd.curve import DoubleDescentCurve
from skhmmdd.curve.measurement._diagnostics import RunningSpread
from skhmmdd.features import LeadingColumns
from skhmmdd.heads import HeadClassifier, HeadRegressor
from skhmmdd.theory import (
    EffectiveParameters,
    effective_parameters,
    gaussian_risk,
)

CV = ShuffleSplit(5, train_size=30, random_state=0)
WIDTHS = [2, 10, 25, 40, 60]
NAME = "leadingcolumns__n_components"


@pytest.fixture(scope="module")
def regression():
    return make_regression(90, 60, n_informative=8, noise=10.0, random_state=0)


@pytest.fixture(scope="module")
def classification():
    return make_classification(
        120, 60, n_informative=6, n_classes=3, random_state=0, flip_y=0.2
    )


def _curve(head, **params):
    defaults = {"cv": CV, "diagnostics": True}
    return DoubleDescentCurve(
        make_pipeline(LeadingColumns(), head), NAME, WIDTHS, **{**defaults, **params}
    )


def _decompose(curve, X, y, predict, classes=None):
    """Bias and variance by a plain loop: every sample, then every split."""
    targets = y.reshape(len(y), -1)
    if classes is not None:
        targets = (y[:, None] == classes).astype(float)
    predictions = {i: [] for i in range(len(y))}
    for train, test in curve.cv.split(X, y):
        for i, one in zip(test, predict(train, test), strict=True):
            predictions[i].append(np.atleast_1d(one))
    bias, variance, weights = [], [], []
    for i, of_sample in predictions.items():
        if len(of_sample) < 2:
            continue
        spread = np.var(of_sample, axis=0, ddof=1)
        miss = np.mean(of_sample, axis=0) - targets[i]
        merge = np.mean if classes is None else np.sum
        bias.append(merge(miss**2 - spread / len(of_sample)))
        variance.append(merge(spread))
        weights.append(len(of_sample))
    assert len(weights) < len(y), "some sample must be in fewer than two test sets"
    return np.average(bias, weights=weights), np.average(variance, weights=weights)


@pytest.mark.parametrize("n_outputs", [None, 3])
@pytest.mark.parametrize("strategy", ["path", "refit"])
def test_bias_and_variance_against_a_loop(regression, strategy, n_outputs):
    X, y = regression
    if n_outputs:
        y = y[:, None] * [1, 2, 3] + X[:, :3]
    # 13 of 90 samples in each test set: some in none, some in several
    cv = ShuffleSplit(9, train_size=30, test_size=13, random_state=1)
    curve = _curve(HeadRegressor(), strategy=strategy, cv=cv).fit(X, y)
    for index, width in enumerate(curve.param_range_):

        def predict(train, test, width=width):
            head = HeadRegressor().fit(X[train, :width], y[train])
            return head.predict(X[test, :width])

        expected = _decompose(curve, X, y, predict)
        got = curve.bias_[index], curve.variance_[index]
        np.testing.assert_allclose(got, expected, rtol=1e-8)


def test_bias_and_variance_of_class_scores(classification):
    X, y = classification
    y = np.array(["b", "a", "c"])[y]
    cv = ShuffleSplit(4, train_size=30, test_size=40, random_state=1)
    curve = DoubleDescentCurve(
        LogisticRegression(), "C", [0.01, 1.0], cv=cv, diagnostics=True
    ).fit(X, y)
    for index, C in enumerate(curve.param_range_):

        def predict(train, test, C=C):
            model = LogisticRegression(C=C).fit(X[train], y[train])
            return model.predict_proba(X[test])

        expected = _decompose(curve, X, y, predict, classes=np.unique(y))
        got = curve.bias_[index], curve.variance_[index]
        np.testing.assert_allclose(got, expected, rtol=1e-10)


@pytest.mark.parametrize("head", [HeadRegressor(), HeadClassifier()])
def test_the_parts_add_up_to_the_mean_test_risk(regression, head):
    X, y = regression
    if isinstance(head, HeadClassifier):
        y = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    # Every sample twice or more, or never
    tests = [range(30, 60), range(45, 60), range(30, 45)]
    cv = [(range(30), test) for test in tests]
    cv += [(range(60, 90), test) for test in tests]
    curve = _curve(head, cv=cv).fit(X, y)
    sizes = [len(test) for _, test in cv]
    mean = np.average(curve.test_risk_, weights=sizes, axis=1)
    np.testing.assert_allclose(curve.bias_ + curve.variance_, mean, rtol=1e-10)


def test_variance_is_that_of_the_theory():
    rng = np.random.RandomState(0)
    n = 30
    X = rng.randn(2000, 15)
    y = X[:, 0] + 0.5 * rng.randn(2000)
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor(fit_intercept=False)),
        NAME,
        [10, 15],
        cv=100,
        train_size=n,
        random_state=0,
        diagnostics=True,
    ).fit(X, y)
    for index, width in enumerate(curve.param_range_):
        variance = gaussian_risk(width, 0.25, n_samples=n)
        assert curve.variance_[index] == pytest.approx(variance, rel=0.15)
        assert curve.bias_[index] == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize(
    "head",
    [
        HeadRegressor(),
        HeadRegressor(2.0, fit_intercept=False),
        HeadRegressor(rcond=0.3),
        HeadClassifier(1.0),
    ],
)
@pytest.mark.parametrize("two_classes", [False, True])
@pytest.mark.parametrize("nested", ["columns", "pca"])
def test_path_equals_refit(regression, head, two_classes, nested):
    X, y = regression
    if isinstance(head, HeadClassifier):
        y = np.digitize(y, [0.0] if two_classes else np.quantile(y, [0.3, 0.6]))
    elif two_classes:
        y = np.column_stack([y, X[:, 0]])
    curve = _curve(head)
    if nested == "pca":
        pipe = make_pipeline(StandardScaler(), PCA(svd_solver="full"), head)
        curve.set_params(
            estimator=pipe, param_name="pca__n_components", param_range=[2, 10, 28]
        )
    path = clone(curve).set_params(strategy="path").fit(X, y)
    refit = clone(curve).set_params(strategy="refit").fit(X, y)
    assert path.coef_norm_.shape == path.test_risk_.shape
    assert isinstance(path.effective_parameters_, EffectiveParameters)
    for name in ("bias_", "variance_", "coef_norm_"):
        np.testing.assert_allclose(
            getattr(path, name), getattr(refit, name), rtol=1e-6, err_msg=name
        )
    np.testing.assert_allclose(
        path.effective_parameters_, refit.effective_parameters_, rtol=1e-6
    )
    assert [*path.results_] == [*refit.results_]


@pytest.mark.parametrize("strategy", ["path", "refit"])
def test_norms_and_effective_parameters_are_those_of_each_fit(regression, strategy):
    X, y = regression
    curve = _curve(HeadRegressor(0.5), strategy=strategy).fit(X, y)
    for index, width in enumerate(curve.param_range_):
        for split, (train, test) in enumerate(CV.split(X)):
            head = HeadRegressor(0.5).fit(X[train, :width], y[train])
            counts = effective_parameters(X[train, :width], X[test, :width], alpha=0.5)
            got = [part[index, split] for part in curve.effective_parameters_]
            np.testing.assert_allclose(got, counts, rtol=1e-8)
            norm = curve.coef_norm_[index, split]
            assert norm == pytest.approx(head.coef_norm_, rel=1e-8)


def test_effective_parameters_of_the_chosen_penalty(regression):
    X, y = regression
    curve = _curve(HeadRegressor("loo")).fit(X, y)
    train, test = next(CV.split(X))
    head = HeadRegressor("loo").fit(X[train, :10], y[train])
    counts = effective_parameters(X[train, :10], X[test, :10], alpha=head.alpha_)
    assert curve.strategy_ == "refit"
    got = [part[1, 0] for part in curve.effective_parameters_]
    np.testing.assert_allclose(got, counts, rtol=1e-10)


@pytest.mark.parametrize("strategy", ["path", "refit"])
@pytest.mark.slow
def test_bit_equal_for_every_n_jobs_and_backend(regression, strategy):
    curve = _curve(HeadRegressor(), strategy=strategy)
    alone = clone(curve).set_params(n_jobs=1).fit(*regression)
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend=backend):
            other = clone(curve).set_params(n_jobs=2, verbose=0).fit(*regression)
        for name in ("bias_", "variance_", "coef_norm_", "effective_parameters_"):
            np.testing.assert_array_equal(getattr(other, name), getattr(alone, name))


@pytest.mark.parametrize("strategy", ["path", "refit"])
def test_diagnostics_do_not_change_the_risks(regression, strategy):
    curve = _curve(HeadRegressor(), strategy=strategy).fit(*regression)
    plain = clone(curve).set_params(diagnostics=False).fit(*regression)
    # On the path the training rows go along, and products of more rows round anew.
    near = {"rtol": 1e-9, "atol": 1e-20}
    np.testing.assert_allclose(plain.test_risk_, curve.test_risk_, **near)
    np.testing.assert_allclose(plain.train_risk_, curve.train_risk_, **near)
    assert plain.bias_ is plain.variance_ is plain.coef_norm_ is None
    assert plain.effective_parameters_ is None
    assert "bias" not in plain.results_


def test_columns(regression):
    results = _curve(HeadRegressor()).fit(*regression)
    columns = results.results_
    assert list(columns)[-5:] == [
        "bias",
        "variance",
        "coef_norm_median",
        "effective_parameters_train_median",
        "effective_parameters_test_median",
    ]
    np.testing.assert_array_equal(columns["bias"], results.bias_)
    np.testing.assert_allclose(
        columns["effective_parameters_test_median"],
        np.median(results.effective_parameters_.test, axis=1),
    )
    # 30 samples; an intercept counts as one
    train = columns["effective_parameters_train_median"]
    np.testing.assert_allclose(train, [3, 11, 26, 30, 30])


# Where there is nothing to tell


@pytest.mark.parametrize("strategy", ["path", "refit"])
def test_no_spread_where_no_sample_is_tested_twice(regression, strategy):
    curve = _curve(HeadRegressor(), strategy=strategy, cv=KFold(3)).fit(*regression)
    assert curve.bias_ is curve.variance_ is None
    assert curve.coef_norm_ is not None and curve.effective_parameters_ is not None
    assert "bias" not in curve.results_ and "coef_norm_median" in curve.results_


def test_sample_weights_leave_effective_parameters_out(regression):
    X, y = regression
    curve = _curve(HeadRegressor()).fit(X, y, headregressor__sample_weight=np.ones(90))
    assert curve.effective_parameters_ is None
    assert curve.bias_ is not None and curve.coef_norm_ is not None


def test_other_estimators(regression):
    X, y = regression
    pipe = make_pipeline(StandardScaler(), Ridge())
    ridge = DoubleDescentCurve(pipe, "ridge__alpha", [1.0], cv=CV, diagnostics=True)
    ridge.fit(X, y)
    assert ridge.effective_parameters_ is None
    train, _ = next(CV.split(X))
    expected = np.linalg.norm(clone(pipe).fit(X[train], y[train])[-1].coef_)
    assert ridge.coef_norm_[0, 0] == pytest.approx(expected)
    tree = DoubleDescentCurve(
        DecisionTreeRegressor(random_state=0), "max_depth", [2], cv=CV, diagnostics=True
    ).fit(X, y)
    assert tree.coef_norm_ is None and tree.effective_parameters_ is None
    assert tree.variance_[0] > 0


def test_a_curve_has_no_norm_where_some_fits_have_none(regression):
    curve = DoubleDescentCurve(
        make_pipeline("passthrough", Ridge()),
        "ridge",
        [Ridge(), DecisionTreeRegressor(max_depth=2)],
        complexity=lambda model: len(type(model).__name__),
        cv=CV,
        diagnostics=True,
    ).fit(*regression)
    assert curve.coef_norm_ is None and curve.bias_ is not None


def test_sparse_coefficients(regression):
    class SparseRidge(Ridge):
        def fit(self, X, y):
            super().fit(X, y)
            self.coef_ = csr_matrix(self.coef_[None])
            return self

        def predict(self, X):
            return X @ self.coef_.toarray()[0] + self.intercept_

    curve = DoubleDescentCurve(Ridge(), "alpha", [1.0], cv=CV, diagnostics=True)
    dense = curve.fit(*regression).coef_norm_
    curve.set_params(estimator=SparseRidge()).fit(*regression)
    np.testing.assert_allclose(curve.coef_norm_, dense, rtol=1e-12)


def test_classifiers_without_scores(classification):
    class LabelsOnly(SVC):
        decision_function = predict_proba = property()

    X, y = classification
    curve = DoubleDescentCurve(
        LabelsOnly(), "C", [1.0], cv=CV, risk="zero_one_error", diagnostics=True
    ).fit(X, y)
    assert curve.bias_ is curve.variance_ is None
    # One score for each pair of classes is none for each class.
    y = np.arange(120) % 4
    pairs = clone(curve).set_params(estimator=SVC(decision_function_shape="ovo"))
    assert pairs.fit(X, y).bias_ is None
    several = clone(curve).set_params(
        estimator=DecisionTreeClassifier(), param_name="max_depth", param_range=[2]
    )
    assert several.fit(X, np.column_stack([y, y])).bias_ is None


def test_a_label_not_seen_in_training():
    X, y = np.arange(12.0)[:, None], np.repeat(["a", "b", "c"], 4)
    cv = [(range(8), range(8, 12)), (range(7), range(8, 12))]
    curve = DoubleDescentCurve(
        DecisionTreeClassifier(random_state=0),
        "max_depth",
        [3],
        cv=cv,
        diagnostics=True,
    ).fit(X, y)
    # Both trees say "b" of every "c": one for each of the two classes.
    np.testing.assert_allclose([curve.bias_, curve.variance_], [[2.0], [0.0]])


def test_predictions_that_overflow(regression):
    class Explodes(RegressorMixin, BaseEstimator):
        def __init__(self, size=1.0):
            self.size = size

        def fit(self, X, y):
            self.sign_ = 1 if X[0, 0] > 0 else -1
            return self

        def predict(self, X):
            return np.full(len(X), self.size * self.sign_)

    curve = DoubleDescentCurve(
        Explodes(), "size", [1.0, 1e200, np.finfo(float).max], cv=CV, diagnostics=True
    ).fit(*regression)
    assert np.isfinite(curve.bias_[0]) and np.isfinite(curve.variance_[0])
    np.testing.assert_array_equal(curve.bias_[1:], np.inf)
    np.testing.assert_array_equal(curve.variance_[1:], np.inf)


def test_running_spread_does_not_cancel():
    rng = np.random.RandomState(0)
    residuals = 1e8 + rng.randn(7, 1, 4, 2)
    spread = RunningSpread(1, 6)
    for one in residuals:
        # Listed twice, predicted once
        spread.add([0], np.array([5, 1, 2, 5]), one[:, [0, 1, 2, 0]])
    _, variance = spread.decompose(sum_outputs=True)
    expected = np.var(residuals[:, 0, :3], axis=0, ddof=1).mean(axis=0).sum()
    np.testing.assert_allclose(variance, expected, rtol=1e-6)
