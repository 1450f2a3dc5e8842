"""RiskSurfaceDisplay: risk against width and labels as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skhmmdd._plotting import import_pandas, own_axes, write_plain_ticks
from skhmmdd._typing import Floats, Ints
from skhmmdd.curve.display._axes import horizontal_scale
from skhmmdd.curve.display._words import WIDTH_WORDS
from skhmmdd.curve.measurement._risks import risk_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from pandas import DataFrame

# Colours end at this multiple of the lowest risk: peaks would flatten all else.
_CEILING = 100.0


class RiskSurfaceDisplay:
    """Risk against width and number of labels, as a heat map.

    Made by :meth:`RiskSurface.plot`. It holds data only; :meth:`plot` needs matplotlib
    and :meth:`frame` needs pandas (``pip install skhmmdd[plot]``).

    Parameters
    ----------
    widths : ndarray of int of shape (n_widths,)
        In increasing order.
    train_sizes : ndarray of int of shape (n_sizes,)
        Numbers of labels, in increasing order.
    risk : ndarray of shape (n_sizes, n_widths)
        Median test risk.
    interpolation_thresholds : sequence of (int or None), default=None
        For each number of labels.
    best_widths : ndarray of int of shape (n_sizes,), default=None
        Where the risk is lowest for each number of labels.
    risk_name : str, default="risk"
        Name of the risk, for the colour bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the heat map.
    figure_ : matplotlib Figure
        Figure with the heat map.
    mesh_ : matplotlib QuadMesh
        The heat map.
    threshold_line_ : matplotlib Line2D or None
        Thresholds, where there are any.
    best_line_ : matplotlib Line2D or None
        Best widths.

    See Also
    --------
    risk_surface : Measures the surface.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import RiskSurfaceDisplay
    >>> risk = np.array([[1.0, 9.0, 3.0], [0.8, 2.0, 8.0]])
    >>> display = RiskSurfaceDisplay(np.array([5, 20, 40]), np.array([20, 40]), risk)
    >>> display.plot().ax_.get_ylabel()
    'number of labels'
    """

    ax_: Axes
    figure_: Figure | SubFigure
    mesh_: QuadMesh
    threshold_line_: Line2D | None
    best_line_: Line2D | None

    def __init__(
        self,
        widths: Ints,
        train_sizes: Ints,
        risk: Floats,
        *,
        interpolation_thresholds: Sequence[int | None] | None = None,
        best_widths: Ints | None = None,
        risk_name: str = "risk",
    ) -> None:
        self.widths = widths
        self.train_sizes = train_sizes
        self.risk = risk
        self.interpolation_thresholds = interpolation_thresholds
        self.best_widths = best_widths
        self.risk_name = risk_name

    def plot(
        self,
        ax: Axes | None = None,
        *,
        log_x: bool | Literal["auto"] = "auto",
        log_y: bool | Literal["auto"] = "auto",
        show_threshold: bool = True,
        show_best: bool = True,
        cmap: str = "magma_r",
        risk_limits: tuple[float, float] | None = None,
        xlabel: str | None = None,
        mesh_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the heat map, the threshold and the best widths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        log_x, log_y : "auto" or bool, default="auto"
            Logarithmic axes of width and labels. "auto": if the largest is at least
            ten times the smallest.
        show_threshold : bool, default=True
            Draw the interpolation threshold.
        show_best : bool, default=True
            Mark the best width for each number of labels.
        cmap : str, default="magma_r"
            Name of a colour map.
        risk_limits : tuple of (float, float), default=None
            Ends of the colours. None: from the lowest risk to the highest, or a
            hundred times the lowest.
        xlabel : str, default=None
            Label of the horizontal axis; None is "number of features".
        mesh_kw : dict, default=None
            Passed to `ax.pcolormesh`.

        Returns
        -------
        self : RiskSurfaceDisplay
            With what was drawn as attributes.
        """
        self.ax_ = own_axes(ax, "RiskSurfaceDisplay.plot")
        self.figure_ = self.ax_.figure
        # 1. Cells, each about its width and its number of labels.
        edges = []
        for name, values, log in (
            ("x", self.widths, log_x),
            ("y", self.train_sizes, log_y),
        ):
            scale, options = horizontal_scale(values, log)
            getattr(self.ax_, f"set_{name}scale")(scale, **options)
            edges.append(_edges(values, scale == "log"))
        norm, extend = _norm(self.risk, risk_limits)
        self.mesh_ = self.ax_.pcolormesh(
            *edges,
            self.risk,
            **{"norm": norm, "cmap": cmap, "rasterized": True, **(mesh_kw or {})},
        )
        bar = self.figure_.colorbar(
            self.mesh_, ax=self.ax_, label=risk_label(self.risk_name), extend=extend
        )
        write_plain_ticks(bar.ax.yaxis)
        # 2. Landmarks.
        self.threshold_line_ = self.best_line_ = None
        thresholds = [
            (at, size)
            for at, size in zip(
                self.interpolation_thresholds or [], self.train_sizes, strict=False
            )
            if at is not None
        ]
        if show_threshold and thresholds:
            (self.threshold_line_,) = self.ax_.plot(
                *zip(*thresholds, strict=True),
                color="white",
                linestyle="--",
                linewidth=1.8,
                marker="o" if len(thresholds) == 1 else None,
                label="interpolation threshold",
            )
        if show_best and self.best_widths is not None:
            (self.best_line_,) = self.ax_.plot(
                self.best_widths,
                self.train_sizes,
                linestyle="none",
                marker="o",
                markersize=6,
                color="#0072B2",
                markeredgecolor="white",
                label="lowest risk",
            )
        # 3. Axes and legend.
        self.ax_.set_xlabel(WIDTH_WORDS.label if xlabel is None else xlabel)
        self.ax_.set_ylabel("number of labels")
        write_plain_ticks(self.ax_.xaxis)
        write_plain_ticks(self.ax_.yaxis)
        if self.threshold_line_ is not None or self.best_line_ is not None:
            # On grey the white line is seen, too.
            self.ax_.legend(facecolor="0.75", framealpha=0.9)
        return self

    def frame(self) -> DataFrame:
        """Give the surface as a tidy table: one row for each risk.

        Returns
        -------
        pandas.DataFrame
            With the columns ``train_size``, ``width`` and ``risk``.
        """
        pd = import_pandas("RiskSurfaceDisplay.frame")
        return pd.DataFrame(
            {
                "train_size": np.repeat(self.train_sizes, len(self.widths)),
                "width": np.tile(self.widths, len(self.train_sizes)),
                "risk": np.ravel(self.risk),
            }
        )


def _edges(values, is_log):
    """Borders half-way between neighbours, on the scale of their axis."""
    at = np.log(values) if is_log else values.astype(float)
    if len(at) == 1:
        half = np.array([0.5])
    else:
        half = np.diff(at) / 2
    edges = np.concatenate([[at[0] - half[0]], at[:-1] + np.diff(at) / 2])
    edges = np.append(edges, at[-1] + half[-1])
    return np.exp(edges) if is_log else edges


def _norm(risk, limits):
    """How risk becomes colour, and at which end of the colours there is more."""
    from matplotlib.colors import LogNorm, Normalize

    finite = risk[np.isfinite(risk)]
    low, high = (
        (float(np.min(finite)), float(np.max(finite))) if finite.size else (0, 1)
    )
    if limits is None:
        limits = (low, min(high, _CEILING * low)) if low > 0 else (low, high)
    above, below = bool((risk > limits[1]).any()), bool((risk < limits[0]).any())
    extend = ["neither", "max", "min", "both"][above + 2 * below]
    kind = LogNorm if limits[0] > 0 else Normalize
    return kind(*limits), extend
