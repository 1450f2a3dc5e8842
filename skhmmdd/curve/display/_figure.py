"""The figure of a display: functions of the display that is drawn.

They set the attributes of the display that hold what was drawn.
"""

from typing import NamedTuple

import numpy as np

from skhmmdd._plotting import COLOURS, write_plain_ticks
from skhmmdd.curve._landmarks import median_over_splits, quantile_over_splits
from skhmmdd.curve.display._artists import (
    count_theory,
    draw_band,
    draw_danger_zone,
    draw_direction,
    draw_theory,
)
from skhmmdd.curve.display._axes import (
    FOLDING,
    count_displays,
    horizontal_scale,
    risk_limits,
    unit_of,
    within_reach,
)
from skhmmdd.curve.measurement._risks import risk_label

PLATEAU_LABEL = "within one standard error of the lowest"
_PART_LABELS = ("squared bias + noise (mean)", "variance (mean)")


class DrawingOptions(NamedTuple):
    """How a display is drawn: the parameters of `DoubleDescentDisplay.plot`.

    `theory` is as `read_theory` gives it, "auto" is settled by `draw_display`.
    """

    x: str
    theory: list
    name: str | None
    log_x: bool | str
    log_y: bool | str
    show_train: bool
    show_band: bool
    show_threshold: bool
    show_best: bool
    show_danger_zone: bool | str
    show_decomposition: bool
    ylim: tuple | None
    line_kw: dict | None
    fill_kw: dict | None

    @property
    def label(self):
        """What stands before the labels of the legend."""
        return "" if self.name is None else f"{self.name}: "


def draw_display(display, at, x_label, options):
    """Draw a display on its `ax_`.

    Parameters
    ----------
    display : DoubleDescentDisplay
    at : ndarray of shape (n_complexities,)
        Values on the horizontal axis.
    x_label : str
    options : DrawingOptions
    """
    ax = display.ax_
    nth = count_displays(ax)
    parts = [display.bias, display.variance] if options.show_decomposition else []
    limits = options.ylim or limits_of(
        display,
        show_train=options.show_train,
        show_band=options.show_band,
        log_y=options.log_y,
        others=[*parts, *(risk for _, _, risk in options.theory)],
    )
    scale, scale_options = horizontal_scale(at, options.log_x)
    if scale != "linear":
        ax.set_xscale(scale, **scale_options)
    if is_log_y(display, options.log_y):
        # "clip" lets a line that falls to zero run off the bottom of the axes.
        ax.set_yscale("log", nonpositive="clip")

    display.lines_, display.fill_betweens_ = [], []
    line_kw = {"color": COLOURS[nth % len(COLOURS)], **(options.line_kw or {})}
    colour = line_kw["color"]
    _draw_set(display, "test", at, limits, line_kw, options)
    if options.show_train:
        train_kw = {"linestyle": "--", "linewidth": 1.4, **line_kw}
        _draw_set(display, "train", at, limits, train_kw, options)
    _draw_parts(display, parts, at, limits, nth, options)
    _draw_threshold(display, at, colour, options)
    _draw_best(display, at, colour, options)
    _draw_danger_zone(display, nth == 0, options)
    display.theory_lines_ = [
        draw_theory(
            ax,
            complexity / unit_of(display, options.x),
            within_reach(risk, limits),
            f"{options.label}{text}",
            count_theory(ax),
        )
        for text, complexity, risk in options.theory
    ]
    _dress(display, limits, x_label, options.ylim is None)
    if options.x in FOLDING and len(at) > 1:
        ends = [f"{display.complexity[end]:g}" for end in (0, -1)]
        draw_direction(display.lines_[0], ends)


def is_log_y(display, log_y):
    """Whether the risk axis of a display is logarithmic."""
    return bool(np.min(display.test_risk) > 0) if log_y == "auto" else log_y


def limits_of(display, *, show_train, show_band, log_y, others=()):
    """Limits of the risk axis of one display; as `risk_limits`."""
    n_lines = 3 if show_band else 1
    return risk_limits(
        median_and_band(display, "test")[:n_lines],
        median_and_band(display, "train")[:n_lines] if show_train else None,
        is_log_y(display, log_y),
        others,
    )


def median_and_band(display, subset):
    """Median, lower and upper quantile of one set."""
    risk = display.test_risk if subset == "test" else display.train_risk
    lower, upper = display.quantiles
    return (
        median_over_splits(risk),
        quantile_over_splits(risk, lower),
        quantile_over_splits(risk, upper),
    )


def title_of(display):
    """What was measured, and on how much."""
    n_splits = display.test_risk.shape[1]
    size = "" if display.n_train is None else f", {display.n_train} training samples"
    splits = "1 split" if n_splits == 1 else f"Median of {n_splits} splits"
    return splits + size


def threshold_label(place):
    """The threshold at a place on the axis, in a legend."""
    return f"interpolation threshold ({place:g})"


def best_label(display, x):
    """The best point of a display against `x`, in a legend."""
    best, lowest = display.best, np.min(median_over_splits(display.test_risk))
    what = "lowest test risk" if best.risk <= lowest else "choice"
    return f"{what} ({best.risk:.3g} at {best.complexity / unit_of(display, x):g})"


def plateau_of(display):
    """Which complexities are within one standard error of the lowest risk."""
    return np.searchsorted(display.complexity, getattr(display.best, "plateau", ()))


def _draw_set(display, subset, at, limits, line_kw, options):
    """Draw the median and the band of the test or of the training risk."""
    median, lower, upper = (
        within_reach(risk, limits) for risk in median_and_band(display, subset)
    )
    text = f"{options.label}{'training' if subset == 'train' else 'test'} risk"
    style = {"linewidth": 2.0, "label": text, "gid": f"skhmmdd-{subset}", **line_kw}
    if len(median) == 1:
        style = {"marker": "o", **style}
    (line,) = display.ax_.plot(at, median, **style)
    display.lines_.append(line)
    if options.show_band:
        strength = 0.22 if subset == "test" else 0.12
        style = {"color": line.get_color(), "alpha": strength, "linewidth": 0}
        style.update(options.fill_kw or {})
        band = draw_band(display.ax_, at, lower, upper, style)
        display.fill_betweens_.append(band)


def _draw_parts(display, parts, at, limits, nth, options):
    """Draw squared bias and variance, if there are any."""
    display.decomposition_lines_ = []
    for offset, (part, text, dashes) in enumerate(
        zip(parts, _PART_LABELS, ("-.", "-"), strict=False)
    ):
        (line,) = display.ax_.plot(
            at,
            within_reach(part, limits),
            color=COLOURS[(nth + 1 + offset) % len(COLOURS)],
            linestyle=dashes,
            linewidth=1.6,
            label=f"{options.label}{text}",
        )
        display.decomposition_lines_.append(line)


def _draw_threshold(display, at, colour, options):
    """Mark the interpolation threshold: a line, or a point of a folding curve."""
    display.threshold_line_ = None
    threshold = display.interpolation_threshold
    if not options.show_threshold or threshold is None:
        return
    threshold = threshold / unit_of(display, options.x)
    label = f"{options.label}{threshold_label(threshold)}"
    if options.x in FOLDING:
        index = int(np.argmin(np.abs(display.complexity - threshold)))
        (display.threshold_line_,) = display.ax_.plot(
            at[[index]],
            display.lines_[0].get_ydata()[[index]],
            linestyle="none",
            marker="D",
            markersize=7,
            color=colour,
            markerfacecolor="white",
            zorder=4,
            label=label,
        )
        return
    display.threshold_line_ = display.ax_.axvline(
        threshold,
        color=colour,
        linestyle=":",
        linewidth=1.4,
        zorder=1,
        label=label,
    )


def _draw_best(display, at, colour, options):
    """Mark the best point, and what is within one standard error of it."""
    display.best_marker_, display.plateau_markers_ = None, None
    best = display.best
    if options.show_best and best is not None and np.isfinite(best.risk):
        (display.best_marker_,) = display.ax_.plot(
            at[[best.index]],
            [best.risk],
            linestyle="none",
            marker="o",
            markersize=8,
            color=colour,
            markeredgecolor="white",
            zorder=4,
            label=f"{options.label}{best_label(display, options.x)}",
        )
        plateau = plateau_of(display)
        if len(plateau) > 1:
            (display.plateau_markers_,) = display.ax_.plot(
                at[plateau],
                median_over_splits(display.test_risk)[plateau],
                linestyle="none",
                marker="o",
                markersize=4,
                color=colour,
                markerfacecolor="white",
                zorder=3.5,
                label=f"{options.label}{PLATEAU_LABEL}",
            )


def _drop_hidden_plateau(display):
    """Take the plateau away if all of it is under the marker of the best point.

    Call it when the limits of the axes are set.
    """
    markers, best = display.plateau_markers_, display.best_marker_
    if markers is None:
        return
    shown = [
        display.ax_.transData.transform(line.get_xydata()) for line in (markers, best)
    ]
    distance = np.hypot(*(shown[0] - shown[1]).T) * 72 / display.figure_.dpi
    if not (distance > best.get_markersize() / 2).any():
        markers.remove()
        display.plateau_markers_ = None


def _draw_danger_zone(display, first, options):
    """Shade the danger zone, where complexity has a fixed place on the axis."""
    display.danger_zone_span_ = None
    zone = display.danger_zone
    wanted = first if options.show_danger_zone == "auto" else options.show_danger_zone
    if wanted and zone is not None and options.x not in FOLDING:
        unit = unit_of(display, options.x)
        display.danger_zone_span_ = draw_danger_zone(
            display.ax_,
            (zone[0] / unit, zone[1] / unit),
            f"{options.label}danger zone",
        )


def _dress(display, limits, x_label, widen):
    """Set limits, labels, title and legend."""
    ax = display.ax_
    if limits is not None:
        if widen and count_displays(ax) > 1:
            low, high = ax.get_ylim()
            limits = min(low, limits[0]), max(high, limits[1])
        ax.set_ylim(limits)
    ax.set_xlabel(x_label)
    write_plain_ticks(ax.xaxis)
    write_plain_ticks(ax.yaxis)
    ax.set_ylabel(display.risk_label or risk_label(display.risk_name))
    ax.set_title(title_of(display), fontsize="medium")
    _drop_hidden_plateau(display)
    ax.legend()
