"""The value head: least-squares temporal differences."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from skhmmdd._base import check_columns, fit_context
from skhmmdd._parallel import single_blas_thread
from skhmmdd._tables import is_table
from skhmmdd._typing import Floats
from skhmmdd.heads._base import LinearHead, finite_scores
from skhmmdd.heads._validation import (
    check_alpha,
    check_design,
    check_train_and_test,
    check_widths,
    quiet_sums,
    refuse_texts,
    rows_of_weight,
)
from skhmmdd.heads.solvers._lstd import solve_lstd
from skhmmdd.heads.solvers._lstd_path import lstd_along_widths


class LSTDHead(MultiOutputMixin, RegressorMixin, LinearHead):
    r"""Linear value head, by least-squares temporal differences (LSTD).

    Learns from transitions how much reward is still to come: the value of a state is
    its reward plus the discounted value of the next state. The head is exact, in one
    solve, and has no intercept; a constant column of features serves as one.

    Parameters
    ----------
    alpha : float, default=0.0
        Penalty on the squared norm of the coefficients, unnormalised; must be in
        [0, inf). At 0 the limit from above.

    discount : float, default=0.9
        Weight :math:`\gamma` of the value one step later; must be in [0, 1).

    rcond : float or None, default=None
        Singular values of the features up to ``rcond`` times the largest count as zero,
        at every ``alpha``; must be in [0, 1). None means ``max(n_samples,
        n_features)`` times the float64 epsilon.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients.

    intercept_ : float or ndarray of shape (n_outputs,)
        0: there is none.

    rank_ : int
        Rank of the system that is solved: that of the features, unless the system is
        singular.

    coef_norm_ : float
        Frobenius norm of the coefficients.

    effective_dof_ : float
        Effective degrees of freedom: the trace of the matrix that takes the rewards to
        their fit :math:`D\theta`.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    HeadRegressor : The head of supervised tasks.
    skhmmdd.datasets.make_markov_reward_process : Transitions with a known value.
    skhmmdd.theory.lstd_risk : The risk of this head on random features.

    Notes
    -----
    With F and F' for the features of current and next states, r for the rewards,
    weights in W and :math:`D = F - \gamma F'`, the coefficients solve

    .. math::

        F^\top W (r - D\theta) = \alpha\theta, \qquad
        \theta = F^\top (D F^\top + \alpha W^{-1})^{-1} r,

    which is ridge regression on :math:`r + \gamma F'\theta`: on rewards, plus the
    head's own values one step later. At :math:`\gamma = 0`, or where every transition
    ends, it is :class:`HeadRegressor` without an intercept. Both forms are solved as
    one system of the size of the rank of F, found by a singular value decomposition, so
    that F is not squared. The matrix is not symmetric: at some width or discount it can
    be singular where F is not. The head is then that of a pseudo-inverse of the system,
    in the row space of F, and a warning says so.

    **Where an episode ends**, the row of `X_next` is all zeros: no value follows.

    **In a pipeline** the steps before the head do not see `X_next`, unless they are
    told. Either transform both, ``head.fit(steps.transform(X), rewards,
    steps.transform(X_next))``, or let the pipeline do so by metadata routing::

        sklearn.set_config(enable_metadata_routing=True)
        head = LSTDHead().set_fit_request(X_next=True)
        Pipeline([("map", map), ("head", head)], transform_input=["X_next"])

    Of features that depend on the past, as beliefs do, the rows of `X_next` are those
    of the same sequence one step later: `HMMFeatureTransformer.transform_steps` has
    both.

    :meth:`score` compares with what it is given as `y`: with true values it is their
    :math:`R^2`; compared with rewards it says little.

    References
    ----------
    .. [1] Bradtke, S. J. and Barto, A. G. "Linear least-squares algorithms for temporal
       difference learning." Machine Learning 22 (1996).
    .. [2] Brellmann, D., Berthier, E., Filliat, D. and Frehse, G. "On double descent in
       reinforcement learning with LSTD and random features." ICLR (2024).
       arXiv:2310.05518.

    Examples
    --------
    >>> from skhmmdd import LSTDHead, make_markov_reward_process
    >>> X, rewards, X_next, truth = make_markov_reward_process(
    ...     n_transitions=3000, random_state=0
    ... )
    >>> head = LSTDHead(alpha=1.0, discount=truth.discount).fit(X, rewards, X_next)
    >>> head.rank_  # the states that were left, of 600 features
    60
    >>> values = head.predict(truth.features)
    >>> round(head.score(truth.features, truth.value), 1)
    0.7
    """

    # The right ends are open: a Real bounded by None would let infinity in.
    _parameter_constraints = {  # noqa: RUF012
        "alpha": [Interval(Real, 0, np.inf, closed="left")],
        "discount": [Interval(Real, 0, 1, closed="left")],
        "rcond": [Interval(Real, 0, 1, closed="left"), None],
    }

    def __init__(
        self,
        alpha: float = 0.0,
        *,
        discount: float = 0.9,
        rcond: float | None = None,
    ) -> None:
        self.alpha = alpha
        self.discount = discount
        self.rcond = rcond

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        X_next: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the head.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the current states, dense. A sample is a transition.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Rewards; with several outputs, of several kinds, each with a value of its
            own.

        X_next : array-like of shape (n_samples, n_features) or None, default=None
            Features of the next states, dense; rows of zeros where an episode ends.
            None: every transition ends, which makes this ridge regression on the
            rewards.

        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Non-negative weights. A sample of weight zero is as if absent. Integers are
            counts, equal to repeating the sample.

        Returns
        -------
        self : object
            The fitted head.

        Raises
        ------
        TypeError
            If `X`, `y` or `X_next` is sparse.
        ValueError
            If a parameter is out of its range, an array holds NaN or infinity, shapes
            disagree, a weight is negative, all weights are zero, or numbers are too
            large or too small for their squares: the largest absolute value must be 0
            or in [1e-200, 1e200] for `X` and `X_next` and in [1e-100, 1e100] for `y`
            and the weights.

        Warns
        -----
        UserWarning
            If the system is singular, and a pseudo-inverse is used.
        """
        if issparse(y):
            raise TypeError("y must be dense; got a sparse matrix. Use y.toarray().")
        refuse_texts(y)
        with quiet_sums():
            X, y = validate_data(
                self, X, y, dtype=np.float64, multi_output=True, y_numeric=True
            )
        if hasattr(self, "feature_names_in_") and is_table(X_next):
            check_columns(self, X_next, reset=False)
        X_next = _check_next(X, X_next)
        X, targets, X_next, weights = rows_of_weight(
            X, y.reshape(len(y), -1), sample_weight, X_next
        )
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            head, self.rank_, full_rank = solve_lstd(
                X,
                targets,
                X_next,
                alpha=check_alpha(self.alpha),
                discount=float(self.discount),
                sample_weight=weights,
                rcond=self.rcond,
            )
        self._keep(head, X, targets)
        if self.rank_ < full_rank:
            warnings.warn(
                f"The system of alpha={self.alpha!r} and discount={self.discount!r} is "
                f"singular, of rank {self.rank_} in place of {full_rank}: coefficients "
                "are those of a pseudo-inverse. Take another alpha.",
                stacklevel=2,
            )
        if y.ndim == 1:
            self.coef_, self.intercept_ = self.coef_[0], float(self.intercept_[0])
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict the values of states.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the states, dense.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Discounted sums of the rewards to come, in the shape of the rewards of
            :meth:`fit`.
        """
        return self._scores(X)

    @fit_context(prefer_skip_nested_validation=True)
    def predict_widths(
        self,
        X: ArrayLike,
        y: ArrayLike,
        X_next: ArrayLike | None = None,
        X_test: ArrayLike | None = None,
        *,
        widths: ArrayLike | None = None,
    ) -> Floats:
        """Predict the values of states by the heads of all widths of nested features.

        The head of width k is fitted on the first k columns. All of them come out of
        shared factorizations: about the price of two fits at full width. The head
        itself is left as it is, fitted or not.

        Parameters
        ----------
        X, y, X_next : array-like
            As for :meth:`fit`. The leading columns are the narrower features.

        X_test : array-like of shape (n_test, n_features) or None, default=None
            Features of the states whose values are wanted. None: those of `X`.

        widths : array-like of int or None, default=None
            Widths wanted, each in [1, n_features]; None is all of them.

        Returns
        -------
        values : ndarray of shape (n_widths, n_test) or (n_widths, n_test, n_outputs)
            Of each width, in increasing order.

        Raises
        ------
        ValueError
            As for :meth:`fit`, or if a width is out of its range.

        Warns
        -----
        UserWarning
            If the system is singular at some widths: a pseudo-inverse is used there.
        """
        X_test = X if X_test is None else X_test
        X, y, X_test, _ = check_train_and_test(X, y, X_test, None)
        X_next = _check_next(X, X_next)
        widths = check_widths(widths, X.shape[1])
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            values, singular = lstd_along_widths(
                X,
                y.reshape(len(y), -1),
                X_next,
                X_test,
                widths,
                alpha=check_alpha(self.alpha),
                discount=float(self.discount),
                rcond=self.rcond,
            )
        values = finite_scores(values, X_test)
        if len(singular):
            warnings.warn(
                f"The system of alpha={self.alpha!r} and discount={self.discount!r} is "
                f"singular at {len(singular)} width(s), the first {singular[0]}: "
                "coefficients there are those of a pseudo-inverse.",
                stacklevel=2,
            )
        return values.reshape(*values.shape[:2], *y.shape[1:])


def _check_next(X, X_next):
    """Features of next states; zeros where there are none."""
    if X_next is None:
        return np.zeros(X.shape)
    X_next = check_design(X_next, "X_next", low=0.0)
    if X_next.shape != X.shape:
        raise ValueError(
            f"X_next must have the shape of X, {X.shape}: a row for each "
            f"transition; got shape {X_next.shape}."
        )
    return X_next
