"""The forecast of classes, and the figure of a forecast."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadClassifier,
    LeadingColumns,
    forecast_risk,
)

pyplot = pytest.importorskip("matplotlib.pyplot")
NAME = "leadingcolumns__n_components"
RISKS = ["squared_error", "zero_one_error"]
WIDTHS = [1, 5, 12, 18, 19, 20, 21, 30, 45]
N = 21


def draw(n_classes, seed=0):
    rng = np.random.RandomState(seed)
    y = rng.permutation(np.arange(N) % n_classes)
    return rng.standard_normal((N, 45)) + y[:, None] * np.geomspace(1, 0.01, 45), y


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize(
    ("n_classes", "names"),
    [(2, ["no", "yes"]), (3, ["b", "a", "c"]), (2, [False, True]), (4, [7, 5, 1, 3])],
)
def test_risks_are_those_of_a_curve_that_leaves_one_out(n_classes, names, alpha):
    X, y = draw(n_classes)
    labels = np.array(names)[y]
    model = make_pipeline(LeadingColumns(), HeadClassifier(alpha=alpha))
    curve = DoubleDescentCurve(model, NAME, WIDTHS, cv=LeaveOneOut(), risk=RISKS)
    curve.fit(X, labels)
    forecast = forecast_risk(X, labels, widths=WIDTHS, alpha=alpha, classifier=True)
    assert forecast.risk_name == "squared_error"
    assert list(forecast.risks) == RISKS
    for name in RISKS:
        happened = curve.test_risks_[name].mean(axis=1)
        assert_allclose(forecast.risks[name], happened, rtol=1e-7, atol=1e-12)
    assert forecast.risk is forecast.risks["squared_error"]


def test_groups_of_classes():
    X, y = draw(3, seed=1)
    groups = np.arange(N) // 3
    model = make_pipeline(LeadingColumns(), HeadClassifier())
    curve = DoubleDescentCurve(model, NAME, WIDTHS, cv=LeaveOneGroupOut(), risk=RISKS)
    curve.fit(X, y, groups=groups)
    forecast = forecast_risk(X, y, groups=groups, widths=WIDTHS, risk="zero_one_error")
    happened = curve.test_risks_["zero_one_error"].mean(axis=1)
    assert_allclose(forecast.risk, happened)
    assert forecast.risk_name == "zero_one_error"
    assert "Share of wrong classes predicted" in forecast.summary()


def test_copies_with_several_classes():
    X, y = draw(3)
    rows = np.r_[:12, :9]
    labels = y[rows].copy()
    labels[15] = (labels[15] + 1) % 3
    with pytest.warns(UserWarning, match="only 12 are distinct"):
        forecast = forecast_risk(X[rows], labels, widths=[2, 30], classifier=True)
    assert forecast.interpolation_threshold is None
    for width, risk, wrong in zip(
        [2, 30],
        forecast.risks["squared_error"],
        forecast.risks["zero_one_error"],
        strict=True,
    ):
        squares, errors = [], []
        for i, row in enumerate(rows):
            kept = rows != row
            head = HeadClassifier().fit(X[rows[kept], :width], labels[kept])
            new = X[[row], :width]
            chances = head.predict_proba(new)[0]
            squares.append(np.sum((chances - (head.classes_ == labels[i])) ** 2))
            errors.append(head.predict(new)[0] != labels[i])
        assert_allclose([risk, wrong], [np.mean(squares), np.mean(errors)])


def test_gcv_of_classes_is_on_the_scale_of_the_risk():
    """Of Brier's score, where scores lie between 0 and 1 and need no clipping."""
    rng = np.random.RandomState(0)
    X = 0.1 * rng.standard_normal((300, 4))
    for n_classes in (2, 3):
        y = rng.randint(n_classes, size=300)
        forecast = forecast_risk(X, y, classifier=True)
        assert_allclose(forecast.gcv, forecast.risk, rtol=0.01)


def test_what_counts_as_classes():
    X, y = draw(3)
    numbers = forecast_risk(X, y)
    assert list(numbers.risks) == ["squared_error"]
    as_objects = forecast_risk(X, y.astype(object))
    assert_array_equal(as_objects.risk, numbers.risk)
    strings = forecast_risk(X, y.astype(str))
    assert_allclose(strings.risk, forecast_risk(X, y, classifier=True).risk)
    assert_allclose(strings.risk, forecast_risk(X, y.astype(str).astype(object)).risk)
    wrong = forecast_risk(X, y, risk="zero_one_error")
    assert_allclose(wrong.risk, strings.risks["zero_one_error"])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (["a"] * N, {}, "at least two classes"),
        (np.linspace(0, 1, N), {"classifier": True}, "Unknown label type"),
        (
            np.arange(N),
            {"classifier": False, "risk": "zero_one_error"},
            "needs classes",
        ),
        (["a", "b"] * N, {}, "inconsistent"),
        (np.arange(N), {"risk": "r2"}, "risk"),
    ],
)
def test_bad_classes(y, options, message):
    with pytest.raises(ValueError, match=message):
        forecast_risk(draw(2)[0], y, **options)


def test_wines_where_labels_are_few():
    """The best width of a forecast from 30 labels, and its threshold: median error."""
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    X = np.tanh(X @ np.random.RandomState(0).standard_normal((13, 90)) / 4)
    names = np.array(["Barolo", "Grignolino", "Barbera"])[y]
    errors = []
    for seed in range(12):
        order = np.random.RandomState(seed).permutation(len(y))
        train, test = order[:30], order[30:]
        forecast = forecast_risk(X[train], names[train], risk="zero_one_error")
        assert forecast.interpolation_threshold == 29
        low, high = forecast.danger_zone
        assert low < 29 < high
        errors.append(
            [
                1
                - HeadClassifier()
                .fit(X[train, :k], names[train])
                .score(X[test, :k], names[test])
                for k in (forecast.best[0], 29)
            ]
        )
    at_best, at_threshold = np.median(errors, axis=0)

    assert at_best < 0.15 < 0.3 < at_threshold


def test_plot():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 90))
    forecast = forecast_risk(X, X[:, :3].sum(axis=1) + rng.standard_normal(40))
    display = forecast.plot()
    (line,) = display.lines_
    assert_array_equal(line.get_xdata(), forecast.widths)
    assert_array_equal(line.get_ydata(), forecast.risk)
    assert display.ax_.get_ylabel() == "squared error"
    _, labels = display.ax_.get_legend_handles_labels()
    assert labels[0] == "forecast (leave-one-out)" and "danger zone" in labels
    assert "interpolation threshold (39)" in labels
    assert not any("test" in label or "training" in label for label in labels)
    assert display.ax_.get_title() == "Forecast from 40 training samples"
    assert len(display.frame()) == len(forecast.widths)
    shares = forecast.plot(x="ratio").ax_
    low, high = forecast.danger_zone
    edges = shares.transData.inverted().transform(shares.patches[0].get_extents())
    assert_allclose(edges[:, 0], [low / 40, high / 40])
    # On the axes of another, named.
    ax = display.ax_
    again = forecast.plot(ax, name="again", show_danger_zone=False, show_best=False)
    assert again.ax_ is ax and len(ax.patches) == 1
    assert again.lines_[0].get_label() == "again: forecast (leave-one-out)"
    pyplot.close("all")
