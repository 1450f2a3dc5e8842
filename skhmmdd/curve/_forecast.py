"""The curve predicted from training data alone."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval

from skhmmdd._base import validate_params
from skhmmdd._parallel import map_jobs, single_blas_thread
from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, Ints
from skhmmdd.curve._landmarks import (
    INTERPOLATION_TOLERANCE,
    find_danger_zone,
    find_peak,
    group_rows,
)
from skhmmdd.curve.display._summary import Findings, describe
from skhmmdd.heads._validation import (
    check_alpha,
    check_design,
    check_targets,
    check_widths,
)
from skhmmdd.heads.solvers._left_out_path import (
    left_out_along_widths,
    left_out_at_width,
)

# Without `widths`: so many on a logarithmic grid, and all of this share about n.
_GRID_SIZE, _NEAR = 60, 0.05
# Within this share of the threshold a single leave-one-out is too noisy to choose by.
_BLIND = 0.2


class RiskForecast(NamedTuple):
    """Predicted risk at several widths, and what follows from it.

    Attributes
    ----------
    widths : ndarray of int of shape (n_widths,)
        Numbers of leading columns, increasing.
    risk : ndarray of shape (n_widths,)
        Leave-one-out mean squared error: the predicted test risk.
    gcv : ndarray of shape (n_widths,)
        Generalised cross-validation, its smoother cousin.
    rank : ndarray of int of shape (n_widths,)
        Numerical rank of the centred design.
    interpolation_threshold : int or None
        Least of the widths at which the head passes through every training sample;
        None if none does.
    peak : tuple of (int, float) or None
        Width and predicted risk where the curve stands highest above the lower points
        on both its sides; None if it has no interior maximum.
    best : tuple of (int, float)
        Width and predicted risk of the lowest point. Widths within 20 % of the
        threshold are excluded: there the forecast is all noise.
    danger_zone : tuple of (int, int) or None
        First and last width about the peak with more than twice the lowest risk.
    n_samples : int
        Number of training samples.
    fit_intercept : bool
        Whether the head has an intercept.
    n_distinct : int
        Number of distinct rows among them, up to rounding. The threshold counts these.
    """

    widths: Ints
    risk: Floats
    gcv: Floats
    rank: Ints
    interpolation_threshold: int | None
    peak: tuple[int, float] | None
    best: tuple[int, float]
    danger_zone: tuple[int, int] | None
    n_samples: int
    fit_intercept: bool
    n_distinct: int

    def __repr__(self) -> str:
        return short_repr(self)

    def labels_at_threshold(self, width: int) -> int:
        """How many labels would put this width at the threshold, where the risk peaks.

        Parameters
        ----------
        width : int
            In [1, inf).

        Returns
        -------
        int
            The number of linearly independent columns among the first `width`, plus
            one for an intercept: so many distinct samples. Columns that the training
            samples are too few to tell apart are taken to be independent.
        """
        if width < 1:
            raise ValueError(f"width must be at least 1, got {width!r}.")
        full = self.n_distinct - self.fit_intercept
        narrower = np.flatnonzero((self.widths <= width) & (self.rank < full))
        dependent = 0
        if len(narrower):
            dependent = self.widths[narrower[-1]] - self.rank[narrower[-1]]
        return int(width - dependent + self.fit_intercept)

    def summary(self) -> str:
        """Say in words what is predicted, and what to do about it.

        Returns
        -------
        str
            One line for each landmark, and advice; `print` it.
        """
        low, high = self.widths[[0, -1]]
        copies = ""
        if self.n_distinct < self.n_samples:
            copies = (
                f", {self.n_distinct} of them distinct. Leave-one-out does not leave "
                "out the copies of a sample: new rows may fare worse"
            )
        return describe(
            Findings(
                title=f"Squared error predicted by leave-one-out for widths from {low} "
                f"to {high} ({len(self.widths)} values), {self.n_samples} training "
                f"samples{copies}.",
                span=(low, high),
                threshold=self.interpolation_threshold,
                peak=self.peak,
                best=self.best,
                zone=self.danger_zone,
                n_samples=self.n_distinct,
            )
        )


@validate_params(
    {
        "X": "no_validation",
        "y": "no_validation",
        "widths": ["array-like", None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "rcond": [None, Interval(Real, 0, 1, closed="left")],
        "n_jobs": [None, Integral],
    },
    prefer_skip_nested_validation=True,
)
def forecast_risk(
    X: ArrayLike,
    y: ArrayLike,
    *,
    widths: ArrayLike | None = None,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
    n_jobs: int | None = None,
) -> RiskForecast:
    r"""Predict the whole curve of test risk from the training data.

    No test set is needed: exact leave-one-out at every width tells how the risk of the
    head moves, where it peaks, and which widths to stay away from, before labels are
    spent on finding out.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Nested features: the leading columns are the narrower design.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    widths : array-like of int, default=None
        Widths wanted, each in [1, n_features]. None takes all up to 120, and beyond
        that some 60 on a logarithmic grid and all within 5 % of the number of samples.
    alpha : float, default=0.0
        Penalty of the head, in [0, inf); 0 is minimum norm.
    fit_intercept : bool, default=True
        Whether the head has an intercept.
    rcond : float, default=None
        As in `HeadRegressor`.
    n_jobs : int, default=None
        Threads over the widths that need a decomposition of their own.

    Returns
    -------
    RiskForecast
        Named tuple of `widths`, `risk`, `gcv`, `rank`, `interpolation_threshold`,
        `peak`, `best`, `danger_zone`, `n_samples`, `fit_intercept`, `n_distinct`, with
        a method `labels_at_threshold(width)`.

    Raises
    ------
    ValueError
        If there are fewer than three samples, or an argument is out of its range or
        holds NaN or infinity. The largest absolute value must be 0 or in [1e-200,
        1e200] for `X` and in [1e-100, 1e100] for `y`.

    See Also
    --------
    DoubleDescentCurve : The measured curve.
    skhmmdd.theory.loo_risk : The formula, at one width.

    Notes
    -----
    Leave-one-out at penalty zero is the limit of ridge, on both sides of the threshold
    (Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560; with an intercept it is
    taken on the contrasts, derived here). It is the risk of a head trained on one
    sample less. Near the threshold the risk of any one training set is heavy-tailed,
    and so is its forecast: there it tells where, not how high.

    Where the same row occurs more than once, the threshold is the number of distinct
    rows. Leave-one-out leaves out one sample, not its copies, and so does GCV: past the
    threshold they then say little of the risk on rows that are new. For that, give each
    distinct row once.

    All widths come from shared factorizations, for the price of a few fits. Where the
    rank is in doubt, one singular value decomposition for the width.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import forecast_risk
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 100))
    >>> y = X[:, :5].sum(axis=1) + rng.standard_normal(50)
    >>> forecast = forecast_risk(X, y)
    >>> forecast.interpolation_threshold, forecast.peak[0]
    (49, 48)
    >>> forecast.labels_at_threshold(80)
    81
    """
    X, y = check_design(X, ensure_min_samples=3), check_targets(y)
    check_consistent_length(X, y)
    alpha = check_alpha(alpha)
    n = len(X)
    groups = group_rows(X)
    n_distinct = int(groups.max()) + 1
    widths = check_widths(
        _default_widths(n_distinct, X.shape[1]) if widths is None else widths,
        X.shape[1],
    )
    targets = y.reshape(n, -1)

    options: dict[str, Any] = {
        "alpha": alpha,
        "fit_intercept": fit_intercept,
        "rcond": rcond,
    }
    with single_blas_thread():
        path, in_doubt = left_out_along_widths(X, targets, widths, **options)
    found = map_jobs(
        left_out_at_width,
        widths[in_doubt],
        X,
        targets,
        *options.values(),
        n_jobs=n_jobs,
    )
    risk, gcv, rank = path
    for i, at_width in zip(in_doubt, found, strict=True):
        risk[i], gcv[i], rank[i] = at_width
    # A penalty, or two labels for one row, keep every head off its training samples.
    can_interpolate = alpha == 0 and _agree(targets, groups)
    threshold, peak, best, zone = _landmarks(
        widths, risk, rank, n_distinct - fit_intercept, can_interpolate
    )
    return RiskForecast(
        widths,
        risk,
        gcv,
        rank,
        threshold,
        peak,
        best,
        zone,
        n,
        fit_intercept,
        n_distinct,
    )


def _agree(targets, groups):
    """Whether the same row always has the same targets, as far as training risk tells.

    By the tolerance that a measured curve is held to.
    """
    counts = np.bincount(groups)
    if len(counts) == len(groups):
        return True
    means = np.stack([np.bincount(groups, column) / counts for column in targets.T])
    within = np.mean((targets - means.T[groups]) ** 2)
    constant = np.mean((targets - targets.mean(axis=0)) ** 2)
    return within <= INTERPOLATION_TOLERANCE * constant


def _default_widths(n_samples, n_features):
    if n_features <= 2 * _GRID_SIZE:
        return np.arange(1, n_features + 1)
    grid = np.geomspace(1, n_features, _GRID_SIZE).round().astype(int)
    near = np.arange(
        np.floor((1 - _NEAR) * n_samples), np.ceil((1 + _NEAR) * n_samples) + 1
    ).astype(int)
    return np.union1d(grid, near[(near >= 1) & (near <= n_features)])


def _landmarks(widths, risk, rank, full_rank, can_interpolate):
    """Threshold, peak, best and danger zone of a predicted curve."""
    blind = np.abs(widths - full_rank) <= _BLIND * full_rank
    best = int(np.where(blind & ~blind.all(), np.inf, risk).argmin())
    interpolating = np.flatnonzero((rank >= full_rank) & can_interpolate)
    threshold = int(widths[interpolating[0]]) if len(interpolating) else None
    low = risk[best]
    top = find_peak(risk)
    peak = None if top is None else (int(widths[top]), float(risk[top]))
    zone = find_danger_zone(risk, top, low, trusted=~blind)
    if zone is not None:
        zone = int(widths[zone[0]]), int(widths[zone[1]])
    return threshold, peak, (int(widths[best]), float(low)), zone
