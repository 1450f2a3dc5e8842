"""The probability of the targets under the Bayesian model whose mean is ridge."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import FloatOrFloats
from skhmmdd.heads.solvers._evidence import log_evidence as evidence_of
from skhmmdd.heads.solvers._evidence import summarize_targets
from skhmmdd.theory._drawn_data import decompose_drawn
from skhmmdd.theory._validation import check_real, unwrap


def log_evidence(
    X: ArrayLike,
    y: ArrayLike,
    alpha: ArrayLike,
    noise_var: ArrayLike,
    *,
    fit_intercept: bool = False,
    rcond: float | None = None,
) -> FloatOrFloats:
    r"""Exact log evidence of a Gaussian linear model.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Features; n must be at least 2.

    y : array-like of shape (n,) or (n, q)
        Targets. Several outputs are independent, and their evidence adds up.

    alpha : float or array-like
        Ratio of the noise to the prior variance of every coefficient,
        :math:`\sigma^2/\tau^2`: the ridge penalty of the posterior mean. Must be in
        (0, inf).

    noise_var : float or array-like
        Variance :math:`\sigma^2` of the label noise of one output; must be in
        (0, inf). Broadcast against `alpha`.

    fit_intercept : bool, default=False
        Whether the model has an intercept, under a flat prior. The evidence is then
        that of the n - 1 contrasts of the targets, which know of no intercept.

    rcond : float, default=None
        Singular values up to this share of the largest count as zero. None: machine
        precision times the larger of n and p.

    Returns
    -------
    log_evidence : float or ndarray
        In nats, of the broadcast shape of `alpha` and `noise_var`.

    Raises
    ------
    ValueError
        If shapes disagree or an argument is not finite or out of its range.

    See Also
    --------
    loo_risk : Another measure to choose `alpha` by.
    skhmmdd.BayesianHead : The model, fitted by its evidence.
    optimal_alpha : The penalty of least risk, where the truth is known.

    Notes
    -----
    For :math:`y \sim N(0, \sigma^2(I + XX'/\alpha))`, with U, s the singular vectors
    and values of the design (centred if there is an intercept), c = U'y and
    :math:`\nu = n` (or n - 1),

    .. math::

        \log Z = -\tfrac12\Big[\nu\log 2\pi\sigma^2 + \sum_r \log(1 + s_r^2/\alpha)
            + \frac1{\sigma^2}\Big(\sum_r \frac{c_r^2}{1 + s_r^2/\alpha}
            + \|y - Uc\|^2\Big)\Big].

    Restricting it to the contrasts is restricted maximum likelihood (REML). The full
    evidence with a fitted mean would be unbounded where :math:`p \geq n - 1`, as
    :math:`\sigma^2 \to 0`. One singular value decomposition serves every `alpha`.

    References
    ----------
    Hodgkinson, van der Heide, Roosta and Mahoney, arXiv:2210.07612, for evidence along
    the widths. Patterson and Thompson, Biometrika 58, 1971, for REML.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import log_evidence
    >>> rng = np.random.RandomState(0)
    >>> X = rng.standard_normal((50, 20))
    >>> y = X @ (0.3 * rng.standard_normal(20)) + rng.standard_normal(50)
    >>> log_evidence(X, y, [0.6, 6.2, 62.0], 0.58).round(2)
    array([ -90.63,  -77.7 , -100.19])
    """
    alpha, noise_var = np.broadcast_arrays(
        check_real(alpha, "alpha", low_closed=False),
        check_real(noise_var, "noise_var", low_closed=False),
    )
    statistics = summarize_targets(decompose_drawn(X, y, fit_intercept, rcond))
    with np.errstate(over="ignore"):
        values = evidence_of(statistics, np.log(alpha), noise_var)
    if not np.isfinite(values).all():
        lost = noise_var[~np.isfinite(values)].flat[0]
        raise ValueError(
            f"The log evidence exceeds the largest float at noise_var {lost}: rescale "
            "y and noise_var."
        )
    return unwrap(values)
