"""How far a head is from its interpolation threshold, and the warning near it."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skhmmdd import (
    BayesianHead,
    DoubleDescentCurve,
    GradientDescentHead,
    HeadClassifier,
    HeadRegressor,
    InterpolationWarning,
    LeadingColumns,
    LowRankHead,
    PrunedHead,
    SoftmaxHead,
)
from skhmmdd.heads.solvers._distinct_rows import group_rows

X = np.random.RandomState(0).standard_normal((21, 60))
Y = np.random.RandomState(1).standard_normal(21)
LABELS = Y > 0

pytestmark = pytest.mark.filterwarnings("error::skhmmdd.InterpolationWarning")


@pytest.mark.parametrize("width", [17, 20, 23])
@pytest.mark.parametrize("head", [HeadRegressor, HeadClassifier])
def test_a_plain_head_near_the_threshold_warns_where_it_is_fitted(head, width):
    y = Y if head is HeadRegressor else LABELS
    with pytest.warns(InterpolationWarning, match="threshold_ratio_=") as caught:
        head().fit(X[:, :width], y)
    assert caught[0].filename == __file__
    with pytest.warns(InterpolationWarning):
        make_pipeline(LeadingColumns(width), head()).fit(X, y)


@pytest.mark.parametrize(
    ("head", "width"),
    [
        (HeadRegressor(), 15),
        (HeadRegressor(), 25),
        (HeadRegressor(), 60),
        (HeadRegressor(alpha=1e-9), 20),
        (HeadRegressor(alpha="loo"), 20),
    ],
)
def test_others_are_silent(head, width):
    head.fit(X[:, :width], Y)


def test_silent_in_curves_searches_and_what_fits_clones():
    narrow, head = X[:, :20], HeadRegressor()
    cross_val_score(HeadRegressor(), X[:, :16], Y)
    GridSearchCV(head, {"alpha": [0.0]}, cv=3).fit(narrow, Y)
    GridSearchCV(make_pipeline(head), {"headregressor__alpha": [0.0]}).fit(narrow, Y)
    BaggingRegressor(head, 2, bootstrap=False).fit(narrow, Y)
    for strategy in ("path", "refit"):
        DoubleDescentCurve(
            make_pipeline(LeadingColumns(), head),
            "leadingcolumns__n_components",
            [10, 13, 60],
            train_size=14,
            strategy=strategy,
            risk="squared_error",
        ).fit(X, Y)
    clone(pickle.loads(pickle.dumps(clone(head)))).fit(narrow, Y)
    # The original still warns.
    with pytest.warns(InterpolationWarning):
        head.fit(narrow, Y)


@pytest.mark.parametrize("head", [HeadRegressor(), HeadClassifier()])
def test_common_checks_stay_clean(head):
    with warnings.catch_warnings():
        # Of checks that scikit-learn skips
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", InterpolationWarning)
        check_estimator(head)


RATIO = {
    "narrow": (X[:, :10], 10 / 20),
    "wide": (X, 60 / 20),
    "copies of rows": (np.repeat(X[:7, :4], 3, axis=0), 4 / 6),
    "copies of rows, wide": (np.repeat(X[:7], 3, axis=0), 60 / 6),
    "constant columns": (np.c_[X[:, :20], np.full((21, 5), 3.0)], 20 / 20),
    "copies of columns": (np.c_[X[:, :25], X[:, :25] + 3], 25 / 20),
    "dependent columns": (X[:, :5] @ X[:5, :40], 5 / 20),
}


@pytest.mark.parametrize("name", RATIO)
def test_threshold_ratio(name):
    design, ratio = RATIO[name]
    head = clone(HeadRegressor()).fit(design, Y)
    assert head.threshold_ratio_ == pytest.approx(ratio, rel=1e-12)
    weights = np.r_[np.zeros(3), np.ones(21)]
    padded = np.r_[design[:3] + 1, design], np.r_[Y[:3], Y]
    assert clone(head).fit(*padded, weights).threshold_ratio_ == head.threshold_ratio_


def test_threshold_ratio_without_an_intercept_and_with_one_row():
    bare = clone(HeadRegressor(fit_intercept=False))
    assert bare.fit(X[:, :7], Y).threshold_ratio_ == pytest.approx(7 / 21)
    assert bare.fit(X[:1], Y[:1]).threshold_ratio_ == 60
    assert clone(HeadRegressor()).fit(X[:1], Y[:1]).threshold_ratio_ == np.inf


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (BayesianHead(), 30),
        (GradientDescentHead(), 30),
        (SoftmaxHead(), 30),
        (LowRankHead(1), 30),
        (LowRankHead(25, adapter="frozen", random_state=0), 25),
        (PrunedHead(22), 22),
    ],
)
def test_every_head_has_the_ratio(head, columns):
    head.fit(X[:, :30], LABELS if isinstance(head, SoftmaxHead) else Y)
    assert head.threshold_ratio_ == pytest.approx(columns / 20)


def test_rows_that_differ_by_rounding_are_one():
    rows = np.array([[1.0, 0.3], [3.0, 4.0], [1.0, 0.1 + 0.2]])
    assert np.unique(group_rows(rows)).size == 2
