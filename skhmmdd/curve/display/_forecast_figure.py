"""The figure of a forecast, on the display that measured curves have."""

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
    title = f"Forecast from {forecast.n_samples} training samples"
    if ax is not None:
        title = ax.get_title() or title
    widths = forecast.widths
    peak, best = (
        point and CurvePoint(*point, point[0], int(widths.searchsorted(point[0])))
        for point in (forecast.peak, forecast.best)
    )
    display = DoubleDescentDisplay(
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
    ).plot(
        ax,
        show_danger_zone=show_danger_zone,
        **{"name": name, "show_band": False, **options},
    )
    # It is no test risk, and not of splits.
    prefix = "" if name is None else f"{name}: "
    display.lines_[0].set_label(f"{prefix}forecast (leave-one-out)")
    if display.best_marker_ is not None:
        text = display.best_marker_.get_label().replace("test risk", "forecast")
        display.best_marker_.set_label(text)
    axes = display.ax_
    axes.set_title(title, fontsize="medium")
    axes.legend()
    return display
