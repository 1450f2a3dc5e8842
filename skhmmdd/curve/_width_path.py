"""The risk of the head at every width of nested features, from shared work."""

from __future__ import annotations

from numbers import Real
from typing import NamedTuple

from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval

from skhmmdd._base import validate_params
from skhmmdd._parallel import single_blas_thread
from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, Ints
from skhmmdd.heads._validation import (
    check_alpha,
    check_train_and_test,
    check_widths,
)
from skhmmdd.heads.solvers._effective_parameters import EffectiveParameters
from skhmmdd.heads.solvers._width_path import heads_along_widths


class WidthPath(NamedTuple):
    """The head at several widths of nested features.

    Attributes
    ----------
    widths : ndarray of int of shape (n_widths,)
        Numbers of leading columns, increasing.
    train_risk : ndarray of shape (n_widths,)
        Mean squared error on the training rows, over rows and outputs.
    test_risk : ndarray of shape (n_widths,) or None
        The same on the test rows; None without test targets.
    coef_norm : ndarray of shape (n_widths,)
        Euclidean (Frobenius) norm of the head's coefficients.
    train_predictions : ndarray of shape (n_widths, n_samples[, n_outputs]) or None
        None unless asked for.
    predictions : ndarray of shape (n_widths, n_test[, n_outputs]) or None
        On the test rows; None unless asked for.
    effective_parameters : EffectiveParameters or None
        Of the head on the training rows (`train`) and on the test rows (`test`), each
        of shape (n_widths,), as in `theory.effective_parameters`; None unless asked
        for.
    """

    widths: Ints
    train_risk: Floats
    test_risk: Floats | None
    coef_norm: Floats
    train_predictions: Floats | None
    predictions: Floats | None
    effective_parameters: EffectiveParameters | None

    def __repr__(self) -> str:
        return short_repr(self)


@validate_params(
    {
        "X": "no_validation",
        "y": "no_validation",
        "X_test": "no_validation",
        "y_test": "no_validation",
        "widths": ["array-like", None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "rcond": [None, Interval(Real, 0, 1, closed="left")],
        "return_predictions": ["boolean"],
        "return_effective_parameters": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def width_path(
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    widths: ArrayLike | None = None,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
    return_predictions: bool = False,
    return_effective_parameters: bool = False,
) -> WidthPath:
    r"""The minimum-norm or ridge head at every width of nested features.

    The head of width k is trained on the first k columns of `X`. All widths come out of
    shared factorizations: about the price of a singular value decomposition at full
    width, where refitting would cost one fit each.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Nested features: the leading columns are the narrower design.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    X_test : array-like of shape (n_test, n_features), default=None
        Rows to predict.
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        Their targets; None gives no test risk.
    widths : array-like of int, default=None
        Widths wanted, each in [1, n_features]; None is all of them.
    alpha : float, default=0.0
        0 is the minimum-norm head, above it ridge; in [0, inf). One value, not scaled
        by the number of samples.
    fit_intercept : bool, default=True
        Whether the head has an unpenalised intercept.
    rcond : float, default=None
        As in `HeadRegressor`: singular values up to `rcond` times the largest count as
        zero, in [0, 1). None is max(n_samples, width) times the float64 epsilon.
    return_predictions : bool, default=False
        Whether to keep the predictions of every width.
    return_effective_parameters : bool, default=False
        Whether to count effective parameters, which takes the time of n_samples more
        outputs.

    Returns
    -------
    WidthPath
        A named tuple: `widths`, `train_risk`, `test_risk`, `coef_norm`,
        `train_predictions`, `predictions`, `effective_parameters`.

    Raises
    ------
    ValueError
        If an argument is out of its range, holds NaN or infinity, or lengths disagree.
        The largest absolute value must be 0 or in [1e-200, 1e200] for `X` and in
        [1e-100, 1e100] for `y`.

    See Also
    --------
    HeadRegressor : The head at one width.
    DoubleDescentCurve : Uses the path where it gives the same numbers.

    Notes
    -----
    For p ≤ n (n − 1 with an intercept) the predictions at width p are the sum of the
    first p columns of :math:`X_{test} R^{-1}` weighted by :math:`Q'y`, with
    :math:`QR = X`; beyond, blocks of columns update an LQ factorization. Columns and
    rows that depend on others change nothing in the price: from the first dependent
    column on, blocks update the LQ factorization of a design on as many rows as its
    rank. Where a width is so ill-conditioned that its rank might be in doubt (a bound
    on the condition number above 1e10, or above 1 / `rcond`; or columns that are
    dependent but for a little more than rounding), it is solved by singular values, as
    `HeadRegressor` would. The construction was derived here.

    At alpha = 0 the test risk peaks where the width meets the number of samples (less
    one for the intercept). Always computed in double precision, on one thread.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import width_path
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((540, 200))
    >>> y = X[:, :5].sum(axis=1) + rng.standard_normal(540)
    >>> path = width_path(X[:40], y[:40], X[40:], y[40:])
    >>> int(path.widths[path.test_risk.argmax()])
    39
    >>> path.test_risk[[4, 38, 199]].round(1)
    array([  1. , 241.1,   5. ])
    """
    X, y, X_test, y_test = check_train_and_test(X, y, X_test, y_test)
    widths = check_widths(widths, X.shape[1])
    y_rows = None if y_test is None else y_test.reshape(len(y_test), -1)
    with single_blas_thread():
        path = heads_along_widths(
            X,
            y.reshape(len(y), -1),
            X_test,
            y_rows,
            widths,
            alpha=check_alpha(alpha),
            fit_intercept=fit_intercept,
            rcond=rcond,
            keep_predictions=return_predictions,
            count_parameters=return_effective_parameters,
        )
    train, test = (
        None if kept is None else kept.reshape(*kept.shape[:2], *y.shape[1:])
        for kept in (path.train_predictions, path.predictions)
    )
    return WidthPath(
        widths,
        path.train_risk,
        path.test_risk,
        path.coef_norm,
        train,
        test,
        path.effective_parameters,
    )
