"""Inference on one block of sequences under frozen weights.

A block is walked once, and what becomes of the beliefs is the caller's: a collector
(`_collectors.py`) takes the steps as they come and keeps all of them, or a summary.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skhmmdd.hmm.inference._collectors import AllSteps, begin
from skhmmdd.hmm.inference._likelihoods import log_emission
from skhmmdd.hmm.inference._log_posterior import (
    filter_in_logs,
    held_rows,
    posterior_in_logs,
)
from skhmmdd.hmm.inference._prefixes import filter_from
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


def filter_block(
    chain,
    block,
    collect=AllSteps,
    *,
    dtype=np.float64,
    strict=True,
    carried=False,
    out=None,
    reached=None,
):
    """Filtered beliefs of a block, collected, and the log-likelihoods.

    Parameters
    ----------
    chain : Chain
    block : Block
    collect : callable
        Makes a collector.
    dtype : dtype, default=np.float64
    strict : bool, default=True
        Whether a sequence of probability zero is an error; otherwise its
        log-likelihood is -inf and its beliefs are zero.
    carried : bool, default=False
        Whether another walk may go on from the beliefs: then all that a double holds
        of them is right, and not only what matters to these sequences.
    out : ndarray, default=None
        Handed to `collect` as `out`, unless None.
    reached : Reached, default=None
        Where the sequences go on from, if `collect` is a Pooler.

    Returns
    -------
    collected : ndarray
    log_likelihood : ndarray of shape (n_sequences,)
    """
    collected = log_likelihood = None
    rows = np.arange(len(block.index))
    if reached is not None:
        collected, log_likelihood, rows = filter_from(
            reached, chain, block, collect, dtype
        )
        if not len(rows):
            return collected, log_likelihood
    for precision, scaled in _attempts(collect, block, dtype):
        # 1. All sequences by the scaled recursion; then those that it lost to
        #    underflow, with every step scaled, and in double precision.
        first = collected is None
        part = block if first else block.take(rows)
        got, values, lost = _filter_scaled(
            chain,
            part,
            collect,
            precision,
            dtype,
            scaled,
            carried,
            out if first else None,
        )
        if first:
            collected, log_likelihood = got, values
        else:
            _put(collected, rows, got)
            log_likelihood[rows] = values
        rows = rows[lost]
        if not len(rows):
            return collected, log_likelihood
    # 2. What is lost even so in log space.
    for some in held_rows(block, rows, chain.n_states):
        part = block.take(some)
        log_beliefs, log_likelihood[some] = filter_in_logs(chain, part, strict)
        _put(collected, some, _collect_logs(log_beliefs, part, collect, dtype))
    return collected, log_likelihood


def _attempts(collect, block, dtype):
    """Precision and steps to scale at of the walks to try before log space."""
    if getattr(collect, "ends_only", False) and not _is_to_cut(block):
        yield dtype, scaled_for_ends(block.counts, dtype)
    yield dtype, None
    if np.dtype(dtype) != np.float64:
        yield np.float64, None


def _filter_scaled(chain, block, collect, precision, dtype, scaled, carried, out):
    """Beliefs collected, log-likelihoods, and the rows that underflows made invalid."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if (walk := _walk_cut(chain, block, precision, carried)) is not None:
            beliefs = walk.join(walk.filtered).astype(dtype, copy=False)
            collected = _collect_all(beliefs, block, collect, out)
            return collected, walk.log_likelihood(), walk.lost
        transmat, safe = chain.scaled(precision)
        likelihood = chain.emission.likelihood(block, precision)
        norms = np.ones((len(block.counts), block.counts[0]), precision)
        watch = _make_watch(chain, block, precision)
        collector = begin(collect, block.counts, chain.n_states, dtype, out)
        first, counts = chain.first(block), block.counts
        steps = filter_steps(first, transmat, likelihood, counts, norms, scaled, watch)
        for t, belief in enumerate(steps):
            collector.add(t, belief.astype(dtype, copy=False))
        collected = collector.finish()
        lost = lost_rows(norms, chain.n_states, safe, watch, carried)
        return collected, _log_likelihood(norms, likelihood), lost


def smooth_block(chain, block, collect=AllSteps, *, dtype=np.float64, out=None):
    """Smoothed beliefs of a block, collected, and log-likelihoods; see `filter_block`.

    A sequence of probability zero is an error.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # 1. The way forth, all beliefs kept; a long sequence alone in pieces.
        walk = walk_block(chain, block, dtype)
        if walk.is_cut:
            smoothed, _, settled = smooth_pieces(
                chain.scaled(dtype).transmat,
                walk.likelihood,
                *walk[2:4],
                walk.block.counts,
            )
            if not settled:
                walk = walk_block(chain, block, dtype, cut=False)
        # 2. The way back: smoothed beliefs, and their sums before they are scaled.
        if walk.is_cut:
            smoothed = walk.join(smoothed)
            total = smoothed @ np.ones(chain.n_states, dtype)
            smoothed /= total[:, :, None]
            collected = _collect_all(smoothed, block, collect, out)
        else:
            total = np.ones(walk.norms.shape, dtype)
            collector = begin(collect, block.counts, chain.n_states, dtype, out)
            for t, smoothed in _smoothed_steps(chain, walk, total):
                collector.add(t, smoothed)
            collected = collector.finish()
        log_likelihood = walk.log_likelihood()
    # 3. What underflows made invalid: in double precision, and then in log space.
    rows = rows_to_redo(walk, total)
    if len(rows) and np.dtype(dtype) != np.float64:
        again = partial(_Cast, collect, dtype)
        got, log_likelihood[rows] = smooth_block(chain, block.take(rows), again)
        _put(collected, rows, got)
        return collected, log_likelihood
    for some in held_rows(block, rows, chain.n_states):
        part = block.take(some)
        log_smoothed, log_likelihood[some], _ = posterior_in_logs(chain, part)
        _put(collected, some, _collect_logs(log_smoothed, part, collect, dtype))
    return collected, log_likelihood


def walk_block(chain, block, dtype=np.float64, cut=True):
    """Filter a block and keep all; a long sequence alone is cut, unless `cut` is False.

    Rows that a scaled recursion loses stay as they are: see `rows_to_redo`.
    """
    if cut and (walk := _walk_cut(chain, block, dtype)) is not None:
        return walk
    transmat, safe = chain.scaled(dtype)
    likelihood = chain.emission.likelihood(block, dtype)
    norms = np.ones((len(block.counts), block.counts[0]), dtype)
    watch = _make_watch(chain, block, dtype)
    kept = AllSteps(block.counts, chain.n_states, dtype)
    first = chain.first(block)
    steps = filter_steps(first, transmat, likelihood, block.counts, norms, watch=watch)
    for t, belief in enumerate(steps):
        kept.add(t, belief)
    lost = lost_rows(norms, chain.n_states, safe, watch)
    return Walk(block, likelihood, kept.finish(), norms, lost, False)


def _is_to_cut(block):
    return len(block.index) == 1 and len(block.counts) >= LONG


def _walk_cut(chain, block, dtype, carried=False):
    """The Walk of a long sequence in pieces; None where pieces are not the way."""
    if not _is_to_cut(block):
        return None
    pieces = block.cut(piece_length(len(block.counts), chain.n_states))
    transmat, safe = chain.scaled(dtype)
    likelihood = chain.emission.likelihood(pieces, dtype)
    make_watch = partial(_make_watch, chain, pieces, dtype)
    filtered, norms, settled, watch = filter_pieces(
        chain.first(block), transmat, likelihood, pieces.counts, make_watch
    )
    if not settled:
        return None
    if watch is not None:
        watch.lost = watch.lost.any(keepdims=True)
    lost = lost_rows(_join(norms, pieces), chain.n_states, safe, watch, carried)
    return Walk(pieces, likelihood, filtered, norms, lost, True)


def _join(steps, pieces):
    ends_met = steps.swapaxes(0, 1).reshape(-1, 1, *steps.shape[2:])
    return ends_met[: pieces.counts.sum()]


def _make_watch(chain, block, dtype, possible=None):
    """What watches for underflows; None where the transitions make up for them.

    `possible` are the states that enter the pieces of one sequence.
    """
    if np.isfinite(chain.scaled(dtype).safe_norm):
        return None
    first = chain.possible_first(block)
    if possible is not None:
        possible[0], first = first if first.ndim == 1 else first[0], possible
    return Watch(chain.log_transmat, first, block.counts[0], dtype)


def _collect_all(beliefs, block, collect, out):
    """Collect beliefs (n_steps, n_sequences, n_states) that are all at hand."""
    if collect is AllSteps:
        if out is None:
            return beliefs
        out[...] = beliefs
        return out
    n_steps, _, n_states = beliefs.shape
    size = max(1, _SPAN_SIZE // n_states)
    spans = [slice(a, a + size) for a in range(0, n_steps, size)]
    if getattr(collect, "ends_only", False):
        spans = [n_steps - 1]
    collector = begin(collect, block.counts, n_states, beliefs.dtype, out)
    for span in spans:
        collector.add(span, beliefs[span])
    return collector.finish()


def _smoothed_steps(chain, walk, total):
    """Smoothed beliefs, last step first; their sums before scaling go to `total`."""
    filtered, counts, dtype = walk.filtered, walk.block.counts, walk.filtered.dtype
    beta = np.ones(filtered.shape[1:], dtype)
    buffer, ones = np.empty_like(beta), np.ones(chain.n_states, dtype)
    transmat = chain.scaled(dtype).transmat
    steps = backward_steps(transmat, walk.likelihood, walk.norms, counts, beta)
    for t, _ in steps:
        n = counts[t]
        smoothed = np.multiply(filtered[t, :n], beta[:n], out=buffer[:n])
        np.matmul(smoothed, ones, out=total[t, :n])
        # The sums are one but for rounding, which builds up along a sequence.
        smoothed /= total[t, :n, None]
        yield t, smoothed


def decode_block(chain, block):
    """Viterbi paths (n_steps, n_sequences) and their log joint probabilities."""
    logs = log_emission(chain.emission, block)
    size = max(1, _VITERBI_SIZE // chain.n_states**2)
    paths = np.full((len(block.counts), block.counts[0]), -1)
    log_joint = np.empty(block.counts[0])
    for first in range(0, block.counts[0], size):
        rows = slice(first, first + size)
        counts = np.clip(block.counts - first, 0, size)
        counts = counts[counts > 0]
        part = logs[: len(counts), rows]
        paths[: len(counts), rows], log_joint[rows] = viterbi(
            chain.log_startprob,
            chain.log_transmat,
            lambda t, n, part=part: part[t, :n],
            counts,
        )
    if len(dead := np.flatnonzero(np.isneginf(log_joint))):
        # Names the first of them, and the step.
        filter_in_logs(chain, block.take(dead[:1]))
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


class _Cast:
    """Collects steps in another precision than the one they come in."""

    def __init__(self, collect, dtype, counts, n_states, _):
        self._collector, self._dtype = collect(counts, n_states, dtype), dtype
        self.finish = self._collector.finish

    def add(self, t, belief):
        self._collector.add(t, belief.astype(self._dtype))


def _collect_logs(log_beliefs, block, collect, dtype):
    """Collect beliefs of a block that are all at hand, as logarithms."""
    collector = collect(block.counts, log_beliefs.shape[2], dtype)
    for t, n in enumerate(block.counts):
        collector.add(t, np.exp(log_beliefs[t, :n]).astype(dtype, copy=False))
    return collector.finish()


def _put(collected, rows, part):
    """Put what `collect` makes of some sequences in the place of their rows."""
    if part.ndim < 3:
        collected[rows] = part
        return
    collected[:, rows] = 0
    collected[: len(part), rows] = part
