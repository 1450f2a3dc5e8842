"""What is given to `fit` beside the data: weights, groups, metadata routing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer, mean_absolute_error, mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    DoubleDescentFamily,
    HeadClassifier,
    HeadRegressor,
    LeadingColumns,
)
from skhmmdd.curve.measurement._routing import route

WIDTH = "leadingcolumns__n_components"
CV = ShuffleSplit(3, train_size=30, random_state=0)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 50))
    y = X[:, :20] @ rng.standard_normal(20) + 0.5 * rng.standard_normal(60)
    weights = rng.integers(0, 3, 60).astype(float)
    return X, y, weights


def heads(**options):
    return make_pipeline(LeadingColumns(), HeadRegressor(**options))


def by_hand(X, y, weights, score_weights, widths=(5, 29, 50)):
    """Test risks by fits one by one, without our risks, routing or paths."""
    risks = []
    for k in widths:
        for train, test in CV.split(X):
            head = clone(heads()).set_params(**{WIDTH: k})
            kept = train if weights is None else train[weights[train] > 0]
            fit = (
                {}
                if weights is None
                else {"headregressor__sample_weight": weights[kept]}
            )
            predicted = head.fit(X[kept], y[kept], **fit).predict(X[test])
            of_test = None if score_weights is None else score_weights[test]
            risks.append(mean_squared_error(y[test], predicted, sample_weight=of_test))
    return np.reshape(risks, (len(widths), -1))


def test_weights_of_the_fit_and_of_the_risk(data):
    X, y, weights = data
    curve = DoubleDescentCurve(heads(), WIDTH, [5, 29, 50], cv=CV)
    expected = by_hand(X, y, weights, None)
    plain = clone(curve).fit(X, y, sample_weight=weights)
    assert_allclose(plain.test_risk_, expected, rtol=1e-8)
    assert plain.strategy_ == "path"
    diagnosed = clone(curve).set_params(diagnostics=True)
    diagnosed.fit(X, y, sample_weight=weights)
    assert diagnosed.strategy_ == "refit"
    assert "headregressor__sample_weight" in diagnosed.strategy_reason_
    assert_allclose(diagnosed.test_risk_, expected, rtol=1e-8)
    named = clone(curve).fit(X, y, headregressor__sample_weight=weights)
    assert_array_equal(named.test_risk_, plain.test_risk_)
    weighted = clone(curve).set_params(weight_risks=True)
    weighted.fit(X, y, sample_weight=weights)
    assert_allclose(weighted.test_risk_, by_hand(X, y, weights, weights), rtol=1e-8)
    # Equal weights are no weights.
    equal = clone(weighted).fit(X, y, sample_weight=np.full(60, 0.7))
    assert_allclose(equal.test_risk_, curve.fit(X, y).test_risk_, rtol=1e-8)
    # The estimator alone, without a pipeline.
    alone = DoubleDescentCurve(Ridge(), "alpha", [1.0, 2.0], cv=CV)
    assert alone.fit(X, y, sample_weight=weights).strategy_ == "refit"


def test_samples_of_weight_zero_need_not_be_interpolated(data):
    X, y, weights = data
    widths = range(2, 50)
    curve = DoubleDescentCurve(heads(), WIDTH, widths, cv=[(np.arange(30), [40, 41])])
    curve.fit(X, y, sample_weight=weights)
    assert curve.interpolation_threshold_ == (weights[:30] > 0).sum() - 1


def test_counts_equal_repetition(data):
    X, y, weights = data
    counts = weights.astype(int)
    rows = np.repeat(np.arange(60), counts)
    splits = list(CV.split(X))
    repeated = [
        tuple(np.flatnonzero(np.isin(rows, part)) for part in split) for split in splits
    ]
    risks = {"squared": "squared_error", "absolute": "absolute_error"}
    risks["of a function"] = mean_absolute_error
    risks["r2"] = "r2"
    options = {"risk": risks, "strategy": "refit", "weight_risks": True}
    one = DoubleDescentCurve(heads(), WIDTH, [5, 20, 45], cv=splits, **options)
    other = clone(one).set_params(cv=repeated)
    one.fit(X, y, sample_weight=counts)
    other.fit(X[rows], y[rows])
    for name in risks:
        assert_allclose(one.test_risks_[name], other.test_risks_[name], rtol=1e-8)
        close = {"rtol": 1e-8, "atol": 1e-8}
        assert_allclose(one.train_risks_[name], other.train_risks_[name], **close)


def test_weights_of_classes(data):
    X, y, weights = data
    counts = weights.astype(int) + 1
    rows = np.repeat(np.arange(60), counts)
    model = make_pipeline(LeadingColumns(), HeadClassifier(0.1))
    train = np.arange(30)
    cv = [(train, np.arange(30, 60))]
    rows_of = [np.flatnonzero(np.isin(rows, part)) for part in cv[0]]
    options = {"risk": ["zero_one_error", "squared_error"], "weight_risks": True}
    one = DoubleDescentCurve(model, WIDTH, [5, 45], cv=cv, **options)
    other = clone(one).set_params(cv=[tuple(rows_of)], strategy="refit")
    one.fit(X, y > 0, sample_weight=counts)
    other.fit(X[rows], y[rows] > 0)
    for name in options["risk"]:
        assert_allclose(one.test_risks_[name], other.test_risks_[name], rtol=1e-8)


@pytest.mark.parametrize("bad", [-1.0, 0.0])
def test_bad_weights(data, bad):
    X, y, _ = data
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), Ridge()),
        WIDTH,
        [5],
        cv=[(range(30), range(30, 60))],
        weight_risks=True,
    )
    weights = np.ones(60)
    weights[30:] = bad
    with pytest.raises(ValueError, match="sample_weight of every training and test"):
        curve.fit(X, y, sample_weight=weights)


def routed_model():
    head = HeadRegressor().set_fit_request(sample_weight=True)
    return make_pipeline(LeadingColumns(), head)


def test_metadata_routing(data):
    X, y, weights = data
    groups = np.arange(60) // 6
    cv = GroupKFold(3)
    scorer = "neg_mean_squared_error"
    with config_context(enable_metadata_routing=True):
        plain = DoubleDescentCurve(heads(), WIDTH, [5, 29], cv=cv)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            plain.fit(X, y, sample_weight=weights, groups=groups)
        asked = get_scorer(scorer).set_score_request(sample_weight=True)
        silent = get_scorer(scorer).set_score_request(sample_weight=False)
        curve = DoubleDescentCurve(
            routed_model(),
            WIDTH,
            [5, 29],
            cv=cv,
            risk={"weighted": asked, "plain": silent, "own": "squared_error"},
        ).fit(X, y, sample_weight=weights, groups=groups)
        search = GridSearchCV(
            routed_model(), {WIDTH: [5, 29]}, cv=cv, scoring=asked
        ).fit(X, y, sample_weight=weights, groups=groups)
        own = clone(curve).set_params(weight_risks=True)
        own.fit(X, y, sample_weight=weights, groups=groups)
    expected = [search.cv_results_[f"split{i}_test_score"] for i in range(3)]
    assert_allclose(curve.test_risks_["weighted"], -np.array(expected).T, rtol=1e-8)
    assert_allclose(curve.test_risks_["own"], curve.test_risks_["plain"], rtol=1e-10)
    assert_allclose(own.test_risks_["own"], own.test_risks_["weighted"], rtol=1e-10)
    assert not np.allclose(curve.test_risks_["own"], own.test_risks_["own"])


def test_metadata_routing_of_a_family(data):
    X, y, weights = data
    groups = np.arange(60) // 6
    with config_context(enable_metadata_routing=True):
        curve = DoubleDescentCurve(routed_model(), WIDTH, [5, 29], cv=GroupKFold(3))
        family = DoubleDescentFamily(curve, "headregressor__alpha", [0.0, 1.0])
        family.fit(X, y, sample_weight=weights, groups=groups)
        alone = clone(curve).fit(X, y, sample_weight=weights, groups=groups)
    assert_array_equal(family.curves_[0].test_risk_, alone.test_risk_)
    outside = DoubleDescentFamily(
        DoubleDescentCurve(heads(), WIDTH, [5, 29], cv=GroupKFold(3)),
        "headregressor__alpha",
        [0.0],
    ).fit(X, y, groups, sample_weight=weights)
    # Weights that a pipeline hands on are no path's.
    strategies = outside.curves_[0].strategy_, alone.strategy_
    assert strategies == ("path", "refit")
    assert_allclose(outside.curves_[0].test_risk_, alone.test_risk_, rtol=1e-10)


def test_training_sets_of_whole_groups(data):
    X, y, _ = data
    groups = np.arange(60) // 4
    curve = DoubleDescentCurve(heads(), WIDTH, [5], train_size=0.4, random_state=0)
    curve.fit(X, y, groups=groups)
    assert curve.n_train_ == 24
    splits = curve._split(X, y, route(curve, groups, {}), False)
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
    with pytest.raises(ValueError, match="train_size=24 counts samples, but with"):
        curve.set_params(train_size=24).fit(X, y, groups=groups)


def test_refit(data):
    X, y, weights = data
    curve = DoubleDescentCurve(heads(), WIDTH, [5, 20], cv=CV, refit=True)
    assert hasattr(curve, "predict") and not hasattr(curve, "predict_proba")
    assert is_regressor(curve) and not is_regressor(
        clone(curve).set_params(refit=False)
    )
    with pytest.raises(NotFittedError):
        curve.predict(X)
    curve.fit(X, y, sample_weight=weights)
    expected = clone(heads()).set_params(**{WIDTH: curve.best_.param})
    expected.fit(X, y, headregressor__sample_weight=weights)
    assert_array_equal(curve.predict(X), expected.predict(X))
    assert curve.score(X, y) == expected.score(X, y)
    assert curve.estimator.steps[0][1].n_components is None  # as it was given

    plain = clone(curve).set_params(refit=False).fit(X, y)
    assert not hasattr(plain, "best_estimator_") and not hasattr(plain, "predict")
    again = curve.set_params(refit=False).fit(X, y)
    assert not hasattr(again, "best_estimator_")

    classes = make_pipeline(LeadingColumns(), HeadClassifier(0.1))
    curve = DoubleDescentCurve(classes, WIDTH, [5, 20], cv=CV, refit=True)
    curve.fit(X, y > 0)
    assert is_classifier(curve) and curve.classes_.tolist() == [False, True]
    assert curve.predict_proba(X).shape == (60, 2)
