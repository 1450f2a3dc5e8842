"""How well weights fit for their size, and in which unit to say it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import check_sequence_table
from skhmmdd._typing import Floats, SequencesLike
from skhmmdd.hmm.models._families import Pretrained
from skhmmdd.hmm.pretraining._corpus import refuse_lengths


def n_parameters(
    hmm: Pretrained,
    fixed: Collection[str] = (),
    tied: Collection[str] = (),
    structure: Pretrained | None = None,
) -> int:
    """Free parameters: a row of probabilities has one less than entries.

    Parameters
    ----------
    hmm : EmissionFamily
    fixed : collection of str, default=()
        Arrays that were not estimated.
    tied : collection of str, default=()
        Arrays that all states share.
    structure : EmissionFamily, default=None
        Weights whose zeros of the chain were not estimated, either.
    """
    k = hmm.n_states
    free = dict(
        zip(
            hmm._array_names,
            (k - 1, k * (k - 1), *hmm._n_emission_parameters),
            strict=True,
        )
    )
    if structure is not None:
        for name in ("startprob", "transmat"):
            free[name] -= int((getattr(structure, name) == 0).sum())
    for name in tied:
        free[name] //= k
    return sum(n for name, n in free.items() if name not in fixed)


def aic(n_parameters: int, log_likelihood: float) -> float:
    """Akaike's information criterion: lower is better."""
    return 2 * n_parameters - 2 * log_likelihood


def bic(n_parameters: int, log_likelihood: float, n: float) -> float:
    """Schwarz's criterion for n observations: lower is better."""
    return float(np.log(n)) * n_parameters - 2 * log_likelihood


class LikelihoodMixin:
    """How likely sequences are under the fitted `hmm_`, in three units."""

    hmm_: Pretrained

    def score_samples(self, X: SequencesLike) -> Floats:
        """Log-likelihood of each sequence under the pretrained weights, in nats.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n_sequences,)
            -inf for a sequence that is impossible under the weights.
        """
        check_is_fitted(self)
        return self.hmm_.log_likelihood(check_sequence_table(self, X, reset=False))

    def score(self, X: SequencesLike, y: object = None) -> float:
        """Mean log-likelihood of the sequences, in nats: higher is better.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, as `fit` takes them.
        y : None
            Ignored.

        Returns
        -------
        float
            Not divided by the lengths: see `bits_per_step` for that.
        """
        refuse_lengths(X, y)
        return float(np.mean(self.score_samples(X)))

    def bits_per_step(self, X: SequencesLike) -> float:
        """Bits that a step costs: the logarithm to base 2 of the perplexity.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        float
            Of the density, for continuous observations: it may be negative.
        """
        check_is_fitted(self)
        X = check_sequence_table(self, X, reset=False)
        n_steps = self.hmm_._read(X).n_steps
        return float(-self.hmm_.log_likelihood(X).sum() / n_steps / np.log(2))
