"""Effective number of parameters, on the training set and on new points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd.heads.solvers._effective_parameters import (
    EffectiveParameters,
    count_effective_parameters,
)
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.theory._drawn_data import check_points, decompose_drawn
from skhmmdd.theory._validation import check_alpha, check_array, unwrap


def smoother_effective_parameters(smoother: ArrayLike) -> float:
    r"""Effective number of parameters of a given linear smoother.

    Parameters
    ----------
    smoother : array-like of shape (m, n)
        Row j holds the weights :math:`s(x_j)` that the prediction at the j-th point
        puts on the n training targets. Taken at the training points themselves
        (m = n) it is the smoother matrix S.

    Returns
    -------
    n_parameters : float
        :math:`(n/m)\sum_j \|s(x_j)\|^2`.

    Raises
    ------
    ValueError
        If `smoother` is not a finite matrix.

    Notes
    -----
    For any fit that is linear in the targets. At the training points this is
    :math:`\mathrm{tr}\,SS'`; at others it is another number, and for an interpolating
    fit it falls as the width grows: against it, the second descent folds back.

    References
    ----------
    Curth, Jeffares and van der Schaar, arXiv:2310.18988.

    Examples
    --------
    The mean of four targets has one parameter, wherever it is used:

    >>> import numpy as np
    >>> from skhmmdd.theory import smoother_effective_parameters
    >>> smoother_effective_parameters(np.full((10, 4), 0.25))
    1.0
    """
    smoother = check_array(smoother, "smoother", ndim=(2,))
    n_points, n_samples = smoother.shape
    return float(n_samples / n_points * np.sum(smoother**2))


def effective_parameters(
    X_train: ArrayLike,
    X_test: ArrayLike,
    *,
    alpha: ArrayLike = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> EffectiveParameters:
    r"""Effective number of parameters of a ridge or minimum-norm head.

    Parameters
    ----------
    X_train : array-like of shape (n, p)
        Training features.

    X_test : array-like of shape (m, p)
        New points.

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised; must be in [0, inf).

    fit_intercept : bool, default=True
        Whether the head fits an unpenalised intercept, which counts for one.

    rcond : float, default=None
        Singular values up to this share of the largest count as zero. None: machine
        precision times the larger of n and p.

    Returns
    -------
    n_parameters : EffectiveParameters
        `train` and `test`, each of the shape of `alpha`.

    Raises
    ------
    ValueError
        If shapes disagree or an argument is not finite or below its bound.

    Notes
    -----
    From one SVD, :math:`s(x) = U\,\mathrm{diag}(s_r/(s_r^2+\alpha))\,V'x` (and 1/n
    with an intercept). For the minimum-norm head without intercept, on points drawn
    like the training ones, the mean of `test` is :math:`nV/\sigma^2` with V the
    variance of :func:`ridge_risk` (derived here).

    References
    ----------
    Curth, Jeffares and van der Schaar, arXiv:2310.18988.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import effective_parameters
    >>> rng = np.random.RandomState(0)
    >>> X, X_new = rng.randn(30, 90), rng.randn(500, 90)
    >>> counts = effective_parameters(X, X_new, fit_intercept=False)
    >>> round(counts.train, 6), bool(counts.test < 20)
    (30.0, True)
    """
    spectrum = decompose_drawn(X_train, None, fit_intercept, rcond, name="X_train")
    X_test = check_points(X_test, "X_test", n_features=len(spectrum.x_mean))
    alpha = check_alpha(alpha)
    ridge = ridge_filter(spectrum.values, alpha.ravel())
    counts = count_effective_parameters(spectrum, X_test, ridge)
    return EffectiveParameters(
        *(unwrap(count.reshape(alpha.shape)) for count in counts)
    )
