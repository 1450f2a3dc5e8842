"""What the figures of the package share: colours, axes, tick labels, optional imports.

matplotlib and pandas are imported when something is drawn or tabulated, never before.
"""

from functools import partial

import numpy as np

# Okabe and Ito's palette, told apart by colour-blind readers; its yellow, too pale for
# a line on white, is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# Decades written out as decimals on logarithmic axes: 0.001 to 10000.
_PLAIN_DECADES = (-3, 4)


def import_pyplot(method):
    """`matplotlib.pyplot`, or an error that says which `method` needs it."""
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError(_missing(method, "matplotlib")) from error
    return pyplot


def import_pandas(method):
    """`pandas`, or an error that says which `method` needs it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(_missing(method, "pandas")) from error
    return pandas


def _missing(method, package):
    return (
        f"{method} needs {package}: pip install skhmmdd[plot], "
        f"or pip install {package}."
    )


def own_axes(ax, method, figsize=(7, 4.5)):
    """`ax`, or the axes of a new figure if it is None.

    Parameters
    ----------
    ax : matplotlib Axes or None
    method : str
        Who draws, for the error where matplotlib is missing.
    figsize : tuple of (float, float), default=(7, 4.5)
        Inches.

    Returns
    -------
    matplotlib Axes
    """
    if ax is None:
        _, ax = import_pyplot(method).subplots(figsize=figsize, layout="constrained")
    return ax


def write_plain_ticks(axis):
    """Write 1, 10, 100 on a logarithmic axis, and not powers, where they are short.

    Parameters
    ----------
    axis : matplotlib Axis
    """
    from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation

    if axis.get_scale() == "log":
        for set_formatter in (axis.set_major_formatter, axis.set_minor_formatter):
            usual = LogFormatterSciNotation()
            usual.set_axis(axis)
            set_formatter(FuncFormatter(partial(_plain_label, usual)))


def _plain_label(usual, value, position=None):
    """The usual label, written as a decimal if all decades in sight are short."""
    usual.set_locs()  # chooses, by the limits, which minor ticks get a label
    label = usual(value, position)
    low, high = np.log10(sorted(usual.axis.get_view_interval()))
    least, most = _PLAIN_DECADES
    if not label or np.ceil(low) < least or np.floor(high) > most:
        return label
    leading = value / 10.0 ** np.floor(np.log10(value) + 1e-9)
    # Decimals are wide: 1, 2 and 4 stand far enough apart.
    crowded = high - low > 0.7 and not np.isclose(leading, (1, 2, 4)).any()
    return "" if crowded else f"{value:g}"
