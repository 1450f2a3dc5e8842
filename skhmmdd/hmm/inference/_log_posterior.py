"""Inference on one block of sequences in log space, under frozen weights.

For the sequences that a scaled recursion has lost (`_underflow.py`).
"""

import numpy as np

from skhmmdd.hmm.inference._likelihoods import log_emission
from skhmmdd.hmm.inference._log_space import (
    expected_transitions,
    log_backward_steps,
    log_filter,
    log_sum,
)

# Numbers of each array that a walk in log space keeps.
_LOG_SIZE = 2**20


def held_rows(block, rows, n_states, apart=False):
    """Parts of `rows`, few enough for all that a walk in log space keeps of them.

    With `apart` that is the expected transitions of each row, too.
    """
    n_steps = max(len(block.counts), n_states if apart else 0)
    size = max(1, _LOG_SIZE // (n_steps * n_states))
    return [rows[a : a + size] for a in range(0, len(rows), size)]


def filter_in_logs(chain, block, strict=True):
    """`log_filter` of a block: the log beliefs and the log-likelihoods."""
    log_beliefs, log_norms, _ = _walk_in_logs(chain, block, strict)
    return log_beliefs, log_norms.sum(axis=0)


def _walk_in_logs(chain, block, strict=True):
    log_likelihood = log_emission(chain.emission, block)
    log_beliefs, log_norms = log_filter(
        chain.log_first(block), chain.in_logs.transmat, log_likelihood, block.counts
    )
    # NaN is a density that overflowed, whatever the state.
    dead = ~np.isfinite(log_norms)
    if strict and dead.any():
        row = int(dead.any(axis=0).argmax())
        raise ValueError(
            f"Sequence {block.index[row]} is impossible under {chain.name}: its step "
            f"{dead[:, row].argmax()} has probability zero given the steps before it."
        )
    return log_beliefs, log_norms, log_likelihood


def posterior_in_logs(chain, block, weights=None, apart=False):
    """Posterior of a block by recursions in log space.

    Parameters
    ----------
    chain : Chain
    block : Block
    weights : ndarray of shape (n_sequences,), default=None
        How often each sequence counts in the expected transitions.
    apart : bool, default=False
        Whether the transitions of each sequence are wanted, and not their sum.

    Returns
    -------
    log_smoothed : ndarray of shape (n_steps, n_sequences, n_states)
        -inf past the end of a sequence.
    log_likelihood : ndarray of shape (n_sequences,)
    transitions : ndarray of shape ([n_sequences,] n_states, n_states) or None
        Expected number of transitions between states, each sequence as often as
        `weights` says, or of each `apart`; None without either.

    Raises
    ------
    ValueError
        If a sequence is impossible.
    """
    log_beliefs, log_norms, log_likelihood = _walk_in_logs(chain, block)
    transmat, transposed = chain.in_logs
    log_smoothed = np.full_like(log_beliefs, -np.inf)
    n_states, transitions = chain.n_states, None
    if apart:
        transitions = np.zeros((len(block.index), n_states, n_states))
    elif weights is not None:
        transitions = np.zeros((n_states, n_states))
    for t, log_beta, log_ahead in log_backward_steps(
        transposed, log_likelihood, log_norms, block.counts
    ):
        n = block.counts[t]
        both = log_beliefs[t, :n] + log_beta
        # The sums are one but for rounding: for that of the norms, which may be large.
        total = log_sum(both)[:, None]
        log_smoothed[t, :n] = both - total
        if transitions is not None and log_ahead is not None:
            m = len(log_ahead)
            found = expected_transitions(
                log_beliefs[t, :m],
                transmat,
                log_ahead - total[:m],
                None if apart else weights[:m],
            )
            if apart:
                transitions[:m] += found
            else:
                transitions += found
    return log_smoothed, log_norms.sum(axis=0), transitions


def posterior_of_rows(chain, block, rows, weights=None):
    """Smoothed beliefs, log-likelihoods and transitions of some rows, in log space.

    Parameters
    ----------
    chain : Chain
    block : Block
    rows : ndarray of int
        In rising order.
    weights : ndarray of shape (n_sequences,), default=None
        How often each sequence of the block counts; None is once.

    Yields
    ------
    rows : ndarray of int
        Some of them.
    smoothed : ndarray of shape (n_steps, len(rows), n_states)
        0 past the end of a sequence.
    log_likelihood : ndarray of shape (len(rows),)
    transitions : ndarray of shape (n_states, n_states)
    """
    weights = np.ones(len(block.index)) if weights is None else weights
    for some in held_rows(block, rows, chain.n_states):
        log_smoothed, log_likelihood, transitions = posterior_in_logs(
            chain, block.take(some), weights[some]
        )
        yield some, np.exp(log_smoothed), log_likelihood, transitions
