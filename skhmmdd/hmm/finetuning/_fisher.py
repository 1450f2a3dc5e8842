r"""Fisher scores: gradients of the log-likelihood of each sequence in all weights.

By Fisher's identity the gradient of log p(x) is the expectation of that of log p(z, x)
over the hidden path z given x, so the counts of the E-step are all that is needed. In
the logits of a row of probabilities it is what was counted less what the row expects:

.. math:: \gamma_1 - \pi, \qquad
          \textstyle\sum_t \xi_t(i, j) - A_{ij} \sum_{t, m} \xi_t(i, m)

and the emission family has its own part.
"""

from numbers import Integral

import numpy as np

from skhmmdd.hmm.inference._recursions import block_rows
from skhmmdd.hmm.inference._smoothing import posterior_of_each
from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.models._emission_family import entry_names, logit_score
from skhmmdd.hmm.models._families import FAMILIES
from skhmmdd.hmm.sequences._blocks import Block, Sequences

# Numbers of all that is kept of the sequences of one block.
_HELD = 2**22


def check_family(hmm, *families):
    """Refuse what is no frozen weights of these families; none are all of them."""
    families = families or tuple(FAMILIES.values())
    if not isinstance(hmm, families):
        names = ", ".join(family.__name__ for family in families)
        raise TypeError(
            f"hmm must be frozen weights ({names}); as_hmm makes them of a fitted "
            f"model. Got {type(hmm).__name__}: {hmm!r}."
        )


def check_symbols(symbols, hmm):
    """Two different symbols of the alphabet of `hmm`, as a tuple of ints."""
    if not isinstance(hmm, CategoricalHMM):
        raise ValueError(
            f"symbols={symbols!r} needs a CategoricalHMM, which has an alphabet; hmm "
            f"is {hmm!r}."
        )
    top = hmm.n_symbols - 1
    try:
        found = tuple(symbols)
    except TypeError:
        found = ()
    if len(found) != 2 or not all(map(_is_symbol, found)):
        raise ValueError(
            f"symbols must be two integers in [0, {top}], got {symbols!r}."
        )
    for symbol in found:
        if not 0 <= symbol <= top:
            raise ValueError(
                f"symbols must be in the alphabet of hmm, [0, {top}], got {symbol} in "
                f"{symbols!r}."
            )
    if found[0] == found[1]:
        raise ValueError(f"symbols must be two different ones, got {symbols!r}.")
    return tuple(map(int, found))


def _is_symbol(value):
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def parameter_names(hmm):
    """Names of the unconstrained parameters: start, transitions, emission."""
    n = hmm.n_states
    return [
        *entry_names("start", n),
        *entry_names("transition", n, n),
        *hmm._score_names,
    ]


def fisher_scores(hmm, block):
    """Gradient of log p(x) in the unconstrained parameters, and log p(x) itself.

    Parameters
    ----------
    hmm : EmissionFamily
    block : Block

    Returns
    -------
    scores : ndarray of shape (n_sequences, n_parameters)
    log_likelihood : ndarray of shape (n_sequences,)

    Raises
    ------
    ValueError
        If a sequence is impossible under the model.
    """
    smoothed, transitions, log_likelihood = posterior_of_each(hmm._chain, block)
    start = smoothed[0]
    return _scores(hmm, start, transitions, block.values, smoothed), log_likelihood


def _scores(hmm, start, transitions, values, smoothed):
    """Scores from expected counts of each sequence; they are linear in the counts."""
    emission = hmm._score(values, smoothed)
    n, k = start.shape
    scores = np.empty((n, k + k**2 + emission.shape[1]))
    scores[:, :k] = logit_score(start, hmm.startprob)
    scores[:, k : k + k**2] = logit_score(transitions, hmm.transmat).reshape(n, -1)
    scores[:, k + k**2 :] = emission
    return scores


def log_odds_scores(hmm, pairs):
    r"""The log-odds of two symbols after each sequence, and their gradient.

    .. math:: f(x) = \log p(a | x) - \log p(b | x), \qquad
              \nabla f = \nabla \log p(x a) - \nabla \log p(x b)

    Parameters
    ----------
    hmm : CategoricalHMM
    pairs : Block
        Of `append_both`.

    Returns
    -------
    gradients : ndarray of shape (n_sequences, n_parameters)
    log_odds : ndarray of shape (n_sequences,)

    Raises
    ------
    ValueError
        If a sequence is impossible under the model, or with one of the symbols.
    """
    try:
        posterior = posterior_of_each(hmm._chain, pairs)
    except ValueError as error:
        raise ValueError(
            f"{error} The step after the last of a sequence is one of `symbols`."
        ) from None
    # 1. Differences of the counts. Up to the last step both sequences are the same.
    (a, b), (with_a, with_b), transitions, log_likelihood = (
        (pairs.values[:, ::2], pairs.values[:, 1::2]),
        (posterior.smoothed[:, ::2], posterior.smoothed[:, 1::2]),
        posterior.transitions[::2] - posterior.transitions[1::2],
        posterior.log_likelihood[::2] - posterior.log_likelihood[1::2],
    )
    last, rows = pairs.lengths[::2] - 1, np.arange(a.shape[1])
    smoothed = np.empty((len(with_a) + 1, *with_a.shape[1:]))
    np.subtract(with_a, with_b, out=smoothed[:-1])
    start = smoothed[0].copy()
    # 2. The symbols themselves, of which each counts for one of the two.
    values = np.concatenate([a, b[last, rows][None]])
    smoothed[last, rows] = with_a[last, rows]
    smoothed[-1] = -with_b[last, rows]
    return _scores(hmm, start, transitions, values, smoothed), log_likelihood


def append_both(block, symbols):
    """A block of twice as many sequences: each with either symbol after its last step.

    The two of a sequence are neighbors, and one walk serves them: a step of few rows
    costs as much as one of twice as many.
    """
    n_steps, n = block.values.shape
    values = np.empty((n_steps + 1, n, 2), np.intp)
    values[:-1] = block.values[:, :, None]
    values[-1] = symbols
    values[block.lengths, np.arange(n)] = symbols
    # One step more for all: what was the last has them all where a symbol is first.
    counts = 2 * np.concatenate([[n], block.counts])
    return Block(values.reshape(n_steps + 1, 2 * n), counts, np.repeat(block.index, 2))


def score_blocks(sequences: Sequences, n_states: int, n_parameters: int) -> list:
    """Index arrays of blocks whose scores and beliefs are few enough to hold."""
    kept = n_parameters + 3 * n_states * int(sequences.lengths.max())
    size = max(1, _HELD // kept)
    return sequences.blocks(min(size, block_rows(n_states)))
