"""Several curves in one figure, drawn by their displays."""

import numpy as np

from skhmmdd._plotting import COLOURS, own_axes
from skhmmdd.curve.display._artists import read_theory
from skhmmdd.curve.display._figure import is_log_y, limits_of

# Where a colour map of light ends gets too pale for a line on white.
_DARKEST, _LIGHTEST = 0.0, 0.88

_THRESHOLD_COLOUR = "#555555"


def draw_family(displays, names, ax, *, values, cmap, show_threshold, options):
    """Draw displays on the same axes, told apart by colour.

    Parameters
    ----------
    displays : list of DoubleDescentDisplay
    names : list of str
        One for each, for the legend.
    ax : matplotlib Axes or None
        None makes a figure.
    values : list of float or None
        Numbers that the colours follow; None gives every display its own.
    cmap : str
    show_threshold : bool
    options : dict
        Passed to the `plot` of every display.
    """
    options = {"log_y": "auto", "ylim": None, **options}
    # 1. What the displays must share: the scale of the risk axis and its limits, so
    #    that infinite risk leaves the axes for all of them.
    log_y = options["log_y"] = all(is_log_y(one, options["log_y"]) for one in displays)
    theory = options.pop("theory", None)
    if options["ylim"] is None:
        options["ylim"] = _joint_limits(
            displays,
            show_train=options["show_train"],
            show_band=options["show_band"],
            log_y=log_y,
            others=[risk for *_, risk in read_theory(theory)],
        )
    # 2. The displays: the first to interpolate draws the threshold, the last theory.
    line_kw = options.pop("line_kw", None) or {}
    ax = own_axes(ax, "DoubleDescentFamily.plot")
    first = _first_to_interpolate(displays) if show_threshold else None
    drawn = zip(displays, names, _colours(values, len(displays), cmap), strict=True)
    for index, (display, name, colour) in enumerate(drawn):
        display.plot(
            ax,
            name=name,
            show_threshold=index == first,
            theory=theory if display is displays[-1] else None,
            line_kw={"color": colour, **line_kw},
            **options,
        )
    # 3. The legend: names alone where there is nothing else to tell apart.
    for display, name in zip(displays, names, strict=True):
        if not options["show_train"]:
            display.lines_[0].set_label(name)
        for line in display.theory_lines_:
            line.set_label(line.get_label().removeprefix(f"{name}: "))
    handles, labels = ax.get_legend_handles_labels()
    if first is not None:
        line = displays[first].threshold_line_
        place = handles.index(line)
        del handles[place], labels[place]
        _dress_threshold(displays, line, names[first])
        handles.append(line)
        labels.append(line.get_label())
    ax.legend(handles, labels, fontsize=None if len(displays) <= 6 else "small")


def _joint_limits(displays, **options):
    found = [limits_of(one, **options) for one in displays]
    found = [limits for limits in found if limits is not None]
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def _first_to_interpolate(displays):
    """Index of the display of the lowest threshold; None if none has one."""
    thresholds = [
        np.inf if one.interpolation_threshold is None else one.interpolation_threshold
        for one in displays
    ]
    first = int(np.argmin(thresholds))
    return None if np.isinf(thresholds[first]) else first


def _dress_threshold(displays, line, name):
    """The threshold of one display as that of all."""
    line.set_color(_THRESHOLD_COLOUR)
    text = line.get_label().removeprefix(f"{name}: ")
    found = {one.interpolation_threshold for one in displays} - {None}
    line.set_label(text if len(found) == 1 else f"lowest {text}")


def _colours(values, n_displays, cmap):
    """A colour for each display."""
    from matplotlib import colormaps

    if values is None:
        if n_displays <= len(COLOURS):
            return COLOURS[:n_displays]
        return list(colormaps["turbo"](np.linspace(0.05, 0.95, n_displays)))
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    places = _DARKEST + (_LIGHTEST - _DARKEST) * ranks / max(n_displays - 1, 1)
    return list(colormaps[cmap](places))
