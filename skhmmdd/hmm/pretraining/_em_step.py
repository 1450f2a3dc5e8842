r"""Expectation-maximisation: one step of Baum-Welch as pure functions.

The statistics of the E-step are sums over sequences, so those of any two blocks add.
The M-step maximises the expected log-likelihood plus a prior worth `pseudocount`
observations: a Dirichlet law with parameter 1 + pseudocount on every row of
probabilities, and `pseudocount` observations of the data's own variance on every
Gaussian. So no probability is zero and no variance vanishes, however many states
there are, and the penalised log-likelihood never falls.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array

from skhmmdd.hmm.inference._forward_backward import (
    rows_to_redo,
    walk_block,
)
from skhmmdd.hmm.inference._log_posterior import posterior_of_rows
from skhmmdd.hmm.inference._recursions import backward_steps
from skhmmdd.hmm.inference._segments import smooth_pieces
from skhmmdd.hmm.models._models import CategoricalHMM, GaussianHMM


class Statistics(NamedTuple):
    """Expected counts of some sequences under some weights; they add.

    `emission` is a tuple of arrays: for a categorical model the expected symbol
    counts (n_states, n_symbols); for a Gaussian one the weights, first and second
    moments about `center`, each with the states along the first axis.
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


def expected_counts(hmm, block, center=0.0, weights=None):
    """E-step on one block.

    Parameters
    ----------
    hmm : CategoricalHMM or GaussianHMM
    block : Block
    center : float or ndarray of shape (n_features,), default=0.0
        What the moments of a Gaussian model are taken about; near the data's mean
        they do not cancel.
    weights : ndarray of shape (n_sequences,), default=None
        How often each sequence of the block counts; None is once.

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        If a sequence is impossible under the model.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        walk, smoothed, ahead = _walk_both_ways(hmm, block)
        log_likelihood = walk.log_likelihood()
        total = walk.join(smoothed @ np.ones(hmm.n_states))
    total[np.arange(len(total))[:, None] >= block.lengths] = 1.0
    filtered, n_states = walk.filtered, hmm.n_states
    extra = 0.0
    if len(rows := rows_to_redo(walk, total)):
        gone = slice(None) if walk.is_cut else rows
        filtered[:, gone] = ahead[:, gone] = 0.0
        for some, *redone in posterior_of_rows(hmm, block, rows, weights):
            gamma, log_likelihood[some], moves = redone
            walk.join(smoothed)[: len(gamma), some] = gamma
            extra = extra + moves
    if weights is not None:
        # The pieces of one sequence that is cut share its weight.
        smoothed = smoothed * weights[:, None]
        # Not `ahead`: it is large where a filtered belief is next to nothing.
        filtered = filtered * weights[:, None]
        log_likelihood = log_likelihood * weights
    moves = filtered[:-1].reshape(-1, n_states).T @ ahead[1:].reshape(-1, n_states)
    starts = smoothed[0]
    if walk.is_cut:
        # The pieces lie end to end: from each there is a move into the next.
        moves += filtered[-1, :-1].T @ ahead[0, 1:]
        starts = starts[:1]
    return Statistics(
        log_likelihood.sum(),
        starts.sum(axis=0),
        hmm.transmat * moves + extra,
        _emission_counts(hmm, walk.block.values, smoothed, center),
    )


def _walk_both_ways(hmm, block):
    """Filtered and smoothed beliefs and what `backward_steps` yields, at all steps."""
    walk = walk_block(hmm, block)
    transmat = hmm._chain(np.float64)[1]
    filtered, counts = walk.filtered, walk.block.counts
    if walk.is_cut:
        smoothed, ahead, settled = smooth_pieces(
            transmat, walk.likelihood, filtered, walk.norms, counts, keep_ahead=True
        )
        if settled:
            return walk, smoothed, ahead
        walk = walk_block(hmm, block, cut=False)
        filtered, counts = walk.filtered, walk.block.counts
    smoothed, ahead = np.empty_like(filtered), np.empty_like(filtered)
    beta = np.ones(filtered.shape[1:])
    for t, u in backward_steps(transmat, walk.likelihood, walk.norms, counts, beta):
        n = counts[t]
        np.multiply(filtered[t, :n], beta[:n], out=smoothed[t, :n])
        smoothed[t, n:] = 0.0
        if u is not None:
            ahead[t + 1, : len(u)] = u
            ahead[t + 1, len(u) :] = 0.0
    return walk, smoothed, ahead


def _emission_counts(hmm, values, smoothed, center):
    smoothed = smoothed.reshape(-1, hmm.n_states)
    if isinstance(hmm, CategoricalHMM):
        # -1 becomes the last row; a short integer type may not hold n_symbols.
        symbols = values.ravel().astype(np.intp) % (hmm.n_symbols + 1)
        n = len(symbols)
        one_hot = csc_array(
            (np.ones(n), symbols, np.arange(n + 1)), shape=(hmm.n_symbols + 1, n)
        )
        return ((one_hot @ smoothed)[:-1].T,)
    x = values.reshape(-1, hmm.n_features) - center
    missing = np.isnan(x)
    if hmm.covariance_type == "diag":
        seen = (~missing).astype(float)
        x = np.where(missing, 0.0, x)
        return smoothed.T @ seen, smoothed.T @ x, smoothed.T @ x**2
    gone = missing.all(axis=1)
    partial = missing.any(axis=1) & ~gone
    whole = ~missing.any(axis=1)
    weight, first, second = _full_moments(x[whole], smoothed[whole])
    if partial.any():
        more = _completed_moments(hmm, x[partial], smoothed[partial], center)
        weight, first, second = weight + more[0], first + more[1], second + more[2]
    return weight, first, second


def _full_moments(x, smoothed):
    n, d = x.shape
    squares = (x[:, :, None] * x[:, None, :]).reshape(n, d * d)
    second = (smoothed.T @ squares).reshape(-1, d, d)
    return smoothed.sum(axis=0), smoothed.T @ x, second


def _completed_moments(hmm, x, smoothed, center):
    """Moments with the missing features at their conditional expectation."""
    weight = smoothed.sum(axis=0)
    first = np.zeros((hmm.n_states, x.shape[1]))
    second = np.zeros((hmm.n_states, x.shape[1], x.shape[1]))
    patterns, which = np.unique(np.isnan(x), axis=0, return_inverse=True)
    which = which.reshape(-1)
    for i, missing in enumerate(patterns):
        seen, rows = ~missing, which == i
        for k in range(hmm.n_states):
            gamma, mean, covar = smoothed[rows, k], hmm.means[k] - center, hmm.covars[k]
            gain = np.linalg.solve(
                covar[np.ix_(seen, seen)], covar[np.ix_(seen, missing)]
            )
            filled = x[rows]
            filled[:, missing] = mean[missing] + (filled[:, seen] - mean[seen]) @ gain
            rest = covar[np.ix_(missing, missing)] - covar[np.ix_(missing, seen)] @ gain
            first[k] += gamma @ filled
            second[k] += (gamma[:, None] * filled).T @ filled
            second[k][np.ix_(missing, missing)] += gamma.sum() * rest
    return weight, first, second


def maximise(hmm, statistics, pseudocount, center=0.0, scale=1.0):
    """M-step: new frozen weights of the same kind.

    Parameters
    ----------
    hmm : CategoricalHMM or GaussianHMM
        The weights of the E-step. What has no data at all stays as it was.
    statistics : Statistics
    pseudocount : float
        Strength of the prior, in observations; 0 is plain maximum likelihood.
    center, scale : float or ndarray of shape (n_features,)
        Gaussian: what the moments were taken about, and the prior's variance.

    Returns
    -------
    CategoricalHMM or GaussianHMM
    """
    startprob = _law(statistics.start[None], pseudocount, hmm.startprob[None])[0]
    transmat = _law(statistics.transitions, pseudocount, hmm.transmat)
    if isinstance(hmm, CategoricalHMM):
        (counts,) = statistics.emission
        emissionprob = _law(counts, pseudocount, hmm.emissionprob)
        return CategoricalHMM(startprob, transmat, emissionprob)
    weight, first, second = statistics.emission
    full = hmm.covariance_type == "full"
    n = weight[:, None] if full else weight
    has_data = n > np.finfo(float).tiny
    shift = np.divide(first, n, out=hmm.means - center, where=has_data)
    means = np.where(has_data, shift + center, hmm.means)
    prior = np.broadcast_to(scale, shift.shape[1:])
    if full:
        n, has_data, prior = n[..., None], has_data[..., None], np.diag(prior)
        scatter = second - n * shift[:, :, None] * shift[:, None, :]
        scatter = (scatter + scatter.transpose(0, 2, 1)) / 2
    else:
        # What cancels below zero is a variance of zero.
        scatter = np.maximum(second - n * shift**2, 0.0)
    covars = np.divide(
        scatter + pseudocount * prior,
        n + pseudocount,
        out=np.array(hmm.covars),
        where=np.broadcast_to(has_data | (pseudocount > 0), scatter.shape),
    )
    return GaussianHMM(startprob, transmat, means, covars)


def _law(counts, pseudocount, before):
    counts = np.maximum(counts, 0.0) + pseudocount
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=before.copy(), where=total > 0)


def log_prior(hmm, pseudocount, scale=1.0):
    """What the M-step adds to the log-likelihood, up to a constant."""
    if pseudocount == 0:
        return 0.0
    laws = [hmm.startprob, hmm.transmat]
    if isinstance(hmm, CategoricalHMM):
        laws.append(hmm.emissionprob)
    with np.errstate(divide="ignore"):
        log_laws = sum(np.log(law).sum() for law in laws)
    if isinstance(hmm, CategoricalHMM):
        return pseudocount * log_laws
    if hmm.covariance_type == "full":
        _, log_det = np.linalg.slogdet(hmm.covars)
        diagonal = np.diagonal(np.linalg.inv(hmm.covars), axis1=1, axis2=2)
        spread = log_det.sum() + (diagonal * scale).sum()
    else:
        spread = (np.log(hmm.covars) + scale / hmm.covars).sum()
    return pseudocount * (log_laws - spread / 2)
