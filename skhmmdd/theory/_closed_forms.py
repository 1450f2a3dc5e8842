"""Closed forms of the risk for simple covariances, along the widths."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Floats
from skhmmdd.theory._result import RiskResult, make_result
from skhmmdd.theory._ridge_risk import spectral_risk
from skhmmdd.theory._validation import check_alpha, check_n_samples, check_real


def isotropic_risk(
    n_features: ArrayLike,
    signal: ArrayLike,
    noise_var: ArrayLike,
    *,
    n_samples: ArrayLike,
    alpha: ArrayLike = 0.0,
    finite_sample: bool = False,
) -> RiskResult:
    r"""Risk of ridge and minimum-norm heads on isotropic features.

    Parameters
    ----------
    n_features : float or array-like
        Width p; must be in [0, inf]. Only the aspect ratio :math:`\gamma = p/n` and
        :math:`\alpha/n` matter: 0 and infinity are the limits of many and few
        samples at a fixed signal.

    signal : float or array-like
        Squared length :math:`r^2` of the coefficients, summed over the outputs; must
        be in [0, inf).

    noise_var : float or array-like
        Variance of the label noise, summed over the outputs; must be in [0, inf).

    n_samples : float or array-like
        Training samples n; must be in [1, inf). With 1, `n_features` is the aspect
        ratio itself; with `finite_sample` at least 2.

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised; must be in [0, inf).

    finite_sample : bool, default=False
        Correct the limit for Gaussian features, as in :func:`ridge_risk`.

    Returns
    -------
    risk : RiskResult
        Of the broadcast shape of the arguments; infinite at p = n where `alpha` is 0.

    Raises
    ------
    ValueError
        If an argument is not a number or is below its bound.

    See Also
    --------
    ridge_risk : Any covariance.
    random_subset_risk : Exact at finite n.

    Notes
    -----
    With identity covariance, at `alpha` 0 and :math:`\gamma < 1`, the excess is
    :math:`\sigma^2\gamma/(1-\gamma)`; at :math:`\gamma > 1`

    .. math:: R = r^2\Big(1 - \frac1\gamma\Big) + \frac{\sigma^2}{\gamma - 1}.

    Where the ratio :math:`r^2/\sigma^2` is at most 1, R exceeds the null risk
    :math:`r^2` at every :math:`\gamma > 1`; above 1, R has its minimum over
    :math:`\gamma > 1` at :math:`\sqrt{\mathrm{SNR}}/(\sqrt{\mathrm{SNR}}-1)`. With a
    penalty, :math:`\kappa` solves the quadratic
    :math:`n\kappa^2 + (n - p - \alpha)\kappa - \alpha = 0`. A limit, for p and n of
    comparable size; independent standardised entries, not necessarily Gaussian.

    References
    ----------
    Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560.

    Examples
    --------
    >>> from skhmmdd.theory import isotropic_risk
    >>> risk = isotropic_risk([0, 50, 100, 200, 400], 4.0, 1.0, n_samples=100)
    >>> risk.excess.round(6)
    array([0.      , 1.      ,      inf, 3.      , 3.333333])
    """
    n_features = check_real(n_features, "n_features", allow_inf=True)
    n_features, signal, noise_var, n_samples, alpha = np.broadcast_arrays(
        n_features,
        check_real(signal, "signal"),
        check_real(noise_var, "noise_var"),
        check_n_samples(n_samples, low=2.0 if finite_sample else 1.0),
        check_alpha(alpha),
    )
    finite = np.isfinite(n_features)
    width = np.where(finite, n_features, 0.0)
    kappa, df2, spare = isotropic_dof(width, n_samples, alpha)
    at_threshold = spare <= 0
    spare = np.where(at_threshold, 1.0, spare)

    bias = signal * (kappa / (1.0 + kappa)) ** 2 * n_samples / spare
    bias = np.where(finite, np.where(at_threshold, 0.0, bias), signal)
    ratio = np.where(at_threshold, np.inf, df2 / spare)
    variance = np.multiply(
        noise_var, ratio, out=np.zeros(ratio.shape), where=noise_var > 0
    )
    if finite_sample:
        for index in np.ndindex(bias.shape):
            if not 0 < n_features[index] < np.inf:
                continue
            bias[index], variance[index] = spectral_risk(
                np.ones(1),
                width[index].reshape(1),
                signal[index].reshape(1),
                noise_var[index],
                n_samples[index],
                alpha[index],
                finite_sample,
            )
    return make_result(bias, variance, noise_var)


def isotropic_dof(
    width: Floats, n_samples: Floats, alpha: Floats
) -> tuple[Floats, Floats, Floats]:
    """Kappa, df2 and n - df2 for identity covariance; nothing is checked.

    All three of the broadcast shape. n - df2 is 0 at the threshold, where `alpha` is 0.
    """
    half = 0.5 * (width + alpha - n_samples)
    root = np.sqrt(half**2 + n_samples * alpha)
    # the positive root, in whichever form adds two positive numbers
    gap = np.where(root > half, root - half, 1.0)
    kappa = np.where(half > 0, (half + root) / n_samples, alpha / gap)

    df2 = width / (1.0 + kappa) ** 2
    spare = n_samples - df2
    # n - df2 is n - p below the threshold and n kappa/(1 + kappa) above it: either
    # is exact, where the difference cancels
    plain = alpha == 0
    spare = np.where(plain & (kappa == 0), n_samples - width, spare)
    spare = np.where(plain & (kappa > 0), n_samples * kappa / (1.0 + kappa), spare)
    return kappa, df2, spare


def misspecified_risk(
    n_features: ArrayLike,
    signal: ArrayLike,
    hidden_signal: ArrayLike,
    noise_var: ArrayLike,
    *,
    n_samples: ArrayLike,
    alpha: ArrayLike = 0.0,
    finite_sample: bool = False,
) -> RiskResult:
    r"""Risk on isotropic features when part of the signal is not observed.

    Parameters
    ----------
    n_features : float or array-like
        Width p; must be in [0, inf].

    signal : float or array-like
        Squared length :math:`r^2` of all the coefficients, seen and hidden; must be
        in [0, inf).

    hidden_signal : float or array-like
        Squared length :math:`M^2` of the coefficients of features that the head does
        not see; must be in [0, signal]. It may fall with the width.

    noise_var : float or array-like
        Variance of the label noise; must be in [0, inf).

    n_samples : float or array-like
        Training samples n; must be in [1, inf), as in :func:`isotropic_risk`.

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised; must be in [0, inf).

    finite_sample : bool, default=False
        Correct the limit for Gaussian features, as in :func:`ridge_risk`.

    Returns
    -------
    risk : RiskResult
        Of the broadcast shape. `bias` includes the hidden signal, so that `excess`
        is over the whole truth.

    Raises
    ------
    ValueError
        If an argument is not a number or is out of bounds.

    See Also
    --------
    random_subset_risk : Exact at finite n; there `signal` is the part seen.

    Notes
    -----
    :func:`isotropic_risk` with signal :math:`r^2 - M^2` and noise
    :math:`\sigma^2 + M^2`, plus :math:`M^2`; at `alpha` 0

    .. math::

        R = M^2 + (\sigma^2 + M^2)\frac{\gamma}{1-\gamma}, \quad \gamma < 1; \qquad
        M^2 + (r^2 - M^2)\Big(1 - \frac1\gamma\Big)
            + \frac{\sigma^2 + M^2}{\gamma - 1}, \quad \gamma > 1.

    References
    ----------
    Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560.

    Examples
    --------
    A signal that the first features carry has a first descent, then the peak:

    >>> import numpy as np
    >>> from skhmmdd.theory import misspecified_risk
    >>> widths = np.array([0, 20, 80, 100, 400])
    >>> risk = misspecified_risk(
    ...     widths, 5.0, 5.0 / (1 + widths / 10), 0.2, n_samples=100
    ... )
    >>> risk.total.round(2)
    array([5.2 , 2.33, 3.78,  inf, 4.09])
    """
    signal = check_real(signal, "signal")
    hidden_signal = check_real(hidden_signal, "hidden_signal")
    noise_var = check_real(noise_var, "noise_var")
    signal, hidden_signal = np.broadcast_arrays(signal, hidden_signal)
    above = hidden_signal > signal
    if above.any():
        raise ValueError(
            f"hidden_signal must be in [0, signal = {signal[above][0]:g}]; got "
            f"{hidden_signal[above][0]:g}."
        )
    seen = isotropic_risk(
        n_features,
        signal - hidden_signal,
        noise_var + hidden_signal,
        n_samples=n_samples,
        alpha=alpha,
        finite_sample=finite_sample,
    )
    return make_result(seen.bias + hidden_signal, seen.variance, noise_var)


def latent_space_risk(
    n_features: ArrayLike,
    n_latents: ArrayLike,
    signal: ArrayLike,
    noise_var: ArrayLike,
    *,
    n_samples: ArrayLike,
    strength: ArrayLike = 1.0,
    feature_noise_var: ArrayLike = 1.0,
    alpha: ArrayLike = 0.0,
    finite_sample: bool = False,
) -> RiskResult:
    r"""Risk when features and target share a few latent variables.

    Parameters
    ----------
    n_features : float or array-like
        Width p; must be in [0, inf).

    n_latents : float or array-like
        Number of latents d; must be in (0, inf).

    signal : float or array-like
        Squared length :math:`\|\theta\|^2` of the target's coefficients on the
        latents, summed over the outputs; must be in [0, inf).

    noise_var : float or array-like
        Variance :math:`\sigma_\xi^2` of the target's own noise; in [0, inf).

    n_samples : float or array-like
        Training samples n; must be in [2, inf).

    strength : float or array-like, default=1.0
        Variance :math:`\mu` that the latents give each feature; in [0, inf).

    feature_noise_var : float or array-like, default=1.0
        Variance :math:`\tau^2` of the features' own noise; must be in (0, inf).

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised; must be in [0, inf).

    finite_sample : bool, default=False
        Correct the limit for Gaussian features, as in :func:`ridge_risk`.

    Returns
    -------
    risk : RiskResult
        Of the broadcast shape. `noise` is what the best head of that width leaves:
        it falls towards `noise_var` as the width grows. `excess` is over that head.

    Raises
    ------
    ValueError
        If an argument is not finite or is out of bounds.

    See Also
    --------
    linear_gaussian_moments : A given matrix W, for :func:`ridge_risk`.

    Notes
    -----
    :math:`x = Wz + u` and :math:`y = \theta'z + \xi` with :math:`z \sim N(0, I_d)`,
    :math:`u \sim N(0, \tau^2 I_p)` and rows of W of squared length :math:`\mu`, spread
    evenly: :math:`W'W = \mu(p/d) I` for :math:`p \geq d`. At :math:`\tau = 1`

    .. math::

        \Sigma = I + WW', \qquad \beta = W(I + W'W)^{-1}\theta, \qquad
        \sigma^2 = \sigma_\xi^2 + \theta'(I + W'W)^{-1}\theta,

    put into :func:`ridge_risk`: two eigenvalues, hence a kappa found once for any
    width. At widths below d (derived here) the rows of W are orthogonal instead,
    and :math:`\theta` lies evenly to them. As the width grows the head becomes a
    ridge on the latents themselves, with penalty :math:`d\tau^2/\mu` (derived here).

    Only for such an even W: a drawn one has singular values that spread, and where p
    is not far above d the risk can be higher (by a fifth of it for independent
    Gaussian entries at p = 40, d = 15). For a given W, put the moments of
    :func:`linear_gaussian_moments` into :func:`ridge_risk`.

    References
    ----------
    Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560.

    Examples
    --------
    >>> from skhmmdd.theory import latent_space_risk
    >>> risk = latent_space_risk([5, 20, 80, 120, 2000], 20, 1.0, 0.1, n_samples=100)
    >>> risk.noise.round(3)
    array([0.975, 0.6  , 0.3  , 0.243, 0.11 ])
    >>> risk.total.round(3)
    array([1.026, 0.75 , 1.5  , 1.501, 0.172])
    """
    arrays = np.broadcast_arrays(
        check_real(n_features, "n_features"),
        check_real(n_latents, "n_latents", low_closed=False),
        check_real(signal, "signal"),
        check_real(noise_var, "noise_var"),
        check_n_samples(n_samples),
        check_real(strength, "strength"),
        check_real(feature_noise_var, "feature_noise_var", low_closed=False),
        check_alpha(alpha),
    )
    parts = np.empty((3, *arrays[0].shape))
    for index in np.ndindex(arrays[0].shape):
        parts[(slice(None), *index)] = _latent_point(
            *(a[index] for a in arrays), finite_sample=finite_sample
        )
    return make_result(*parts)


def _latent_point(
    width,
    latents,
    signal,
    noise_var,
    n_samples,
    strength,
    own,
    alpha,
    *,
    finite_sample,
):
    """Bias, variance and noise of the latent-space model at one point."""
    shared = min(width, latents)
    if shared == 0:
        return 0.0, 0.0, noise_var + signal
    # the latents' own share of the variance, in the `shared` directions they fill
    spike = strength * width / shared
    explained = signal * (shared / latents) * spike / (own + spike)
    noise_var = noise_var + signal - explained
    bias, variance = spectral_risk(
        np.array([own + spike, own]),
        np.array([shared, width - shared]),
        np.array([explained / (own + spike), 0.0]),
        noise_var,
        n_samples,
        alpha,
        finite_sample,
    )
    return bias, variance, noise_var
