"""Least squares on rows of unequal weight, and where some rows are repeated."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from skhmmdd._typing import Array, FloatOrFloats, Floats
from skhmmdd.theory._closed_forms import isotropic_dof
from skhmmdd.theory._validation import check_real, unwrap


def weighted_risk(
    n_features: ArrayLike, noise_var: ArrayLike, weights: ArrayLike, counts: ArrayLike
) -> FloatOrFloats:
    r"""Risk of least squares on rows of unequal weight, below the threshold.

    A row that occurs w times is a row of weight w: this is the price of verbatim
    copies in a training set.

    Parameters
    ----------
    n_features : float or array-like
        Width p (the rank of the features); must be in [0, number of rows].

    noise_var : float or array-like
        Variance of the label noise, summed over the outputs; must be in [0, inf).

    weights : array-like of shape (..., k)
        The weights that occur; must be in [0, inf). Rows of weight 0 are no rows. Only
        ratios matter. Leading axes are broadcast against `n_features` and `noise_var`.

    counts : float or array-like of shape (..., k)
        How many rows have each of the weights; must be in [0, inf), and need not be
        whole.

    Returns
    -------
    excess : float or ndarray
        Expected excess risk, of the broadcast shape. Infinite where p is the number of
        rows: copies of a row do not move the threshold.

    Raises
    ------
    ValueError
        If an argument is not finite or is out of its range, or if shapes disagree.

    See Also
    --------
    repeated_data_risk : A pool of repeated rows among unique ones.
    skhmmdd.datasets.repeat_samples : Draws such a training set.

    Notes
    -----
    With q the solution of :math:`\sum_i w_i q/(1 + w_i q) = p`,

    .. math::

        R = \sigma^2\,\frac{q \sum_i w_i^2/(1 + w_i q)^2}{\sum_i w_i/(1 + w_i q)^2},

    for features of any covariance, which drops out. Derived here: a limit for p and
    the number of rows of comparable size. It is the variance of the minimum-norm head
    on p samples whose covariance has the weights for eigenvalues, :math:`1/q` being
    its :math:`\kappa`; equal weights give :math:`\sigma^2 p/(n - p)`. There is no
    bias.

    References
    ----------
    Hernandez et al., arXiv:2205.10487, for the question.

    Examples
    --------
    A hundred rows once each, and fifty of which every one is met ten times:

    >>> from skhmmdd.theory import weighted_risk
    >>> weighted_risk([10, 50, 149, 150], 1.0, [1, 10], [100, 50]).round(3)
    array([  0.156,   1.   , 149.37 ,     inf])
    """
    for name, value in (("weights", weights), ("counts", counts)):
        if np.asarray(value).dtype == bool:
            raise ValueError(f"{name} must be numbers; got booleans.")
    n_features = check_real(n_features, "n_features")
    noise_var = check_real(noise_var, "noise_var")
    weights = np.atleast_1d(check_real(weights, "weights"))
    counts = check_real(counts, "counts")
    try:
        weights, counts = np.broadcast_arrays(weights, counts)
        shape = np.broadcast_shapes(
            n_features.shape, noise_var.shape, weights.shape[:-1]
        )
    except ValueError as error:
        raise ValueError(
            "counts must have one entry for each of the weights, and leading axes must "
            "broadcast against n_features and noise_var; got shapes "
            f"{np.shape(weights)} of weights, {np.shape(counts)} of counts, "
            f"{n_features.shape} of n_features and {noise_var.shape} of noise_var."
        ) from error
    n_features = np.broadcast_to(n_features, shape)
    weights = np.broadcast_to(weights, (*shape, weights.shape[-1]))
    counts = np.broadcast_to(np.where(weights > 0, counts, 0.0), weights.shape)
    ratio = _weighted_ratio(n_features, weights, counts)
    return unwrap(_times(np.broadcast_to(noise_var, shape), ratio))


def repeated_data_risk(
    n_features: ArrayLike,
    noise_var: ArrayLike,
    *,
    n_distinct: ArrayLike,
    fraction: ArrayLike,
    n_samples: ArrayLike | None = None,
) -> FloatOrFloats:
    r"""Risk of least squares where a share of the training set is a few rows repeated.

    Parameters
    ----------
    n_features : float or array-like
        Width p (the rank of the features); must be in [0, inf). With `n_samples`, at
        most the number of distinct rows.

    noise_var : float or array-like
        Variance of the label noise, summed over the outputs; must be in [0, inf).

    n_distinct : float or array-like
        Rows m in the pool that is repeated; must be in [1, inf). With `n_samples`, at
        most the rows that the pool takes up, `fraction * n_samples`.

    fraction : float or array-like
        Share :math:`\varphi` of the training set, copies counted, that comes from the
        pool; must be in [0, 1).

    n_samples : float or array-like, default=None
        Training samples N, copies counted; must be in [1, inf). None: a stream of
        unique rows without end, in which the pool keeps its share.

    Returns
    -------
    excess : float or ndarray
        Expected excess risk, of the broadcast shape.

    Raises
    ------
    ValueError
        If an argument is not finite or is out of its range.

    See Also
    --------
    weighted_risk : Any weights.
    skhmmdd.datasets.repeat_samples : Draws such a training set.

    Notes
    -----
    With `n_samples` this is :func:`weighted_risk` of :math:`(1 - \varphi)N` rows of
    weight 1 and m rows of weight :math:`\varphi N/m`. As N grows, the unique rows act
    as a penalty on a head that has the pool alone to learn its errors from: the excess
    becomes the variance of ridge on isotropic features with m samples and penalty

    .. math:: \alpha = m\,\frac{1 - \varphi}{\varphi},

    whatever the covariance of the features. Its largest value over m is at exactly

    .. math::

        m = p\varphi, \qquad
        R = \sigma^2\,\frac{1 - \sqrt{1 - \varphi}}{2\sqrt{1 - \varphi}}:

    a pool of medium size does the most harm, a smaller one takes fewer directions and
    a larger one is met less often. Derived here; a limit for p and m of comparable
    size.

    References
    ----------
    Hernandez et al., arXiv:2205.10487, who find such a worst pool in the training of
    language models.

    Examples
    --------
    A tenth of an endless training set comes from m rows:

    >>> import numpy as np
    >>> from skhmmdd.theory import repeated_data_risk
    >>> repeated_data_risk(
    ...     200, 1.0, n_distinct=[2, 20, 200, 5000], fraction=0.1
    ... ).round(5)
    array([0.00848, 0.02705, 0.00848, 0.0004 ])
    """
    if np.asarray(n_distinct).dtype == bool:
        raise ValueError("n_distinct must be numbers; got booleans.")
    n_features = check_real(n_features, "n_features")
    noise_var = check_real(noise_var, "noise_var")
    n_distinct = check_real(n_distinct, "n_distinct", low=1.0)
    fraction = check_real(fraction, "fraction")
    if np.any(fraction >= 1):
        raise ValueError(f"fraction must be in [0, 1); got {fraction.max()}.")
    if n_samples is None:
        n_features, noise_var, m, fraction = np.broadcast_arrays(
            n_features, noise_var, n_distinct, fraction
        )
        repeated = fraction > 0
        share = np.maximum(fraction, 1e-100)  # whose square is a normal float
        _, df2, spare = isotropic_dof(n_features, m, m * (1.0 - share) / share)
        return unwrap(noise_var * np.where(repeated, df2 / spare, 0.0))

    n_features, noise_var, m, fraction, n = np.broadcast_arrays(
        n_features,
        noise_var,
        n_distinct,
        fraction,
        check_real(n_samples, "n_samples", low=1.0),
    )
    copies = fraction * n
    # 29 of 100 are not refused because 0.29 * 100 falls short of 29
    too_many = m > copies * (1.0 + 1e-12)
    if too_many.any():
        raise ValueError(
            "n_distinct must be in [1, fraction * n_samples = "
            f"{copies[too_many].flat[0]:g}]; got {m[too_many].flat[0]:g}."
        )
    weights = np.stack([np.ones(m.shape), copies / m], axis=-1)
    ratio = _weighted_ratio(n_features, weights, np.stack([n - copies, m], axis=-1))
    return unwrap(_times(noise_var, ratio))


def _times(noise_var: Floats, ratio: Floats) -> Floats:
    """Their product, which is 0 without noise, at the threshold too."""
    return np.multiply(noise_var, ratio, out=np.zeros(ratio.shape), where=noise_var > 0)


def _weighted_ratio(n_features: Array, weights: Array, counts: Array) -> Floats:
    """Variance of weighted least squares, per unit of noise.

    Shapes S, (*S, k) and (*S, k). Solved for x = log q by Newton's method on the odds
    of f(x) = sum of counts * w q / (1 + w q) against the other rows: in equal weights
    they are a straight line, and else never steeper. Where a step leaves the bracket,
    which the smallest and the largest weight give, the bracket is halved.
    """
    n_rows = counts.sum(axis=-1)
    # k terms of rounding: a share of the rows may be a fraction of N
    slack = 1.0 + 1e-12
    above = n_features > n_rows * slack
    if above.any():
        raise ValueError(
            "n_features must be in [0, number of distinct rows = "
            f"{n_rows[above].flat[0]:g}]; got {n_features[above].flat[0]:g}."
        )
    ratio = np.where(n_features > 0, np.inf, 0.0)
    inner = (n_features > 0) & (n_features * slack < n_rows)
    if not inner.any():
        return ratio
    p, n = n_features[inner], n_rows[inner]
    counts = counts[inner]
    with np.errstate(divide="ignore"):
        logs = np.log(weights[inner])
    used = counts > 0
    target = np.log(p) - np.log(n - p)
    low = target - np.max(logs, axis=-1, where=used, initial=-np.inf)
    high = target - np.min(logs, axis=-1, where=used, initial=np.inf)
    logs = np.where(used, logs, 0.0)
    x = 0.5 * (low + high)
    for _ in range(200):
        inside, outside = expit(x[:, None] + logs), expit(-x[:, None] - logs)
        f, rest = np.sum(counts * inside, axis=-1), np.sum(counts * outside, axis=-1)
        slope = np.sum(counts * inside * outside, axis=-1)
        gap = np.log(f) - np.log(rest) - target
        low, high = np.where(gap < 0, x, low), np.where(gap < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x - gap * (f / n) * (rest / slope)
        stays = (step >= low) & (step <= high)
        new = np.where(stays, step, 0.5 * (low + high))
        done = np.all(np.abs(new - x) <= 1e-14 * np.maximum(np.abs(x), 1.0))
        x = new
        if done:
            break
    inside, outside = expit(x[:, None] + logs), expit(-x[:, None] - logs)
    ratio[inner] = np.sum(counts * inside**2, axis=-1) / np.sum(
        counts * inside * outside, axis=-1
    )
    return ratio
