"""Frozen weights whose emission distribution is an object of another library."""

from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Array, Floats, SequencesLike, StrPath
from skhmmdd.hmm.inference._likelihoods import DensityEmission
from skhmmdd.hmm.models._base import FrozenHMM
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._reading import KeepMissing, read_observations


class EmissionHMM(FrozenHMM):
    """Frozen weights whose emission distribution is an object of another library.

    Made by `as_hmm`. A step must be observed whole or be missing whole.

    Parameters
    ----------
    startprob : array-like of shape (n_states,)
    transmat : array-like of shape (n_states, n_states)
    emission : object
        With `n_features`, `state_means`, `log_likelihood(values)` of shape
        (n, n_states) and `sample(state, rng)`; must be hashable and never change.
    """

    emission: Any

    _other_names = ("emission",)

    def __init__(
        self, startprob: ArrayLike, transmat: ArrayLike, emission: Any
    ) -> None:
        super().__init__(startprob=startprob, transmat=transmat)
        object.__setattr__(self, "emission", emission)

    def __repr__(self) -> str:
        return f"EmissionHMM(n_states={self.n_states}, emission={self.emission!r})"

    @property
    def n_features(self) -> int:
        """Number of features of an observation."""
        return self.emission.n_features

    @property
    def _state_means(self) -> Floats:
        means = self.emission.state_means
        if means is None:
            raise TypeError(f"The states of {self!r} have no known mean observation.")
        return means

    def _read(
        self, X: SequencesLike, name: str = "X", keep_missing: KeepMissing = False
    ) -> Sequences:
        return read_observations(X, self.n_features, name, keep_missing)

    @property
    def _emission(self) -> DensityEmission:
        density = partial(
            _log_density,
            emission=self.emission,
            n_states=self.n_states,
            name=repr(self),
        )
        return DensityEmission(density, self.n_states)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        steps = [self.emission.sample(state, rng) for state in states.ravel()]
        return np.reshape(steps, (*states.shape, -1))

    def save(self, path: StrPath) -> NoReturn:
        """Refused: another library's emission can only be pickled, not saved.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"{self!r} holds an object of another library, which no plain array file "
            "can carry: save the source model with its own library and use as_hmm "
            "again."
        )


def _log_density(values, emission, n_states, name):
    """log b_k(x) as the other library gives it; a step missing whole tells nothing."""
    out = np.zeros((len(values), n_states))
    missing = np.isnan(values)
    seen = ~missing.all(axis=1)
    if missing[seen].any():
        raise ValueError(
            f"{name} cannot marginalise out single features: a step must be "
            "observed whole or be NaN in all of them."
        )
    if seen.any():
        with np.errstate(divide="ignore"):
            out[seen] = emission.log_likelihood(values[seen])
    if np.isnan(out).any():
        bad = values[np.isnan(out).any(axis=1)][0]
        raise ValueError(f"{name} gives no likelihood to the observation {bad}.")
    return out
