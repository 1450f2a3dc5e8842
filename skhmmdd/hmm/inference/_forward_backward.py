"""Inference on one block of sequences under frozen weights.

A block is walked once, and what becomes of the beliefs is the caller's: `collect`
takes the steps as they come and keeps all of them, or only a pooled summary.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skhmmdd.hmm.inference._log_posterior import (
    filter_in_logs,
    held_rows,
    posterior_in_logs,
)
from skhmmdd.hmm.inference._recursions import (
    backward_steps,
    filter_steps,
    scaled_for_ends,
    viterbi,
)
from skhmmdd.hmm.inference._segments import filter_pieces, piece_length, smooth_pieces
from skhmmdd.hmm.inference._underflow import Watch, lost_rows
from skhmmdd.hmm.sequences._blocks import LONG, Block

# Viterbi holds n_sequences * n_states**2 numbers a step; past the cache it crawls.
_VITERBI_SIZE = 2**18
# Numbers of a long sequence that are collected at a time.
_SPAN_SIZE = 2**16


class Walk(NamedTuple):
    """Filtered beliefs of a block, all of them kept, and what a way back needs.

    `block` holds whole sequences or, if `is_cut`, the pieces of a single one. `lost`
    are the sequences whose beliefs are invalid after underflow.
    """

    block: Block
    likelihood: object
    filtered: np.ndarray
    norms: np.ndarray
    lost: np.ndarray
    is_cut: bool

    def join(self, steps):
        """Steps of pieces (n_steps, n_pieces, ...) as those of the sequence itself."""
        return _join(steps, self.block) if self.is_cut else steps

    def log_likelihood(self):
        """Of each sequence; that of lost ones is invalid."""
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
    collected = log_likelihood = None
    rows = np.arange(len(block.index))
    for precision, scaled in _attempts(collect, block, dtype):
        first = collected is None
        part = block if first else block.take(rows)
        got, values, lost = _filter_scaled(
            hmm, part, collect, precision, dtype, scaled, out if first else None
        )
        if first:
            collected, log_likelihood = got, values
        else:
            _put(collected, rows, got)
            log_likelihood[rows] = values
        rows = rows[lost]
        if not len(rows):
            return collected, log_likelihood
    for some in held_rows(block, rows, hmm.n_states):
        part = block.take(some)
        log_beliefs, log_likelihood[some] = filter_in_logs(hmm, part, strict)
        _put(collected, some, _collect_logs(log_beliefs, part, collect, dtype))
    return collected, log_likelihood


def _attempts(collect, block, dtype):
    """Precision and steps to scale at of the walks to try before log space."""
    if getattr(collect, "ends_only", False) and not _is_to_cut(block):
        yield dtype, scaled_for_ends(block.counts, dtype)
    yield dtype, None
    if np.dtype(dtype) != np.float64:
        yield np.float64, None


def _filter_scaled(hmm, block, collect, precision, dtype, scaled, out):
    """Beliefs collected, log-likelihoods, and the rows that underflows made invalid."""
    gather = collect if out is None else partial(collect, out=out)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if (walk := _walk_cut(hmm, block, precision)) is not None:
            beliefs = walk.join(walk.filtered).astype(dtype, copy=False)
            collected = _collect_all(beliefs, block, collect, out)
            return collected, walk.log_likelihood(), walk.lost
        likelihood = hmm._step_likelihood(block, precision)
        norms = np.ones((len(block.counts), block.counts[0]), precision)
        watch = _make_watch(hmm, block.counts[0], precision)
        steps = filter_steps(
            *hmm._chain(precision), likelihood, block.counts, norms, scaled, watch
        )
        if np.dtype(precision) != dtype:
            gather = _cast(gather, dtype)
        collected = gather(enumerate(steps), block.counts, hmm.n_states, dtype)
        log_likelihood = _log_likelihood(norms, likelihood)
        return collected, log_likelihood, _lost(hmm, norms, watch)


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
    rows = rows_to_redo(walk, total)
    if len(rows) and np.dtype(dtype) != np.float64:
        _put(
            collected, rows, smooth_block(hmm, block.take(rows), _cast(collect, dtype))
        )
        return collected
    for some in held_rows(block, rows, hmm.n_states):
        part = block.take(some)
        log_smoothed, *_ = posterior_in_logs(hmm, part)
        _put(collected, some, _collect_logs(log_smoothed, part, collect, dtype))
    return collected


def walk_block(hmm, block, dtype=np.float64, cut=True):
    """Filter a block and keep all; a long sequence alone is cut, unless `cut` is False.

    Rows that a scaled recursion loses stay as they are: see `rows_to_redo`.
    """
    if cut and (walk := _walk_cut(hmm, block, dtype)) is not None:
        return walk
    likelihood = hmm._step_likelihood(block, dtype)
    norms = np.ones((len(block.counts), block.counts[0]), dtype)
    watch = _make_watch(hmm, block.counts[0], dtype)
    steps = filter_steps(
        *hmm._chain(dtype), likelihood, block.counts, norms, watch=watch
    )
    filtered = keep_steps(enumerate(steps), block.counts, hmm.n_states, dtype)
    return Walk(block, likelihood, filtered, norms, _lost(hmm, norms, watch), False)


def _is_to_cut(block):
    return len(block.index) == 1 and len(block.counts) >= LONG


def _walk_cut(hmm, block, dtype):
    """The Walk of a long sequence in pieces; None where pieces are not the way."""
    if not _is_to_cut(block):
        return None
    pieces = block.cut(piece_length(len(block.counts), hmm.n_states))
    likelihood = hmm._step_likelihood(pieces, dtype)
    make_watch = partial(_make_watch, hmm, pieces.counts[0], dtype)
    filtered, norms, settled, watch = filter_pieces(
        *hmm._chain(dtype), likelihood, pieces.counts, make_watch
    )
    if not settled:
        return None
    if watch is not None:
        watch.lost = watch.lost.any(keepdims=True)
    lost = _lost(hmm, _join(norms, pieces), watch)
    return Walk(pieces, likelihood, filtered, norms, lost, True)


def _join(steps, pieces):
    ends_met = steps.swapaxes(0, 1).reshape(-1, 1, *steps.shape[2:])
    return ends_met[: pieces.counts.sum()]


def _make_watch(hmm, n_rows, dtype, possible=None):
    """What watches for underflows; None where the transitions make up for them.

    `possible` are the states that enter the pieces of one sequence.
    """
    if np.isfinite(hmm._safe_norm(dtype)):
        return None
    log_startprob, log_transmat = hmm._log_chain()
    first = np.isfinite(log_startprob)
    if possible is not None:
        possible[0], first = first, possible
    return Watch(log_transmat, first, n_rows, dtype)


def _lost(hmm, norms, watch):
    return lost_rows(norms, hmm.n_states, hmm._safe_norm(norms.dtype), watch)


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
    if len(dead := np.flatnonzero(np.isneginf(log_joint))):
        # Names the first of them, and the step.
        filter_in_logs(hmm, block.take(dead[:1]))
    return paths, log_joint


def rows_to_redo(walk, total):
    """Sequences whose way back has to be taken in log space.

    Those that the way forth lost, and those whose smoothed beliefs do not sum to one
    at some step.
    """
    unbalanced = ~(np.abs(total - 1) < 1e-3).all(axis=0)
    return np.union1d(walk.lost, np.flatnonzero(unbalanced))


def _log_likelihood(norms, likelihood, is_cut=False):
    parts = np.log(norms, dtype=np.float64).sum(axis=0) + likelihood.shift
    return parts.sum(keepdims=True) if is_cut else parts


def _cast(collect, dtype):
    """`collect` of steps in another precision than what it collects."""

    def cast(steps, counts, n_states, _):
        steps = ((t, belief.astype(dtype)) for t, belief in steps)
        return collect(steps, counts, n_states, dtype)

    return cast


def _collect_logs(log_beliefs, block, collect, dtype):
    """Collect beliefs of a block that are all at hand, as logarithms."""
    counts = block.counts
    steps = ((t, np.exp(log_beliefs[t, :n])) for t, n in enumerate(counts))
    return _cast(collect, dtype)(steps, counts, log_beliefs.shape[2], dtype)


def _put(collected, rows, part):
    """Put what `collect` makes of some sequences in the place of their rows."""
    if part.ndim < 3:
        collected[rows] = part
        return
    collected[:, rows] = 0
    collected[: len(part), rows] = part
