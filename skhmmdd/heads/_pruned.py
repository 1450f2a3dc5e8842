"""A head on the columns that survive pruning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import refuse_bool, share_columns
from skhmmdd._typing import Array, Floats, Names, RandomState
from skhmmdd.heads._base import TrainAndTest
from skhmmdd.heads._regression import RegressionHead
from skhmmdd.heads._ridge_head import ridge_along_widths
from skhmmdd.heads._validation import check_alpha, check_design, is_count
from skhmmdd.heads.solvers._effective_parameters import EffectiveParameters
from skhmmdd.heads.solvers._filter_path import heads_along_filters
from skhmmdd.heads.solvers._filters import RidgeFilter, ridge_filter
from skhmmdd.heads.solvers._head_path import HeadPath, join_paths
from skhmmdd.heads.solvers._pruning import (
    automatic_stages,
    geometric_stages,
    surviving_columns,
)
from skhmmdd.heads.solvers._ridge import Head, shrink
from skhmmdd.heads.solvers._spectrum import Spectrum

_SHARE = "an integer in [1, n_features] or a share in (0, 1]"


class PrunedHead(TransformerMixin, RegressionHead):
    r"""Linear head on the columns that survive iterative magnitude pruning.

    The head is solved exactly, the columns of least magnitude are removed, and both are
    repeated until few enough are left. What remains is the head on those columns, with
    coefficients of zero elsewhere; it is a feature selector, too.

    Parameters
    ----------
    n_kept : int or float, default=0.5
        How many columns are kept: a number in [1, n_features], or a share in (0, 1] of
        them, rounded, and one at least.

    criterion : {"magnitude", "random"}, default="magnitude"
        What is removed. With "magnitude" the columns whose coefficient times the
        standard deviation of the column is least in absolute value; of several outputs
        the norm of the coefficients counts. With "random" any columns, in an order
        drawn once.

    n_rounds : int or "auto", default="auto"
        In how many rounds columns are removed by magnitude. "auto" keeps 70 % of the
        columns, rounded down, in each round, and in the last as many as are asked for:
        of 2000 columns 1400, 980, 686, ... With an int every round keeps about the same
        share, and removes one column at least: ``n_features - n_kept`` rounds, or any
        higher number, remove one column at a time.

    alpha : float, default=0.0
        Penalty on the squared norm of the coefficients, in every round; must be in
        [0, inf). At 0 the head of minimum norm.

    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.

    rcond : float or None, default=None
        Singular values up to ``rcond`` times the largest count as zero, in every round;
        must be in [0, 1). None means ``max(n_samples, number of columns)`` times the
        float64 epsilon.

    random_state : int, RandomState instance or None, default=None
        Draws the order of ``criterion="random"``. With an int fewer columns are a
        subset of more.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients; exactly zero where a column was removed.

    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept; 0 if ``fit_intercept=False``.

    support_ : ndarray of bool of shape (n_features,)
        Which columns are kept.

    n_kept_ : int
        How many columns are kept.

    stages_ : ndarray of int of shape (n_stages,)
        How many columns the heads of the rounds had, from ``n_features`` to `n_kept_`.

    rank_ : int
        Number of singular values above the cut-off, of the columns that are kept.

    threshold_ratio_ : float
        The rank over the rank that interpolates: the number of distinct rows, less one
        for an intercept. Beyond that, where the rank stays, distinct columns are
        counted. The risk of a head without a penalty peaks at 1.

    coef_norm_ : float
        Frobenius norm of the coefficients.

    effective_dof_ : float
        Effective degrees of freedom of the head on the columns that are kept, 1 for the
        intercept included. That they were chosen by the targets does not count.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    HeadRegressor : The head on all columns.
    sklearn.feature_selection.RFE : The same elimination of any estimator, by refits.

    Notes
    -----
    Constant columns have magnitude zero. Where the last round removes several columns,
    they are those of least magnitude in the head of the round before.

    Columns are tied where rounding cannot tell their magnitudes apart, as those of two
    equal columns. Of tied columns the later one is removed first.

    As the schedule of "auto" does not depend on `n_kept`, one run of pruning serves all
    values of it: so does removal of one column at a time. The heads of the rounds are
    had from the inverse of a Gram matrix, of the samples while the columns outnumber
    them and of the columns thereafter, which is downdated as columns go. Bounds on its
    errors are kept. Where they could change what is removed the matrix is factorized
    anew, or the head is decomposed, so that the support is that of refits.

    On columns of equal variance, one at a time, the support is that of
    :class:`~sklearn.feature_selection.RFE` with a :class:`HeadRegressor`. On others it
    is not: RFE compares coefficients without the scale of their columns, and if columns
    outnumber samples the head of minimum norm on rescaled columns is another head.

    References
    ----------
    .. [1] Frankle, J. and Carbin, M. "The lottery ticket hypothesis: finding sparse,
       trainable neural networks." ICLR (2019). arXiv:1803.03635.
    .. [2] He, Z., Xie, Z., Zhu, Q. and Qin, Z. "Sparse double descent: where network
       pruning aggravates overfitting." ICML (2022). arXiv:2206.08684.
    .. [3] Arora, V. et al. "Quantifying lottery tickets under label noise: accuracy,
       calibration, and complexity." UAI (2023). arXiv:2306.12190.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.heads import PrunedHead
    >>> rng = np.random.RandomState(0)
    >>> X = rng.randn(50, 100)
    >>> y = X[:, 3] - 2 * X[:, 7] + 0.1 * rng.randn(50)
    >>> head = PrunedHead(n_kept=2).fit(X, y)
    >>> head.get_support(indices=True)
    array([3, 7])
    >>> head.stages_
    array([100,  70,  49,  34,  23,  16,  11,   7,   4,   2])
    >>> head.transform(X).shape
    (50, 2)
    """

    support_: Array
    n_kept_: int
    stages_: Array

    _paths = ("n_kept",)

    # The right ends are open: a Real bounded by None would let infinity in.
    _parameter_constraints = {  # noqa: RUF012
        "n_kept": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
        "criterion": [StrOptions({"magnitude", "random"})],
        "n_rounds": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0, np.inf, closed="left")],
        "fit_intercept": ["boolean"],
        "rcond": [Interval(Real, 0, 1, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_kept: int | float = 0.5,
        *,
        criterion: Literal["magnitude", "random"] = "magnitude",
        n_rounds: int | Literal["auto"] = "auto",
        alpha: float = 0.0,
        fit_intercept: bool = True,
        rcond: float | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_kept = n_kept
        self.criterion = criterion
        self.n_rounds = n_rounds
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.rcond = rcond
        self.random_state = random_state

    def _solve(self, X: Floats, targets: Floats, weights: Array) -> Head:
        n_features = X.shape[1]
        self.n_kept_ = self._count(self.n_kept, n_features)
        if self.criterion == "random":
            columns = np.sort(self._draw(n_features)[: self.n_kept_])
            stages = sorted({n_features, self.n_kept_}, reverse=True)
        else:
            stages = self._stages(n_features, self.n_kept_)
            (columns,) = surviving_columns(
                X, targets, weights, [self.n_kept_], stages, **self._least_squares()
            )
        self.stages_ = np.array(stages)
        self.support_ = np.zeros(n_features, dtype=bool)
        self.support_[columns] = True
        spectrum = self._decompose(X[:, columns], targets, weights)
        self.rank_ = len(spectrum.values)
        head = shrink(spectrum, check_alpha(self.alpha))
        coef = np.zeros((n_features, targets.shape[1]))
        coef[columns] = head.coef
        return head._replace(coef=coef)

    def _threshold_ratio(self, X: Floats) -> float:
        return super()._threshold_ratio(X[:, self.support_])

    def get_support(self, indices: bool = False) -> Array:
        """Which columns are kept.

        Parameters
        ----------
        indices : bool, default=False
            Whether to give their positions and not a mask.

        Returns
        -------
        ndarray of shape (n_features,) or (n_kept,)
            Booleans, or integers.
        """
        return self._selector().get_support(indices)

    def transform(self, X: ArrayLike) -> Array:
        """Keep the columns that survived.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            All columns.

        Returns
        -------
        ndarray of shape (n_samples, n_kept)
            A DataFrame under `set_output`.
        """
        return self._selector().transform(X)

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Put columns of zeros where columns were removed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_kept)
            The kept columns.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            All columns, those that were removed zero.
        """
        return self._selector().inverse_transform(X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Names:
        """Names of the kept columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of all columns; None takes those seen in `fit`.

        Returns
        -------
        ndarray of str of shape (n_kept,)
            In their order.
        """
        return self._selector().get_feature_names_out(input_features)

    def _selector(self):
        """scikit-learn's selector of the kept columns."""
        check_is_fitted(self)
        # Late: it loads much of scikit-learn that no head needs.
        from sklearn.feature_selection import SelectorMixin

        def mask(_):
            return self.support_

        name = type(self).__name__  # in messages
        bases = SelectorMixin, BaseEstimator
        methods = {"_get_support_mask": mask, "fit": None}
        selector = type(name, bases, methods)()
        share_columns(self, selector)
        return selector

    def _count(self, n_kept, n_features):
        """How many columns a value of `n_kept` keeps."""
        refuse_bool(n_kept, "n_kept", _SHARE)
        if isinstance(n_kept, Integral):
            if n_kept > n_features:
                raise ValueError(
                    f"n_kept must be in [1, {n_features}], the columns of X, or a share"
                    f" in (0, 1]; got {n_kept}."
                )
            return int(n_kept)
        return max(1, round(float(n_kept) * n_features))

    def _stages(self, n_features, n_kept):
        """How many columns the rounds keep on the way to one count."""
        if self.n_rounds == "auto":
            stages = automatic_stages(n_features)
            return [stage for stage in stages if stage > n_kept] + [n_kept]
        refuse_bool(self.n_rounds, "n_rounds", "'auto' or an integer in [1, inf)")
        n_rounds = min(int(self.n_rounds), n_features - n_kept)
        return geometric_stages(n_features, n_kept, n_rounds)

    def _draw(self, n_features):
        return check_random_state(self.random_state).permutation(n_features)

    def _least_squares(self):
        return {
            "alpha": check_alpha(self.alpha),
            "fit_intercept": self.fit_intercept,
            "rcond": self.rcond,
        }

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        if not all(map(is_count_or_share, values)):
            return "some values of n_kept are neither numbers of columns nor shares"
        if self.criterion == "random" and not isinstance(self.random_state, Integral):
            return "other columns are removed at every fit: give it a random_state"
        return None

    def _along(
        self, name: str, values: Sequence[Any], data: TrainAndTest, **options: Any
    ) -> HeadPath:
        X, y, X_test, y_test = data
        n_features = X.shape[1]
        counts = [self._count(value, n_features) for value in values]
        same = {"fit_intercept": self.fit_intercept, "rcond": self.rcond, **options}
        alpha = check_alpha(self.alpha)
        if self.criterion == "random":
            order = self._draw(n_features)
            data = X[:, order], y, X_test[:, order], y_test
            return ridge_along_widths(counts, data, alpha, **same)
        # What is kept depends on the targets: the heads are no smoothers.
        same["count_parameters"] = False
        widths, back = np.unique(counts, return_inverse=True)
        paths = [
            heads_along_filters(
                X[:, columns],
                y,
                X_test[:, columns],
                y_test,
                lambda spectrum: ridge_filter(spectrum.values, np.array([alpha])),
                "n_kept",
                np.array([width]),
                **same,
            )
            for width, columns in zip(
                widths, self._along_runs(X, y, widths), strict=True
            )
        ]
        return join_paths(paths).take(back)

    def _along_runs(self, X, y, counts):
        """Columns kept at increasing counts, from as few runs of pruning as can be."""
        n_features, weights = X.shape[1], np.ones(len(X))
        find = partial(surviving_columns, X, y, weights, **self._least_squares())
        counts = [int(count) for count in counts]
        stages = self._shared_stages(n_features, counts[0])
        with np.errstate(over="ignore", invalid="ignore"):
            if stages is not None:
                return find(counts[::-1], stages)[::-1]
            return [find([n], self._stages(n_features, n))[0] for n in counts]

    def _shared_stages(self, n_features, least):
        """The stages of a run that passes through those of every count; or None."""
        if self.n_rounds == "auto":
            return automatic_stages(n_features)
        refuse_bool(self.n_rounds, "n_rounds", "'auto' or an integer in [1, inf)")
        if self.n_rounds == 1:
            return [n_features]
        if self.n_rounds >= n_features - least:
            return list(range(n_features, 0, -1))
        return None

    def _fitted_filter(self, spectrum: Spectrum) -> RidgeFilter | None:
        return ridge_filter(spectrum.values, np.array([check_alpha(self.alpha)]))

    def _effective_parameters(
        self, X: ArrayLike, X_test: ArrayLike
    ) -> EffectiveParameters | None:
        if self.criterion != "random":
            return None  # the columns depend on the targets
        X, X_test = check_design(X), check_design(X_test, "X_test", low=0.0)
        return super()._effective_parameters(
            X[:, self.support_], X_test[:, self.support_]
        )


def is_count_or_share(value: Any) -> bool:
    """Whether a value says how many columns to keep."""
    is_share = isinstance(value, Real) and not isinstance(value, Integral)
    return is_count(value) or (is_share and 0 < value <= 1)
