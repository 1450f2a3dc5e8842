"""The Poisson family: each state emits counts at rates of its own."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from skhmmdd._typing import Array, Floats
from skhmmdd.hmm.inference._likelihoods import DensityEmission
from skhmmdd.hmm.models._base import check_shape
from skhmmdd.hmm.models._emission_family import EmissionFamily, entry_names
from skhmmdd.hmm.models._gaussian import as_matrices
from skhmmdd.hmm.sequences._reading import read_observations

# The prior's rate of a feature that was zero throughout: rare, but not impossible.
_LEAST_RATE = 1e-9
# Beyond it a double does not tell a count from the next.
_MOST = 2**53


class PoissonHMM(EmissionFamily):
    r"""Frozen hidden Markov model that emits counts.

    In state k the features of an observation are independent, and feature d is
    Poisson distributed with mean :math:`\lambda_{kd}`.

    The weights are an immutable value: arrays are read-only copies, `clone` returns
    the same object, equal weights compare and hash equal.

    Parameters
    ----------
    startprob : array-like of shape (n_states,)
        Distribution of the first state; sums to one.
    transmat : array-like of shape (n_states, n_states)
        Each row sums to one.
    rates : array-like of shape (n_states, n_features) or (n_states,)
        :math:`\lambda`, in [0, inf); one number a state is a model of one feature.

    Attributes
    ----------
    n_states : int
        Number of hidden states.
    n_features : int
        Number of features of an observation.

    Raises
    ------
    ValueError
        If shapes disagree, a rate is negative or not finite, or probabilities do not
        sum to one.

    See Also
    --------
    CategoricalHMM : Symbols.
    BaumWelch : Estimates weights from sequences.

    Examples
    --------
    >>> from skhmmdd import PoissonHMM
    >>> hmm = PoissonHMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [1.0, 5.0])
    >>> hmm
    PoissonHMM(n_states=2, n_features=1)
    >>> hmm.filter([[0, float("nan"), 6]])[0].round(3)
    array([[0.982, 0.018],
           [0.886, 0.114],
           [0.015, 0.985]])
    """

    rates: Floats

    _array_names = ("startprob", "transmat", "rates")
    # Whole numbers, which scikit-learn calls categorical.
    _input_tags = ("categorical", "positive_only")

    def __init__(
        self, startprob: ArrayLike, transmat: ArrayLike, rates: ArrayLike
    ) -> None:
        rates = np.asarray(rates)
        super().__init__(
            startprob=startprob,
            transmat=transmat,
            rates=rates[:, None] if rates.ndim == 1 else rates,
        )
        shape = (self.n_states, *self.rates.shape[1:2])
        check_shape(self, "rates", ("n_states", "n_features"), shape)
        if not (np.isfinite(self.rates) & (self.rates >= 0)).all():
            raise ValueError(
                f"rates must be in [0, inf), got values from {self.rates.min()} to "
                f"{self.rates.max()}."
            )

    def __repr__(self) -> str:
        return f"PoissonHMM(n_states={self.n_states}, n_features={self.n_features})"

    @property
    def n_features(self) -> int:
        """Number of features of an observation."""
        return self.rates.shape[1]

    @property
    def _n_emission_parameters(self):
        return (self.rates.size,)

    @property
    def _state_means(self) -> Floats:
        return self.rates

    @property
    def _state_covars(self) -> Floats:
        return as_matrices(self.rates)

    @staticmethod
    def _read_sequences(X, size=None, name="X", keep_missing=False, /):
        sequences = read_observations(X, size, name, keep_missing)
        values = sequences.values[~np.isnan(sequences.values)]
        for kind, wrong in {
            "Negative values": values < 0,
            "Fractions": np.rint(values) != values,
            "Numbers too large to count": values > _MOST,
        }.items():
            if wrong.any():
                raise ValueError(
                    f"{kind} in data passed as {name}: it must hold counts, whole "
                    f"numbers in [0, 2**53] or NaN for a missing one, got "
                    f"{values[wrong][0].item()!r}."
                )
        return sequences

    @property
    def _emission(self) -> DensityEmission:
        return DensityEmission(partial(_log_poisson, rates=self.rates), self.n_states)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        return rng.poisson(self.rates[states])

    @classmethod
    def _start(cls, means, variances, rng):
        # A state that starts at a step without counts must still give others some.
        return (np.maximum(means, 0.1 * np.sqrt(variances)),)

    def _count(self, values, smoothed, center):
        seen = ~np.isnan(values)
        return smoothed.T @ seen, smoothed.T @ np.where(seen, values, 0.0)

    def _maximise(self, counts, pseudocount, center, scale, fixed=(), tied=()):
        # The Gamma prior is worth `pseudocount` observations at the data's mean rate.
        weight, total = counts
        weight = weight + pseudocount
        total = total + pseudocount * np.maximum(center, _LEAST_RATE)
        has_data = weight > np.finfo(float).tiny
        return (np.divide(total, weight, out=self.rates.copy(), where=has_data),)

    def _log_prior(self, center, scale):
        prior = np.maximum(center, _LEAST_RATE)
        return ((prior * np.log(self.rates) - self.rates).sum(),)

    @property
    def _score_names(self):
        return entry_names("log_rate", *self.rates.shape)

    def _score(self, values, smoothed):
        # In log lambda: the counts less the rate. Of a rate of zero both are zero.
        seen = ~np.isnan(values)
        weights, values = smoothed.transpose(1, 2, 0), np.where(seen, values, 0.0)
        score = np.matmul(weights, values.swapaxes(0, 1))
        score -= np.matmul(weights, seen.swapaxes(0, 1).astype(float)) * self.rates
        return score.reshape(len(score), -1)

    def _split(self, of, rng):
        return (self.rates[of] * rng.uniform(0.9, 1.1, (len(of), self.n_features)),)


def _log_poisson(values, rates):
    """log of the Poisson probabilities, shape (n, n_states); NaN is missing."""
    never = rates == 0
    log_rates = np.log(np.where(never, 1.0, rates))
    out = np.zeros((len(values), len(rates)))
    for d, x in enumerate(values.T):
        seen = ~np.isnan(x)
        x = np.where(seen, x, 0.0)
        out += x[:, None] * log_rates[:, d] - seen[:, None] * rates[:, d]
        out -= gammaln(x + 1.0)[:, None]
        if never[:, d].any():
            out[np.ix_(x > 0, never[:, d])] = -np.inf
    return out
