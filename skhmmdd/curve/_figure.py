"""The parts of the figure of a display: functions of the display that is drawn.

They set the attributes of the display that hold what was drawn.
"""

import numpy as np

from skhmmdd.curve._artists import draw_band, write_plain_ticks
from skhmmdd.curve._axes import COLOURS, FOLDING, count_displays, within_reach
from skhmmdd.curve._landmarks import median_over_splits, quantile_over_splits
from skhmmdd.curve._risks import risk_label

_PART_LABELS = ("squared bias + noise (mean)", "variance (mean)")


def summary(display, subset):
    """Median, lower and upper quantile of one set."""
    risk = display.test_risk if subset == "test" else display.train_risk
    lower, upper = display.quantiles
    return (
        median_over_splits(risk),
        quantile_over_splits(risk, lower),
        quantile_over_splits(risk, upper),
    )


def draw_set(display, subset, at, label, limits, show_band, line_kw, fill_kw):
    """Draw the median and the band of the test or of the training risk."""
    median, lower, upper = (
        within_reach(risk, limits) for risk in summary(display, subset)
    )
    text = f"{label}{'training' if subset == 'train' else 'test'} risk"
    style = {"linewidth": 2.0, "label": text, "gid": f"skhmmdd-{subset}", **line_kw}
    if len(median) == 1:
        style = {"marker": "o", **style}
    (line,) = display.ax_.plot(at, median, **style)
    display.lines_.append(line)
    if show_band:
        strength = 0.22 if subset == "test" else 0.12
        style = {"color": line.get_color(), "alpha": strength, "linewidth": 0}
        style.update(fill_kw or {})
        band = draw_band(display.ax_, at, lower, upper, style)
        display.fill_betweens_.append(band)


def draw_parts(display, parts, at, label, limits, nth):
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
            label=f"{label}{text}",
        )
        display.decomposition_lines_.append(line)


def draw_threshold(display, x, at, colour, label, show):
    """Mark the interpolation threshold: a line, or a point of a folding curve."""
    display.threshold_line_ = None
    threshold = display.interpolation_threshold
    if not show or threshold is None:
        return
    if x == "ratio":
        threshold = threshold / display.n_train
    label = f"{label}interpolation threshold ({threshold:g})"
    if x in FOLDING:
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


def draw_best(display, x, at, colour, label, show):
    """Mark the lowest median test risk."""
    display.best_marker_ = None
    if show and display.best is not None and np.isfinite(display.best.risk):
        place = display.best.complexity / (display.n_train if x == "ratio" else 1)
        (display.best_marker_,) = display.ax_.plot(
            at[[display.best.index]],
            [display.best.risk],
            linestyle="none",
            marker="o",
            markersize=8,
            color=colour,
            markeredgecolor="white",
            zorder=4,
            label=f"{label}lowest test risk ({display.best.risk:.3g} at {place:g})",
        )


def dress(display, limits, x_label):
    """Set limits, labels, title and legend."""
    ax = display.ax_
    if limits is not None:
        if count_displays(ax) > 1:
            low, high = ax.get_ylim()
            limits = min(low, limits[0]), max(high, limits[1])
        ax.set_ylim(limits)
    ax.set_xlabel(x_label)
    write_plain_ticks(ax.xaxis)
    write_plain_ticks(ax.yaxis)
    n_splits = display.test_risk.shape[1]
    size = "" if display.n_train is None else f", {display.n_train} training samples"
    ax.set_ylabel(risk_label(display.risk_name))
    splits = "1 split" if n_splits == 1 else f"Median of {n_splits} splits"
    ax.set_title(splits + size, fontsize="medium")
    ax.legend()
