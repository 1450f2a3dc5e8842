"""Figures of plotly: the same data, axes and landmarks as the figures of matplotlib."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skhmmdd import DoubleDescentCurve, HeadRegressor, LeadingColumns, forecast_risk
from skhmmdd.curve import CurvePoint, DoubleDescentDisplay
from skhmmdd.curve._choice import BestPoint
from skhmmdd.curve._landmarks import quantile_over_splits

RNG = np.random.RandomState(0)
X = RNG.randn(80, 40)
Y = X[:, 0] + 0.5 * RNG.randn(80)


@pytest.fixture
def needs_plotly():
    return pytest.importorskip("plotly")


@pytest.fixture(scope="module")
def curve():
    return DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor()),
        "leadingcolumns__n_components",
        range(1, 41),
        train_size=20,
        random_state=0,
        diagnostics=True,
    ).fit(X, Y)


def traces_of(figure):
    """Traces by name; bands have none."""
    return {trace.name: trace for trace in figure.data if trace.name}


def shapes_of(figure):
    return {shape.name: shape for shape in figure.layout.shapes}


@pytest.mark.parametrize("x", ["complexity", "ratio"])
def test_it_shows_what_the_other_figure_shows(needs_plotly, curve, x):
    display = curve.plot(x=x, theory=([1, 5, 9], [1.0, np.nan, np.inf]))
    figure = curve.plot_interactive(x=x, theory=([1, 5, 9], [1.0, np.nan, np.inf]))
    traces, shapes = traces_of(figure), shapes_of(figure)
    # 1. Lines and markers, by the labels of the legend.
    drawn = [*display.lines_, display.best_marker_, *display.theory_lines_]
    for line in drawn:
        trace = traces[line.get_label()]
        assert_allclose(trace.x, line.get_xdata())
        seen = line.get_ydata() > display.ax_.get_ylim()[0]
        assert_allclose(np.array(trace.y)[seen], line.get_ydata()[seen])
    # 2. The threshold and the danger zone, in the legend too.
    threshold = shapes[display.threshold_line_.get_label()]
    assert threshold.x0 == threshold.x1 == display.threshold_line_.get_xdata()[0]
    unit, zone = 20 if x == "ratio" else 1, shapes["danger zone"]
    assert (zone.x0 * unit, zone.x1 * unit) == pytest.approx(curve.danger_zone_)
    assert threshold.showlegend and zone.showlegend
    # 3. Axes.
    assert figure.layout.title.text == display.ax_.get_title()
    for axis, name in ((figure.layout.xaxis, "x"), (figure.layout.yaxis, "y")):
        assert axis.title.text == getattr(display.ax_, f"get_{name}label")()
        assert axis.type == getattr(display.ax_, f"get_{name}scale")() == "log"
    assert_allclose(figure.layout.yaxis.range, np.log10(display.ax_.get_ylim()))


def test_what_stands_under_the_pointer(needs_plotly, curve):
    traces = traces_of(curve.plot_interactive(x="ratio", theory=([38], [2.5])))
    threshold = curve.interpolation_threshold_
    assert threshold == 19
    said = traces["test risk"].text
    low, high = (quantile_over_splits(curve.test_risk_, q)[2] for q in (0.25, 0.75))
    assert said[2] == (
        "number of features: 3<br>ratio to the threshold: 0.158"
        f"<br>risk: {np.median(curve.test_risk_[2]):.4g}"
        f"<br>quantiles 0.25 to 0.75: {low:.3g} to {high:.3g}"
    )
    assert traces["theory"].text == (
        "number of features: 38<br>ratio to the threshold: 2<br>risk: 2.5",
    )
    assert traces["theory"].mode == "markers"  # one point is no line
    # What is out of sight is told as it is.
    told = traces["training risk"].text[-1].split("risk: ")[1].split("<")[0]
    assert float(told) < 1e-20


def test_bands_are_between_the_quantiles(needs_plotly, curve):
    figure = curve.plot_interactive(show_train=False)
    (band,) = (trace for trace in figure.data if trace.fill == "toself")
    edges = [quantile_over_splits(curve.test_risk_, q) for q in (0.25, 0.75)]
    assert_allclose(band.y, np.concatenate([edges[0], edges[1][::-1]]))
    assert_allclose(band.x, np.r_[1:41, 40:0:-1])
    assert not any(trace.fill for trace in curve.plot_interactive(show_band=False).data)


def test_axes_that_fold_back(needs_plotly, curve):
    figure = curve.plot_interactive(x="effective_parameters")
    traces = traces_of(figure)
    at = np.median(curve.effective_parameters_.test, axis=1)
    assert_allclose(traces["test risk"].x, at)
    assert_allclose(traces["interpolation threshold (19)"].x, at[[18]])
    assert not figure.layout.shapes
    with pytest.raises(ValueError, match="theory cannot be drawn with x='coef_norm'"):
        curve.plot_interactive(x="coef_norm", theory=([1], [1]))
    with pytest.raises(ValueError, match="x='width' must be one of"):
        curve.plot_interactive(x="width")


def test_zero_on_a_logarithmic_axis(needs_plotly):
    risk = np.array([[2.0], [1.0], [0.5], [3.0]])
    display = DoubleDescentDisplay(
        np.array([0.0, 0.1, 1.0, 10.0]),
        np.zeros((4, 1)),
        risk,
        interpolation_threshold=0.0,
        danger_zone=(0.0, 0.0),
        best=CurvePoint(1.0, 0.5, 1.0, 2),
    )
    figure = display.plot_interactive()
    traces, shapes = traces_of(figure), shapes_of(figure)
    zero = 10**-1.5  # half a decade below the least positive value
    assert_allclose(traces["test risk"].x, [zero, 0.1, 1, 10])
    assert_array_equal(figure.layout.xaxis.ticktext, ["0", "0.1", "1", "10"])
    assert_allclose(figure.layout.xaxis.tickvals, [zero, 0.1, 1, 10])
    assert_allclose(shapes["interpolation threshold (0)"].x0, zero)
    assert_allclose(shapes["danger zone"].x1, zero)
    assert shapes["danger zone"].line.width == 2  # one point is seen
    assert "threshold" not in traces["test risk"].text[0]  # no ratio to zero
    # A line of zeros runs off the bottom, and says zero.
    foot = 10 ** figure.layout.yaxis.range[0]
    assert 0 < max(traces["training risk"].y) < foot
    assert traces["training risk"].text[0].endswith("risk: 0")


def test_infinite_and_negative_risk(needs_plotly):
    risk = np.array([[1.0, 2.0], [np.inf, np.inf], [-1.0, 3.0]])
    display = DoubleDescentDisplay(np.array([1.0, 2.0, 3.0]), None, risk)
    figure = display.plot_interactive()
    (line,) = traces_of(figure).values()
    assert figure.layout.yaxis.type != "log"
    assert np.isfinite(line.y).all() and line.y[1] > figure.layout.yaxis.range[1]
    assert "risk: inf" in line.text[1]
    nowhere = DoubleDescentDisplay(np.array([1.0, 2.0]), None, np.full((2, 1), np.inf))
    assert nowhere.plot_interactive().layout.yaxis.range is None


def test_the_plateau(needs_plotly):
    risk = np.array([[1.0], [0.5], [0.6], [2.0]])
    best = BestPoint(2.0, 0.5, 2.0, 1, None, (2.0, 3.0))
    display = DoubleDescentDisplay(np.arange(1.0, 5.0), None, risk, best=best)
    traces = traces_of(display.plot_interactive())
    trace = traces["within one standard error of the lowest"]
    assert (tuple(trace.x), tuple(trace.y)) == ((2.0, 3.0), (0.5, 0.6))


@pytest.mark.parametrize("options", [{}, {"x": "ratio", "show_band": True}])
def test_forecasts(needs_plotly, options):
    forecast = forecast_risk(X[:20], Y[:20])
    figure = forecast.plot_interactive(**options)
    display = forecast.plot(**options)
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert {*traces_of(figure), *shapes_of(figure)} == {*names}
    trace = traces_of(figure)["forecast (leave-one-out)"]
    assert_allclose(trace.y, display.lines_[0].get_ydata())
    assert "quantiles" not in trace.text[0]
    assert figure.layout.title.text == "Forecast from 20 training samples"
    assert len(figure.to_json()) < 100_000


def test_plotly_is_named_where_it_is_missing(curve, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    message = (
        r"DoubleDescentDisplay.plot_interactive needs plotly: "
        r"pip install skhmmdd\[interactive\], or pip install plotly."
    )
    for shown in (curve, forecast_risk(X[:20], Y[:20])):
        with pytest.raises(ImportError, match=message):
            shown.plot_interactive()
