r"""Recursions over hidden states in log space, batched: pure functions on arrays.

They cannot lose a state, however improbable it becomes, and serve the rows that a
scaled recursion loses (`_underflow.py`). The sum over the states before,

.. math:: \log p(m) = \log \sum_k \exp(\log \alpha(k) + \log A_{km}),

would take n_states ** 2 exponentials for each row. Here the states of a row are parted
into bands of like magnitude, `bands`; those of one band fit a double when they are
shifted, and one matrix product moves the bands of all rows. Few rows have more than
two or three. A few rows alone are cheaper the plain way.
"""

from typing import NamedTuple

import numpy as np

# Numbers of one band are in [exp(-_WIDTH), 1]; so are those of one part of the
# transition matrix: products of the two are at least 1e-261, normal doubles.
_WIDTH = 300.0
# Numbers of a plain sum, beyond which bands are faster.
_PLAIN_SIZE = 2**14


class LogTransmat(NamedTuple):
    """A transition matrix in log space.

    `parts` are pairs (log_scale, matrix): the sum of exp(log_scale) * matrix is the
    matrix, and each has numbers of [exp(-300), 1], and zeros.
    """

    logs: np.ndarray
    parts: list

    def is_plain(self, n):
        """Whether n rows are few enough for plain sums."""
        return n * self.logs.size <= _PLAIN_SIZE


def bands(logs):
    """Part each row of logarithms into bands that are numbers after a shift.

    Parameters
    ----------
    logs : ndarray of shape (n, n_states)

    Yields
    ------
    shift : ndarray of shape (n, 1)
    part : ndarray of shape (n, n_states)
        Numbers of [exp(-300), 1], and 0 for those of other bands. The sum of
        exp(shift) * part over all bands is exp(logs).
    """
    while True:
        top = logs.max(axis=1, keepdims=True)
        if np.isneginf(top).all():
            return
        shift = np.where(np.isneginf(top), 0.0, top)
        near = logs >= shift - _WIDTH
        part = np.exp(logs - shift)
        part[~near] = 0.0
        yield shift, part
        logs = np.where(near, -np.inf, logs)


def split_transmat(log_transmat):
    """The LogTransmat of the logarithms of a transition matrix."""
    flat = log_transmat.reshape(1, -1)
    parts = [
        (float(shift[0, 0]), part.reshape(log_transmat.shape))
        for shift, part in bands(flat)
    ]
    return LogTransmat(log_transmat, parts)


def advance(logs, transmat):
    """log(exp(logs) @ transmat), row by row.

    Parameters
    ----------
    logs : ndarray of shape (n, n_states)
    transmat : LogTransmat

    Returns
    -------
    ndarray of shape (n, n_states)
    """
    if transmat.is_plain(len(logs)):
        return log_sum(logs[:, None, :] + transmat.logs.T)
    out = None
    for shift, part in bands(logs):
        for scale, matrix in transmat.parts:
            into = part @ matrix
            with np.errstate(divide="ignore"):
                np.log(into, out=into)
            into += shift + scale
            out = into if out is None else np.logaddexp(out, into, out=out)
    return np.full_like(logs, -np.inf) if out is None else out


def log_filter(log_startprob, transmat, log_likelihood, counts):
    """Logarithms of `filter_steps`, of a whole block.

    Parameters
    ----------
    log_startprob : ndarray of shape (n_states,) or (n_sequences, n_states)
    transmat : LogTransmat
    log_likelihood : ndarray of shape (n_steps, n_sequences, n_states)
    counts : ndarray of shape (n_steps,)
        As in `filter_steps`.

    Returns
    -------
    log_beliefs : ndarray of shape (n_steps, n_sequences, n_states)
        log P(z_t | x_1..x_t); all -inf from the step on at which a sequence becomes
        impossible, and past its end.
    log_norms : ndarray of shape (n_steps, n_sequences)
        log P(x_t | x_1..x_{t-1}): -inf from that step on, 0 past the end.
    """
    log_beliefs = np.full(log_likelihood.shape, -np.inf)
    log_norms = np.zeros(log_likelihood.shape[:2])
    for t, n in enumerate(counts):
        belief = log_beliefs[t, :n]
        belief[:] = advance(log_beliefs[t - 1, :n], transmat) if t else log_startprob
        belief += log_likelihood[t, :n]
        # The largest first: what is left is small, and sums to one however large the
        # logarithms of the step are.
        top = belief.max(axis=1, keepdims=True)
        belief -= np.where(np.isneginf(top), 0.0, top)
        norm = log_sum(belief)
        belief -= np.where(np.isneginf(norm), 0.0, norm)[:, None]
        log_norms[t, :n] = norm + top[:, 0]
    return log_beliefs, log_norms


def log_backward_steps(transposed, log_likelihood, log_norms, counts):
    """Logarithms of `backward_steps`, of a whole block of possible sequences.

    Parameters
    ----------
    transposed : LogTransmat
        Of the transposed transition matrix.
    log_likelihood, log_norms, counts
        As in `log_filter`.

    Yields
    ------
    t : int
        Falls from n_steps - 1 to 0.
    log_beta : ndarray of shape (counts[t], n_states)
    log_ahead : ndarray of shape (counts[t + 1], n_states), or None at the last step
    """
    beta = np.zeros(log_likelihood.shape[1:])
    log_ahead = None
    yield len(counts) - 1, beta[: counts[-1]], log_ahead
    for t in range(len(counts) - 2, -1, -1):
        m = counts[t + 1]
        log_ahead = log_likelihood[t + 1, :m] + beta[:m]
        log_ahead -= log_norms[t + 1, :m, None]
        beta[:m] = advance(log_ahead, transposed)
        yield t, beta[: counts[t]], log_ahead


def expected_transitions(log_belief, transmat, log_ahead, weights):
    """Expected number of transitions from one step to the next, over some rows.

    Parameters
    ----------
    log_belief : ndarray of shape (n, n_states)
    transmat : LogTransmat
    log_ahead : ndarray of shape (n, n_states)
        Of `log_backward_steps`.
    weights : ndarray of shape (n,) or None
        How often each row counts in their sum; None takes no sum.

    Returns
    -------
    ndarray of shape (n_states, n_states), or of shape (n, n_states, n_states)
    """
    # The probabilities of a row sum to one but for rounding. That is of logarithms that
    # may be large, so they are divided by their sum.
    if transmat.is_plain(len(log_belief)):
        joint = log_belief[:, :, None] + transmat.logs + log_ahead[:, None, :]
        joint -= log_sum(joint.reshape(len(joint), -1))[:, None, None]
        joint = np.exp(joint)
        return joint if weights is None else np.tensordot(weights, joint, 1)
    terms, sums = [], 0.0
    for shift, part in bands(log_belief):
        for scale, matrix in transmat.parts:
            # The belief in i times A_ij times what is ahead of j is a probability. With
            # the first two at least exp(-300) each, the third is at most exp(600)
            # wherever A_ij is not zero: only what zeros cancel is clipped.
            ahead = np.exp(np.minimum(log_ahead + (shift + scale), 2 * _WIDTH))
            terms.append((part, matrix, ahead))
            sums = sums + ((part @ matrix) * ahead).sum(axis=1)
    if weights is None:
        return sum(
            matrix * part[:, :, None] * (ahead / sums[:, None])[:, None, :]
            for part, matrix, ahead in terms
        )
    share = (weights / sums)[:, None]
    return sum(matrix * (part.T @ (share * ahead)) for part, matrix, ahead in terms)


def log_sum(logs):
    """log(sum(exp(logs))) over the last axis; -inf where all are."""
    top = logs.max(axis=-1)
    shift = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(logs - shift[..., None]).sum(axis=-1)) + shift
