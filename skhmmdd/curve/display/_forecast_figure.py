"""The figure of a forecast, on the display that measured curves have."""

from skhmmdd.curve._landmarks import CurvePoint
from skhmmdd.curve.display._display import DoubleDescentDisplay
from skhmmdd.curve.display._words import WIDTH_WORDS

_ZONE_COLOUR = "#E69F00"


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
        param_name=WIDTH_WORDS.label,
        risk_name=forecast.risk_name,
        n_train=forecast.n_samples,
    ).plot(ax, **{"name": name, "show_band": False, **options})
    # 1. It is no test risk, and not of splits.
    prefix = "" if name is None else f"{name}: "
    display.lines_[0].set_label(f"{prefix}forecast (leave-one-out)")
    if display.best_marker_ is not None:
        text = display.best_marker_.get_label().replace("test risk", "forecast")
        display.best_marker_.set_label(text)
    axes = display.ax_
    axes.set_title(title, fontsize="medium")
    # 2. Where not to be.
    if show_danger_zone and forecast.danger_zone is not None:
        unit = forecast.n_samples if options.get("x") == "ratio" else 1
        axes.axvspan(
            *(width / unit for width in forecast.danger_zone),
            color=_ZONE_COLOUR,
            alpha=0.15,
            linewidth=0,
            label=f"{prefix}danger zone",
        )
    axes.legend()
    return display
