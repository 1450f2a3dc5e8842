"""What a family of emissions must say of itself to be pretrained.

A family is one subclass of `EmissionFamily` in one module, and an entry of the registry
in `_families.py`. All that it says is a pure function of arrays: EM, its starts and
families of growing size are built from it in `skhmmdd.hmm.pretraining`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from skhmmdd._typing import SequencesLike
from skhmmdd.hmm.models._base import FrozenHMM
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._overflow import check_density


class EmissionFamily(FrozenHMM):
    """Base of the frozen weights that `BaumWelch` makes.

    `_array_names` lists `startprob`, `transmat` and the arrays of the emission: these
    are what a file holds, and in this order what the constructor takes. "Emission"
    below is a tuple of the latter.
    """

    # Parameters of BaumWelch that `_start` takes.
    _options: ClassVar[tuple[str, ...]] = ()
    # Arrays that all states may share.
    _tieable: ClassVar[tuple[str, ...]] = ()
    # What scikit-learn's tags say of its sequences, where it is not False.
    _input_tags: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    @abstractmethod
    def _read_sequences(X, size=None, name="X", keep_missing=False, /):
        """Sequences of `size` symbols or features; None takes any number."""

    @property
    @abstractmethod
    def _n_emission_parameters(self):
        """Free parameters in each array of the emission, a tuple of int."""

    @classmethod
    @abstractmethod
    def _start(cls, means, variances, rng, **options):
        """Emission to start EM from.

        Parameters
        ----------
        means : ndarray of shape (n_states, size)
            Where each state starts. Of symbols: how often the corpus has each.
        variances : ndarray of shape (n_states, size), or None
            Of the observations near by. None for symbols.
        rng : RandomState
        **options
            The parameters of BaumWelch that `_options` names.
        """

    @abstractmethod
    def _count(self, values, smoothed, center):
        """Expected counts of the E-step; those of any two blocks add.

        Parameters
        ----------
        values : ndarray of shape (n_steps[, n_features])
            Missing ones as the reader gives them.
        smoothed : ndarray of shape (n_steps, n_states)
            P(z_t | x_1..x_T), times the weight of the sequence.
        center : float or ndarray of shape (n_features,)
            What moments are taken about: near the data's mean they do not cancel.
        """

    @abstractmethod
    def _maximise(self, counts, pseudocount, center, scale, fixed=(), tied=()):
        """Emission after the M-step; what has no data at all stays as it was.

        Parameters
        ----------
        counts : tuple of ndarray
            Sums of what `_count` gave.
        pseudocount : float
            What the prior is worth, in observations.
        center, scale : float or ndarray of shape (n_features,)
            Mean and variance of the data.
        fixed : collection of str, default=()
            Arrays that the caller puts back: the others are the best beside them.
        tied : collection of str, default=()
            Arrays of `_tieable` that are to be the same in all states.
        """

    @abstractmethod
    def _log_prior(self, center, scale):
        """Logarithm of the prior that `_maximise` adds, for a pseudocount of one.

        One number for each array of the emission.
        """

    @property
    @abstractmethod
    def _score_names(self):
        """Names of the unconstrained parameters of the emission, in order."""

    @abstractmethod
    def _score(self, values, smoothed):
        """Gradient of each sequence's log-likelihood in those parameters.

        By Fisher's identity the expectation, over the hidden path given the sequence,
        of the gradient of the log-density.

        Parameters
        ----------
        values : ndarray of shape (n_steps, n_sequences[, n_features])
            Missing ones as the reader gives them.
        smoothed : ndarray of shape (n_steps, n_sequences, n_states)
            P(z_t | x_1..x_T); 0 past the end of a sequence.

        Returns
        -------
        ndarray of shape (n_sequences, n_parameters)
        """

    @abstractmethod
    def _split(self, of, rng):
        """Emission of states that are copies of the states `of`, set off a little."""

    @property
    def _size(self):
        """Number of symbols, or of features of a step."""
        return self._state_means.shape[1]

    def _reach(self):
        """How large a number may be with a finite log-density in every state."""
        return np.inf

    def _read(
        self, X: SequencesLike, name: str = "X", keep_missing: bool = False
    ) -> Sequences:
        sequences = self._read_sequences(X, self._size, name, keep_missing)
        self._check_density(sequences, name)
        return sequences

    def _check_density(self, sequences: Sequences, name: str = "X") -> None:
        """Refuse what has no log-density that a double holds."""
        reach = self._once("reach", self._reach)
        if np.isfinite(reach):
            check_density(sequences, self._chain.emission.log_density, reach, name)


def estimate_rows(counts, pseudocount, before, structural_zeros=False):
    """Probabilities from counts and a Dirichlet prior of parameter 1 + pseudocount.

    Parameters
    ----------
    counts, before : ndarray of shape (n_rows, n_columns)
        A row without any count stays as it was before.
    pseudocount : float
    structural_zeros : bool, default=False
        Whether what was zero before stays so, whatever the prior.
    """
    counts = np.maximum(counts, 0.0) + pseudocount
    if structural_zeros:
        counts[before == 0] = 0.0
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=before.copy(), where=total > 0)


def tilt_rows(rows, rng):
    """Probabilities off by a random tenth: identical copies stay so under EM."""
    rows = rows * rng.uniform(0.9, 1.1, rows.shape)
    return rows / rows.sum(axis=-1, keepdims=True)


def entry_names(name, *shape):
    """Names of the entries of an array, as `name[0,1]`."""
    return [f"{name}[{','.join(map(str, i))}]" for i in np.ndindex(shape)]


def logit_score(counts, probabilities):
    """Gradient in logits: what was counted less what the probabilities expect.

    A probability of zero is a logit of minus infinity: its direction is fixed.

    Parameters
    ----------
    counts : ndarray of shape (n, ..., n_outcomes)
    probabilities : ndarray of shape (..., n_outcomes)
        Of the softmax of the logits, but for the rounding of their sum.

    Returns
    -------
    ndarray of the shape of counts
        The sum over outcomes is zero.
    """
    total = counts.sum(axis=-1, keepdims=True)
    return counts - total * (probabilities / probabilities.sum(axis=-1, keepdims=True))
