"""How sure and how varied predictions of symbols are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, SequencesLike
from skhmmdd.hmm.sequences._reading import MISSING, read_symbols

_TINY = np.finfo(np.float64).tiny
_ROW_SUM_TOLERANCE = 1e-6


class PredictionStatistics(NamedTuple):
    """Means over predictions; the last two are None without true probabilities.

    Attributes
    ----------
    entropy : float
        Entropy of the predicted probabilities, in nats.
    cross_entropy : float or None
        Expected log loss under the true probabilities, in nats.
    agreement : float or None
        Share of predictions whose most probable symbol is the truly most probable one.
    """

    entropy: float
    cross_entropy: float | None
    agreement: float | None

    def __repr__(self) -> str:
        return short_repr(self)


def prediction_statistics(
    probabilities: ArrayLike, truth: ArrayLike | None = None
) -> PredictionStatistics:
    r"""Entropy of predictions, and how well they agree with true probabilities.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_symbols)
        Predicted probabilities; rows are non-negative and sum to one.
    truth : array-like of shape (n_samples, n_symbols) or None, default=None
        True probabilities, as `predict_next` of the model that made the data gives
        them.

    Returns
    -------
    PredictionStatistics
        Entropy, cross-entropy and agreement.

    Raises
    ------
    ValueError
        If rows are no probabilities, or the shapes differ.

    See Also
    --------
    generate : Continues sequences under a frozen model and a head.
    type_token_ratio : How varied sequences are.

    Notes
    -----
    With predictions p and truth q the entropy is :math:`-\sum_s p_s \log p_s` and the
    cross-entropy :math:`-\sum_s q_s \log p_s`, each a mean over the samples. A
    predicted probability counts as the smallest normal float at least, whose negative
    logarithm is 708. Of equal probabilities the first is the most probable.

    Examples
    --------
    >>> from skhmmdd import prediction_statistics
    >>> prediction_statistics([[0.5, 0.5], [0.9, 0.1]], [[0.6, 0.4], [0.2, 0.8]])
    PredictionStatistics(entropy=0.5091, cross_entropy=1.278, agreement=0.5)
    """
    p = _check_probabilities(probabilities, "probabilities")
    logs = np.log(np.maximum(p, _TINY))
    entropy = float(-(p * logs).sum(axis=1).mean())
    if truth is None:
        return PredictionStatistics(entropy, None, None)
    q = _check_probabilities(truth, "truth")
    if q.shape != p.shape:
        raise ValueError(
            f"truth must have the shape of probabilities, {p.shape}; got {q.shape}."
        )
    return PredictionStatistics(
        entropy,
        float(-(q * logs).sum(axis=1).mean()),
        float(np.mean(p.argmax(axis=1) == q.argmax(axis=1))),
    )


def type_token_ratio(X: SequencesLike) -> Floats:
    """Number of different symbols of each sequence, over its length.

    Parameters
    ----------
    X : array of shape (n_sequences, n_steps) or list of arrays
        Sequences of symbols. -1 is a symbol that is missing, and does not count.

    Returns
    -------
    ndarray of shape (n_sequences,)
        In (0, 1]: 1 where no symbol occurs twice.

    Raises
    ------
    ValueError
        If a sequence has no symbol.

    See Also
    --------
    generate : Continues sequences under a frozen model and a head.
    prediction_statistics : How sure predictions are.

    Examples
    --------
    >>> from skhmmdd import type_token_ratio
    >>> type_token_ratio([[0, 0, 1, 0], [4, 2]])
    array([0.5, 1. ])
    """
    sequences = read_symbols(X)
    ratios = np.empty(len(sequences.lengths))
    for i, (start, length) in enumerate(
        zip(sequences.starts, sequences.lengths, strict=True)
    ):
        symbols = sequences.values[start : start + length]
        symbols = symbols[symbols != MISSING]
        if not symbols.size:
            raise ValueError(
                f"X must have a symbol in every sequence; got none in sequence {i}."
            )
        ratios[i] = len(np.unique(symbols)) / symbols.size
    return ratios


def _check_probabilities(array, name):
    array = check_array(array, dtype=np.float64, input_name=name)
    off = np.abs(array.sum(axis=1) - 1).max()
    if array.min() < 0 or off > _ROW_SUM_TOLERANCE:
        raise ValueError(
            f"{name} must hold non-negative rows that sum to one; got values from "
            f"{array.min():g} to {array.max():g} and a row that is off by {off:.3g}."
        )
    return array
