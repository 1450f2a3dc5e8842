"""What stands on the axes that risk curves are drawn on, and their limits."""

from typing import Literal, TypeAlias, get_args

import numpy as np

from skhmmdd.curve._landmarks import median_over_splits

# Training risk is shown down to this fraction of the lowest test risk. Interpolation
# takes it to 1e-30, and axes that long would flatten everything else.
TRAIN_FLOOR = 1e-2

# Bands are shown up to this multiple of the highest median test risk.
BAND_CEILING = 5.0


# What can stand on the horizontal axis. Against the last two the curve may turn back.
Abscissa: TypeAlias = Literal[
    "complexity", "ratio", "effective_parameters", "coef_norm"
]
ABSCISSAE = get_args(Abscissa)
FOLDING = ("effective_parameters", "coef_norm")
_FOLDING_LABELS = {
    "effective_parameters": "effective parameters on the test set (median)",
    "coef_norm": "norm of the head (median)",
}


def abscissa(display, x):
    """Values on the horizontal axis of a display, and the axis label.

    Parameters
    ----------
    display : DoubleDescentDisplay
    x : str
        One of `ABSCISSAE`.

    Returns
    -------
    at : ndarray of shape (n_complexities,)
    label : str

    Raises
    ------
    ValueError
        If `x` is unknown or its data were not collected.
    """
    if x not in ABSCISSAE:
        raise ValueError(f"x={x!r} must be one of {list(ABSCISSAE)}.")
    if x == "complexity":
        return display.complexity, display.param_name
    if x == "ratio":
        if display.n_train is None:
            raise ValueError("x='ratio' needs the display to have n_train.")
        label = f"{display.param_name} / training size"
        return display.complexity / unit_of(display, x), label
    values = getattr(display, x)
    if values is None:
        raise ValueError(
            f"x={x!r} was not collected: fit the curve with diagnostics=True"
            + (
                ", without sample weights, and with a head of skhmmdd as its last step."
                if x == "effective_parameters"
                else ", and with a last step that has coef_."
            )
        )
    return median_over_splits(values), _FOLDING_LABELS[x]


def unit_of(display, x):
    """What complexities are divided by on the horizontal axis `x`."""
    return display.n_train if x == "ratio" else 1


def horizontal_scale(at, log_x):
    """The scale of the horizontal axis, as `ax.set_xscale` takes it.

    Parameters
    ----------
    at : ndarray of shape (n_points,)
        What stands on it.
    log_x : "auto" or bool

    Returns
    -------
    name : {"linear", "log", "symlog"}
    options : dict

    Examples
    --------
    >>> import numpy as np
    >>> horizontal_scale(np.array([20, 40]), "auto")
    ('linear', {})
    >>> horizontal_scale(np.array([0, 0.1, 10.0]), "auto")
    ('symlog', {'linthresh': 0.1, 'linscale': 0.5})
    """
    seen = at[np.isfinite(at)]
    positive = seen[seen > 0]
    if log_x is False or not positive.size or np.min(seen) < 0:
        return ("log" if log_x is True else "linear"), {}
    low, high = np.min(positive), np.max(positive)
    if np.min(seen) > 0:
        return ("log" if log_x is True or low <= high / 10 else "linear"), {}
    if log_x is True or low <= high / 100:
        # Zero has no logarithm: half a decade of a linear scale leads down to it.
        return "symlog", {"linthresh": float(low), "linscale": 0.5}
    return "linear", {}


def count_displays(ax):
    """Number of displays drawn on the axes: each draws one test line."""
    return sum(line.get_gid() == "skhmmdd-test" for line in ax.get_lines())


def risk_limits(test, train, log, theory=()):
    """Limits of the risk axis, set by what can be seen.

    Parameters
    ----------
    test : tuple of ndarray
        Median test risk first, then its quantiles.
    train : tuple of ndarray or None
        The same of the training risk, if it is drawn.
    log : bool
        Whether the axis is logarithmic. Only then is low training risk left out.
    theory : sequence of ndarray, default=()
        Other risks that are drawn: seen where they are not far from the test risk.

    Returns
    -------
    tuple of (float, float) or None
        None if there is nothing to go by.

    Examples
    --------
    >>> import numpy as np
    >>> test, train = np.array([1.0, 100.0]), np.array([1.0, 1e-30])
    >>> low, high = risk_limits([test], [train], True)
    >>> 0.1 < low < 1.0, 100.0 < high < 1000.0
    (True, True)
    """
    median = _visible(test[0], log)
    test = _visible(np.concatenate(test), log)
    if test.size == 0:
        return None
    floor = TRAIN_FLOOR * np.min(test) if log else -np.inf
    ceiling = np.inf
    if median.size and np.max(median) > 0:
        # At the threshold the upper quantile may stand a hundredfold above the median.
        ceiling = BAND_CEILING * np.max(median)
    shown = [test[test <= ceiling]]
    if train is not None:
        train = _visible(np.concatenate(train), log)
        shown.append(train[train >= floor])
    for risk in theory:
        risk = _visible(risk, log)
        shown.append(risk[(risk >= floor) & (risk <= ceiling)])
    shown = np.concatenate(shown)
    low, high = np.min(shown), np.max(shown)
    if log:
        # A margin of a twentieth of the height, and never less than a fifth more.
        margin = max((high / low) ** 0.05, 1.2)
        return float(low / margin), float(high * margin)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return float(low - margin), float(high + margin)


def within_reach(risk, limits):
    """Replace infinite risk by a value far above the axes, so that lines reach it."""
    if limits is None:
        return risk
    far = limits[1] + 1e3 * (limits[1] - limits[0])
    return np.where(np.isposinf(risk), far, risk)


def _visible(risk, log):
    return risk[np.isfinite(risk) & ((risk > 0) | (not log))]
