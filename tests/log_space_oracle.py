"""What hidden Markov models answer, in plain log space and extended precision.

Written for clearness alone, sharing no code with the package: one sequence, one step
at a time, logarithms throughout, in the longest floating type that NumPy has here.

Every answer comes as an interval. A path's log joint probability is a sum of terms,
each of which a computation in double precision knows up to a few units of its last
place: of the terms, and of their partial sums. `Chain` runs its recursions with all
terms at the upper ends and at the lower ends of what that leaves; beliefs are ratios
of the two, so an answer outside of the interval is wrong however it was rounded.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LONG = np.longdouble
EPS = float(np.finfo(np.float64).eps)
# Units in the last place that each term and each sum of a step may be off by.
_ULPS = 8


def log(values):
    """Logarithms in extended precision; those of zeros are -inf."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(values, LONG))


def log_sum(logs, axis=-1):
    """log of the sum of exp(logs)."""
    top = np.max(logs, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore", under="ignore"):
        total = np.log(np.sum(np.exp(logs - top), axis=axis))
    return total + np.squeeze(top, axis)


def cholesky(matrix):
    """Lower factor, column by column."""
    matrix = np.array(matrix, LONG)
    n = len(matrix)
    factor = np.zeros((n, n), LONG)
    for j in range(n):
        rest = matrix[j:, j] - factor[j:, :j] @ factor[j, :j]
        factor[j:, j] = rest / np.sqrt(rest[0])
    return factor


def forward_solve(factor, columns):
    """Solve factor @ z = columns for a lower factor."""
    z = np.array(columns, LONG)
    for i in range(len(factor)):
        z[i] = (z[i] - factor[i, :i] @ z[:i]) / factor[i, i]
    return z


def backward_solve(factor, columns):
    """Solve factor.T @ z = columns for a lower factor."""
    z = np.array(columns, LONG)
    for i in reversed(range(len(factor))):
        z[i] = (z[i] - factor[i + 1 :, i] @ z[i + 1 :]) / factor[i, i]
    return z


def condition(matrix):
    """Condition number once the diagonal is scaled to one."""
    root = np.sqrt(np.diag(np.asarray(matrix, float)))
    return float(np.linalg.cond(np.asarray(matrix, float) / root / root[:, None]))


# Emissions -------------------------------------------------------------------------


class Emission(NamedTuple):
    """log b_k(x_t) of shape (n_steps, n_states), and how large its terms were."""

    logs: np.ndarray
    size: np.ndarray


def categorical_emission(emissionprob, x):
    """Symbols x, where -1 is missing."""
    table = log(emissionprob)
    logs = np.array(
        [np.zeros(len(table), LONG) if s < 0 else table[:, s] for s in map(int, x)]
    )
    return Emission(logs, np.where(np.isfinite(logs), np.abs(logs), 0))


def gaussian_emission(means, covars, x):
    """Rows x, where NaN is missing; covars of shape (k, d) or (k, d, d)."""
    x = np.asarray(x, LONG)
    x = x[:, None] if x.ndim == 1 else x
    logs = np.zeros((len(x), len(means)), LONG)
    size = np.zeros_like(logs)
    for t, row in enumerate(x):
        seen = ~np.isnan(row)
        if not seen.any():
            continue
        for k, (mean, covar) in enumerate(zip(means, covars, strict=True)):
            covar = np.diag(covar) if np.ndim(covar) == 1 else covar
            covar = np.asarray(covar, LONG)[np.ix_(seen, seen)]
            factor = cholesky(covar)
            gap = (row - np.asarray(mean, LONG))[seen]
            z = forward_solve(factor, gap)
            log_roots = np.log(np.diag(factor))
            d = len(z)
            constant = d * np.log(2 * LONG(np.pi))
            logs[t, k] = -(z @ z) / 2 - log_roots.sum() - constant / 2
            # The factor is known up to rounding times the condition number.
            spoiled = 1.0 if np.ndim(covars[k]) == 1 else d * condition(covar)
            size[t, k] = spoiled * (z @ z + np.abs(log_roots).sum() + constant)
    return Emission(logs, size)


def poisson_emission(rates, x):
    """Rows x of counts, where NaN is missing; rates of shape (k, d)."""
    x = np.asarray(x, LONG)
    logs = np.zeros((len(x), len(rates)), LONG)
    size = np.zeros_like(logs)
    for t, row in enumerate(x):
        for d in np.flatnonzero(~np.isnan(row)):
            n = row[d]
            factorial = log(np.arange(2, int(n) + 1)).sum()
            # 0 log 0 is no loss: a rate of zero gives no counts, for sure.
            powers = n * log(rates[:, d]) if n else np.zeros(len(rates), LONG)
            logs[t] += powers - rates[:, d] - factorial
            powers = np.where(np.isfinite(powers), np.abs(powers), 0)
            size[t] += powers + rates[:, d] + factorial + 1
    return Emission(logs, size)


def mixture_emission(weights, means, covars, x):
    """Mixtures of Gaussians with variances (k, m, d); and each component's share.

    Returns
    -------
    Emission
    share : array of shape (n_steps, k, m)
    """
    k, m = np.shape(weights)
    flat = [np.reshape(a, (k * m, -1)) for a in (means, covars)]
    parts = gaussian_emission(*flat, x)
    logs = parts.logs.reshape(-1, k, m) + log(weights)
    total = log_sum(logs)
    top = np.where(np.isfinite(total), total, 0)[..., None]
    share = np.exp(logs - top)
    sizes = parts.size.reshape(-1, k, m) + np.where(
        np.isfinite(log(weights)), np.abs(log(weights)), 0
    )
    return Emission(total, (share * sizes).sum(axis=-1) + m), share


# Chains ----------------------------------------------------------------------------


class Interval(NamedTuple):
    low: np.ndarray
    high: np.ndarray

    def holds(self, values, floor=0.0):
        """Whether all values lie inside, widened by `floor`."""
        values = np.asarray(values, LONG)
        inside = (values >= self.low - floor) & (values <= self.high + floor)
        return bool(inside.all())

    def width(self):
        with np.errstate(invalid="ignore"):
            width = self.high - self.low
        return np.where(self.high == self.low, 0, width)


def share(low, high, axes):
    """The interval of exp(x) / sum(exp(x)) over `axes`, for x from low to high.

    From the logarithm of the odds: of two numbers next to nothing beside a third, each
    may be the larger, and neither is lost.
    """
    low, high = np.asarray(low, LONG), np.asarray(high, LONG)

    def part(own, others):
        possible = np.isfinite(own)
        odds = others - np.where(possible, own, 0)
        with np.errstate(under="ignore", over="ignore"):
            return np.where(possible, 1 / (1 + np.exp(odds)), 0)

    return Interval(
        part(low, _log_sum_of_others(high, axes)),
        part(high, _log_sum_of_others(low, axes)),
    )


def _log_sum_of_others(logs, axes):
    """Over `axes`, without subtracting one from the sum of all."""
    axes = (axes,) if isinstance(axes, int) else axes
    moved = np.moveaxis(logs, axes, range(-len(axes), 0))
    shape = moved.shape
    flat = moved.reshape(-1, int(np.prod(shape[len(shape) - len(axes) :])))
    own = np.where(np.eye(flat.shape[1], dtype=bool), -np.inf, 0)
    others = log_sum(flat[:, None, :] + own)
    return np.moveaxis(others.reshape(shape), range(-len(axes), 0), axes)


@dataclass
class Chain:
    """A chain of hidden states, whatever it emits.

    Parameters
    ----------
    startprob : array of shape (n_states,)
    transmat : array of shape (n_states, n_states)
    endprob : array of shape (n_states,), default=None
        The probability that the sequence ends in each state; None is a chain whose
        length is given.
    eps : float
        The unit of the arithmetic that is judged.
    """

    startprob: np.ndarray
    transmat: np.ndarray
    endprob: np.ndarray | None = None
    eps: float = EPS

    def _terms(self, emission, sign, causal=False):
        """Logs of start, transitions, emissions and ends, all moved by `sign`."""
        n_steps, n_states = emission.logs.shape
        unit = sign * _ULPS * self.eps

        def moved(logs, size=None):
            if size is None:
                size = np.where(np.isfinite(logs), np.abs(logs), 0)
            # Partial sums of a path are rounded at every later step.
            return logs + unit * (n_steps * size + n_states + 2)

        start, transitions = log(self.startprob), log(self.transmat)
        ends = np.zeros(n_states, LONG)
        if self.endprob is not None:
            transitions = transitions + log(1 - np.asarray(self.endprob, LONG))[:, None]
            ends = ends if causal else log(self.endprob)
        return (
            moved(start),
            moved(transitions),
            moved(emission.logs, emission.size),
            moved(ends),
        )

    def _both(self, recursion, *args):
        return [recursion(*args, sign) for sign in (-1, 1)]

    def log_alpha(self, emission, sign=0, causal=False):
        """log P(z_t, x_1..x_t), and no end before t."""
        start, transitions, logs, _ = self._terms(emission, sign, causal)
        alpha = [start + logs[0]]
        for row in logs[1:]:
            alpha.append(log_sum(alpha[-1][:, None] + transitions, axis=0) + row)
        return np.array(alpha)

    def log_beta(self, emission, sign=0):
        """log P(x_{t+1}..x_T, end | z_t)."""
        _, transitions, logs, ends = self._terms(emission, sign)
        beta = [ends]
        for row in logs[:0:-1]:
            beta.append(log_sum(transitions + row + beta[-1], axis=1))
        return np.array(beta[::-1])

    def is_possible(self, emission, causal=False):
        """Whether the sequence (whose end is not looked at, if causal) can be."""
        alpha = self.log_alpha(emission, causal=causal)[-1]
        if self.endprob is not None and not causal:
            alpha = alpha + log(self.endprob)
        return bool(np.isfinite(alpha).any())

    def _scaled(self, interval, emission):
        """Widened by what all numbers of a step may share.

        They are scaled by P(x_t | x_1..x_{t-1}), in log space by taking its logarithm
        off theirs: that rounds to a unit of the largest logarithm of two steps, and
        however long the sequence is to no more.
        """
        logs = [*self._terms(emission, 0)[:2], emission.size]
        largest = sum(np.abs(a[np.isfinite(a)]).max(initial=0) for a in logs)
        part = _ULPS * self.eps * (1 + largest)
        return Interval(interval.low * (1 - part), interval.high * (1 + part))

    def filtered(self, emission):
        low, high = (self.log_alpha(emission, sign, True) for sign in (-1, 1))
        return self._scaled(share(low, high, -1), emission)

    def smoothed(self, emission):
        low, high = (
            self.log_alpha(emission, sign) + self.log_beta(emission, sign)
            for sign in (-1, 1)
        )
        return self._scaled(share(low, high, -1), emission)

    def log_likelihood(self, emission):
        low, high = (
            log_sum(
                self.log_alpha(emission, sign)[-1] + self.log_beta(emission, sign)[-1]
            )
            for sign in (-1, 1)
        )
        return Interval(low, high)

    def following(self, emission):
        """The interval of P(z_{T+1} | x_1..x_T), given that it goes on."""
        low, high = (self.log_alpha(emission, sign, True)[-1] for sign in (-1, 1))
        transitions = self._terms(emission, 0)[1]
        interval = share(
            log_sum(low[:, None] + transitions, axis=0),
            log_sum(high[:, None] + transitions, axis=0),
            -1,
        )
        return self._scaled(interval, emission)

    def transitions(self, emission):
        """Those expected of each step, an interval of shape (n_steps - 1, k, k)."""
        ends = []
        for sign in (-1, 1):
            _, transitions, logs, _ = self._terms(emission, sign)
            alpha, beta = self.log_alpha(emission, sign), self.log_beta(emission, sign)
            ahead = (logs + beta)[1:]
            ends.append(alpha[:-1, :, None] + transitions + ahead[:, None, :])
        return self._scaled(share(*ends, (-2, -1)), emission)

    def best_log_joint(self, emission, sign=0):
        """Viterbi's score: the largest log P(path, x)."""
        start, transitions, logs, ends = self._terms(emission, sign)
        best = start + logs[0]
        for row in logs[1:]:
            best = np.max(best[:, None] + transitions, axis=0) + row
        return np.max(best + ends)

    def log_joint(self, path, emission, sign=0):
        """log P(path, x)."""
        start, transitions, logs, ends = self._terms(emission, sign)
        total = start[path[0]] + logs[0, path[0]] + ends[path[-1]]
        for t in range(1, len(path)):
            total = total + transitions[path[t - 1], path[t]] + logs[t, path[t]]
        return total


# One step of EM --------------------------------------------------------------------


class Counts(NamedTuple):
    """Expected counts: their middles, and how far off each may be."""

    start: np.ndarray
    transitions: np.ndarray
    visits: list  # (n_steps_i, n_states) for each sequence
    error: float


def expected_counts(chain, emissions, weights=None):
    """The E-step over several sequences, each counted `weights[i]` times."""
    weights = np.ones(len(emissions)) if weights is None else weights
    k = len(chain.startprob)
    start, transitions, visits = np.zeros(k, LONG), np.zeros((k, k), LONG), []
    error = 0.0
    for emission, weight in zip(emissions, weights, strict=True):
        gamma, xi = chain.smoothed(emission), chain.transitions(emission)
        middle = (gamma.low + gamma.high) / 2
        visits.append(weight * middle)
        start += weight * middle[0]
        transitions += weight * ((xi.low + xi.high) / 2).sum(axis=0)
        error += float(weight * (gamma.width().sum() + xi.width().sum() + EPS))
    return Counts(start, transitions, visits, error)


def distribution_of(counts, pseudocount, before):
    """Rows of counts as probabilities; a row without any stays as it was."""
    counts = np.asarray(counts, LONG) + LONG(pseudocount)
    total = counts.sum(axis=-1, keepdims=True)
    out = np.array(before, LONG)
    return np.divide(counts, total, out=out, where=total > 0), total


def symbol_counts(visits, sequences, n_symbols):
    """Expected emissions of each symbol by each state."""
    counts = np.zeros((visits[0].shape[1], n_symbols), LONG)
    for gamma, x in zip(visits, sequences, strict=True):
        for row, symbol in zip(gamma, map(int, x), strict=True):
            if symbol >= 0:
                counts[:, symbol] += row
    return counts


def gaussian_moments(means, covars, visits, sequences):
    """Weight, mean and scatter about it of each state, what is missing filled in.

    Of variances a missing feature counts for nothing; of full covariances it is
    replaced by its conditional expectation, where some feature of the step is there.
    """
    means, covars = np.asarray(means, LONG), np.asarray(covars, LONG)
    k, d = means.shape
    full = covars.ndim == 3
    x = np.concatenate([np.asarray(s, LONG).reshape(len(s), -1) for s in sequences])
    gamma = np.concatenate(visits)
    weight = np.zeros((k, d), LONG)
    first, scatter = np.zeros((k, d), LONG), np.zeros((k, d, d), LONG)
    for j in range(k):
        filled, extra = x.copy(), np.zeros((len(x), d, d), LONG)
        use = ~np.isnan(x)
        if full:
            use = np.repeat(use.any(axis=1)[:, None], d, axis=1)
            for t, row in enumerate(x):
                gone = np.isnan(row)
                if gone.any() and not gone.all():
                    filled[t], extra[t] = _complete(row, means[j], covars[j])
        filled = np.where(use, filled, 0)
        weight[j] = gamma[:, j] @ use
        safe = np.where(weight[j] > 0, weight[j], 1)
        mean = (gamma[:, j] @ filled) / safe
        first[j] = mean
        gap = np.where(use, filled - mean, 0)
        scatter[j] = (gamma[:, j, None] * gap).T @ gap + np.tensordot(
            gamma[:, j] * use.any(axis=1), extra, axes=1
        )
    if not full:
        scatter = np.diagonal(scatter, axis1=1, axis2=2)
    return weight, first, scatter


def _complete(row, mean, covar):
    seen = ~np.isnan(row)
    factor = cholesky(covar[np.ix_(seen, seen)])
    cross = forward_solve(factor, covar[np.ix_(seen, ~seen)])
    z = forward_solve(factor, (row - mean)[seen])
    filled, rest = row.copy(), np.zeros_like(covar)
    filled[~seen] = mean[~seen] + cross.T @ z
    rest[np.ix_(~seen, ~seen)] = covar[np.ix_(~seen, ~seen)] - cross.T @ cross
    return filled, rest


# Linear-Gaussian models ------------------------------------------------------------


class Gaussian(NamedTuple):
    """The joint distribution of all states and all that was observed of a sequence."""

    mean_z: np.ndarray  # (T * d,)
    cov_z: np.ndarray
    mean_x: np.ndarray
    cov_x: np.ndarray
    cross: np.ndarray  # (T * d, n_observed)
    x: np.ndarray
    step: np.ndarray  # of each observed number


def joint_gaussian(transition, transition_cov, emission, emission_cov, mean, cov, x):
    """Dense means and covariances of states z_1..z_T and the observed part of x."""
    A, Q, W = (np.asarray(m, LONG) for m in (transition, transition_cov, emission))
    R = np.asarray(emission_cov, LONG)
    R = np.diag(R) if R.ndim == 1 else R
    x = np.asarray(x, LONG).reshape(len(x), -1)
    T, d, p = len(x), len(A), W.shape[1]
    mean_z, cov_z = np.zeros((T, d), LONG), np.zeros((T, d, T, d), LONG)
    mean_z[0], cov_z[0, :, 0] = mean, cov
    for t in range(1, T):
        mean_z[t] = mean_z[t - 1] @ A
        cov_z[t, :, t] = A.T @ cov_z[t - 1, :, t - 1] @ A + Q
        for s in range(t):
            cov_z[s, :, t] = cov_z[s, :, t - 1] @ A
            cov_z[t, :, s] = cov_z[s, :, t].T
    mean_z, cov_z = mean_z.ravel(), cov_z.reshape(T * d, T * d)
    wide = np.kron(np.eye(T, dtype=LONG), W)  # (T d, T p)
    mean_x, cross = mean_z @ wide, cov_z @ wide
    cov_x = wide.T @ cross + np.kron(np.eye(T, dtype=LONG), R)
    seen = ~np.isnan(x.ravel())
    return Gaussian(
        mean_z,
        cov_z,
        mean_x[seen],
        cov_x[np.ix_(seen, seen)],
        cross[:, seen],
        x.ravel()[seen],
        np.repeat(np.arange(T), p)[seen],
    )


def conditioned(joint, n_seen):
    """Mean and covariance of all states given the first `n_seen` observed numbers.

    Returns
    -------
    mean, cov, log_density, squares : squares is the squared length of the whitened
    observations.
    """
    if n_seen == 0:
        return joint.mean_z, joint.cov_z, LONG(0), LONG(0)
    part = slice(0, n_seen)
    factor = cholesky(joint.cov_x[part, part])
    z = forward_solve(factor, (joint.x - joint.mean_x)[part])
    gain = forward_solve(factor, joint.cross[:, part].T)
    squares = z @ z
    log_density = (
        -(
            squares
            + 2 * np.log(np.diag(factor)).sum()
            + n_seen * np.log(2 * LONG(np.pi))
        )
        / 2
    )
    return joint.mean_z + gain.T @ z, joint.cov_z - gain.T @ gain, log_density, squares
