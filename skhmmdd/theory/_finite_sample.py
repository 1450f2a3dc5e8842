"""Risks that are exact at finite n, for Gaussian features."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import FloatOrFloats, Floats
from skhmmdd.theory._result import RiskResult, make_result
from skhmmdd.theory._validation import check_n_samples, check_real, unwrap


def _checked(
    n_features: ArrayLike, n_samples: ArrayLike, *others: tuple[str, ArrayLike]
) -> tuple[Floats, ...]:
    """Check widths, sample sizes and (name, value) pairs; broadcast them."""
    arrays = [check_real(n_features, "n_features"), check_n_samples(n_samples)]
    arrays += [check_real(value, name) for name, value in others]
    return np.broadcast_arrays(*arrays)


def _ratio(numerator, denominator, factor):
    """factor * numerator / denominator, infinite where the denominator is not
    positive; zero where the factor is, whatever the denominator."""
    result = np.full(np.shape(denominator), np.inf)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return np.multiply(factor, result, out=np.zeros_like(result), where=factor > 0)


def gaussian_risk(
    n_features: ArrayLike, noise_var: ArrayLike, *, n_samples: ArrayLike
) -> FloatOrFloats:
    r"""Exact risk of least squares on Gaussian features, below the threshold.

    Parameters
    ----------
    n_features : int or array-like
        Width p (the rank of the features); must be in [0, n_samples].

    noise_var : float or array-like
        Variance of the label noise, summed over the outputs; must be in [0, inf).
        It may differ from width to width, as on a fixed task.

    n_samples : int or array-like
        Training samples n; must be in [2, inf).

    Returns
    -------
    excess : float or ndarray
        Expected excess risk, of the broadcast shape. Infinite at p = n - 1 and
        p = n, where only the noise-free risk is finite (it is 0).

    Raises
    ------
    ValueError
        If an argument is not finite or below its bound, or `n_features` is above
        `n_samples`: there the exact risk depends on the covariance.

    See Also
    --------
    random_subset_risk : Exact on both sides, for isotropic features.

    Notes
    -----
    .. math:: R = \sigma^2\,\frac{p}{n - p - 1}, \qquad p \leq n - 2,

    for Gaussian rows of any covariance, by the mean of an inverse Wishart matrix.
    There is no bias, and the covariance drops out. For one noise variance the excess
    is lowest at the smallest width. On a fixed task the noise to the head falls with
    the width, and where it falls fast enough the excess falls too;
    :func:`nested_risk` gives both it and the total.

    References
    ----------
    Belkin, Hsu and Xu, arXiv:1903.07571.

    Examples
    --------
    >>> from skhmmdd.theory import gaussian_risk
    >>> gaussian_risk([10, 49, 98, 99], 1.0, n_samples=100).round(3)
    array([ 0.112,  0.98 , 98.   ,    inf])
    """
    n_features, n_samples, noise_var = _checked(
        n_features, n_samples, ("noise_var", noise_var)
    )
    above = n_features > n_samples
    if above.any():
        raise ValueError(
            f"n_features must be in [0, n_samples = {n_samples[above][0]:g}]; got "
            f"{n_features[above][0]:g}."
        )
    return unwrap(_ratio(n_features, n_samples - n_features - 1.0, noise_var))


def random_subset_risk(
    n_features: ArrayLike,
    signal: ArrayLike,
    hidden_signal: ArrayLike,
    noise_var: ArrayLike,
    *,
    n_samples: ArrayLike,
) -> RiskResult:
    r"""Exact risk of the minimum-norm head on some of many isotropic features.

    Parameters
    ----------
    n_features : int or array-like
        Width p: features that the head sees; must be in [0, inf).

    signal : float or array-like
        Squared length of the coefficients of the features seen; in [0, inf). For a
        random subset of D features, its mean is p/D times the whole.

    hidden_signal : float or array-like
        Squared length of the coefficients of the features not seen; in [0, inf).

    noise_var : float or array-like
        Variance of the label noise; must be in [0, inf).

    n_samples : int or array-like
        Training samples n; must be in [2, inf).

    Returns
    -------
    risk : RiskResult
        Of the broadcast shape. `bias` includes the hidden signal, so that `excess`
        is over the whole truth. Infinite at p = n - 1, n and n + 1.

    Raises
    ------
    ValueError
        If an argument is not finite or below its bound.

    See Also
    --------
    misspecified_risk : The limit of the same model.

    Notes
    -----
    Independent standard Gaussian features; with :math:`s^2 = \|\beta_{T^c}\|^2 +
    \sigma^2` all that is noise to the head, the total risk is

    .. math::

        s^2\Big(1 + \frac{p}{n-p-1}\Big), \quad p \leq n - 2; \qquad
        \|\beta_T\|^2\Big(1 - \frac np\Big) + s^2\Big(1 + \frac{n}{p-n-1}\Big),
        \quad p \geq n + 2.

    References
    ----------
    Belkin, Hsu and Xu, arXiv:1903.07571.

    Examples
    --------
    A signal of length 1 spread evenly over 400 features:

    >>> import numpy as np
    >>> from skhmmdd.theory import random_subset_risk
    >>> widths = np.array([0, 20, 100, 400])
    >>> risk = random_subset_risk(
    ...     widths, widths / 400, 1 - widths / 400, 0.1, n_samples=100
    ... )
    >>> risk.total.round(3)
    array([1.1  , 1.316,   inf, 0.883])
    """
    n_features, n_samples, signal, hidden_signal, noise_var = _checked(
        n_features,
        n_samples,
        ("signal", signal),
        ("hidden_signal", hidden_signal),
        ("noise_var", noise_var),
    )
    over = n_features > n_samples
    # the smaller of the two counts is the rank
    gap = np.abs(n_features - n_samples) - 1.0
    rank = np.minimum(n_features, n_samples)
    variance = _ratio(rank, gap, hidden_signal + noise_var)
    missed = np.zeros(n_features.shape)
    np.divide(n_features - n_samples, n_features, out=missed, where=over)
    return make_result(signal * missed + hidden_signal, variance, noise_var)
