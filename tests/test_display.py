"""DoubleDescentDisplay: data, artists, and axes that show what matters."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_regression
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit

from skhmmdd.curve import CurvePoint, DoubleDescentCurve, DoubleDescentDisplay
from skhmmdd.curve._axes import COLOURS, risk_limits

with warnings.catch_warnings():
    # matplotlib 3.8 calls functions that later versions of pyparsing deprecate.
    warnings.simplefilter("ignore", DeprecationWarning)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

pytestmark = pytest.mark.filterwarnings(
    r"ignore:'\w+' (argument is )?deprecated:DeprecationWarning"
)

X, Y = make_regression(60, 5, noise=5.0, random_state=0)
CV = ShuffleSplit(5, train_size=30, random_state=0)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def curve():
    return DoubleDescentCurve(
        Ridge(), "alpha", [0.1, 1.0, 10.0], cv=CV, risk=["squared_error", "r2"]
    ).fit(X, Y)


@pytest.fixture
def double_descent():
    """A curve that interpolates at 10, where some test risks are infinite."""
    complexity = np.array([1.0, 5.0, 10.0, 20.0, 100.0])
    spread = np.array([0.9, 1.0, 1.1])
    test = np.outer([1.0, 0.5, 50.0, 2.0, 0.4], spread)
    test[2, 2] = np.inf
    train = np.outer([0.9, 0.3, 1e-28, 1e-30, 0.0], spread)
    return DoubleDescentDisplay(
        complexity,
        train,
        test,
        interpolation_threshold=10.0,
        best=CurvePoint(100.0, 0.4, 100, 4),
        param_name="width",
        risk_name="squared_error",
        n_train=10,
    )


def test_holds_the_data_of_the_curve(curve):
    display = DoubleDescentDisplay.from_curve(curve)
    np.testing.assert_array_equal(display.complexity, [0.1, 1.0, 10.0])
    np.testing.assert_array_equal(display.train_risk, curve.train_risk_)
    np.testing.assert_array_equal(display.test_risk, curve.test_risk_)
    assert display.best == curve.best_ and display.peak == curve.peak_
    assert display.interpolation_threshold == curve.interpolation_threshold_
    assert (display.param_name, display.risk_name) == ("alpha", "squared_error")
    assert (display.n_train, display.quantiles) == (30, (0.25, 0.75))
    assert not hasattr(display, "ax_")


def test_another_risk_of_the_curve(curve):
    display = curve.plot(risk="r2")
    np.testing.assert_array_equal(display.test_risk, curve.test_risks_["r2"])
    assert display.best.risk == np.median(display.test_risk, axis=1).min()
    assert display.ax_.get_ylabel() == "negative r2"
    assert display.ax_.get_yscale() == "linear"


def test_from_estimator_is_the_plot_of_the_curve(curve):
    _, ax = plt.subplots()
    display = DoubleDescentDisplay.from_estimator(
        Ridge(),
        X,
        Y,
        param_name="alpha",
        param_range=[0.1, 1.0, 10.0],
        cv=CV,
        fit_params={"sample_weight": np.ones(60)},
        ax=ax,
        name="ridge",
        show_best=False,
    )
    assert display.ax_ is ax and display.figure_ is ax.figure
    np.testing.assert_allclose(display.test_risk, curve.test_risk_)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["ridge: test risk", "ridge: training risk"]


@pytest.mark.parametrize(
    "complexity, label",
    [("real", "real of alpha"), (lambda alpha: alpha, "complexity of alpha")],
)
def test_axis_label_names_the_complexity(complexity, label):
    curve = DoubleDescentCurve(Ridge(), "alpha", [0.1, 1.0], complexity=complexity)
    assert curve.fit(X, Y).plot().ax_.get_xlabel() == label


def test_artists(double_descent):
    display = double_descent.plot()
    ax = display.ax_
    assert ax.get_xscale() == ax.get_yscale() == "log"
    test_line, train_line = display.lines_
    assert (test_line.get_linestyle(), train_line.get_linestyle()) == ("-", "--")
    np.testing.assert_array_equal(test_line.get_xdata(), display.complexity)
    np.testing.assert_allclose(test_line.get_ydata(), [1.0, 0.5, 50.0, 2.0, 0.4])
    np.testing.assert_allclose(train_line.get_ydata(), [0.9, 0.3, 1e-28, 1e-30, 0.0])
    assert len(display.fill_betweens_) == 2
    np.testing.assert_array_equal(display.threshold_line_.get_xdata(), [10, 10])
    assert display.threshold_line_.get_label() == "interpolation threshold (10)"
    np.testing.assert_array_equal(display.best_marker_.get_ydata(), [0.4])
    assert ax.get_xlabel() == "width" and ax.get_ylabel() == "squared error"
    assert ax.get_title() == "Median of 3 splits, 10 training samples"
    assert len(ax.get_legend().get_texts()) == 4
    display.figure_.canvas.draw()


def test_limits_show_what_matters(double_descent):
    low, high = double_descent.plot().ax_.get_ylim()
    # Training risk down to 0.3 and test risk up to 50 are seen; 1e-28 and infinity
    # are not.
    assert 0.1 < low < 0.3
    assert 50 < high < 500


def test_infinite_medians_run_off_the_top(double_descent):
    double_descent.test_risk[2] = np.inf
    display = double_descent.plot()
    high = display.ax_.get_ylim()[1]
    assert high < 10
    drawn = display.lines_[0].get_ydata()
    assert np.isfinite(drawn).all() and drawn[2] > 100 * high


def test_nothing_finite_to_show(double_descent):
    double_descent.test_risk[:] = np.inf
    double_descent.best = CurvePoint(1.0, np.inf, 1, 0)
    display = double_descent.plot()
    assert display.best_marker_ is None
    assert risk_limits([np.array([np.inf])], None, log=True) is None


def test_limits_of_a_linear_axis():
    low, high = risk_limits([np.array([-1.0, 1.0])], None, log=False)
    assert low < -1 and high > 1
    low, high = risk_limits([np.array([0.0])], None, log=False)
    assert low < 0 < high


def test_everything_can_be_left_out(double_descent):
    display = double_descent.plot(
        show_train=False,
        show_band=False,
        show_threshold=False,
        show_best=False,
        log_x=False,
        log_y=False,
    )
    assert len(display.lines_) == len(display.ax_.get_lines()) == 1
    assert display.fill_betweens_ == []
    assert display.threshold_line_ is display.best_marker_ is None
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "linear"


def test_two_displays_on_one_axes(double_descent):
    lower = DoubleDescentDisplay(
        np.array([1.0, 10.0]), np.ones((2, 3)), np.full((2, 3), 0.01)
    )
    ax = double_descent.plot(name="a").ax_
    lower.plot(ax, name="b")
    assert lower.ax_ is ax
    first, second = double_descent.lines_[0], lower.lines_[0]
    assert [first.get_color(), second.get_color()] == list(COLOURS[:2])
    low, high = ax.get_ylim()
    assert low < 0.01 and high > 50


def test_styles(double_descent):
    display = double_descent.plot(
        line_kw={"color": "black", "linewidth": 3.0}, fill_kw={"alpha": 0.5}
    )
    for line in display.lines_:
        assert (line.get_color(), line.get_linewidth()) == ("black", 3.0)
    assert display.threshold_line_.get_color() == "black"
    assert display.fill_betweens_[0].get_alpha() == 0.5


def test_one_point():
    curve = DoubleDescentCurve(Ridge(), "alpha", [1.0], cv=CV, train_size=None)
    display = curve.fit(X, Y).plot()
    assert display.lines_[0].get_marker() == "o"
    assert display.ax_.get_xscale() == "linear"


def test_frame(curve):
    frame = curve.plot().frame()
    assert list(frame.columns) == ["complexity", "split", "set", "risk"]
    assert len(frame) == 2 * 3 * 5
    medians = frame.groupby(["set", "complexity"])["risk"].median()
    np.testing.assert_allclose(
        medians["test"], curve.results_["test_squared_error_median"]
    )
    row = frame.query("set == 'train' and complexity == 1.0 and split == 2")
    assert row["risk"].item() == curve.train_risk_[1, 2]
    assert isinstance(frame, pd.DataFrame)


def test_missing_packages_are_named(curve, monkeypatch):
    display = DoubleDescentDisplay.from_curve(curve)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install skhmmdd\[plot\]"):
        display.plot()
    with pytest.raises(ImportError, match=r"frame needs pandas"):
        display.frame()


def test_errors(curve):
    with pytest.raises(ValueError, match="risk='loss' must be a risk of the curve"):
        DoubleDescentDisplay.from_curve(curve, risk="loss")
    with pytest.raises(NotFittedError):
        DoubleDescentDisplay.from_curve(DoubleDescentCurve(Ridge(), "alpha", [1.0]))
