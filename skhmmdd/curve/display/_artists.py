"""What is drawn beside the curve itself: theory, direction, bands."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from skhmmdd.theory import RiskResult

THEORY_COLOUR = "#222222"
ZONE_COLOUR = "#E69F00"

# Not the plain dashes of the training risk, nor the dots of the threshold.
THEORY_DASHES = ((0, (5, 2)), (0, (5, 2, 1, 2)), (0, (2, 1.5)))


def read_theory(theory):
    """Bring the argument `theory` into the form of labelled curves.

    Parameters
    ----------
    theory : dict of str to (complexity, risk), or one such pair, or None

    Returns
    -------
    list of (str, ndarray, ndarray)
        Label, complexity and risk.

    Raises
    ------
    TypeError
        If this is neither a dict nor a pair.
    ValueError
        If a curve is not two arrays of one length.

    Examples
    --------
    >>> read_theory(([1, 2], [0.5, float("inf")]))
    [('theory', array([1., 2.]), array([0.5, inf]))]
    """
    if theory is None:
        return []
    if not isinstance(theory, Mapping):
        theory = {"theory": theory}
    return [(str(label), *_read_pair(label, pair)) for label, pair in theory.items()]


def _read_pair(label, pair):
    if isinstance(pair, RiskResult) or not (
        isinstance(pair, (tuple, list)) and len(pair) == 2
    ):
        raise TypeError(
            "theory must be a pair (complexity, risk), or a dict of labels to such "
            f"pairs; got {type(pair).__name__} for {label!r}."
        )
    complexity, risk = pair
    risk = risk.total if isinstance(risk, RiskResult) else risk
    complexity = np.asarray(complexity, dtype=np.float64)
    risk = np.asarray(risk, dtype=np.float64)
    if complexity.ndim != 1 or complexity.shape != risk.shape:
        raise ValueError(
            "theory must give complexity and risk as two arrays of one length; got "
            f"shapes {complexity.shape} and {risk.shape} for {label!r}."
        )
    return complexity, risk


def draw_theory(ax, x, risk, label, index):
    """Draw a theory curve: thin, dark, dashed, above the rest.

    It does not move the limits of the axes.

    Parameters
    ----------
    ax : matplotlib Axes
    x, risk : ndarray of shape (n_points,)
    label : str
    index : int
        How many theory curves there are already.

    Returns
    -------
    matplotlib Line2D
    """
    from matplotlib.lines import Line2D

    style = {"marker": "x"} if len(x) == 1 else {}
    line = Line2D(
        x,
        risk,
        color=THEORY_COLOUR,
        linewidth=1.2,
        linestyle=THEORY_DASHES[index % len(THEORY_DASHES)],
        zorder=3,
        label=label,
        gid="skhmmdd-theory",
        **style,
    )
    # Unlike add_line this leaves the limits of the data alone.
    return ax.add_artist(line)


def count_theory(ax):
    """Number of theory curves on the axes."""
    return sum(line.get_gid() == "skhmmdd-theory" for line in ax.get_lines())


def draw_danger_zone(ax, zone, label):
    """Shade where not to be; a zone of one point is a thin line.

    Parameters
    ----------
    ax : matplotlib Axes
    zone : tuple of (float, float)
        First and last value on the horizontal axis.
    label : str

    Returns
    -------
    matplotlib Rectangle
    """
    style = {"color": ZONE_COLOUR, "alpha": 0.15, "zorder": 0.5}
    return ax.axvspan(*zone, linewidth=2 * (zone[0] == zone[1]), label=label, **style)


def draw_band(ax, x, lower, upper, style):
    """Fill between two lines, over an `x` that may turn back.

    Parameters
    ----------
    ax : matplotlib Axes
    x, lower, upper : ndarray of shape (n_points,)
    style : dict

    Returns
    -------
    matplotlib PolyCollection
    """
    band = ax.fill_between(x, lower, upper, **style)
    if np.any(np.diff(x) < 0):
        band.set_verts(band_outlines(x, lower, upper))
    return band


def band_outlines(x, lower, upper):
    """Outline the band between two lines, over an `x` that may turn back.

    One polygon would cross itself: there is one for each run in one direction.

    Parameters
    ----------
    x, lower, upper : ndarray of shape (n_points,)

    Returns
    -------
    list of ndarray of shape (n_corners, 2)

    Examples
    --------
    >>> import numpy as np
    >>> band_outlines(np.array([1, 2]), np.array([0, 0]), np.array([5, 6]))[0].tolist()
    [[1, 0], [2, 0], [2, 6], [1, 5]]
    """
    outlines = []
    for run in monotone_runs(x):
        there = np.column_stack([x[run], lower[run]])
        back = np.column_stack([x[run], upper[run]])[::-1]
        outlines.append(np.concatenate([there, back]))
    return outlines


def monotone_runs(x):
    """Cut a sequence where it changes its direction.

    Parameters
    ----------
    x : ndarray of shape (n_points,)

    Returns
    -------
    list of slice
        Neighbours share their end point.

    Examples
    --------
    >>> import numpy as np
    >>> monotone_runs(np.array([1.0, 2.0, 5.0, 3.0, 0.0]))
    [slice(0, 3, None), slice(2, 5, None)]
    """
    rises = np.diff(x) >= 0
    turns = np.flatnonzero(rises[1:] != rises[:-1]) + 1
    edges = [0, *turns.tolist(), len(x) - 1]
    return [slice(start, stop + 1) for start, stop in pairwise(edges)]


def draw_direction(line, ends):
    """Mark which way a folding line runs: arrow heads on it, and its two ends.

    Call it when the limits of the axes are set.

    Parameters
    ----------
    line : matplotlib Line2D
    ends : tuple of (str, str)
        What is written at the first and at the last point.

    Returns
    -------
    list of matplotlib Annotation
    """
    ax, colour = line.axes, line.get_color()
    points = np.column_stack(line.get_data())
    shown = ax.transData.transform(points)
    box = ax.bbox
    inside = np.all((shown >= box.min) & (shown <= box.max), axis=1)
    notes = []
    steps = np.flatnonzero(inside[:-1] & inside[1:])
    if len(steps):
        length = np.cumsum(np.hypot(*(shown[steps + 1] - shown[steps]).T))
        for share in (0.2, 0.5, 0.8):
            step = steps[np.searchsorted(length, share * length[-1])]
            notes.append(
                ax.annotate(
                    "",
                    xy=points[step + 1],
                    xytext=points[step],
                    arrowprops={
                        "arrowstyle": "-|>",
                        "color": colour,
                        "mutation_scale": 16,
                        "shrinkA": 0,
                        "shrinkB": 0,
                    },
                )
            )
    # Below the first point; left of the last one, which may stand at the bottom.
    places = (((0, -6), "center", "top"), ((-6, 0), "right", "center"))
    for text, point, seen, (shift, ha, va) in zip(
        ends, points[[0, -1]], inside[[0, -1]], places, strict=True
    ):
        if seen:
            notes.append(
                ax.annotate(
                    text,
                    xy=point,
                    xytext=shift,
                    textcoords="offset points",
                    ha=ha,
                    va=va,
                    color=colour,
                    fontsize="small",
                )
            )
    return notes
