"""Risk against width and number of labels: how the danger zone moves."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from skhmmdd._base import validate_params
from skhmmdd._parallel import map_jobs
from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, Ints, RandomState
from skhmmdd.curve._landmarks import DANGER, find_threshold, median_over_splits
from skhmmdd.curve._targets import CONSTRAINTS, RISK_WORDS, read_nested
from skhmmdd.curve.display._html import findings_html
from skhmmdd.curve.display._surface_display import RiskSurfaceDisplay
from skhmmdd.heads._validation import check_counts, check_widths
from skhmmdd.heads.solvers._width_path import heads_along_widths

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Without `train_sizes` and `widths`: so many of each on a logarithmic grid, the sizes
# up to this share of the samples, and widths also about as many as labels: these shares
# of them, and one or two more, for few columns depend on others.
_N_SIZES, _N_WIDTHS = 10, 40
_LARGEST_SHARE = 0.75
_SHARES, _MORE = [0.9, 0.95, 1.05, 1.1], [0, 1, 2]


class RiskSurface(NamedTuple):
    """Test risk at several widths, for several numbers of labels.

    Attributes
    ----------
    widths : ndarray of int of shape (n_widths,)
        Numbers of leading columns, increasing.
    train_sizes : ndarray of int of shape (n_sizes,)
        Numbers of labels, increasing.
    test_risk : ndarray of shape (n_sizes, n_widths, n_splits)
        Risk on the rows held out.
    risk : ndarray of shape (n_sizes, n_widths)
        Median of `test_risk` over the splits.
    interpolation_thresholds : tuple of (int or None) of length n_sizes
        For each number of labels the least of the widths at which the head passes
        through every training sample; None if none does.
    best_widths : ndarray of int of shape (n_sizes,)
        Where `risk` is lowest for each number of labels.
    n_test : int
        Number of rows held out.
    risk_name : {"squared_error", "zero_one_error"}
        What `test_risk` is.
    """

    widths: Ints
    train_sizes: Ints
    test_risk: Floats
    risk: Floats
    interpolation_thresholds: tuple[int | None, ...]
    best_widths: Ints
    n_test: int
    risk_name: str

    def __repr__(self) -> str:
        return short_repr(self)

    def _repr_html_(self) -> str:
        return findings_html(self)

    def summary(self) -> str:
        """Say in words how the best width and the threshold move with the labels.

        Returns
        -------
        str
            A line for each number of labels; `print` it.
        """
        lines = [
            f"{RISK_WORDS[self.risk_name]} on {self.n_test} samples held out, median "
            f"of {self.test_risk.shape[2]} splits."
        ]
        for size, risk, threshold, best in zip(
            self.train_sizes,
            self.risk,
            self.interpolation_thresholds,
            self.best_widths,
            strict=True,
        ):
            at = "none" if threshold is None else str(threshold)
            lines.append(
                f"{size} labels: lowest {risk.min():.3g} at width {best}, "
                f"threshold {at}"
            )
        lines.append(self._what_more_labels_do())
        return "\n".join(lines)

    def _what_more_labels_do(self):
        # The lowest risk that fewer labels gave, at each width.
        before = np.minimum.accumulate(self.risk, axis=0)[:-1]
        worse = self.risk[1:] > DANGER * before
        count = int(worse.any(axis=0).sum())
        if not count:
            return "More labels nowhere double the risk of a width."
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = np.where(worse, self.risk[1:] / before, 0.0)
        size, width = np.unravel_index(growth.argmax(), growth.shape)
        fewer = self.risk[: size + 1, width].argmin()
        widths = "width" if len(self.widths) == 1 else f"{len(self.widths)} widths"
        return (
            f"More labels more than double the risk at {count} of the {widths}: at "
            f"{self.widths[width]}, {self.train_sizes[size + 1]} labels give "
            f"{self.risk[size + 1, width]:.3g} where {self.train_sizes[fewer]} gave "
            f"{self.risk[fewer, width]:.3g}."
        )

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> RiskSurfaceDisplay:
        """Draw the risk as a heat map, with the threshold as a line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        **kwargs : dict
            Passed to :meth:`RiskSurfaceDisplay.plot`.

        Returns
        -------
        RiskSurfaceDisplay
            Drawn.
        """
        return RiskSurfaceDisplay(
            self.widths,
            self.train_sizes,
            self.risk,
            interpolation_thresholds=self.interpolation_thresholds,
            best_widths=self.best_widths,
            risk_name=self.risk_name,
        ).plot(ax, **kwargs)


@validate_params(
    CONSTRAINTS
    | {
        "train_sizes": ["array-like", None],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def risk_surface(
    X: ArrayLike,
    y: ArrayLike,
    *,
    widths: ArrayLike | None = None,
    train_sizes: ArrayLike | None = None,
    n_splits: int = 10,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
    classifier: bool | None = None,
    risk: Literal["squared_error", "zero_one_error"] = "squared_error",
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> RiskSurface:
    """Measure risk against width and number of labels: how the danger zone moves.

    The zone lies about as many columns as there are labels. As labels come in it moves
    to larger widths, so that at one width more labels can raise the risk.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Nested features: the leading columns are the narrower design.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets: numbers, or the labels of classes (see `classifier`).
    widths : array-like of int, default=None
        Widths wanted, each in [1, n_features]. None takes some 40 on a logarithmic
        grid, and seven about the threshold of each number of labels.
    train_sizes : array-like of int, default=None
        Numbers of labels, each in [2, n_samples - 1]. None takes ten on a logarithmic
        grid, from a twentieth to three quarters of the samples.
    n_splits : int, default=10
        How often rows are drawn, in [1, inf). In a split the training sets are nested,
        and what the largest leaves is the test set of all.
    alpha : float, default=0.0
        Penalty of the head, in [0, inf); 0 is minimum norm.
    fit_intercept : bool, default=True
        Whether the head has an intercept.
    rcond : float, default=None
        As in `HeadRegressor`.
    classifier : bool, default=None
        As in `forecast_risk`: whether `y` holds classes.
    risk : {"squared_error", "zero_one_error"}, default="squared_error"
        As in `forecast_risk`.
    random_state : int, RandomState instance or None, default=None
        Draws the splits.
    n_jobs : int, default=None
        Threads over splits and numbers of labels. The results are the same for all.

    Returns
    -------
    RiskSurface
        Named tuple of `widths`, `train_sizes`, `test_risk`, `risk`,
        `interpolation_thresholds`, `best_widths`, `n_test`, `risk_name`, with methods
        `summary()` and `plot()`.

    Raises
    ------
    ValueError
        If an argument is out of its range, holds NaN or infinity, or lengths disagree.
        The largest absolute value must be 0 or in [1e-200, 1e200] for `X` and in
        [1e-100, 1e100] for `y`.

    See Also
    --------
    width_path : All widths for one training set.
    DoubleDescentCurve : One number of labels, any estimator.
    forecast_risk : The curve without a test set.

    Notes
    -----
    For each training set all widths come from shared factorizations, as in
    `width_path`. That a head of fixed width has its peak where the number of labels
    meets the width is sample-wise double descent (Nakkiran, arXiv:1912.07242). Rows
    that are alike may stand on both sides of a split: give each once.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import risk_surface
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((400, 90))
    >>> y = X[:, :5].sum(axis=1) + rng.standard_normal(400)
    >>> surface = risk_surface(X, y, train_sizes=[20, 40, 80], random_state=0)
    >>> surface.interpolation_thresholds
    (19, 39, 79)
    >>> surface.risk.shape == (3, len(surface.widths))
    True
    """
    X, targets, options = read_nested(
        X, y, classifier, risk, alpha=alpha, fit_intercept=fit_intercept, rcond=rcond
    )
    n, n_features = X.shape
    if train_sizes is None:
        start, stop = max(2, n / 20), max(2, _LARGEST_SHARE * n)
        train_sizes = np.geomspace(start, stop, _N_SIZES).round().astype(int)
    train_sizes = check_counts(
        train_sizes, "train_sizes", 2, n - 1, "one less than the rows of X"
    )
    if widths is None:
        widths = _default_widths(train_sizes - fit_intercept, n_features)
    widths = check_widths(widths, n_features)
    rng = check_random_state(random_state)
    orders = [rng.permutation(n) for _ in range(n_splits)]
    largest = int(train_sizes[-1])
    found = list(
        map_jobs(
            partial(_measure, largest=largest, risk=risk, options=options),
            [(order, size) for size in train_sizes for order in orders],
            X,
            targets,
            widths,
            n_jobs=n_jobs,
        )
    )
    shape = len(train_sizes), n_splits, len(widths)
    test_risk = np.array([test for test, _, _ in found]).reshape(shape)
    test_risk = np.swapaxes(test_risk, 1, 2)
    thresholds = []
    for i in range(len(train_sizes)):
        of_size = found[i * n_splits : (i + 1) * n_splits]
        train_risk = np.stack([train for _, train, _ in of_size], axis=1)
        constant = np.array([least for _, _, least in of_size])
        threshold, _ = find_threshold(widths.astype(float), train_risk, constant)
        thresholds.append(None if threshold is None else int(threshold))
    median = np.array([median_over_splits(one) for one in test_risk])
    return RiskSurface(
        widths=widths,
        train_sizes=train_sizes,
        test_risk=test_risk,
        risk=median,
        interpolation_thresholds=tuple(thresholds),
        best_widths=widths[median.argmin(axis=1)],
        n_test=n - largest,
        risk_name=risk,
    )


def _measure(order_and_size, X, targets, widths, *, largest, risk, options):
    """Test risk and training error at every width, and that of the constant."""
    order, size = order_and_size
    train, test = order[:size], order[largest:]
    on_test = targets.of_rows(test)
    y = targets.coded[train]
    is_plain = targets.classes is None
    path = heads_along_widths(
        X[train],
        y,
        X[test],
        on_test.coded,
        widths,
        keep_predictions=not is_plain,
        **options,
    )
    test_risk = path.test_risk
    if not is_plain:
        risks = on_test.risks(on_test.coded - path.predictions)
        test_risk = risks[targets.risk_names.index(risk)]
    return test_risk, path.train_risk, np.mean((y - y.mean(axis=0)) ** 2)


def _default_widths(thresholds, n_features):
    grid = np.geomspace(1, n_features, _N_WIDTHS)
    about = np.outer(thresholds, _SHARES), np.add.outer(thresholds, _MORE)
    widths = np.concatenate([grid, *map(np.ravel, about)]).round().astype(int)
    return np.unique(widths[(widths >= 1) & (widths <= n_features)])
