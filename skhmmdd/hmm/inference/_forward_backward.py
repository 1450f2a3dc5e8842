"""Inference on one block of sequences under frozen weights.

A block is walked once, and what becomes of the beliefs is the caller's: `collect`
takes the steps as they come and keeps all of them, or only a pooled summary.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from skhmmdd.hmm.inference._recursions import (
    backward_steps,
    filter_steps,
    log_filter,
    log_smooth,
    scaled_for_ends,
    viterbi,
)
from skhmmdd.hmm.inference._segments import filter_pieces, piece_length, smooth_pieces
from skhmmdd.hmm.sequences._blocks import LONG, Block

# Viterbi holds n_sequences * n_states**2 numbers a step; past the cache it crawls.
_VITERBI_SIZE = 2**18
# Numbers of a long sequence that are collected at a time.
_SPAN_SIZE = 2**16


class Walk(NamedTuple):
    """Filtered beliefs of a block, all of them kept, and what a way back needs.

    `block` holds whole sequences or, if `is_cut`, the pieces of a single one.
    """

    block: Block
    likelihood: object
    filtered: np.ndarray
    norms: np.ndarray
    is_cut: bool

    def join(self, steps):
        """Steps of pieces (n_steps, n_pieces, ...) as those of the sequence itself."""
        if not self.is_cut:
            return steps
        ends_met = steps.swapaxes(0, 1).reshape(-1, 1, *steps.shape[2:])
        return ends_met[: self.block.counts.sum()]

    def log_likelihood(self):
        """Of each sequence; what lost rows have is not to be trusted."""
        return _log_likelihood(self.norms, self.likelihood, self.is_cut)


def keep_steps(steps, counts, n_columns, dtype, out=None):
    """Collect all: shape (n_steps, n_sequences, n_columns), 0 where no step is."""
    if out is None:
        out = np.empty((len(counts), counts[0], n_columns), dtype)
    for t, belief in steps:
        out[t, : len(belief)] = belief
        out[t, len(belief) :] = 0
    return out


def keep_nothing(steps, counts, n_columns, dtype):
    """Collect nothing, where only the log-likelihood is asked for."""
    for _ in steps:
        pass
    return np.empty((counts[0], 0), dtype)


def keep_last(steps, counts, n_columns, dtype):
    """Collect the last step of each sequence: shape (n_sequences, n_columns)."""
    ends = np.append(counts[1:], 0)
    out = np.empty((counts[0], n_columns), dtype)
    for t, belief in steps:
        if ends[t] < counts[t]:
            out[ends[t] : counts[t]] = belief[ends[t] :]
    return out


# They look at no belief but the last: the steps before need not be scaled.
keep_nothing.ends_only = True  # type: ignore[attr-defined]
keep_last.ends_only = True  # type: ignore[attr-defined]


def filter_block(
    hmm, block, collect=keep_steps, *, dtype=np.float64, strict=True, out=None
):
    """Filtered beliefs of a block, collected, and the log-likelihoods.

    Parameters
    ----------
    hmm : frozen weights
    block : Block
    collect : callable
        `collect(steps, counts, n_states, dtype)`, where `steps` yields pairs of t and
        an array (counts[t], n_states), in any order of t; returns an array with the
        sequences on its last axis but one. A long sequence alone comes as pairs of a
        slice of t and an array (n_steps, 1, n_states).
    dtype : dtype, default=np.float64
    strict : bool, default=True
        Whether a sequence of probability zero is an error; otherwise its
        log-likelihood is -inf and its beliefs are zero.
    out : ndarray, default=None
        Handed to `collect` as `out`, unless None.

    Returns
    -------
    collected : ndarray
    log_likelihood : ndarray of shape (n_sequences,)
    """
    gather = collect if out is None else partial(collect, out=out)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if (walk := _walk_cut(hmm, block, dtype)) is not None:
            collected = _collect_all(walk.join(walk.filtered), block, collect, out)
            log_likelihood = walk.log_likelihood()
            norms = walk.join(walk.norms)
        else:
            likelihood = hmm._step_likelihood(block, dtype)
            norms = np.ones((len(block.counts), block.counts[0]), dtype)
            for scaled in _scalings(collect, block.counts, dtype):
                beliefs = filter_steps(
                    *hmm._chain(dtype), likelihood, block.counts, norms, scaled
                )
                collected = gather(
                    enumerate(beliefs), block.counts, hmm.n_states, dtype
                )
                if not len(lost_rows(norms)):
                    break
            log_likelihood = _log_likelihood(norms, likelihood)
    for row in lost_rows(norms):
        beliefs, log_likelihood[row] = filter_row(hmm, block, row, strict)
        _patch(collected, row, beliefs, collect, dtype)
    return collected, log_likelihood


def smooth_block(hmm, block, collect=keep_steps, *, dtype=np.float64, out=None):
    """Smoothed beliefs of a block, collected; see `filter_block`."""
    gather = collect if out is None else partial(collect, out=out)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        walk = walk_block(hmm, block, dtype)
        if walk.is_cut:
            smoothed, _, settled = smooth_pieces(
                hmm._chain(dtype)[1], walk.likelihood, *walk[2:4], walk.block.counts
            )
            if not settled:
                walk = walk_block(hmm, block, dtype, cut=False)
        if walk.is_cut:
            smoothed = walk.join(smoothed)
            total = smoothed @ np.ones(hmm.n_states, dtype)
            smoothed /= total[:, :, None]
            collected = _collect_all(smoothed, block, collect, out)
        else:
            total = np.ones(walk.norms.shape, dtype)
            steps = _smoothed_steps(hmm, walk, total)
            collected = gather(steps, block.counts, hmm.n_states, dtype)
    for row in rows_to_redo(hmm, block, walk, total):
        beliefs, _ = log_posterior(hmm, block.values[: block.lengths[row], row])
        _patch(collected, row, beliefs, collect, dtype)
    return collected


def walk_block(hmm, block, dtype=np.float64, cut=True):
    """Filter a block and keep all; a long sequence alone is cut, unless `cut` is False.

    Rows that a scaled recursion loses stay as they are: see `rows_to_redo`.
    """
    if cut and (walk := _walk_cut(hmm, block, dtype)) is not None:
        return walk
    likelihood = hmm._step_likelihood(block, dtype)
    norms = np.ones((len(block.counts), block.counts[0]), dtype)
    steps = filter_steps(*hmm._chain(dtype), likelihood, block.counts, norms)
    filtered = keep_steps(enumerate(steps), block.counts, hmm.n_states, dtype)
    return Walk(block, likelihood, filtered, norms, False)


def _walk_cut(hmm, block, dtype):
    """The Walk of a long sequence in pieces; None where pieces are not the way."""
    if len(block.index) > 1 or len(block.counts) < LONG:
        return None
    pieces = block.cut(piece_length(len(block.counts), hmm.n_states))
    likelihood = hmm._step_likelihood(pieces, dtype)
    filtered, norms, settled = filter_pieces(
        *hmm._chain(dtype), likelihood, pieces.counts
    )
    return Walk(pieces, likelihood, filtered, norms, True) if settled else None


def _scalings(collect, counts, dtype):
    """At which steps to scale; and, where that may have lost a sequence, at all."""
    if getattr(collect, "ends_only", False):
        yield scaled_for_ends(counts, dtype)
    yield None


def _collect_all(beliefs, block, collect, out):
    """Collect beliefs (n_steps, n_sequences, n_states) that are all at hand."""
    if collect is keep_steps:
        if out is None:
            return beliefs
        out[...] = beliefs
        return out
    n_steps, _, n_states = beliefs.shape
    size = max(1, _SPAN_SIZE // n_states)
    spans = [slice(a, a + size) for a in range(0, n_steps, size)]
    steps = ((span, beliefs[span]) for span in spans)
    if getattr(collect, "ends_only", False):
        steps = [(n_steps - 1, beliefs[-1])]
    gather = collect if out is None else partial(collect, out=out)
    return gather(steps, block.counts, n_states, beliefs.dtype)


def _smoothed_steps(hmm, walk, total):
    """Smoothed beliefs, last step first; their sums before scaling go to `total`."""
    filtered, counts, dtype = walk.filtered, walk.block.counts, walk.filtered.dtype
    beta = np.ones(filtered.shape[1:], dtype)
    buffer, ones = np.empty_like(beta), np.ones(hmm.n_states, dtype)
    _, transmat = hmm._chain(dtype)
    steps = backward_steps(transmat, walk.likelihood, walk.norms, counts, beta)
    for t, _ in steps:
        n = counts[t]
        smoothed = np.multiply(filtered[t, :n], beta[:n], out=buffer[:n])
        np.matmul(smoothed, ones, out=total[t, :n])
        # The sums are one but for rounding, which builds up along a sequence.
        smoothed /= total[t, :n, None]
        yield t, smoothed


def decode_block(hmm, block):
    """Viterbi paths (n_steps, n_sequences) and their log joint probabilities."""
    log_emission = hmm._log_emission(block)
    size = max(1, _VITERBI_SIZE // hmm.n_states**2)
    paths = np.full((len(block.counts), block.counts[0]), -1)
    log_joint = np.empty(block.counts[0])
    log_startprob, log_transmat = hmm._log_chain()
    for first in range(0, block.counts[0], size):
        rows = slice(first, first + size)
        counts = np.clip(block.counts - first, 0, size)
        counts = counts[counts > 0]
        part = log_emission[: len(counts), rows]
        paths[: len(counts), rows], log_joint[rows] = viterbi(
            log_startprob, log_transmat, lambda t, n, part=part: part[t, :n], counts
        )
    for row in np.flatnonzero(np.isneginf(log_joint)):
        filter_row(hmm, block, row)
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
    smoothed = log_alpha + log_beta
    # Its sums are all `total`, but for rounding.
    smoothed -= logsumexp(smoothed, axis=1, keepdims=True)
    return np.exp(smoothed, out=smoothed), transitions


def lost_rows(norms):
    """Sequences whose scaled recursion came too near to zero to be trusted."""
    info = np.finfo(norms.dtype)
    return np.flatnonzero(~(norms > info.tiny / info.eps).all(axis=0))


def rows_to_redo(hmm, block, walk, total):
    """Sequences whose way back has to be taken in log space.

    Those that the way forth lost, and those whose smoothed beliefs do not sum to one
    at some step.

    Raises
    ------
    ValueError
        If one of them is impossible.
    """
    lost = lost_rows(walk.join(walk.norms))
    for row in lost:
        filter_row(hmm, block, row)
    unbalanced = ~(np.abs(total - 1) < 1e-3).all(axis=0)
    return np.union1d(lost, np.flatnonzero(unbalanced))


def _log_alpha(hmm, values):
    log_startprob, log_transmat = hmm._log_chain()
    log_emission = hmm._log_emission_of(values)
    return (
        log_transmat,
        log_emission,
        log_filter(log_startprob, log_transmat, log_emission),
    )


def _log_likelihood(norms, likelihood, is_cut=False):
    parts = np.log(norms, dtype=np.float64).sum(axis=0) + likelihood.shift
    return parts.sum(keepdims=True) if is_cut else parts


def filter_row(hmm, block, row, strict=True):
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
