"""Inference on one block of sequences under frozen weights.

A block is walked once, and what becomes of the beliefs is the caller's: a collector
(`_collectors.py`) takes the steps as they come and keeps all of them, or a summary.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from skhmmdd.hmm.inference._collectors import AllSteps, add_step, begin, copy_rows
from skhmmdd.hmm.inference._likelihoods import log_emission
from skhmmdd.hmm.inference._log_posterior import (
    filter_in_logs,
    held_rows,
    posterior_in_logs,
)
from skhmmdd.hmm.inference._prefixes import filter_from
from skhmmdd.hmm.inference._recursions import (
    RowScaler,
    backward_steps,
    clear_past,
    filter_steps,
    longest,
    run_that_fits,
    split_runs,
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
    are the sequences whose beliefs are invalid after underflow. The last step of each
    of the `runs` sums to one, the others may be left unscaled.
    """

    block: Block
    runs: list
    likelihood: object
    filtered: np.ndarray
    norms: np.ndarray
    lost: np.ndarray
    is_cut: bool

    def join(self, steps, out=None):
        """Steps of pieces as those of the sequence itself, (n_steps, 1, n_columns).

        Written to `out`, unless None.
        """
        if not self.is_cut:
            return steps
        n_steps, n_pieces, n_columns = steps.shape
        n_whole = n_steps * (n_pieces - 1)
        if out is None:
            n_rows = n_whole + np.count_nonzero(self.block.counts == n_pieces)
            out = np.empty((n_rows, 1, n_columns), steps.dtype)
        # The last piece may be shorter.
        whole = out[:n_whole].reshape(n_pieces - 1, n_steps, n_columns)
        copy_rows(steps[:, :-1], whole.swapaxes(0, 1))
        copy_rows(steps[: len(out) - n_whole, -1:], out[n_whole:])
        return out

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
    for precision, length in _attempts(chain, block, collect, dtype, carried):
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
            length,
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


def _attempts(chain, block, collect, dtype, carried):
    """Precision and length of runs of the walks to try before log space."""
    length = chain.scaled(dtype).run_length
    if not _is_for_ends(block, collect):
        if carried or _is_watched(chain, dtype):
            length = 1
        length = run_that_fits(length, block.counts[0] * chain.n_states)
    if length > 1:
        yield dtype, length
    yield dtype, 1
    if np.dtype(dtype) != np.float64:
        yield np.float64, 1


def _is_for_ends(block, collect):
    return getattr(collect, "ends_only", False) and not _is_to_cut(block)


def _filter_scaled(chain, block, collect, precision, dtype, length, carried, out):
    """Beliefs collected, log-likelihoods, and the rows that underflows made invalid."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        walk = _walk_cut(chain, block, precision, length, True, carried)
        if walk is not None:
            collected = _collect_joined(walk, walk.filtered, block, collect, dtype, out)
            return collected, walk.log_likelihood(), walk.lost
        transmat, safe, _ = chain.scaled(precision)
        likelihood = chain.emission.likelihood(block, precision)
        runs, n_sequences = split_runs(block.counts, length), block.counts[0]
        norms = np.ones((len(runs), n_sequences), precision)
        watch = _make_watch(chain, block, precision)
        collector = begin(collect, block.counts, chain.n_states, dtype, out)
        every_step = not _is_for_ends(block, collect)
        n_slots = max(2, length if every_step else 1)
        for steps, beliefs in filter_steps(
            chain.first(block),
            transmat,
            likelihood,
            runs,
            norms,
            np.empty((n_slots, n_sequences, chain.n_states), precision),
            every_step,
            watch,
        ):
            collector.add(steps, beliefs.astype(dtype, copy=False))
        collected, n_steps = collector.finish(), len(block.counts)
        lost = lost_rows(norms, n_steps, chain.n_states, safe, watch, carried)
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
                walk.filtered,
                walk.norms,
                walk.runs,
            )
            if not settled:
                walk = walk_block(chain, block, dtype, cut=False)
        # 2. The way back: smoothed beliefs, and their sums before they are scaled.
        total = np.ones(walk.filtered.shape[:2], dtype)
        if walk.is_cut:
            scale = RowScaler((longest(walk.runs), *smoothed.shape[1:]), dtype)
            for start, stop, n in walk.runs:
                total[start:stop, :n] = scale(smoothed[start:stop, :n])
            collected = _collect_joined(walk, smoothed, block, collect, dtype, out)
            total = total.reshape(-1, 1)
        else:
            collector = begin(collect, block.counts, chain.n_states, dtype, out)
            for steps, part in _smoothed_steps(chain, walk, total):
                collector.add(steps, part)
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


def walk_block(chain, block, dtype=np.float64, cut=True, length=None):
    """Filter a block and keep all; a long sequence alone is cut, unless `cut` is False.

    Beliefs are scaled every `length` steps, None is as often as pays. Rows that a
    scaled recursion loses stay as they are: see `rows_to_redo`.
    """
    transmat, safe, most = chain.scaled(dtype)
    if length is None:
        length = most if np.isfinite(safe) else 1
    walk = _walk_cut(chain, block, dtype, length) if cut else None
    if walk is None:
        likelihood = chain.emission.likelihood(block, dtype)
        runs = split_runs(block.counts, length)
        n_steps, n_sequences = block.values.shape[:2]
        norms = np.ones((len(runs), n_sequences), dtype)
        watch = _make_watch(chain, block, dtype)
        filtered = np.empty((n_steps, n_sequences, chain.n_states), dtype)
        first = chain.first(block)
        for _ in filter_steps(
            first, transmat, likelihood, runs, norms, filtered, False, watch
        ):
            pass
        clear_past(filtered, runs)
        lost = lost_rows(norms, n_steps, chain.n_states, safe, watch)
        walk = Walk(block, runs, likelihood, filtered, norms, lost, False)
    if len(walk.lost) and length > 1:
        # Shorter runs may lose none.
        return walk_block(chain, block, dtype, cut, length=1)
    return walk


def _is_to_cut(block):
    return len(block.index) == 1 and len(block.counts) >= LONG


def _walk_cut(chain, block, dtype, length, every_step=False, carried=False):
    """The Walk of a long sequence in pieces; None where pieces are not the way."""
    if not _is_to_cut(block):
        return None
    pieces = block.cut(piece_length(len(block.counts), chain.n_states))
    transmat, safe, _ = chain.scaled(dtype)
    likelihood = chain.emission.likelihood(pieces, dtype)
    make_watch = partial(_make_watch, chain, pieces, dtype)
    if every_step:
        length = run_that_fits(length, pieces.counts[0] * chain.n_states)
    runs = split_runs(pieces.counts, length)
    filtered, norms, settled, watch = filter_pieces(
        chain.first(block), transmat, likelihood, runs, every_step, make_watch
    )
    if not settled:
        return None
    if watch is not None:
        watch.lost = watch.lost.any(keepdims=True)
    lost = lost_rows(
        norms.reshape(-1, 1), len(block.counts), chain.n_states, safe, watch, carried
    )
    return Walk(pieces, runs, likelihood, filtered, norms, lost, True)


def _is_watched(chain, dtype):
    return not np.isfinite(chain.scaled(dtype).safe_norm)


def _make_watch(chain, block, dtype, possible=None):
    """What watches for underflows; None where the transitions make up for them.

    `possible` are the states that enter the pieces of one sequence.
    """
    if not _is_watched(chain, dtype):
        return None
    first = chain.possible_first(block)
    if possible is not None:
        possible[0], first = first if first.ndim == 1 else first[0], possible
    return Watch(chain.log_transmat, first, block.counts[0], dtype)


def _collect_joined(walk, steps, block, collect, dtype, out):
    """Collect beliefs of the pieces of one sequence that are all at hand."""
    steps = steps.astype(dtype, copy=False)
    if collect is AllSteps:
        return walk.join(steps, out)
    beliefs = walk.join(steps)
    n_steps, _, n_states = beliefs.shape
    size = max(1, _SPAN_SIZE // n_states)
    first = n_steps - 1 if getattr(collect, "ends_only", False) else 0
    collector = begin(collect, block.counts, n_states, dtype, out)
    for start in range(first, n_steps, size):
        span = slice(start, min(start + size, n_steps))
        collector.add(span, beliefs[span])
    return collector.finish()


def _smoothed_steps(chain, walk, total):
    """Smoothed beliefs, last run first; their sums before scaling go to `total`."""
    dtype = walk.filtered.dtype
    shape = (longest(walk.runs), *walk.filtered.shape[1:])
    slots, buffer = np.empty((2, *shape), dtype)
    transmat, scale = chain.scaled(dtype).transmat, RowScaler(shape, dtype)
    for steps, beta in backward_steps(
        transmat, walk.likelihood, walk.norms, walk.runs, slots
    ):
        n = beta.shape[1]
        smoothed = buffer[: len(beta), :n]
        np.multiply(walk.filtered[steps, :n], beta, out=smoothed)
        # The sums are one but for rounding, which builds up along a sequence.
        total[steps, :n] = scale(smoothed)
        yield steps, smoothed


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

    def add(self, steps, beliefs):
        self._collector.add(steps, beliefs.astype(self._dtype))


def _collect_logs(log_beliefs, block, collect, dtype):
    """Collect beliefs of a block that are all at hand, as logarithms."""
    collector = collect(block.counts, log_beliefs.shape[2], dtype)
    for t, n in enumerate(block.counts):
        belief = np.exp(log_beliefs[t, :n]).astype(dtype, copy=False)
        add_step(collector, t, belief)
    return collector.finish()


def _put(collected, rows, part):
    """Put what `collect` makes of some sequences in the place of their rows."""
    if part.ndim < 3:
        collected[rows] = part
        return
    collected[:, rows] = 0
    collected[: len(part), rows] = part
