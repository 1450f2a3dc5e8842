r"""One long sequence, cut into pieces that are walked side by side.

A batch of one wastes nearly all of its time between steps. Cut into pieces, a sequence
is a batch of itself, once the distribution that enters each piece is known. It is first
guessed: a filter forgets where it began, so a few steps before the cut nearly give it.
The walk then shows whether every piece begins where the one before it ended, each
number to a relative error near rounding: a step of the recursion, made of positive
sums, never magnifies such an error. Pieces that do not fit are walked again from where
the one before them ended. If the chain forgets too slowly for that, the transfer
matrices of the pieces give the distributions, however long its memory.
"""

import numpy as np

from skhmmdd.hmm.inference._recursions import (
    backward_steps,
    clear_past,
    filter_steps,
    longest,
    split_runs,
)

_PIECE, _RUN_IN = 128, 64
# Numbers in one step of all pieces; beyond it longer pieces are better than more.
_STEP_SIZE = 2**16
# A transfer matrix costs n_states times a walk: for many states walk again instead.
_MOST_TRANSFER_STATES, _FEW_WALKS, _MANY_WALKS = 32, 2, 6


def piece_length(n_steps, n_states):
    """How long the pieces of a sequence should be."""
    n_pieces = min(n_steps // _PIECE, max(64, _STEP_SIZE // n_states))
    return -(-n_steps // n_pieces)


def filter_pieces(
    startprob, transmat, likelihood, runs, every_step=True, make_watch=None
):
    """Filtered beliefs of the pieces of one sequence.

    Parameters
    ----------
    startprob : ndarray of shape (n_states,) or (1, n_states)
    transmat : ndarray of shape (n_states, n_states)
    likelihood : callable
        As in `filter_steps`, of the pieces.
    runs : list of Run
        All pieces are as long, but for the last, which may be shorter.
    every_step : bool, default=True
        As in `filter_steps`.
    make_watch : callable, default=None
        `make_watch(possible)` returns a Watch of pieces that are entered by the states
        `possible`, if underflows have to be watched.

    Returns
    -------
    filtered : ndarray of shape (n_steps, n_pieces, n_states)
        0 past the end of the last piece.
    norms : ndarray of shape (n_runs, n_pieces)
        As `filter_steps` fills them; 1 past the end.
    settled : bool
        False if the chain forgets so slowly that the plain recursion is the way.
    watch : Watch or None
        That of the last walk.
    """
    n_steps, n_pieces, n_states = runs[-1].stop, runs[0].n, len(transmat)
    dtype = transmat.dtype
    filtered = np.empty((n_steps, n_pieces, n_states), dtype)
    norms = np.ones((len(runs), n_pieces), dtype)
    watch = None

    def walk(entering):
        nonlocal watch
        if make_watch is not None:
            watch = make_watch(entering > 0)
        for _ in filter_steps(
            entering, transmat, likelihood, runs, norms, filtered, every_step, watch
        ):
            pass
        clear_past(filtered, runs)
        leaving = filtered[-1, :-1] @ transmat
        if watch is not None:
            watch.see_end(filtered[-1, :-1], leaving)
        return leaving

    def transfer():
        return _transfer(transmat, likelihood, n_steps, n_pieces - 1)[1:]

    # 1. Guess what enters each piece: a run-in of the steps before it, from anywhere.
    entering = np.empty((n_pieces, n_states), dtype)
    entering[0] = startprob
    skipped = n_steps - _RUN_IN
    run_in = split_runs(np.full(_RUN_IN, n_pieces - 1), longest(runs))
    *_, (_, beliefs) = filter_steps(
        np.full(n_states, 1 / n_states, dtype),
        transmat,
        lambda t, n: likelihood(skipped + t, n),
        run_in,
        np.empty((len(run_in), n_pieces - 1), dtype),
        np.empty((2, n_pieces - 1, n_states), dtype),
        every_step=False,
    )
    np.matmul(beliefs[0], transmat, out=entering[1:])
    # 2. Walk all pieces at once, until each begins where the one before it ended.
    settled = _settle(entering, walk, transfer)
    return filtered, norms, settled, watch


def smooth_pieces(transmat, likelihood, filtered, norms, runs, keep_ahead=False):
    """Smoothed beliefs of the pieces of one sequence.

    Parameters
    ----------
    transmat, likelihood, filtered, norms, runs
        Of `filter_pieces`, without `every_step`.
    keep_ahead : bool, default=False

    Returns
    -------
    smoothed : ndarray of shape (n_steps, n_pieces, n_states)
        0 past the end of the last piece.
    ahead : ndarray of shape (n_steps, n_pieces, n_states) or None
        `ahead[t]` is the u_t of `backward_steps`; 0 at the sequence's own first step
        and past the end of the last piece. None unless it is to be kept.
    settled : bool
    """
    n_steps, n_pieces, n_states = filtered.shape
    smoothed = np.empty_like(filtered)
    ahead = np.empty_like(filtered) if keep_ahead else None
    ends = filtered[-1].copy()
    ends[-1] = filtered[max(run.stop for run in runs if run.n == n_pieces) - 1, -1]

    def into_first(beta):
        u = likelihood(0, n_pieces) * beta
        if runs[0].stop == 1:
            u /= norms[0][:, None]
        if keep_ahead:
            ahead[0, 1:] = u[1:]
        distribution = u[:0:-1] @ transmat.T
        # On the scale of the beliefs that it meets: what matters then cannot underflow.
        distribution /= (ends[-2::-1] * distribution).sum(axis=1, keepdims=True)
        return distribution

    def walk(entering):
        # Pieces are entered from their ends, the last one first.
        beta = entering[::-1].copy()
        beta /= (ends * beta).sum(axis=1, keepdims=True)
        for _ in backward_steps(
            transmat, likelihood, norms, runs, smoothed, beta, ahead
        ):
            pass
        return into_first(smoothed[0])

    def transfer():
        last = n_steps - 1
        return _transfer(
            transmat.T, lambda t, n: likelihood(last - t, n), n_steps, n_pieces - 1
        )[:0:-1]

    entering = np.full((n_pieces, n_states), 1 / n_states, filtered.dtype)
    # A run ends at the end of the run-in.
    run_in = [run for run in runs if run.stop <= _RUN_IN]
    slots = np.empty((longest(run_in), n_pieces, n_states), filtered.dtype)
    *_, (_, beta) = backward_steps(
        transmat, likelihood, norms[: len(run_in)], run_in, slots
    )
    entering[1:] = into_first(beta[0])
    if settled := _settle(entering, walk, transfer):
        smoothed *= filtered
        clear_past(smoothed, runs)
        if keep_ahead:
            ahead[0, 0] = 0.0
            clear_past(ahead, runs)
    return smoothed, ahead, settled


def _settle(entering, walk, transfer):
    """Walk until each piece begins where the one before it ended.

    Parameters
    ----------
    entering : ndarray of shape (n_pieces, n_states)
        The distribution that enters each piece, in the order of the walk; the first is
        known, the others are guessed, and corrected.
    walk : callable
        `walk(entering)` returns the distributions that all pieces but the last lead to.
    transfer : callable
        The transfer matrices of those pieces, but for the first: its walk from the
        known distribution leaves no doubt.

    Returns
    -------
    bool
    """
    info = np.finfo(entering.dtype)
    few_states = entering.shape[1] <= _MOST_TRANSFER_STATES

    def known(roundings=1024):
        """How many pieces are entered right; those after them begin anew."""
        leaving = walk(entering)
        # The least numbers count too: the end of the sequence may speak for them.
        close = np.isclose(entering[1:], leaving, rtol=roundings * info.eps, atol=0.0)
        fits = np.append(close.all(axis=1), False)
        # What fits so far stays as it is, whatever comes after.
        n_known = int(fits.argmin()) + 1
        entering[n_known:] = leaving[n_known - 1 :]
        return n_known

    for _ in range(_FEW_WALKS if few_states else _MANY_WALKS):
        n_known = known()
        if n_known == len(entering):
            return True
    if not few_states:
        return False
    matrices = transfer()
    for i in range(n_known, len(entering) - 1):
        distribution = entering[i] @ matrices[i - 1]
        entering[i + 1] = distribution / distribution.sum()
    # The second walk begins where the first one says, and has to bear it out, but for
    # the rounding of all pieces before, which a chain without oblivion keeps.
    known()
    return known(16 * 1024) == len(entering)


def _transfer(transmat, likelihood, n_steps, n_pieces):
    """Each piece's map from the distribution that enters it to that of the next.

    Returns
    -------
    ndarray of shape (n_pieces, n_states, n_states)
        Up to a factor for each piece.
    """
    n_states = len(transmat)
    rows = n_pieces * n_states
    norms = np.empty((n_steps, rows), transmat.dtype)
    *_, (_, beliefs) = filter_steps(
        np.tile(np.eye(n_states, dtype=transmat.dtype), (n_pieces, 1)),
        transmat,
        lambda t, n: np.repeat(likelihood(t, n_pieces), n_states, axis=0),
        split_runs(np.full(n_steps, rows), 1),
        norms,
        np.empty((2, rows, n_states), transmat.dtype),
    )
    weight = np.log(norms, dtype=np.float64).sum(axis=0)
    weight = weight.reshape(n_pieces, n_states, 1)
    possible = np.isfinite(weight)
    weight -= np.max(weight, axis=1, keepdims=True, where=possible, initial=-np.inf)
    after = (beliefs[0] @ transmat).reshape(n_pieces, n_states, n_states)
    return np.where(possible, np.exp(weight).astype(after.dtype) * after, 0.0)
