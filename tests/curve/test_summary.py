"""Curves in words: every finding gets its own, and the words agree with the numbers."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadClassifier,
    HeadRegressor,
    LeadingColumns,
    forecast_risk,
)
from skhmmdd.curve._certainty import Evidence, Stretch
from skhmmdd.curve._landmarks import find_danger_zone
from skhmmdd.curve.display._summary import Findings, describe
from skhmmdd.curve.display._words import axis_words

WIDE = Findings(
    title="A curve.",
    span=(1.0, 90.0),
    threshold=20.0,
    peak=(20.0, 9.0),
    best=(80.0, 0.5),
    zone=(12.0, 31.0),
    n_samples=21,
)


def lines_of(**changes):
    """The lines of a summary by what stands before their colon."""
    text = describe(WIDE._replace(**changes)).replace("\n  ", " ")
    title, *lines = text.split("\n")
    assert title == "A curve."
    return dict(line.split(": ", 1) for line in lines)


def advice(**changes):
    return lines_of(**changes)["What to do"]


def test_a_double_descent():
    assert lines_of() == {
        "Threshold": "20. From there on the training data are interpolated.",
        "Peak": "9 at 20, 18 times the lowest.",
        "Best": "0.5 at 80, beyond the threshold.",
        "Danger zone": "12 to 31, with more than 2 times the lowest risk.",
        "What to do": "Choose a width above 31. Where that is not possible, penalise "
        'the head (alpha="loo" finds the ridge of the heads of skhmmdd) or train on '
        "another number of labels: more of them move the peak up, fewer down; with 21 "
        "it is at 20.",
    }


@pytest.mark.parametrize(
    ("best", "place"),
    [
        (5.0, "below the threshold."),
        (20.0, "at the threshold."),
        (80.0, "beyond the threshold."),
        (1.0, "below the threshold, where the range begins."),
        (90.0, "beyond the threshold, where the range ends."),
    ],
)
def test_where_the_best_lies(best, place):
    assert lines_of(best=(best, 0.5))["Best"] == f"0.5 at {best:g}, {place}"
    assert "threshold" not in lines_of(best=(best, 0.5), threshold=None)["Best"]


@pytest.mark.parametrize(
    ("risk", "lowest", "text"),
    [
        (np.inf, 0.5, "infinite, at 20."),
        (680.0, 0.5, "680 at 20, 1360 times the lowest."),
        (5e6, 1.0, "5e+06 at 20, 5e+06 times the lowest."),
        (-0.25, -0.75, "-0.25 at 20, 0.5 above the lowest."),
        (3.0, 0.0, "3 at 20, 3 above the lowest."),
    ],
)
def test_how_high_the_peak_is(risk, lowest, text):
    assert lines_of(peak=(20.0, risk), best=(80.0, lowest))["Peak"] == text


def test_which_side_of_the_zone():
    assert advice(best=(5.0, 0.5)).startswith("Choose a width below 12. Where that")
    # No width is below 1.
    assert advice(best=(1.0, 0.5)).startswith("Choose a width below 12. Where that")
    assert advice(best=(2.0, 0.5), span=(2.0, 90.0)).startswith(
        "Choose a width below 12. The risk is lowest where the range begins: look "
        "below it too. Where that"
    )
    assert advice(best=(90.0, 0.5)).startswith(
        "Choose a width above 31. The risk is lowest where the range ends: look "
        "further."
    )


def test_a_peak_without_interpolation():
    lines = lines_of(threshold=None)
    assert lines["Threshold"] == (
        "none. Nowhere in this range are the training data interpolated."
    )
    assert lines["What to do"].endswith("of the heads of skhmmdd).")


def test_a_low_peak():
    lines = lines_of(zone=None, peak=(20.0, 0.8))
    assert lines["Danger zone"] == "none."
    assert lines["What to do"] == "Take 80. The peak is low, 1.6 times the lowest."
    whole = evidence(advised=(Stretch(1.0, 90.0, None, None),))
    assert advice(zone=None, evidence=whole) == (
        "Take 80. The peak is low: nothing here has to be avoided."
    )
    # Of a risk that may be negative there are no ratios.
    assert advice(zone=None, peak=(20.0, -0.1), best=(80.0, -0.5)) == (
        "Take 80, away from the peak at 20."
    )
    assert "look further" in advice(zone=None, best=(90.0, 0.5))


LOOK_FURTHER = (
    "Choose a large width. The risk is lowest where the range ends: look further."
)


@pytest.mark.parametrize(
    ("threshold", "best", "text"),
    [
        (1.0, 80.0, "Look at lower complexities too: all of these are at the"),
        (90.0, 30.0, "Look further: the range ends at the threshold"),
        (20.0, 90.0, LOOK_FURTHER),
        (None, 90.0, LOOK_FURTHER),
        (None, 1.0, "Choose a small width, or penalise the head: more of it only adds"),
        (20.0, 30.0, "Take 30: the risk falls up to there and rises from there."),
        (None, 30.0, "Take 30: the risk falls up to there and rises from there."),
    ],
)
def test_no_peak(threshold, best, text):
    lines = lines_of(peak=None, zone=None, threshold=threshold, best=(best, 0.5))
    assert lines["Peak"].startswith("none.")
    assert lines["What to do"].startswith(text)


def evidence(**changes):
    here = Stretch(70.0, 90.0, 60.0, None)
    return Evidence(None, (here,), (here,), None)._replace(**changes)


def test_how_sure_the_best_is():
    sure = evidence(corrected_risk=0.512)
    lines = lines_of(evidence=sure)
    assert lines["Best"] == (
        "0.5 at 80, beyond the threshold. Allowing for the choice, expect 0.512. "
        "Within one standard error of it: 70 to 90."
    )
    assert lines["What to do"].startswith("Choose a width above 60, surely within 1.5")
    one = Stretch(80.0, 80.0, 79.0, 81.0)
    lines = lines_of(evidence=evidence(plateau=(one,), corrected_risk=0.5))
    assert lines["Best"] == "0.5 at 80, beyond the threshold."
    many = tuple(Stretch(at, at + 1, at - 1, at + 2) for at in (1.0, 5.0, 9.0, 13.0))
    assert lines_of(evidence=evidence(plateau=many))["Best"].endswith(
        "error of it: 1 to 2, 5 to 6, 9 to 10 and others."
    )


@pytest.mark.parametrize(
    ("stretch", "where"),
    [
        (Stretch(1.0, 8.0, None, 12.0), "below 12"),
        (Stretch(8.0, 9.0, 5.0, 12.0), "from 8 to 9"),
        (Stretch(8.0, 8.0, 5.0, 12.0), "of 8"),
        (Stretch(1.0, 90.0, None, None), "from 1 to 90"),
    ],
)
def test_where_to_choose(stretch, where):
    told = advice(evidence=evidence(advised=(stretch,)))
    assert told.startswith(f"Choose a width {where}, surely within 1.5 times of the")


@pytest.mark.parametrize(
    ("doubt", "words"),
    [
        ("rival", "0.52 at 5 may be far better."),
        ("one split", "one split does not tell how sure this is."),
        ("copies", "with copies in both sets this says little of new samples; keep"),
    ],
)
def test_too_close_to_call(doubt, words):
    rival = (5.0, 0.52) if doubt == "rival" else None
    doubtful = evidence(doubt=doubt, rival=rival)
    for changes in ({}, {"zone": None}, {"zone": None, "peak": None}):
        assert f" Too close to call: {words}" in advice(evidence=doubtful, **changes)
    both = (Stretch(70.0, 90.0, 60.0, None), Stretch(4.0, 6.0, 3.0, 7.0))
    told = advice(evidence=doubtful._replace(advised=both))
    if doubt == "rival":
        # No more is sure than what is to be avoided, unless it is on the other side.
        assert told.startswith("Choose a width above 31. Too")
        beyond = doubtful._replace(advised=both, is_beyond=True)
        told, words = advice(evidence=beyond), "0.52 at 5 on the other side may be far"
    assert told.startswith(
        f"Choose a width above 60 or from 4 to 6. Too close to call: {words}"
    )


def test_what_is_sure_is_said():
    sure = 2.0, (Stretch(4.0, 6.0, 3.0, 7.0), Stretch(80.0, 80.0, 70.0, 90.0))
    doubtful = evidence(doubt="rival", rival=(5.0, 0.52), sure=sure)
    assert (
        "0.52 at 5 may be far better. Surely within 2 times of the lowest: 4 to 6 and "
        "80. Where that"
    ) in advice(evidence=doubtful)


def test_one_complexity():
    told = advice(span=(4.0, 4.0), peak=None, zone=None, best=(4.0, 0.5))
    assert told == "Look at more than one complexity: one point is no curve."


def test_a_classifier():
    lines = lines_of(interpolated="the training labels are fitted exactly")
    assert (
        lines["Threshold"]
        == "20. From there on the training labels are fitted exactly."
    )
    lines = lines_of(
        threshold=None, interpolated="the training labels are fitted exactly"
    )
    assert "are the training labels fitted exactly" in lines["Threshold"]


# Axes along which more is not a larger model

PENALTY = axis_words("head__alpha")
STEPS = axis_words("head__n_steps")


def test_interpolation_that_ends():
    line = lines_of(threshold=0.001, interpolation_ends=True, axis=PENALTY)
    assert line["Threshold"] == (
        "0.001. Up to there the training data are interpolated."
    )


@pytest.mark.parametrize(
    ("axis", "changes", "text"),
    [
        (PENALTY, {}, "Choose a ridge penalty above 31."),
        (PENALTY, {"best": (5.0, 0.5)}, "Choose a ridge penalty below 12."),
        (
            axis_words("temperature"),
            {"peak": None, "best": (90.0, 0.5)},
            "Choose a large temperature. The risk is lowest where the range ends: "
            "look further.",
        ),
        (
            PENALTY,
            {"peak": None, "best": (0.0, 0.5), "span": (0.0, 90.0)},
            "Choose a small ridge penalty: more of it only adds risk.",
        ),
        (
            PENALTY,
            {"peak": None, "best": (0.5, 0.5), "span": (0.5, 90.0), "threshold": 0.5},
            "Choose a small ridge penalty: more of it only adds risk. The risk is "
            "lowest where the range begins: look below it too.",
        ),
        (
            STEPS,
            {},
            "Choose a number of gradient steps above 31. Where that is not possible, "
            'penalise the head (alpha="loo" finds the ridge of the heads of skhmmdd).',
        ),
        (
            STEPS,
            {"peak": None, "threshold": 90.0, "best": (30.0, 0.5)},
            "Take 30: the risk falls up to there and rises from there.",
        ),
        (
            STEPS,
            {"peak": None, "best": (1.0, 0.5)},
            "Choose a small number of gradient steps, or penalise the head: more of it "
            "only adds risk. The risk is lowest where the range begins: look below it "
            "too.",
        ),
        (
            axis_words("max_depth"),
            {"best": (90.0, 0.5)},
            "Choose a value above 31. The risk is lowest where the range ends: look "
            'further. Where that is not possible, penalise the head (alpha="loo" finds '
            "the ridge of the heads of skhmmdd).",
        ),
    ],
)
def test_advice_along_other_axes(axis, changes, text):
    assert advice(axis=axis, **changes) == text


def test_summary_along_penalties():
    rng = np.random.RandomState(0)
    X, y = rng.randn(200, 60), rng.randn(200)
    penalties = [0.0, 1e-9, 1e-6, 0.5, 1.0, 100.0, 1e4]
    told = DoubleDescentCurve(
        HeadRegressor(), "alpha", penalties, train_size=30, random_state=0
    ).fit(X, y)
    assert told.interpolation_threshold_ == 1e-6 and told.peak_ is None
    text = told.summary().replace("\n  ", " ")
    assert "against ridge penalty from 0 to 10000 (7 values)" in text
    assert "Threshold: 1e-06. Up to there the training data are interpolated." in text
    assert "Best: " in text and " at 10000, beyond the threshold" in text
    assert "Choose a large ridge penalty. The risk is lowest where the" in text
    assert "width" not in text and "labels" not in text and "alpha" not in text
    assert "ridge penalty" in told._repr_html_()


class Descent(RegressorMixin, BaseEstimator):
    """Gradient descent on the squared error from zero."""

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def fit(self, X, y):
        values = np.linalg.eigvalsh(X.T @ X)
        self.coef_ = np.zeros(X.shape[1])
        for _ in range(self.n_steps):
            self.coef_ -= X.T @ (X @ self.coef_ - y) / values[-1]
        return self

    def predict(self, X):
        return X @ self.coef_


def test_summary_along_steps():
    rng = np.random.RandomState(0)
    X = rng.randn(200, 60)
    y = X[:, :3].sum(axis=1) + rng.randn(200)
    told = DoubleDescentCurve(
        Descent(), "n_steps", [0, 1, 10, 100, 1000], train_size=30, random_state=0
    ).fit(X, y)
    text = told.summary().replace("\n  ", " ")
    assert "against gradient steps from 0 to 1000 (5 values)" in text
    assert "Threshold: 1000. From there on the training data are" in text
    assert "width" not in text and "labels" not in text
    assert told.plot().ax_.get_xlabel() == "gradient steps"
    assert told.plot().ax_.get_xscale() == "symlog"


# The zone


def test_danger_zone_by_its_rule():
    risk = np.array([1.9, 2.1, 2.0, 2.1, 9.0, 2.1, 5.0])
    assert find_danger_zone(risk, 4, 1.0) == (3, 6)
    # A low risk that is not trusted does not end the zone.
    trusted = np.arange(7) != 2
    assert find_danger_zone(risk, 4, 1.0, trusted) == (1, 6)
    assert find_danger_zone(risk, 4, 4.5) is None, "exactly twice is not more"
    assert find_danger_zone(risk, None, 1.0) is None
    assert find_danger_zone(-1 / risk, 4, -1.0) is None


@pytest.fixture(scope="module")
def curve():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 90)
    y = X[:, :8] @ rng.randn(8) + 0.7 * rng.randn(300)
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    return DoubleDescentCurve(
        model,
        "leadingcolumns__n_components",
        range(1, 91),
        train_size=30,
        random_state=0,
        risk=["squared_error", "r2"],
    ).fit(X, y)


@pytest.mark.slow
def test_zone_of_a_curve(curve):
    median = np.median(curve.test_risk_, axis=1)
    low, high = curve.danger_zone_
    inside = (curve.complexity_ >= low) & (curve.complexity_ <= high)
    assert low <= curve.peak_.complexity <= high
    assert (median[inside] > 2 * median.min()).all()
    before = np.flatnonzero(inside)[0] - 1
    assert median[before] <= 2 * median.min()


def test_summary_of_a_curve(curve):
    text = curve.summary()
    assert text.startswith("Squared error against number of features from 1")
    assert "median of 10 splits, 30 training samples" in text.replace("\n  ", " ")
    assert f"Danger zone: {curve.danger_zone_[0]:g} to" in text
    assert max(map(len, text.split("\n"))) <= 80
    with pytest.raises(NotFittedError):
        DoubleDescentCurve(Ridge(), "alpha", [1.0]).summary()


def test_summary_of_a_classifier():
    rng = np.random.RandomState(0)
    X = rng.randn(120, 40)
    y = np.where(X[:, 0] + 0.5 * rng.randn(120) > 0, "yes", "no")
    model = make_pipeline(LeadingColumns(), HeadClassifier())
    exact = DoubleDescentCurve(
        model, "leadingcolumns__n_components", [1, 5, 15, 19, 20, 40], train_size=20,
        cv=3, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert "the training labels are fitted exactly" in exact.summary()
    never = DoubleDescentCurve(
        LogisticRegression(), "C", [0.01, 1.0], cv=2, risk="zero_one_error"
    ).fit(X, y)
    assert (
        "Share of wrong classes against C from 0.01 to 1 (2 values)" in never.summary()
    )


def test_summary_of_a_risk_below_zero():
    rng = np.random.RandomState(0)
    X, y = rng.randn(60, 3), rng.randn(60)

    def risk(y_true, y_pred):
        return np.mean((y_true - y_pred) ** 2) - 9

    scored = DoubleDescentCurve(
        Ridge(), "alpha", [0.1, 1.0, 9.0], cv=1, train_size=0.5, risk=risk
    ).fit(X, y)
    assert scored.danger_zone_ is None
    assert "median of 1 split," in scored.summary()


def test_summary_of_a_forecast():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 100))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(50)
    forecast = forecast_risk(X, y)
    text = forecast.summary().replace("\n  ", " ")
    low, high = forecast.danger_zone
    assert "predicted by leave-one-out for widths from 1 to 100 (100 values)" in text
    assert "Threshold: 49." in text
    assert f"Danger zone: {low} to {high}," in text
    assert "with 50 it is at 48" in text
    assert "Threshold: none" in forecast_risk(X[:, :9], y).summary()


def test_the_curve_and_the_forecast_share_one_rule():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 100))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(40)
    forecast = forecast_risk(X, y)
    trusted = np.abs(forecast.widths - 39) > 0.2 * 39
    zone = find_danger_zone(
        forecast.risk, forecast.peak[0] - 1, forecast.best[1], trusted
    )
    assert tuple(forecast.widths[list(zone)]) == forecast.danger_zone
