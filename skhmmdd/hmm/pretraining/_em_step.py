r"""Expectation-maximisation: one step of Baum-Welch as pure functions.

The statistics of the E-step are sums over sequences, so those of any two blocks add.
The M-step maximises the expected log-likelihood plus a prior worth `pseudocount`
observations: a Dirichlet distribution of parameter 1 + pseudocount on every row of
probabilities, and that of the emission family on the rest. So no probability is zero
and no variance vanishes, however many states there are, and the penalised
log-likelihood never falls. What depends on the family is in `hmm/models`.
"""

from typing import NamedTuple

import numpy as np

from skhmmdd.hmm.inference._forward_backward import rows_to_redo
from skhmmdd.hmm.inference._known_states import condition_on, observed
from skhmmdd.hmm.inference._log_posterior import posterior_of_rows
from skhmmdd.hmm.inference._smoothing import walk_both_ways
from skhmmdd.hmm.models._emission_family import estimate_rows

# Rows in one matrix product of few states.
_TALL, _FEW_STATES = 1024, 16


class Statistics(NamedTuple):
    """Expected counts of some sequences under some weights; they add.

    `emission` is a tuple of arrays, as `EmissionFamily._count` gives them.
    """

    log_likelihood: float
    start: np.ndarray
    transitions: np.ndarray
    emission: tuple

    def __add__(self, other):
        return Statistics(
            self.log_likelihood + other.log_likelihood,
            self.start + other.start,
            self.transitions + other.transitions,
            tuple(a + b for a, b in zip(self.emission, other.emission, strict=True)),
        )


def expected_counts(hmm, block, center=0.0, weights=None, states=None):
    """E-step on one block.

    Parameters
    ----------
    hmm : EmissionFamily
    block : Block
    center : float or ndarray of shape (n_features,), default=0.0
        What moments of observations are taken about; near the data's mean they do
        not cancel.
    weights : ndarray of shape (n_sequences,), default=None
        How often each sequence of the block counts; None is once.
    states : ndarray of int of shape (n_steps, n_sequences), default=None
        The states that are known, -1 for others; None is none.

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        If a sequence is impossible under the model.
    """
    chain = hmm._chain
    if states is not None:
        chain, block = condition_on(chain, block, states)
    # 1. Filtered beliefs alpha_t, smoothed beliefs gamma_t and what is ahead, u_t.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        walk, smoothed, ahead = walk_both_ways(chain, block)
        log_likelihood = walk.log_likelihood()
        total = walk.join((smoothed @ np.ones(hmm.n_states))[:, :, None])[:, :, 0]
    total[np.arange(len(total))[:, None] >= block.lengths] = 1.0
    filtered, n_states = walk.filtered, hmm.n_states
    # 2. Sequences that underflow made invalid: the same in log space.
    extra = 0.0
    if len(rows := rows_to_redo(walk, total)):
        if walk.is_cut:
            shape = len(total), 1, n_states
            walk = walk._replace(block=block, is_cut=False)
            filtered, ahead, smoothed = np.zeros((3, *shape))
        filtered[:, rows] = ahead[:, rows] = 0.0
        for some, *redone in posterior_of_rows(chain, block, rows, weights):
            gamma, log_likelihood[some], transitions = redone
            smoothed[: len(gamma), some] = gamma
            extra = extra + transitions
    # 3. Weights: on gamma_t, and on the first factor of the transitions.
    if weights is not None:
        # The pieces of one sequence that is cut share its weight.
        smoothed = smoothed * weights[:, None]
        # Not `ahead`: it is large where a filtered belief is next to nothing.
        filtered = filtered * weights[:, None]
        log_likelihood = log_likelihood * weights
    # 4. Expected transitions: A times the sum over t of alpha_t' u_{t+1}.
    transitions = _sum_products(
        filtered[:-1].reshape(-1, n_states), ahead[1:].reshape(-1, n_states)
    )
    starts = smoothed[0]
    if walk.is_cut:
        # The pieces lie end to end: from each there is a transition into the next.
        transitions += filtered[-1, :-1].T @ ahead[0, 1:]
        starts = starts[:1]
    # 5. Expected counts of the emission: of x_t weighted by gamma_t.
    values = walk.block.values
    if states is not None:
        values = observed(values, has_features=not hmm._is_symbolic)
    values = values.reshape(-1, *values.shape[2:])
    return Statistics(
        log_likelihood.sum(),
        starts.sum(axis=0),
        hmm.transmat * transitions + extra,
        hmm._count(values, smoothed.reshape(-1, n_states), center),
    )


def _sum_products(before, after):
    """`before.T @ after` of tall arrays (n, n_states).

    BLAS does it faster in parts where there are few states.
    """
    n, n_states = before.shape
    n_parts = n // _TALL if n_states <= _FEW_STATES else 0
    rows = slice(0, n_parts * _TALL)
    parts = (n_parts, _TALL, n_states)
    total = before[rows.stop :].T @ after[rows.stop :]
    products = before[rows].reshape(parts).swapaxes(1, 2) @ after[rows].reshape(parts)
    return total + products.sum(axis=0)


def maximise(
    hmm,
    statistics,
    pseudocount,
    center=0.0,
    scale=1.0,
    fixed=(),
    tied=(),
    structural_zeros=False,
):
    """M-step: new frozen weights of the same kind.

    Parameters
    ----------
    hmm : EmissionFamily
        The weights of the E-step. What has no data at all stays as it was.
    statistics : Statistics
    pseudocount : float
        Strength of the prior, in observations; 0 is plain maximum likelihood.
    center, scale : float or ndarray of shape (n_features,)
        Mean and variance of the data: moments were taken about the former.
    fixed : collection of str, default=()
        Arrays of `hmm` that stay as they are.
    tied : collection of str, default=()
        Arrays of the emission that all states share.
    structural_zeros : bool, default=False
        Whether probabilities of the chain that are zero stay zero.

    Returns
    -------
    EmissionFamily
    """
    startprob = estimate_rows(
        statistics.start[None], pseudocount, hmm.startprob[None], structural_zeros
    )
    transmat = estimate_rows(
        statistics.transitions, pseudocount, hmm.transmat, structural_zeros
    )
    emission = hmm._maximise(
        statistics.emission, pseudocount, center, scale, fixed, tied
    )
    best = zip(hmm._array_names, (startprob[0], transmat, *emission), strict=True)
    return type(hmm)(
        *(getattr(hmm, name) if name in fixed else array for name, array in best)
    )


def log_prior(
    hmm, pseudocount, center=0.0, scale=1.0, fixed=(), tied=(), structural_zeros=False
):
    """What the M-step adds to the log-likelihood, up to a constant; see `maximise`."""
    if pseudocount == 0:
        return 0.0
    with np.errstate(divide="ignore"):
        chain = [
            np.log(rows[rows > 0] if structural_zeros else rows).sum()
            for rows in (hmm.startprob, hmm.transmat)
        ]
        parts = zip(
            hmm._array_names, (*chain, *hmm._log_prior(center, scale)), strict=True
        )
        return pseudocount * sum(part for name, part in parts if name not in fixed)
