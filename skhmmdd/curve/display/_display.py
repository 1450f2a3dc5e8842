"""DoubleDescentDisplay: the data of a risk curve, and its figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skhmmdd._plotting import import_pandas, import_pyplot, own_axes
from skhmmdd._typing import Floats, RandomState
from skhmmdd.curve._choice import Choice
from skhmmdd.curve._landmarks import CurvePoint
from skhmmdd.curve.display._artists import read_theory
from skhmmdd.curve.display._axes import FOLDING, Abscissa, abscissa
from skhmmdd.curve.display._figure import DrawingOptions, draw_display
from skhmmdd.curve.display._interactive_figure import draw_interactive
from skhmmdd.curve.display._words import axis_words
from skhmmdd.curve.measurement._base_curve import BaseDoubleDescentCurve
from skhmmdd.curve.measurement._risks import Risk, risk_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure


class DoubleDescentDisplay:
    """Training and test risk against complexity, and theory beside them.

    Make one with :meth:`from_curve` or :meth:`from_estimator`, or with
    :meth:`DoubleDescentCurve.plot`. It holds data only; :meth:`plot` needs matplotlib
    and :meth:`frame` needs pandas (``pip install skhmmdd[plot]``),
    :meth:`plot_interactive` needs plotly (``pip install skhmmdd[interactive]``).

    Parameters
    ----------
    complexity : ndarray of shape (n_complexities,)
        In increasing order.

    train_risk, test_risk : ndarray of shape (n_complexities, n_splits)
        Risks on the training and on the test sets. None for the training sets draws
        the test risk alone.

    interpolation_threshold : float, default=None
        Smallest complexity that interpolates the training data.

    peak, best : CurvePoint, default=None
        Where the median test risk peaks, and where it is lowest.

    danger_zone : tuple of (float, float), default=None
        First and last complexity with far more risk than the lowest.

    param_name : str, default="complexity"
        Label of the horizontal axis: the parameter in words.

    risk_name : str, default="risk"
        Name of the risk.

    risk_label : str, default=None
        Label of the vertical axis; None puts the name into words.

    n_train : int, default=None
        Number of training samples.

    quantiles : tuple of (float, float), default=(0.25, 0.75)
        Lower and upper edge of the band.

    bias, variance : ndarray of shape (n_complexities,), default=None
        Squared bias with the noise of the targets, and variance over training sets:
        the parts of the *mean* of this risk.

    coef_norm : ndarray of shape (n_complexities, n_splits), default=None
        Norm of the head.

    effective_parameters : ndarray of shape (n_complexities, n_splits), default=None
        Effective parameters on the test sets.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curve.

    figure_ : matplotlib Figure
        Figure with the curve.

    lines_ : list of matplotlib Line2D
        Median test risk, then median training risk if shown.

    fill_betweens_ : list of matplotlib PolyCollection
        Bands between the quantiles, in the order of `lines_`.

    threshold_line_ : matplotlib Line2D or None
        Vertical line at the interpolation threshold; where the axis folds back, a
        marker on the curve.

    best_marker_ : matplotlib Line2D or None
        Marker at the lowest median test risk.

    plateau_markers_ : matplotlib Line2D or None
        Markers at the complexities within one standard error of the lowest risk, where
        there are several.

    danger_zone_span_ : matplotlib Rectangle or None
        Shading of the danger zone.

    theory_lines_ : list of matplotlib Line2D
        Theory curves.

    decomposition_lines_ : list of matplotlib Line2D
        Squared bias with noise, then variance, if shown.

    See Also
    --------
    DoubleDescentCurve : Computes the curve.
    sklearn.model_selection.ValidationCurveDisplay : Mean and standard deviation.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.linear_model import Ridge
    >>> from skhmmdd.curve import DoubleDescentCurve, DoubleDescentDisplay
    >>> X, y = make_regression(n_samples=60, noise=5, random_state=0)
    >>> curve = DoubleDescentCurve(Ridge(), "alpha", [0.1, 1.0, 10.0]).fit(X, y)
    >>> display = DoubleDescentDisplay.from_curve(curve)
    >>> display.test_risk.shape
    (3, 5)
    """

    ax_: Axes
    figure_: Figure | SubFigure
    lines_: list[Line2D]
    fill_betweens_: list[Any]
    threshold_line_: Line2D | None
    best_marker_: Line2D | None
    plateau_markers_: Line2D | None
    danger_zone_span_: Rectangle | None
    theory_lines_: list[Line2D]
    decomposition_lines_: list[Line2D]

    def __init__(
        self,
        complexity: Floats,
        train_risk: Floats | None,
        test_risk: Floats,
        *,
        interpolation_threshold: float | None = None,
        peak: CurvePoint | None = None,
        best: CurvePoint | None = None,
        danger_zone: tuple[float, float] | None = None,
        param_name: str = "complexity",
        risk_name: str = "risk",
        risk_label: str | None = None,
        n_train: int | None = None,
        quantiles: tuple[float, float] = (0.25, 0.75),
        bias: Floats | None = None,
        variance: Floats | None = None,
        coef_norm: Floats | None = None,
        effective_parameters: Floats | None = None,
    ) -> None:
        self.complexity = complexity
        self.train_risk = train_risk
        self.test_risk = test_risk
        self.interpolation_threshold = interpolation_threshold
        self.peak = peak
        self.best = best
        self.danger_zone = danger_zone
        self.param_name = param_name
        self.risk_name = risk_name
        self.risk_label = risk_label
        self.n_train = n_train
        self.quantiles = quantiles
        self.bias = bias
        self.variance = variance
        self.coef_norm = coef_norm
        self.effective_parameters = effective_parameters

    @classmethod
    def from_curve(cls, curve: BaseDoubleDescentCurve, risk: str | None = None) -> Self:
        """Take the data of a fitted curve. Nothing is drawn yet.

        Parameters
        ----------
        curve : DoubleDescentCurve
            A fitted curve.

        risk : str, default=None
            Name of one of its risks; None is the primary one. Bias and variance go
            with ``"squared_error"`` only.

        Returns
        -------
        DoubleDescentDisplay
        """
        check_is_fitted(curve, "test_risks_")
        names = list(curve.test_risks_)
        if risk is None:
            risk = names[0]
        if risk not in names:
            raise ValueError(f"risk={risk!r} must be a risk of the curve: {names}.")
        train_risk, test_risk = curve.train_risks_[risk], curve.test_risks_[risk]
        peak, best = curve._peak_and_best(risk)
        kind = curve.risk[risk] if isinstance(curve.risk, dict) else risk
        squared = isinstance(kind, str) and kind == "squared_error"
        counts = curve.effective_parameters_
        return cls(
            curve.complexity_,
            train_risk,
            test_risk,
            interpolation_threshold=curve._thresholds.get(
                risk, curve.interpolation_threshold_
            ),
            peak=peak,
            best=best,
            danger_zone=curve._danger_zone(risk, peak),
            param_name=axis_words(
                curve.param_name, curve.estimator, curve.complexity
            ).label,
            risk_name=risk,
            risk_label=risk_label(risk, curve.risk),
            n_train=curve.n_train_,
            quantiles=curve.quantiles,
            bias=curve.bias_ if squared else None,
            variance=curve.variance_ if squared else None,
            coef_norm=curve.coef_norm_,
            effective_parameters=None if counts is None else counts.test,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        *,
        param_name: str,
        param_range: Iterable[Any],
        complexity: str | Callable[[Any], float] | None = None,
        cv: Any = None,
        train_size: int | float | None = None,
        risk: Risk | list[Any] | dict[str, Any] = "squared_error",
        weight_risks: bool = False,
        strategy: Literal["auto", "refit", "path"] = "auto",
        choose: Choice = "lowest",
        quantiles: tuple[float, float] = (0.25, 0.75),
        diagnostics: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
        groups: ArrayLike | None = None,
        fit_params: dict[str, Any] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Compute the curve of an estimator and draw it.

        Parameters
        ----------
        estimator : estimator
            Any regressor or classifier; it is cloned.
        X : indexable of length n_samples
            What the estimator takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        param_name, param_range, complexity, cv, train_size : object
            As in :class:`DoubleDescentCurve`.
        risk, weight_risks, strategy, choose, quantiles, diagnostics : object
            As in :class:`DoubleDescentCurve`.
        n_jobs, verbose, random_state : object
            As in :class:`DoubleDescentCurve`.
        groups : array-like of shape (n_samples,), default=None
            Group labels for `cv`.
        fit_params : dict, default=None
            Passed to the `fit` of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        DoubleDescentDisplay
            Drawn.
        """
        given = locals()
        # Before the fits, not after them
        import_pyplot("DoubleDescentDisplay.plot")
        # A figure needs no estimator that is fitted on all of X.
        own = {*BaseDoubleDescentCurve._get_param_names()} - {"refit"}
        curve = BaseDoubleDescentCurve(
            **{parameter: given[parameter] for parameter in own}
        )
        curve.fit(X, y, groups=groups, **(fit_params or {}))
        return cls.from_curve(curve).plot(ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        x: Abscissa = "complexity",
        theory: Any = None,
        name: str | None = None,
        log_x: bool | Literal["auto"] = "auto",
        log_y: bool | Literal["auto"] = "auto",
        show_train: bool = True,
        show_band: bool = True,
        show_threshold: bool = True,
        show_best: bool = True,
        show_danger_zone: bool | Literal["auto"] = "auto",
        show_decomposition: bool = False,
        xlabel: str | None = None,
        ylim: tuple[float, float] | None = None,
        line_kw: dict[str, Any] | None = None,
        fill_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curve: medians over the splits, and bands between the quantiles.

        Several displays can be drawn on the same axes; each takes the next colour.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        x : {"complexity", "ratio", "effective_parameters", "coef_norm"}, \
                default="complexity"
            What the risk is drawn against.

            - ``"ratio"``: complexity over the number of training samples, p/n.
            - ``"effective_parameters"``: their median on the test sets. Needs a curve
              with ``diagnostics=True``, as does the next.
            - ``"coef_norm"``: median norm of the head.

            Against the last two the curve may turn back. It is drawn in order of
            complexity, with arrows, and the complexities of its ends.
        theory : dict of str to (complexity, risk), or one such pair, default=None
            Curves to draw over this one, by label: two arrays of one length, or a
            :class:`~skhmmdd.theory.RiskResult`, of which `total` is taken, in place of
            the second. Infinite risk runs off the top, NaN leaves a gap. The risk must
            be on the scale of this one: ``"squared_error"`` averages the outputs,
            where the functions of :mod:`skhmmdd.theory` sum them. Not for axes that
            fold back.
        name : str, default=None
            Put before the labels of the legend, to tell displays apart.
        log_x : "auto" or bool, default="auto"
            Logarithmic horizontal axis. "auto": if all on it is positive and the
            largest is at least ten times the smallest; or if the smallest is zero and
            the others span two decades or more. Zero then stands on a linear stretch
            below the smallest positive value.
        log_y : "auto" or bool, default="auto"
            Logarithmic risk. "auto": if no test risk is zero or negative.
        show_train : bool, default=True
            Draw the training risk, dashed. What lies far below the test risk, as
            where the training data are interpolated, runs off the bottom.
        show_band : bool, default=True
            Draw the bands.
        show_threshold : bool, default=True
            Draw a vertical line at the interpolation threshold; where the axis folds
            back, a marker on the curve.
        show_best : bool, default=True
            Mark the lowest median test risk, and by small circles what is within one
            standard error of it.
        show_danger_zone : "auto" or bool, default="auto"
            Shade the danger zone, if there is one and the axis does not fold back.
            "auto": of the first curve on the axes only.
        show_decomposition : bool, default=False
            Draw the squared bias (with noise) and the variance. They are means and add
            up to the mean test risk, which near the threshold is above the median.
        xlabel : str, default=None
            Label of the horizontal axis; None names the parameter in words.
        ylim : tuple of (float, float), default=None
            Limits of the risk axis; None sets them by what can be seen.
        line_kw : dict, default=None
            Passed to `ax.plot` for both lines, e.g. ``{"color": "black"}``.
        fill_kw : dict, default=None
            Passed to `ax.fill_between`.

        Returns
        -------
        self : DoubleDescentDisplay
            With what was drawn as attributes.

        Raises
        ------
        ValueError
            If `x` is unknown or its data were not collected, if there is no
            decomposition to show, or if theory is asked of an axis that folds back.
        """
        at, x_label = abscissa(self, x)
        if show_decomposition and self.bias is None:
            raise ValueError(
                "show_decomposition=True needs bias and variance: fit the curve with "
                "diagnostics=True, on splits with samples in two test sets or more, "
                "and draw risk='squared_error'."
            )
        theory = _theory_against(x, theory)
        self.ax_ = own_axes(ax, "DoubleDescentDisplay.plot")
        self.figure_ = self.ax_.figure
        options = DrawingOptions(
            x=x,
            theory=theory,
            name=name,
            log_x=log_x,
            log_y=log_y,
            show_train=show_train and self.train_risk is not None,
            show_band=show_band,
            show_threshold=show_threshold,
            show_best=show_best,
            show_danger_zone=show_danger_zone,
            show_decomposition=show_decomposition,
            ylim=ylim,
            line_kw=line_kw,
            fill_kw=fill_kw,
        )
        draw_display(self, at, x_label if xlabel is None else xlabel, options)
        return self

    def plot_interactive(
        self,
        *,
        x: Abscissa = "complexity",
        theory: Any = None,
        log_x: bool | Literal["auto"] = "auto",
        log_y: bool | Literal["auto"] = "auto",
        show_train: bool = True,
        show_band: bool = True,
    ) -> PlotlyFigure:
        """Draw the curve with plotly, for a notebook or a page.

        The data, axes and limits of :meth:`plot`. Under the pointer stand complexity,
        its ratio to the interpolation threshold and risk; a click in the legend hides
        what is named there.

        Parameters
        ----------
        x : {"complexity", "ratio", "effective_parameters", "coef_norm"}, \
                default="complexity"
            What the risk is drawn against.
        theory : dict of str to (complexity, risk), or one such pair, default=None
            Curves to draw over this one.
        log_x, log_y : "auto" or bool, default="auto"
            Logarithmic axes.
        show_train : bool, default=True
            Draw the training risk.
        show_band : bool, default=True
            Draw the bands.

        Returns
        -------
        plotly.graph_objects.Figure
            A notebook shows it; ``write_html`` saves it.

        Raises
        ------
        ImportError
            If plotly is not installed.
        ValueError
            As in :meth:`plot`.

        See Also
        --------
        plot : The figure for paper, which explains the parameters.

        Examples
        --------
        >>> import numpy as np
        >>> from skhmmdd import DoubleDescentDisplay
        >>> risk = np.array([[0.5], [0.9], [0.4]])
        >>> display = DoubleDescentDisplay(np.array([1.0, 2.0, 3.0]), None, risk)
        >>> figure = display.plot_interactive()  # doctest: +SKIP
        >>> figure.update_layout(width=900).show()  # doctest: +SKIP
        """
        at, x_label = abscissa(self, x)
        return draw_interactive(
            self,
            at,
            x_label,
            x=x,
            theory=_theory_against(x, theory),
            log_x=log_x,
            log_y=log_y,
            show_train=show_train and self.train_risk is not None,
            show_band=show_band,
        )

    def frame(self) -> DataFrame:
        """Give the curve as a tidy table: one row for each risk.

        Returns
        -------
        pandas.DataFrame
            With the columns ``complexity``, ``split``, ``set`` ("train" or "test")
            and ``risk``.
        """
        pd = import_pandas("DoubleDescentDisplay.frame")
        n_complexities, n_splits = self.test_risk.shape
        sets = [
            pd.DataFrame(
                {
                    "complexity": np.repeat(self.complexity, n_splits),
                    "split": np.tile(np.arange(n_splits), n_complexities),
                    "set": subset,
                    "risk": np.ravel(risk),
                }
            )
            for subset, risk in (("train", self.train_risk), ("test", self.test_risk))
            if risk is not None
        ]
        return pd.concat(sets, ignore_index=True)


def _theory_against(x, theory):
    """The theory curves to draw against `x`, if they have a place there."""
    theory = read_theory(theory)
    if theory and x in FOLDING:
        raise ValueError(
            f"theory cannot be drawn with x={x!r}, where a complexity has no fixed "
            "place. Use x='complexity' or x='ratio'."
        )
    return theory
