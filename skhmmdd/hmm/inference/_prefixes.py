r"""Filtering of sequences that begin alike: each distinct beginning is walked once.

The beliefs after two sequences of symbols are the same as long as the sequences are.
The distinct beginnings of up to D symbols form a tree, which is walked level by level;
each sequence goes on by itself from the node it has come to. Later beliefs are mostly
those of one sequence alone. Smoothed beliefs look ahead and share nothing.
"""

from typing import NamedTuple

import numpy as np

from skhmmdd._typing import Ints
from skhmmdd.hmm.inference._recursions import (
    block_rows,
    filter_steps,
    run_that_fits,
    split_runs,
)
from skhmmdd.hmm.inference._underflow import lost_rows
from skhmmdd.hmm.sequences._blocks import LONG, Block

# Below these a walk is over before beginnings are found.
_LEAST_SEQUENCES, _LEAST_STATES = 2**13, 48
# The share of all steps to be saved, from which on it pays.
_LEAST_SAVED = 0.2
# Numbers of an array with a row for each node.
_MOST_NUMBERS = 2**22
# For each sequence: nodes of a level that is followed by another, and entries of the
# table that these are found in.
_MOST_DISTINCT, _MOST_ENTRIES = 0.25, 16


class Beginnings(NamedTuple):
    """The distinct beginnings of sequences.

    Node i of level t is a beginning of t + 1 symbols, of which `symbols[t][i]` is the
    last; it goes on from node `parents[t][i]` of the level before. Sequence i, if it is
    longer than that, comes to node `nodes[i]` of the last level.
    """

    symbols: list[Ints]
    parents: list[Ints]
    nodes: Ints


class Reached(NamedTuple):
    """What a walk over the steps that follow needs of those that are walked.

    `norms` are those of the steps, (n_walked, n); `moved` are the predicted states of
    the next, (n, n_states), and `merged` is what a pooler makes of the steps so far, if
    it looks at them.
    """

    norms: np.ndarray
    moved: np.ndarray
    merged: np.ndarray | None

    def take(self, rows):
        """Of some rows, which may be repeated."""
        merged = None if self.merged is None else self.merged.take(rows, axis=0)
        norms, moved = self.norms.take(rows, axis=1), self.moved.take(rows, axis=0)
        return Reached(norms, moved, merged)


class Walked(NamedTuple):
    """Beginnings that are walked: sequence i has reached row `nodes[i]`."""

    nodes: Ints
    reached: Reached

    def split(self, index, lengths):
        """A block of sequences, and those of it that are too short to go on from here.

        Where one is empty it is left out.
        """
        longer = lengths[index] > len(self.reached.norms)
        return [part for part in (index[longer], index[~longer]) if len(part)]

    def before(self, index, lengths):
        """What a block of `split` goes on from; None where it begins at the start."""
        if not len(self.reached.norms) < lengths[index[-1]] <= lengths[index[0]] < LONG:
            return None
        return self.reached.take(self.nodes[index])


def share_beginnings(chain, sequences, pooler, dtype, repeats=None):
    """The beginnings of sequences of symbols as Walked; None where it does not pay.

    `repeats` are not walked. The rows serve `filter_from`, under the same chain, pooler
    and dtype.
    """
    # A walk that is watched for underflows (`_underflow.py`) begins at the start.
    if not np.isfinite(chain.scaled(dtype).safe_norm):
        return None
    beginnings = find_beginnings(sequences, chain.n_states, repeats)
    if beginnings is None:
        return None
    return walk_beginnings(chain, beginnings, pooler, dtype)


def find_beginnings(sequences, n_states, repeats=None):
    """The Beginnings of sequences; None where a model of `n_states` gains too little.

    The tree grows level by level as long as its nodes are few. Kept is the depth that
    saves the most steps: past it, sequences that end are saved none.
    """
    values, starts, lengths, _ = sequences
    rows = np.arange(len(sequences)) if repeats is None else repeats.first
    n = len(rows)
    if n < _LEAST_SEQUENCES or n_states < _LEAST_STATES:
        return None
    # One more than the alphabet: -1 is a missing step.
    n_symbols = int(values.max()) + 2
    nodes, n_nodes, n_walked = np.zeros(len(sequences), np.intp), 1, 0
    symbols, parents, best = [], [], None
    least = _LEAST_SAVED * lengths[rows].sum()
    while n_nodes <= _MOST_DISTINCT * n and n_nodes * n_symbols <= _MOST_ENTRIES * n:
        # 1. A beginning is a node of the level before, and a symbol; those that occur
        #    are numbered in a table of all.
        longer = rows[lengths[rows] > len(symbols)]
        codes = values[starts[longer] + len(symbols)].astype(np.intp) + 1
        codes += n_symbols * nodes[longer]
        occurs = np.zeros(n_nodes * n_symbols, dtype=bool)
        occurs[codes] = True
        numbers = np.cumsum(occurs, dtype=np.intp) - 1
        nodes[longer] = numbers[codes]
        of, last = np.divmod(np.flatnonzero(occurs), n_symbols)
        parents.append(of)
        symbols.append(last - 1)
        # 2. Whoever goes on from here is saved as many steps.
        n_nodes = len(last)
        n_walked += n_nodes
        goes_on = (lengths[rows] > len(symbols)) & (lengths[rows] < LONG)
        if not goes_on.any():
            break
        saved = len(symbols) * np.count_nonzero(goes_on) - n_walked
        if saved >= least and n_nodes * n_states <= _MOST_NUMBERS:
            best, least = Beginnings(symbols[:], parents[:], nodes.copy()), saved
    return best


def walk_beginnings(chain, beginnings, pooler, dtype):
    """Walk the tree of Beginnings level by level, every step scaled: Walked."""
    symbols, parents, nodes = beginnings
    transmat, n_states = chain.scaled(dtype).transmat, chain.n_states
    moved, norms, merged = chain.startprob.astype(dtype)[None], np.ones((0, 1)), None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for own, before in zip(symbols, parents, strict=True):
            n, level, poolable = len(own), len(norms), None
            following = np.empty((n, n_states), dtype)
            longer_norms = np.empty((level + 1, n), dtype)
            longer_norms[:-1] = norms[:, before]
            if not pooler.ends_only:
                poolable = np.empty((n, pooler.width(n_states)), dtype)
            # Some nodes at a time, which stay in the cache.
            for first in range(0, n, block_rows(n_states)):
                some = slice(first, first + block_rows(n_states))
                of = before[some]
                nodes_of = Block(own[None, some], np.array([len(of)]), of)
                belief = chain.emission.likelihood(nodes_of, dtype)(0, len(of))
                belief *= moved.take(of, axis=0)
                norm = belief.sum(axis=1)
                belief /= norm[:, None]
                longer_norms[-1, some] = norm
                np.matmul(belief, transmat, out=following[some])
                if poolable is None:
                    continue
                values = pooler.at_step(belief)
                if merged is not None:
                    values = pooler.merge(merged[of], values)
                poolable[some] = values
            moved, norms, merged = following, longer_norms, poolable
    return Walked(nodes, Reached(norms, moved, merged))


def filter_from(reached, chain, block, pooler, dtype):
    """Filtered beliefs of a block, pooled, whose sequences go on from `reached`.

    Returned are the pooled rows, the log-likelihoods, and the sequences of which both
    are invalid after underflow, or which are impossible.
    """
    depth, counts = len(reached.norms), block.counts
    rest = Block(block.values[depth:], counts[depth:], block.index)
    transmat, safe, length = chain.scaled(dtype)
    if not pooler.ends_only:
        length = run_that_fits(length, counts[0] * chain.n_states)
    runs = split_runs(rest.counts, length)
    norms = np.ones((len(runs), counts[0]), dtype)
    collector = pooler(rest.counts, chain.n_states, dtype)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # 1. The step after a beginning is predicted from it; then each by itself.
        n_slots = 2 if pooler.ends_only else max(2, length)
        for steps, beliefs in filter_steps(
            reached.moved,
            transmat,
            chain.emission.likelihood(rest, dtype),
            runs,
            norms,
            np.empty((n_slots, counts[0], chain.n_states), dtype),
            not pooler.ends_only,
        ):
            collector.add(steps, beliefs)
        merged = collector.merged
        if not pooler.ends_only:
            merged = pooler.merge(merged, reached.merged)
        # 2. The norms are those of one recursion, and tell of underflows as ever.
        norms = np.vstack([reached.norms, norms])
        lost = lost_rows(norms, len(counts), chain.n_states, safe)
        log_likelihood = np.log(norms, dtype=np.float64).sum(axis=0)
    return pooler.finish(merged, block.lengths), log_likelihood, lost
