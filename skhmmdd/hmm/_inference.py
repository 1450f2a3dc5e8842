"""Inference on one block of sequences under frozen weights.

A block is walked once, and what becomes of the beliefs is the caller's: `collect`
takes the steps as they come and keeps all of them, or only a pooled summary.
"""

import numpy as np
from scipy.special import logsumexp

from skhmmdd.hmm._recursions import (
    filter_steps,
    log_filter,
    log_smooth,
    smooth_steps,
    viterbi,
)

# Viterbi holds n_sequences * n_states**2 numbers a step; past the cache it crawls.
_VITERBI_SIZE = 2**18


def keep_steps(steps, counts, n_columns, dtype):
    """Collect every step: shape (n_steps, n_sequences, n_columns), 0 where no step is."""
    out = np.zeros((len(counts), counts[0], n_columns), dtype)
    for t, belief in steps:
        out[t, : len(belief)] = belief
    return out


def filter_block(
    hmm, block, collect=keep_steps, *, dtype=np.float64, strict=True, emission=None
):
    """Filtered beliefs of a block, collected, and the log-likelihoods.

    Parameters
    ----------
    hmm : frozen weights
    block : Block
    collect : callable
        `collect(steps, counts, n_states, dtype)`, where `steps` yields pairs of t and
        an array (counts[t], n_states), in any order of t; returns an array with the
        sequences on its last axis but one.
    dtype : dtype, default=np.float64
    strict : bool, default=True
        Whether a sequence of probability zero is an error; otherwise its
        log-likelihood is -inf and its beliefs are zero.
    emission : pair, default=None
        What `hmm._step_likelihood(block, dtype)` returned, if it is at hand.

    Returns
    -------
    collected : ndarray
    log_likelihood : ndarray of shape (n_sequences,)
    """
    likelihood, shift = emission or hmm._step_likelihood(block, dtype)
    norms = np.ones((len(block.counts), block.counts[0]), dtype)
    walk = filter_steps(
        hmm.startprob.astype(dtype, copy=False),
        hmm.transmat.astype(dtype, copy=False),
        likelihood,
        block.counts,
        dtype,
    )

    def steps():
        for t, (belief, norm) in enumerate(walk):
            norms[t, : len(norm)] = norm[:, 0]
            yield t, belief

    with np.errstate(divide="ignore", invalid="ignore"):
        collected = collect(steps(), block.counts, hmm.n_states, dtype)
        log_likelihood = np.log(norms.astype(np.float64)).sum(axis=0) + shift
    for row in lost_rows(norms):
        beliefs, log_likelihood[row] = _filter_row(hmm, block, row, strict)
        _patch(collected, row, beliefs, collect, dtype)
    return collected, log_likelihood


def smooth_block(hmm, block, collect=keep_steps, *, dtype=np.float64):
    """Smoothed beliefs of a block, collected; see `filter_block`."""
    emission = hmm._step_likelihood(block, dtype)
    filtered, _ = filter_block(hmm, block, dtype=dtype, emission=emission)
    transmat = hmm.transmat.astype(dtype, copy=False)
    total = np.ones(filtered.shape[:2], dtype)

    def steps():
        for t, smoothed, _ in smooth_steps(
            transmat, emission[0], filtered, block.counts
        ):
            total[t, : len(smoothed)] = smoothed.sum(axis=1)
            yield t, smoothed

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        collected = collect(steps(), block.counts, hmm.n_states, dtype)
    for row in unbalanced_rows(total):
        beliefs, _ = log_posterior(hmm, block.values[: block.lengths[row], row])
        _patch(collected, row, beliefs, collect, dtype)
    return collected


def decode_block(hmm, block):
    """Viterbi paths (n_steps, n_sequences) and their log joint probabilities."""
    log_emission = hmm._log_emission(block)
    size = max(1, _VITERBI_SIZE // hmm.n_states**2)
    paths = np.full((len(block.counts), block.counts[0]), -1)
    log_joint = np.empty(block.counts[0])
    with np.errstate(divide="ignore"):
        log_startprob, log_transmat = np.log(hmm.startprob), np.log(hmm.transmat)
    for first in range(0, block.counts[0], size):
        rows = slice(first, first + size)
        counts = np.clip(block.counts - first, 0, size)
        counts = counts[counts > 0]
        part = log_emission[: len(counts), rows]
        paths[: len(counts), rows], log_joint[rows] = viterbi(
            log_startprob, log_transmat, lambda t, n, part=part: part[t, :n], counts
        )
    for row in np.flatnonzero(np.isneginf(log_joint)):
        _filter_row(hmm, block, row, strict=True)
    return paths, log_joint


def log_posterior(hmm, values):
    """Posterior of one sequence by recursions in log space.

    Returns
    -------
    smoothed : ndarray of shape (n_steps, n_states)
    transitions : ndarray of shape (n_states, n_states)
        Expected number of moves from state to state.
    """
    log_transmat, log_emission, log_alpha = _log_alpha(hmm, values)
    log_beta = log_smooth(log_transmat, log_emission, log_alpha)
    total = logsumexp(log_alpha[-1])
    transitions = np.zeros_like(log_transmat)
    for t in range(1, len(values)):
        ahead = log_emission[t] + log_beta[t]
        transitions += np.exp(log_alpha[t - 1][:, None] + log_transmat + ahead - total)
    return np.exp(log_alpha + log_beta - total), transitions


def lost_rows(norms):
    """Sequences whose scaled recursion came too near to zero to be trusted."""
    info = np.finfo(norms.dtype)
    return np.flatnonzero(~(norms > info.tiny / info.eps).all(axis=0))


def unbalanced_rows(total):
    """Sequences whose smoothed beliefs do not sum to one at some step."""
    return np.flatnonzero(~(np.abs(total - 1) < 1e-3).all(axis=0))


def _log_alpha(hmm, values):
    with np.errstate(divide="ignore"):
        log_startprob, log_transmat = np.log(hmm.startprob), np.log(hmm.transmat)
    log_emission = hmm._log_emission_of(values)
    return log_transmat, log_emission, log_filter(log_startprob, log_transmat, log_emission)


def _filter_row(hmm, block, row, strict):
    """Filtered beliefs and log-likelihood of one sequence, in log space."""
    _, _, log_alpha = _log_alpha(hmm, block.values[: block.lengths[row], row])
    log_norm = logsumexp(log_alpha, axis=1, keepdims=True)
    dead = ~np.isfinite(log_norm[:, 0])
    if dead.any() and strict:
        raise ValueError(
            f"Sequence {block.index[row]} is impossible under {hmm!r}: its step "
            f"{dead.argmax()} has probability zero given the steps before it."
        )
    with np.errstate(invalid="ignore"):
        beliefs = np.where(dead[:, None], 0.0, np.exp(log_alpha - log_norm))
    return beliefs, log_norm[-1, 0]


def _patch(collected, row, beliefs, collect, dtype):
    """Put what `collect` makes of one sequence in the place of its row."""
    steps = enumerate(beliefs.astype(dtype)[:, None])
    ones = np.ones(len(beliefs), dtype=int)
    alone = collect(steps, ones, beliefs.shape[1], dtype)
    target = collected[..., row : row + 1, :]
    target[...] = 0
    target[tuple(map(slice, alone.shape))] = alone
