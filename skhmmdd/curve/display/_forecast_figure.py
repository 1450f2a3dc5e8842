"""The figures of a forecast, on the display that measured curves have."""

from skhmmdd.curve._landmarks import CurvePoint
from skhmmdd.curve.display._display import DoubleDescentDisplay
from skhmmdd.curve.display._words import WIDTH_WORDS


def draw_forecast(forecast, ax, name, show_danger_zone, options):
    """Draw a forecast; see `RiskForecast.plot`.

    Parameters
    ----------
    forecast : RiskForecast
    ax : matplotlib Axes or None
    name : str or None
    show_danger_zone : bool
    options : dict

    Returns
    -------
    DoubleDescentDisplay
    """
    title = _title_of(forecast)
    if ax is not None:
        title = ax.get_title() or title
    display = _display_of(forecast).plot(
        ax,
        show_danger_zone=show_danger_zone,
        **{"name": name, "show_band": False, **options},
    )
    for artist in (display.lines_[0], display.best_marker_):
        if artist is not None:
            artist.set_label(_as_forecast(artist.get_label()))
    axes = display.ax_
    axes.set_title(title, fontsize="medium")
    axes.legend()
    return display


def draw_forecast_interactive(forecast, options):
    """Draw a forecast with plotly; see `RiskForecast.plot_interactive`.

    Parameters
    ----------
    forecast : RiskForecast
    options : dict

    Returns
    -------
    plotly.graph_objects.Figure
    """
    options = {"show_band": False, **options}
    figure = _display_of(forecast).plot_interactive(**options)
    figure.for_each_trace(
        lambda trace: trace.update(name=trace.name and _as_forecast(trace.name))
    )
    return figure.update_layout(title_text=_title_of(forecast))


def _display_of(forecast):
    widths = forecast.widths
    peak, best = (
        point and CurvePoint(*point, point[0], int(widths.searchsorted(point[0])))
        for point in (forecast.peak, forecast.best)
    )
    return DoubleDescentDisplay(
        widths.astype(float),
        None,
        forecast.risk[:, None],
        interpolation_threshold=forecast.interpolation_threshold,
        peak=peak,
        best=best,
        danger_zone=forecast.danger_zone,
        param_name=WIDTH_WORDS.label,
        risk_name=forecast.risk_name,
        n_train=forecast.n_samples,
    )


def _title_of(forecast):
    return f"Forecast from {forecast.n_samples} training samples"


def _as_forecast(label):
    """A label of a curve for its forecast: no test risk, and not of splits."""
    if "lowest test risk" in label:
        return label.replace("test risk", "forecast")
    return label.replace("test risk", "forecast (leave-one-out)")
