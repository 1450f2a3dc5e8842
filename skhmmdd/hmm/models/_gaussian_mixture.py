"""The Gaussian mixture family: each state emits from several diagonal Gaussians."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Array, Floats
from skhmmdd.hmm.inference._likelihoods import DensityEmission, log_gaussian_diag
from skhmmdd.hmm.inference._sampling import draw
from skhmmdd.hmm.models._base import check_probabilities, check_shape
from skhmmdd.hmm.models._emission_family import (
    EmissionFamily,
    entry_names,
    estimate_rows,
    logit_score,
)
from skhmmdd.hmm.models._gaussian import (
    as_matrices,
    diagonal_log_prior,
    diagonal_moments,
    diagonal_score,
    maximise_moments,
)
from skhmmdd.hmm.sequences._overflow import safe_reach
from skhmmdd.hmm.sequences._reading import read_observations


class GaussianMixtureHMM(EmissionFamily):
    r"""Frozen hidden Markov model that emits vectors from mixtures of Gaussians.

    In state k an observation follows
    :math:`\sum_m w_{km} N(\mu_{km}, \operatorname{diag} \sigma^2_{km})`.

    The weights are an immutable value: arrays are read-only copies, `clone` returns
    the same object, equal weights compare and hash equal.

    Parameters
    ----------
    startprob : array-like of shape (n_states,)
        Distribution of the first state; sums to one.
    transmat : array-like of shape (n_states, n_states)
        Each row sums to one.
    weights : array-like of shape (n_states, n_components)
        :math:`w`; each row sums to one.
    means : array-like of shape (n_states, n_components, n_features)
        :math:`\mu`; one number a component is a model of one feature.
    covars : array-like of the shape of `means`
        :math:`\sigma^2`, in (0, inf): variances of independent features.

    Attributes
    ----------
    n_states : int
        Number of hidden states.
    n_components : int
        Number of Gaussians in each state.
    n_features : int
        Number of features of an observation.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, probabilities do not sum to one,
        or a variance is not positive.

    See Also
    --------
    GaussianHMM : One Gaussian a state.
    BaumWelch : Estimates weights from sequences.

    Examples
    --------
    >>> from skhmmdd import GaussianMixtureHMM
    >>> hmm = GaussianMixtureHMM(
    ...     [0.5, 0.5],
    ...     [[0.9, 0.1], [0.1, 0.9]],
    ...     weights=[[0.5, 0.5], [0.2, 0.8]],
    ...     means=[[-2.0, 2.0], [-1.0, 0.0]],
    ...     covars=[[1.0, 1.0], [1.0, 1.0]],
    ... )
    >>> hmm
    GaussianMixtureHMM(n_states=2, n_components=2, n_features=1)
    >>> hmm.filter([[-2.1, float("nan"), 1.9]])[0].round(3)
    array([[0.716, 0.284],
           [0.673, 0.327],
           [0.867, 0.133]])
    """

    weights: Floats
    means: Floats
    covars: Floats

    _array_names = ("startprob", "transmat", "weights", "means", "covars")
    _options = ("covariance_type", "n_components")
    _read_sequences = staticmethod(read_observations)

    def __init__(
        self,
        startprob: ArrayLike,
        transmat: ArrayLike,
        weights: ArrayLike,
        means: ArrayLike,
        covars: ArrayLike,
    ) -> None:
        means, covars = np.asarray(means), np.asarray(covars)
        super().__init__(
            startprob=startprob,
            transmat=transmat,
            weights=weights,
            means=means[:, :, None] if means.ndim == 2 else means,
            covars=covars[:, :, None] if covars.ndim == 2 else covars,
        )
        axes = ("n_states", "n_components", "n_features")
        shape = (self.n_states, *self.weights.shape[-1:])
        check_probabilities(self, "weights", axes[:2], shape)
        shape += self.means.shape[-1:]
        check_shape(self, "means", axes, shape)
        check_shape(self, "covars", axes, shape)
        if not (np.isfinite(self.means).all() and np.isfinite(self.covars).all()):
            raise ValueError("means and covars must be finite, got NaN or infinity.")
        if self.covars.min() <= 0:
            raise ValueError(f"covars must be positive, got {self.covars.min()}.")

    def __repr__(self) -> str:
        return (
            f"GaussianMixtureHMM(n_states={self.n_states}, "
            f"n_components={self.n_components}, n_features={self.n_features})"
        )

    @property
    def n_components(self) -> int:
        """Number of Gaussians in each state."""
        return self.weights.shape[1]

    @property
    def n_features(self) -> int:
        """Number of features of an observation."""
        return self.means.shape[2]

    @property
    def _n_emission_parameters(self):
        n_weights = self.weights.size - self.n_states
        return n_weights, self.means.size, self.covars.size

    @property
    def _state_means(self) -> Floats:
        return np.einsum("km,kmd->kd", self.weights, self.means)

    @property
    def _state_covars(self) -> Floats:
        # Within the components, and between them.
        within = np.einsum("km,kmd->kd", self.weights, self.covars)
        off = self.means - self._state_means[:, None]
        between = np.einsum("km,kmd,kme->kde", self.weights, off, off)
        return as_matrices(within) + between

    def _reach(self):
        d = self.n_features
        return safe_reach(self.means.reshape(-1, d), self.covars.reshape(-1, d))

    @property
    def _emission(self) -> DensityEmission:
        density = partial(
            _log_mixture, weights=self.weights, means=self.means, covars=self.covars
        )
        return DensityEmission(density, self.n_states)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        which = draw(self.weights, states, rng.uniform(size=states.shape))
        noise = rng.standard_normal((*states.shape, self.n_features))
        return self.means[states, which] + np.sqrt(self.covars)[states, which] * noise

    @classmethod
    def _start(cls, means, variances, rng, covariance_type, n_components):
        if covariance_type != "diag":
            raise ValueError(
                "emission='gaussian_mixture' has diagonal covariances: "
                f"covariance_type must be 'diag', got {covariance_type!r}."
            )
        # Components lie about the mean of their state, which they keep.
        shape = (len(means), n_components, means.shape[1])
        off = rng.standard_normal(shape)
        off -= off.mean(axis=1, keepdims=True)
        spread = np.sqrt(variances)[:, None]
        return (
            np.full(shape[:2], 1 / n_components),
            means[:, None] + 0.5 * spread * off,
            np.broadcast_to(variances[:, None], shape),
        )

    def _count(self, values, smoothed, center):
        _, share = _components(values, self.weights, self.means, self.covars)
        share *= smoothed
        x = values - center
        # A step that is missing whole tells nothing of the components.
        is_seen = (~np.isnan(x).all(axis=1)).astype(float)
        weight = (is_seen @ share).T
        moments = [diagonal_moments(x, one) for one in share]
        return weight, *(np.stack(one, axis=1) for one in zip(*moments, strict=True))

    def _maximise(self, counts, pseudocount, center, scale, fixed=(), tied=()):
        weight, *moments = counts
        weights = estimate_rows(weight, pseudocount, self.weights)
        return weights, *maximise_moments(
            moments, self.means, self.covars, pseudocount, center, scale, fixed
        )

    def _log_prior(self, center, scale):
        return np.log(self.weights).sum(), 0.0, diagonal_log_prior(self.covars, scale)

    @property
    def _score_names(self):
        shape = self.means.shape
        return [
            *entry_names("weight", *shape[:2]),
            *entry_names("mean", *shape),
            *entry_names("log_variance", *shape),
        ]

    def _score(self, values, smoothed):
        flat = values.reshape(-1, self.n_features)
        _, share = _components(flat, self.weights, self.means, self.covars)
        share = share.reshape(-1, *smoothed.shape) * smoothed
        # A step that is missing whole tells nothing of the components.
        is_seen = ~np.isnan(values).all(axis=2)
        counts = np.einsum("mtnk,tn->nkm", share, is_seen.astype(float))
        components = zip(
            share, self.means.swapaxes(0, 1), self.covars.swapaxes(0, 1), strict=True
        )
        scores = [diagonal_score(values, *component) for component in components]
        # From (n_components, n_sequences, n_states, ...) to the order of the arrays.
        parts = [np.stack(part, axis=2) for part in zip(*scores, strict=True)]
        parts.insert(0, logit_score(counts, self.weights))
        return np.hstack([part.reshape(len(part), -1) for part in parts])

    def _split(self, of, rng):
        noise = rng.standard_normal((len(of), *self.means.shape[1:]))
        means = self.means[of] + 0.1 * np.sqrt(self.covars)[of] * noise
        return self.weights[of], means, self.covars[of]


def _components(values, weights, means, covars):
    """Of each state: its log-density, and the share of each component in it.

    The shares have shape (n_components, n_steps, n_states).
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        share = np.stack(
            [
                log_gaussian_diag(values, means[:, m], covars[:, m])
                for m in range(weights.shape[1])
            ]
        )
        share += np.log(weights.T)[:, None]
        # Finite, so that what no component can emit has the log-density -inf.
        top = np.maximum(share.max(axis=0), np.finfo(float).min)
        share -= top
        np.exp(share, out=share)
        total = share.sum(axis=0)
        share /= total
        return np.log(total) + top, share


def _log_mixture(values, weights, means, covars):
    return _components(values, weights, means, covars)[0]
