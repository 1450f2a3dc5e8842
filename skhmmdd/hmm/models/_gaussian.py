"""The Gaussian family: diagonal or full covariances, and their moments."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from scipy.sparse import csc_array

from skhmmdd._typing import Array, CovarianceType, Floats
from skhmmdd.hmm.inference._likelihoods import (
    DensityEmission,
    log_gaussian_diag,
    log_gaussian_full,
)
from skhmmdd.hmm.models._base import check_shape
from skhmmdd.hmm.models._covariances import check_definite
from skhmmdd.hmm.models._emission_family import EmissionFamily, entry_names
from skhmmdd.hmm.sequences._overflow import safe_reach
from skhmmdd.hmm.sequences._reading import read_observations


class GaussianHMM(EmissionFamily):
    r"""Frozen hidden Markov model that emits vectors with Gaussian noise.

    In state k an observation follows :math:`N(\mu_k, \Sigma_k)`.

    The weights are an immutable value: arrays are read-only copies, `clone` returns
    the same object, equal weights compare and hash equal.

    Parameters
    ----------
    startprob : array-like of shape (n_states,)
        Distribution of the first state; sums to one.
    transmat : array-like of shape (n_states, n_states)
        Each row sums to one.
    means : array-like of shape (n_states, n_features) or (n_states,)
        :math:`\mu`; one number a state is a model of one feature.
    covars : array-like
        Of shape (n_states, n_features), (n_states, n_features, n_features) or
        (n_states,). :math:`\Sigma`: variances of independent features, or full
        covariance matrices, symmetric and positive definite.

    Attributes
    ----------
    n_states : int
        Number of hidden states.
    n_features : int
        Number of features of an observation.
    covariance_type : {"diag", "full"}
        Which of the two `covars` holds.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, probabilities do not sum to one,
        or a covariance is not symmetric and positive definite.

    See Also
    --------
    CategoricalHMM : Discrete observations.
    GaussianMixtureHMM : Several Gaussians a state.
    BaumWelch : Estimates weights from sequences.

    Examples
    --------
    >>> from skhmmdd import GaussianHMM
    >>> hmm = GaussianHMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [-1.0, 1.0], [1.0, 1.0])
    >>> hmm
    GaussianHMM(n_states=2, n_features=1, covariance_type='diag')
    >>> hmm.filter([[-1.2, float("nan"), 0.9]])[0].round(3)
    array([[0.917, 0.083],
           [0.833, 0.167],
           [0.352, 0.648]])
    """

    means: Floats
    covars: Floats

    _array_names = ("startprob", "transmat", "means", "covars")
    _options = ("covariance_type",)
    _tieable = ("covars",)
    _read_sequences = staticmethod(read_observations)

    def __init__(
        self,
        startprob: ArrayLike,
        transmat: ArrayLike,
        means: ArrayLike,
        covars: ArrayLike,
    ) -> None:
        means, covars = np.asarray(means), np.asarray(covars)
        super().__init__(
            startprob=startprob,
            transmat=transmat,
            means=means[:, None] if means.ndim == 1 else means,
            covars=covars[:, None] if covars.ndim == 1 else covars,
        )
        shape = (self.n_states, *self.means.shape[1:2])
        check_shape(self, "means", ("n_states", "n_features"), shape)
        if self.covariance_type == "full":
            shape += shape[1:]
        check_shape(
            self,
            "covars",
            ("n_states", "n_features", "n_features")[: len(shape)],
            shape,
        )
        if not (np.isfinite(self.means).all() and np.isfinite(self.covars).all()):
            raise ValueError("means and covars must be finite, got NaN or infinity.")
        _check_positive_definite(self.covars)

    def __repr__(self) -> str:
        return (
            f"GaussianHMM(n_states={self.n_states}, n_features={self.n_features}, "
            f"covariance_type={self.covariance_type!r})"
        )

    @property
    def n_features(self) -> int:
        """Number of features of an observation."""
        return self.means.shape[1]

    @property
    def covariance_type(self) -> CovarianceType:
        """ "diag" or "full"."""
        return "full" if self.covars.ndim == 3 else "diag"

    @property
    def _n_emission_parameters(self):
        d = self.n_features
        spread = d * (d + 1) // 2 if self.covariance_type == "full" else d
        return self.n_states * d, self.n_states * spread

    @property
    def _state_means(self) -> Floats:
        return self.means

    @property
    def _state_covars(self) -> Floats:
        full = self.covariance_type == "full"
        return self.covars if full else as_matrices(self.covars)

    def _reach(self):
        return safe_reach(self.means, self.covars)

    @property
    def _emission(self) -> DensityEmission:
        is_full = self.covariance_type == "full"
        density = partial(
            log_gaussian_full if is_full else log_gaussian_diag,
            means=self.means,
            **{"covars" if is_full else "variances": self.covars},
        )
        return DensityEmission(density, self.n_states)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        noise = rng.standard_normal((*states.shape, self.n_features))
        if self.covariance_type == "full":
            noise = np.einsum("...ij,...j->...i", self._factors[states], noise)
        else:
            noise *= np.sqrt(self.covars)[states]
        return self.means[states] + noise

    @property
    def _factors(self) -> Array:
        return np.linalg.cholesky(self.covars)

    @classmethod
    def _start(cls, means, variances, rng, covariance_type):
        return means, as_matrices(variances) if covariance_type == "full" else variances

    def _count(self, values, smoothed, center):
        x = values - center
        if self.covariance_type == "diag":
            return diagonal_moments(x, smoothed)
        missing = np.isnan(x)
        gone = missing.all(axis=1)
        partial = missing.any(axis=1) & ~gone
        whole = ~missing.any(axis=1)
        moments = _full_moments(x[whole], smoothed[whole])
        if partial.any():
            more = self._completed_moments(x[partial], smoothed[partial], center)
            moments = tuple(a + b for a, b in zip(moments, more, strict=True))
        return moments

    def _completed_moments(self, x, smoothed, center):
        """Moments with the missing features at their conditional expectation."""
        weight = smoothed.sum(axis=0)
        first = np.zeros((self.n_states, x.shape[1]))
        second = np.zeros((self.n_states, x.shape[1], x.shape[1]))
        patterns, which = np.unique(np.isnan(x), axis=0, return_inverse=True)
        which = which.reshape(-1)
        for i, missing in enumerate(patterns):
            seen, rows = ~missing, which == i
            for k, (mean, covar) in enumerate(
                zip(self.means - center, self.covars, strict=True)
            ):
                # E[x_m | x_s] = mean_m + (x_s - mean_s) C_ss^-1 C_sm, and the
                # covariance left about it is C_mm - C_ms C_ss^-1 C_sm.
                gamma = smoothed[rows, k]
                gain = np.linalg.solve(
                    covar[np.ix_(seen, seen)], covar[np.ix_(seen, missing)]
                )
                filled = x[rows]
                filled[:, missing] = (
                    mean[missing] + (filled[:, seen] - mean[seen]) @ gain
                )
                rest = covar[np.ix_(missing, missing)]
                rest = rest - covar[np.ix_(missing, seen)] @ gain
                first[k] += gamma @ filled
                second[k] += (gamma[:, None] * filled).T @ filled
                second[k][np.ix_(missing, missing)] += gamma.sum() * rest
        return weight, first, second

    def _maximise(self, counts, pseudocount, center, scale, fixed=(), tied=()):
        return maximise_moments(
            counts, self.means, self.covars, pseudocount, center, scale, fixed, tied
        )

    def _log_prior(self, center, scale):
        if self.covariance_type == "diag":
            return 0.0, diagonal_log_prior(self.covars, scale)
        _, log_det = np.linalg.slogdet(self.covars)
        diagonal = np.diagonal(np.linalg.inv(self.covars), axis1=1, axis2=2)
        return 0.0, -(log_det.sum() + (diagonal * scale).sum()) / 2

    @property
    def _score_names(self):
        names = entry_names("mean", *self.means.shape)
        if self.covariance_type == "diag":
            return names + entry_names("log_variance", *self.means.shape)
        for k in range(self.n_states):
            for i, j in zip(*np.tril_indices(self.n_features), strict=True):
                names.append(f"{'log_' * bool(i == j)}cholesky[{k},{i},{j}]")
        return names

    def _score(self, values, smoothed):
        if self.covariance_type == "diag":
            parts = diagonal_score(values, smoothed, self.means, self.covars)
        else:
            parts = _full_score(values, smoothed, self.means, self.covars)
        return np.hstack([part.reshape(len(part), -1) for part in parts])

    def _split(self, of, rng):
        variances = np.diagonal(self._state_covars, axis1=1, axis2=2)
        noise = rng.standard_normal((len(of), self.n_features))
        return self.means[of] + 0.1 * np.sqrt(variances)[of] * noise, self.covars[of]


def as_matrices(variances):
    """Diagonal matrices of the rows of variances."""
    return variances[:, :, None] * np.eye(variances.shape[1])


def diagonal_moments(x, smoothed):
    """Expected weight, sum and sum of squares of each feature that is observed.

    Parameters
    ----------
    x : ndarray of shape (n_steps, n_features)
        NaN is missing.
    smoothed : ndarray of shape (n_steps, n_states)

    Returns
    -------
    tuple of three ndarrays of shape (n_states, n_features)
    """
    missing = np.isnan(x)
    seen = (~missing).astype(float)
    x = np.where(missing, 0.0, x)
    return smoothed.T @ seen, smoothed.T @ x, smoothed.T @ x**2


def _full_moments(x, smoothed):
    n, d = x.shape
    squares = (x[:, :, None] * x[:, None, :]).reshape(n, d * d)
    second = (smoothed.T @ squares).reshape(-1, d, d)
    return smoothed.sum(axis=0), smoothed.T @ x, second


def maximise_moments(
    moments, means, covars, pseudocount, center, scale, fixed=(), tied=()
):
    """Means and covariances from moments about `center`.

    The prior is worth `pseudocount` observations with the data's variance about the
    mean of each state.

    Parameters
    ----------
    moments : tuple of three ndarrays
        Weights, first and second moments; of full covariances a weight a state.
    means : ndarray of shape (..., n_features)
        Before the step: they stay where there is no data.
    covars : ndarray of the shape of means, or (n_states, n_features, n_features)
    pseudocount : float
    center, scale : float or ndarray of shape (n_features,)
    fixed : collection of str, default=()
        With "means" the covariances are about those given, which stay.
    tied : collection of str, default=()
        With "covars" all states have the same.

    Returns
    -------
    means, covars : ndarray
    """
    weight, first, second = moments
    full = covars.ndim > means.ndim
    n = weight[:, None] if full else weight
    has_data = n > np.finfo(float).tiny
    before = means - center
    shift = np.divide(first, n, out=before.copy(), where=has_data)
    gap = shift - before
    if "means" not in fixed:
        means, gap = np.where(has_data, shift + center, means), None
    prior = np.broadcast_to(scale, means.shape[-1:])
    if full:
        n, has_data, prior = n[..., None], has_data[..., None], np.diag(prior)
        scatter = second - n * shift[:, :, None] * shift[:, None, :]
        if gap is not None:
            scatter += n * gap[:, :, None] * gap[:, None, :]
        scatter = (scatter + scatter.transpose(0, 2, 1)) / 2
    else:
        # What cancels below zero is a variance of zero.
        scatter = np.maximum(second - n * shift**2, 0.0)
        if gap is not None:
            scatter += n * gap**2
    if "covars" in tied:
        # Of the sums over states, which the prior is in as often.
        n, scatter = (np.broadcast_to(a.mean(axis=0), a.shape) for a in (n, scatter))
        has_data = n > np.finfo(float).tiny
    covars = np.divide(
        scatter + pseudocount * prior,
        n + pseudocount,
        out=np.array(covars),
        where=np.broadcast_to(has_data | (pseudocount > 0), scatter.shape),
    )
    return means, covars


def diagonal_log_prior(covars, scale):
    """Logarithm of what the prior of `maximise_moments` adds at pseudocount one."""
    return -(np.log(covars) + scale / covars).sum() / 2


def diagonal_score(values, smoothed, means, variances):
    r"""Gradients in means and log-variances of independent features.

    With z = (x - mean) / deviation they are z / deviation and (z^2 - 1) / 2.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_sequences, n_features)
        NaN is missing.
    smoothed : ndarray of shape (n_steps, n_sequences, n_states)
    means, variances : ndarray of shape (n_states, n_features)

    Returns
    -------
    two ndarrays of shape (n_sequences, n_states, n_features)
    """
    shape = (values.shape[1], *means.shape)
    of_means, of_variances = np.empty(shape), np.empty(shape)
    missing = np.isnan(values)
    seen = (~missing).astype(float)
    for k, (mean, deviation) in enumerate(zip(means, np.sqrt(variances), strict=True)):
        weights = smoothed[:, :, k]
        with np.errstate(over="ignore"):
            z = (values - mean) / deviation
        # Where the state has no weight the observation may be too far for a square.
        z[missing | (weights == 0)[:, :, None]] = 0.0
        of_means[:, k] = np.einsum("tn,tni->ni", weights, z) / deviation
        of_variances[:, k] = np.einsum("tn,tni->ni", weights, z**2 - seen) / 2
    return of_means, of_variances


def _full_score(values, smoothed, means, covars):
    r"""Gradients in means and in the Cholesky factors L, the logarithm on the diagonal.

    Of features s that are seen, with L_s the factor of their covariance and
    z = L_s^-1 (x - mean)_s, they are L_s^-T z in the mean, and in L the lower triangle
    of L_s^-T (z z' - I) L_s^-1 E, with E the rows s of L.

    Parameters
    ----------
    values, smoothed, means
        As in `diagonal_score`.
    covars : ndarray of shape (n_states, n_features, n_features)

    Returns
    -------
    of_means : ndarray of shape (n_sequences, n_states, n_features)
    of_factors : ndarray of shape (n_sequences, n_states, d * (d + 1) / 2)
        Row by row of the lower triangle.
    """
    n_steps, n, d = values.shape
    below, factors = np.tril_indices(d), np.linalg.cholesky(covars)
    of_means, of_factors = np.zeros((n, *means.shape)), np.zeros((n, *covars.shape))
    flat, owners = values.reshape(-1, d), np.tile(np.arange(n), n_steps)
    patterns, which = np.unique(np.isnan(flat), axis=0, return_inverse=True)
    for i, missing in enumerate(patterns):
        seen = np.flatnonzero(~missing)
        steps = np.flatnonzero(which.reshape(-1) == i)
        for k, (mean, covar) in enumerate(zip(means, covars, strict=True)):
            weights = smoothed[:, :, k].ravel()[steps]
            # Elsewhere an observation may be too far for a square.
            some, weights = steps[weights > 0], weights[weights > 0]
            if not len(some) or not len(seen):
                continue
            # 1. Whitened: z of each step, its weighted sums and those of z z' - I.
            factor = np.linalg.cholesky(covar[np.ix_(seen, seen)])
            x = flat[np.ix_(some, seen)] - mean[seen]
            z = solve_triangular(factor, x.T, lower=True, check_finite=False).T
            square = z[:, :, None] * z[:, None, :] - np.eye(len(seen))
            add = csc_array(
                (weights, owners[some], np.arange(len(some) + 1)), (n, len(some))
            )
            first = add @ z
            second = (add @ square.reshape(len(some), -1)).reshape(n, *square.shape[1:])
            # 2. Back to the features, as far as they are seen.
            inverse = solve_triangular(factor, np.eye(len(seen)), lower=True)
            of_means[:, k, seen] += first @ inverse
            of_factors[:, k, seen] += inverse.T @ second @ (inverse @ factors[k][seen])
    # 3. The logarithm of a diagonal entry: dL_ii = L_ii dlog L_ii.
    diagonal = np.arange(d)
    of_factors[:, :, diagonal, diagonal] *= factors[:, diagonal, diagonal]
    return of_means, of_factors[:, :, *below]


def _check_positive_definite(covars):
    if covars.ndim == 2:
        if covars.min() <= 0:
            raise ValueError(f"covars must be positive, got {covars.min()}.")
        return
    for k, covar in enumerate(covars):
        if not np.allclose(covar, covar.T):
            raise ValueError(f"covars[{k}] must be symmetric.")
        check_definite(f"covars[{k}]", covar)
