"""The way forth and the way back with all steps kept: what expected counts need."""

from typing import NamedTuple

import numpy as np

from skhmmdd.hmm.inference._forward_backward import rows_to_redo, walk_block
from skhmmdd.hmm.inference._log_posterior import held_rows, posterior_in_logs
from skhmmdd.hmm.inference._recursions import backward_steps, clear_past
from skhmmdd.hmm.inference._segments import smooth_pieces


class Posterior(NamedTuple):
    """Smoothed beliefs and expected transitions of each sequence of a block.

    `smoothed` has shape (n_steps, n_sequences, n_states), 0 past the end of a sequence;
    `transitions` has shape (n_sequences, n_states, n_states), `log_likelihood` has one
    number a sequence.
    """

    smoothed: np.ndarray
    transitions: np.ndarray
    log_likelihood: np.ndarray


def posterior_of_each(chain, block):
    """Expected counts of every sequence of a block apart.

    Parameters
    ----------
    chain : Chain
    block : Block

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError
        If a sequence is impossible under the model.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # 1. Both ways, scaled; the pieces of a long sequence end to end.
        walk, smoothed, ahead = walk_both_ways(chain, block)
        log_likelihood = walk.log_likelihood()
        filtered, smoothed, ahead = map(walk.join, (walk.filtered, smoothed, ahead))
        total = smoothed @ np.ones(chain.n_states)
    total[np.arange(len(total))[:, None] >= block.lengths] = 1.0
    rows = rows_to_redo(walk, total)
    filtered[:, rows] = ahead[:, rows] = 0.0
    # 2. The sum over t of alpha_t(i) A_ij u_{t+1}(j), a matrix product a sequence.
    before, after = filtered[:-1].transpose(1, 2, 0), ahead[1:].transpose(1, 0, 2)
    transitions = np.matmul(before, after)
    transitions *= chain.transmat
    # 3. What underflows made invalid, in log space.
    for some in held_rows(block, rows, chain.n_states, apart=True):
        part = block.take(some)
        log_smoothed, log_likelihood[some], transitions[some] = posterior_in_logs(
            chain, part, apart=True
        )
        smoothed[:, some] = 0.0
        smoothed[: len(log_smoothed), some] = np.exp(log_smoothed)
    return Posterior(smoothed, transitions, log_likelihood)


def walk_both_ways(chain, block):
    """Filtered and smoothed beliefs and what `backward_steps` yields, at all steps.

    Parameters
    ----------
    chain : Chain
    block : Block

    Returns
    -------
    walk : Walk
        With the filtered beliefs.
    smoothed : ndarray of shape (n_steps, n_sequences, n_states)
        Of the pieces, if the walk is cut, as `ahead` is; 0 past the end of a sequence.
    ahead : ndarray of shape (n_steps, n_sequences, n_states)
        `ahead[t]` is the u_t of `backward_steps`; undefined at the first step.
    """
    walk = walk_block(chain, block)
    transmat = chain.transmat
    if walk.is_cut:
        smoothed, ahead, settled = smooth_pieces(
            transmat,
            walk.likelihood,
            walk.filtered,
            walk.norms,
            walk.runs,
            keep_ahead=True,
        )
        if settled:
            return walk, smoothed, ahead
        walk = walk_block(chain, block, cut=False)
    smoothed, ahead = np.empty((2, *walk.filtered.shape))
    for steps, beta in backward_steps(
        transmat, walk.likelihood, walk.norms, walk.runs, smoothed, ahead=ahead
    ):
        # While they are in the cache.
        beta *= walk.filtered[steps, : beta.shape[1]]
    for steps in (smoothed, ahead):
        clear_past(steps, walk.runs)
    return walk, smoothed, ahead
