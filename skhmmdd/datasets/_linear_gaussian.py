"""Head tuning on a linear-Gaussian hidden Markov model, with its whole truth."""

from __future__ import annotations

from typing import Literal

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skhmmdd._typing import Floats, RandomState
from skhmmdd.datasets._generators import at_least
from skhmmdd.hmm import LinearGaussianHMM
from skhmmdd.theory import linear_gaussian_moments


def make_linear_gaussian_hmm(
    n_samples: int = 100,
    *,
    n_features: int = 200,
    n_latents: int = 20,
    decay: float = 0.9,
    feature_noise: float = 0.5,
    transition: Literal["orthogonal", "scalar"] = "orthogonal",
    layout: Literal["independent", "sequence"] = "independent",
    random_state: RandomState = None,
) -> tuple[Floats, Floats, Bunch]:
    r"""Frozen representations of a linear-Gaussian state, and the next state.

    A linear head has to tell the next state from the representation of this one,
    both rows:

    .. math:: z \sim N(0, I_d), \quad x = zW + u, \quad
              y = z_{\mathrm{next}} = zA + \varepsilon, \quad A = aO,

    with O orthogonal, :math:`\varepsilon \sim N(0, (1 - a^2) I)`, which keeps the
    state's distribution, entries of W from :math:`N(0, 1/d)` and
    :math:`u \sim N(0, \sigma_u^2 I)`. The model is that of Luo, Wang and Huang;
    this instance of it was derived here.

    Parameters
    ----------
    n_samples : int, default=100
        Number of rows n, in [2, inf).
    n_features : int, default=200
        Width p of the representation, in [1, inf). Widths are nested: for one
        `random_state` the first columns of a wider X are those of a narrower one (up
        to rounding), and Y does not depend on the width.
    n_latents : int, default=20
        Dimension d of the state, in [1, inf).
    decay : float, default=0.9
        How much of the state lasts a step: a, in [0, 1].
    feature_noise : float, default=0.5
        :math:`\sigma_u`, a standard deviation, in (0, inf).
    transition : {"orthogonal", "scalar"}, default="orthogonal"
        O: drawn uniformly (Haar), or the identity.
    layout : {"independent", "sequence"}, default="independent"
        Each row from a sequence of its own, as the risk formulas assume, or n
        consecutive steps of one sequence. The latter keeps the peak at p = n; the
        nearer a is to 1, the more it can raise the risk.
    random_state : int, RandomState instance or None, default=None
        Draws all that is random.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Representations.
    Y : ndarray of shape (n_samples, n_latents)
        Next states.
    truth : Bunch
        `hmm`, a LinearGaussianHMM; `states` of shape (n_samples, n_latents), z;
        `cov` of shape (n_features, n_features), `cross_cov` and `coef` of shape
        (n_features, n_latents), `target_cov` and `noise_cov` of shape
        (n_latents, n_latents), the moments of `theory.linear_gaussian_moments`: `coef`
        is the best linear head, `noise_cov` what it leaves; `noise_var`, the trace
        of that: its risk, which is the Bayes risk given one row.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    skhmmdd.theory.nested_risk : The risk of this task at every width, from `cov`,
        `cross_cov` and `target_cov`.
    skhmmdd.theory.ridge_risk : The risk at this width, from `cov`, `coef` and
        `noise_cov`.
    make_hmm_regression : Finitely many hidden states.

    References
    ----------
    Luo, Wang and Huang, "Investigating the Impact of Model Complexity in Large
    Language Models", arXiv:2410.00699.

    Examples
    --------
    >>> from skhmmdd import make_linear_gaussian_hmm
    >>> X, Y, truth = make_linear_gaussian_hmm(100, n_features=40, random_state=0)
    >>> X.shape, Y.shape
    ((100, 40), (100, 20))
    >>> truth.hmm
    LinearGaussianHMM(n_states=20, n_features=40, covariance_type='diag')
    >>> from skhmmdd.theory import ridge_risk
    >>> risk = ridge_risk(truth.cov, truth.coef, truth.noise_cov, n_samples=100)
    >>> round(float(risk.total), 1)
    11.1
    """
    at_least(2, n_samples=n_samples)
    at_least(1, n_features=n_features, n_latents=n_latents)
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must be in [0, 1], got {decay!r}.")
    if not 0 < feature_noise < np.inf:
        raise ValueError(f"feature_noise must be in (0, inf), got {feature_noise!r}.")
    for name, value, choices in [
        ("transition", transition, ("orthogonal", "scalar")),
        ("layout", layout, ("independent", "sequence")),
    ]:
        if value not in choices:
            raise ValueError(
                f"{name} must be {choices[0]!r} or {choices[1]!r}, got {value!r}."
            )
    # A stream for each part: the width must move neither the states nor the targets.
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    turning, reading, moving, noise = map(np.random.RandomState, seeds)
    A = decay * np.eye(n_latents)
    if transition == "orthogonal":
        A = A @ _haar(n_latents, turning)
    W = reading.standard_normal((n_features, n_latents)).T / np.sqrt(n_latents)
    innovation = 1 - decay**2
    hmm = LinearGaussianHMM(A, innovation, W, feature_noise**2, start_cov=1.0)

    shape = n_samples + 1, n_latents
    if layout == "sequence":
        path = moving.standard_normal(shape)
        path[1:] *= np.sqrt(innovation)
        for t in range(n_samples):
            path[t + 1] += path[t] @ A
        states, Y = path[:-1], path[1:].copy()
    else:
        states, change = moving.standard_normal((n_samples, 2, n_latents)).swapaxes(
            0, 1
        )
        Y = states @ A + np.sqrt(innovation) * change
    X = states @ W + feature_noise * noise.standard_normal((n_features, n_samples)).T
    moments = linear_gaussian_moments(
        A,
        W,
        state_noise=innovation,
        feature_noise=feature_noise**2,
        state_cov=np.eye(n_latents),
    )
    truth = Bunch(
        hmm=hmm,
        states=states.copy(),
        noise_var=float(np.trace(moments.noise_cov)),
        **moments._asdict(),
    )
    return X, Y, truth


def _haar(n: int, rng: np.random.RandomState) -> Floats:
    """An orthogonal matrix, uniform over all of them."""
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return q * np.sign(np.diag(r))
