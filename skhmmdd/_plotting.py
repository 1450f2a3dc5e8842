"""What the figures of the package share: colours, axes, tick labels, optional imports.

matplotlib, plotly and pandas are imported when something is drawn or tabulated, never
before.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, told apart by colour-blind readers; its yellow, too pale for
# a line on white, is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# Of red, green and blue (Rec. 709).
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

# Decades written out as decimals on logarithmic axes: 0.001 to 10000.
_PLAIN_DECADES = (-3, 4)


def import_pyplot(method: str) -> Any:
    """`matplotlib.pyplot`, or an error that says which `method` needs it."""
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError(_missing(method, "matplotlib")) from error
    return pyplot


def import_pandas(method: str) -> Any:
    """`pandas`, or an error that says which `method` needs it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(_missing(method, "pandas")) from error
    return pandas


def import_plotly(method: str) -> Any:
    """`plotly.graph_objects`, or an error that says which `method` needs it."""
    try:
        import plotly.graph_objects as graph_objects
    except ImportError as error:
        raise ImportError(_missing(method, "plotly", "interactive")) from error
    return graph_objects


def _missing(method, package, extra="plot"):
    return (
        f"{method} needs {package}: pip install skhmmdd[{extra}], "
        f"or pip install {package}."
    )


def own_axes(
    ax: "Axes | None", method: str, figsize: tuple[float, float] = (7, 4.5)
) -> Any:
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

    An axis that is linear about zero has its zero written too.

    Parameters
    ----------
    axis : matplotlib Axis
    """
    from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation

    if axis.get_scale() == "symlog":
        axis.set_major_formatter(FuncFormatter(partial(_plain_from_zero, axis)))
    if axis.get_scale() == "log":
        for set_formatter in (axis.set_major_formatter, axis.set_minor_formatter):
            usual = LogFormatterSciNotation()
            usual.set_axis(axis)
            set_formatter(FuncFormatter(partial(_plain_label, usual)))


def _plain_from_zero(axis, value, position=None):
    """The label of a decade, or of zero, on an axis whose linear part holds zero."""
    least, most = _PLAIN_DECADES
    low, high = axis.get_transform().linthresh, axis.get_view_interval()[1]
    # A hair wider: the limits of decades are rounded.
    is_short = 0.99 * 10.0**least < low and high < 10.0 ** (most + 1)
    if value <= 0 or is_short:
        return f"{value:g}"
    return f"$10^{{{np.log10(value):.0f}}}$"


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


def own_axes_pair(ax, method, figsize, width_ratios=(1, 1)):
    """Two axes side by side: those given, a place that is split, or a new figure.

    Parameters
    ----------
    ax : matplotlib Axes, sequence of two Axes, or None
        One Axes of a grid is hidden, and its place taken.
    method : str
        Who draws, for errors.
    figsize : tuple of (float, float)
        Inches, of a new figure.
    width_ratios : tuple of (float, float), default=(1, 1)

    Returns
    -------
    ndarray of two matplotlib Axes

    Raises
    ------
    ValueError
        If `ax` is neither.
    """
    if ax is None:
        _, axes = import_pyplot(method).subplots(
            1, 2, figsize=figsize, layout="constrained", width_ratios=width_ratios
        )
        return axes
    given = np.asarray(ax, dtype=object).ravel()
    if len(given) == 1 and given[0].get_subplotspec() is not None:
        (place,) = given
        place.set_axis_off()
        grid = place.get_subplotspec().subgridspec(1, 2, width_ratios=width_ratios)
        return np.array([place.figure.add_subplot(cell) for cell in grid])
    if len(given) != 2:
        raise ValueError(
            f"{method} draws on two axes: ax must be None, two of them, or one of a "
            f"grid of subplots, whose place is split; got {ax!r}."
        )
    return given


def write_labels(axis, labels, *, most=40, rotation=0):
    """Name the whole numbers on an axis, every k-th of them where they are many.

    Parameters
    ----------
    axis : matplotlib Axis
    labels : sequence of str
    most : int, default=40
        Most labels to write.
    rotation : float, default=0
        Degrees.
    """
    places = np.arange(0, len(labels), -(-len(labels) // most))
    axis.set_ticks(places, [labels[i] for i in places], rotation=rotation)
    axis.set_tick_params(length=0 if len(places) == len(labels) else 2)


def draw_heatmap(ax, values, *, signed=False, label, digits=None):
    """A matrix as a heat map whose lightness follows the values, in grey print too.

    Parameters
    ----------
    ax : matplotlib Axes
    values : ndarray of shape (n_rows, n_columns)
        NaN is left out. Not negative, unless `signed`.
    signed : bool, default=False
        From dark below zero to light above it; else from white at zero to dark.
    label : str
        Beside the colour bar.
    digits : int, default=None
        Decimals of the numbers that are written into the cells; None writes none.

    Returns
    -------
    image : matplotlib AxesImage
    texts : list of matplotlib Text
    """
    most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    image = ax.imshow(
        values,
        cmap="cividis" if signed else "Blues",
        vmin=-most if signed else 0.0,
        vmax=most,
        aspect="auto",
        interpolation="nearest",
    )
    ax.figure.colorbar(image, ax=ax, label=label)
    texts = []
    if digits is not None:
        for (row, column), value in np.ndenumerate(values):
            # Nothing is written where it would round to zero.
            if np.isfinite(value) and abs(value) >= 0.5 * 10.0**-digits:
                luminance = _LUMINANCE @ image.cmap(image.norm(value))[:3]
                texts.append(
                    ax.text(
                        column,
                        row,
                        f"{value:.{digits}f}",
                        ha="center",
                        va="center",
                        fontsize="small",
                        color="white" if luminance < 0.45 else "black",
                    )
                )
    return image, texts
