"""DoubleDescentDisplay: the data of a risk curve, and its figure."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skhmmdd.curve._axes import (
    COLOURS,
    count_displays,
    risk_limits,
    within_reach,
)
from skhmmdd.curve._landmarks import (
    median_over_splits,
    peak_and_best,
    quantile_over_splits,
)
from skhmmdd.curve._risks import risk_label


class DoubleDescentDisplay:
    """Training and test risk against complexity.

    Make one with :meth:`from_curve` or :meth:`from_estimator`, or with
    :meth:`DoubleDescentCurve.plot`. It holds data only; :meth:`plot` needs matplotlib
    and :meth:`frame` needs pandas (``pip install skhmmdd[plot]``).

    Parameters
    ----------
    complexity : ndarray of shape (n_complexities,)
        In increasing order.

    train_risk, test_risk : ndarray of shape (n_complexities, n_splits)
        Risks on the training and on the test sets.

    interpolation_threshold : float, default=None
        Smallest complexity that interpolates the training data.

    peak, best : CurvePoint, default=None
        Where the median test risk peaks, and where it is lowest.

    param_name : str, default="complexity"
        Label of the horizontal axis.

    risk_name : str, default="risk"
        Name of the risk, for the label of the vertical axis.

    n_train : int, default=None
        Number of training samples.

    quantiles : tuple of (float, float), default=(0.25, 0.75)
        Lower and upper edge of the band.

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
        Vertical line at the interpolation threshold.

    best_marker_ : matplotlib Line2D or None
        Marker at the lowest median test risk.

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

    def __init__(
        self,
        complexity,
        train_risk,
        test_risk,
        *,
        interpolation_threshold=None,
        peak=None,
        best=None,
        param_name="complexity",
        risk_name="risk",
        n_train=None,
        quantiles=(0.25, 0.75),
    ):
        self.complexity = complexity
        self.train_risk = train_risk
        self.test_risk = test_risk
        self.interpolation_threshold = interpolation_threshold
        self.peak = peak
        self.best = best
        self.param_name = param_name
        self.risk_name = risk_name
        self.n_train = n_train
        self.quantiles = quantiles

    @classmethod
    def from_curve(cls, curve, risk=None):
        """Take the data of a fitted curve. Nothing is drawn yet.

        Parameters
        ----------
        curve : DoubleDescentCurve
            A fitted curve.

        risk : str, default=None
            Name of one of its risks; None is the primary one.

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
        peak, best = peak_and_best(curve.complexity_, test_risk, curve.param_range_)
        return cls(
            curve.complexity_,
            train_risk,
            test_risk,
            interpolation_threshold=curve.interpolation_threshold_,
            peak=peak,
            best=best,
            param_name=_axis_name(curve.param_name, curve.complexity),
            risk_name=risk,
            n_train=curve.n_train_,
            quantiles=curve.quantiles,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        param_name,
        param_range,
        complexity=None,
        cv=None,
        train_size=None,
        risk="squared_error",
        strategy="auto",
        quantiles=(0.25, 0.75),
        n_jobs=None,
        verbose=0,
        random_state=None,
        groups=None,
        fit_params=None,
        ax=None,
        **kwargs,
    ):
        """Compute the curve of an estimator and draw it.

        Parameters
        ----------
        estimator : estimator
        X : indexable of length n_samples
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        param_name, param_range, complexity, cv, train_size : object
            As in :class:`DoubleDescentCurve`.
        risk, strategy, quantiles, n_jobs, verbose, random_state : object
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
        # The curve makes displays, so the module cannot import it at its top.
        from skhmmdd.curve._curve import DoubleDescentCurve

        _import_pyplot()
        curve = DoubleDescentCurve(
            estimator,
            param_name,
            param_range,
            complexity=complexity,
            cv=cv,
            train_size=train_size,
            risk=risk,
            strategy=strategy,
            quantiles=quantiles,
            n_jobs=n_jobs,
            verbose=verbose,
            random_state=random_state,
        )
        curve.fit(X, y, groups=groups, **(fit_params or {}))
        return cls.from_curve(curve).plot(ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        name=None,
        log_x="auto",
        log_y="auto",
        show_train=True,
        show_band=True,
        show_threshold=True,
        show_best=True,
        line_kw=None,
        fill_kw=None,
    ):
        """Draw the curve: medians over the splits, and bands between the quantiles.

        Several displays can be drawn on the same axes; each takes the next colour.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        name : str, default=None
            Put before the labels of the legend, to tell displays apart.
        log_x : "auto" or bool, default="auto"
            Logarithmic complexity. "auto": if it is positive and the largest is at
            least ten times the smallest.
        log_y : "auto" or bool, default="auto"
            Logarithmic risk. "auto": if no test risk is zero or negative.
        show_train : bool, default=True
            Draw the training risk, dashed. What lies far below the test risk, as
            where the training data are interpolated, runs off the bottom.
        show_band : bool, default=True
            Draw the bands.
        show_threshold : bool, default=True
            Draw a vertical line at the interpolation threshold.
        show_best : bool, default=True
            Mark the lowest median test risk.
        line_kw : dict, default=None
            Passed to `ax.plot` for both lines, e.g. ``{"color": "black"}``.
        fill_kw : dict, default=None
            Passed to `ax.fill_between`.

        Returns
        -------
        self : DoubleDescentDisplay
        """
        pyplot = _import_pyplot()
        if ax is None:
            _, ax = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        if log_x == "auto":
            log_x = 0 < 10 * self.complexity[0] <= self.complexity[-1]
        if log_y == "auto":
            log_y = bool(np.min(self.test_risk) > 0)
        colour = COLOURS[count_displays(ax) % len(COLOURS)]
        label = "" if name is None else f"{name}: "
        limits = risk_limits(
            self._summary("test"), self._summary("train") if show_train else None, log_y
        )
        if log_x:
            ax.set_xscale("log")
        if log_y:
            # "clip" lets a line that falls to zero run off the bottom of the axes.
            ax.set_yscale("log", nonpositive="clip")

        self.lines_, self.fill_betweens_ = [], []
        line_kw = {"color": colour, **(line_kw or {})}
        colour = line_kw["color"]
        self._draw_set("test", label, limits, show_band, line_kw, fill_kw)
        if show_train:
            train_kw = {"linestyle": "--", "linewidth": 1.4, **line_kw}
            self._draw_set("train", label, limits, show_band, train_kw, fill_kw)
        self._draw_threshold(colour, label, show_threshold)
        self._draw_best(colour, label, show_best)
        self._dress(limits)
        return self

    def _summary(self, subset):
        """Median, lower and upper quantile of one set."""
        risk = self.test_risk if subset == "test" else self.train_risk
        lower, upper = self.quantiles
        return (
            median_over_splits(risk),
            quantile_over_splits(risk, lower),
            quantile_over_splits(risk, upper),
        )

    def _draw_set(self, subset, label, limits, show_band, line_kw, fill_kw):
        summary = [within_reach(risk, limits) for risk in self._summary(subset)]
        median, lower, upper = summary
        text = f"{label}{'training' if subset == 'train' else 'test'} risk"
        style = {"linewidth": 2.0, "label": text, "gid": f"skhmmdd-{subset}", **line_kw}
        if len(median) == 1:
            style = {"marker": "o", **style}
        (line,) = self.ax_.plot(self.complexity, median, **style)
        self.lines_.append(line)
        if show_band:
            strength = 0.22 if subset == "test" else 0.12
            style = {"color": line.get_color(), "alpha": strength, "linewidth": 0}
            style.update(fill_kw or {})
            band = self.ax_.fill_between(self.complexity, lower, upper, **style)
            self.fill_betweens_.append(band)

    def _draw_threshold(self, colour, label, show):
        self.threshold_line_ = None
        if show and self.interpolation_threshold is not None:
            self.threshold_line_ = self.ax_.axvline(
                self.interpolation_threshold,
                color=colour,
                linestyle=":",
                linewidth=1.4,
                zorder=1,
                label=f"{label}interpolation threshold "
                f"({self.interpolation_threshold:g})",
            )

    def _draw_best(self, colour, label, show):
        self.best_marker_ = None
        if show and self.best is not None and np.isfinite(self.best.risk):
            (self.best_marker_,) = self.ax_.plot(
                [self.best.complexity],
                [self.best.risk],
                linestyle="none",
                marker="o",
                markersize=8,
                color=colour,
                markeredgecolor="white",
                zorder=4,
                label=f"{label}lowest test risk ({self.best.risk:.3g} at "
                f"{self.best.complexity:g})",
            )

    def _dress(self, limits):
        ax = self.ax_
        if limits is not None:
            if count_displays(ax) > 1:
                low, high = ax.get_ylim()
                limits = min(low, limits[0]), max(high, limits[1])
            ax.set_ylim(limits)
        ax.set_xlabel(self.param_name)
        n_splits = self.test_risk.shape[1]
        size = "" if self.n_train is None else f", {self.n_train} training samples"
        ax.set_ylabel(risk_label(self.risk_name))
        splits = "1 split" if n_splits == 1 else f"Median of {n_splits} splits"
        ax.set_title(splits + size, fontsize="medium")
        ax.legend()

    def frame(self):
        """Give the curve as a tidy table: one row for each risk.

        Returns
        -------
        pandas.DataFrame
            With the columns ``complexity``, ``split``, ``set`` ("train" or "test")
            and ``risk``.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(_missing("frame", "pandas")) from error
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
        ]
        return pd.concat(sets, ignore_index=True)


def _axis_name(param_name, complexity):
    if complexity is None:
        return param_name
    name = complexity if isinstance(complexity, str) else "complexity"
    return f"{name} of {param_name}"


def _import_pyplot():
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError(_missing("plot", "matplotlib")) from error
    return pyplot


def _missing(method, package):
    return (
        f"DoubleDescentDisplay.{method} needs {package}: pip install skhmmdd[plot], "
        f"or pip install {package}."
    )
