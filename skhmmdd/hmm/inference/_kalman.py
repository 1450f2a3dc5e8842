r"""Kalman filter and smoother of a block of sequences: pure functions on arrays.

States and observations are rows: :math:`z_i = z_{i-1} A + \varepsilon_i` and
:math:`x_i = z_i W + u_i`. The p features of a step are first reduced to at most d
readings with unit noise, which tell of the state all that they do, so the recursions
cost the same for every p. Covariances are carried as factors :math:`P = U'U` and
moved by QR (the square-root array form), never subtracted.

Covariances do not depend on the data, only on which features were missing so far:
each such history is worked out once for all the sequences that share it, and no
more once it has settled.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from skhmmdd.hmm.inference._collectors import AllSteps, add_step, begin
from skhmmdd.hmm.inference._likelihoods import LOG_2PI
from skhmmdd.hmm.inference._whitening import Reduction, members, read_block, whiten
from skhmmdd.hmm.sequences._overflow import check_collected

# Numbers that remembered histories may hold.
_MEMORY = 2**21


class System(NamedTuple):
    """A linear-Gaussian model as the recursions need it.

    All sequences begin with one mean and covariance; or each with its own row of
    `start_mean` and the factor `start_roots[start_of[i]]`, `i` its number.
    """

    start_mean: np.ndarray
    start_roots: list[np.ndarray]
    transition: np.ndarray
    noise_root: np.ndarray
    emission: np.ndarray
    emission_cov: np.ndarray
    whole: Reduction
    start_of: np.ndarray | None = None

    def after(self, mean, roots, which):
        """The same for sequences that go on from beliefs.

        Parameters
        ----------
        mean : ndarray of shape (n_sequences, d)
        roots : list of ndarray of shape (d, d)
            Factors of their covariances.
        which : ndarray of int of shape (n_sequences,)
            The factor of each sequence.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # seen once it is filtered
            mean = mean @ self.transition
        return self._replace(
            start_mean=mean,
            start_roots=[self.predicted_root(root) for root in roots],
            start_of=which,
        )

    def predicted_root(self, root):
        """The factor of A'PA + Q, from that of P."""
        ahead = np.vstack([root @ self.transition, self.noise_root])
        return np.linalg.qr(ahead, mode="r")

    def start(self, index):
        """The predicted means of the first step, the Spreads, and which is whose."""
        if self.start_of is None:
            which = np.zeros(len(index), dtype=np.intp)
            mean = np.tile(self.start_mean, (len(index), 1))
            return mean, [_spread(self.start_roots[0])], which
        used, which = np.unique(self.start_of[index], return_inverse=True)
        spreads = [_spread(self.start_roots[i]) for i in used]
        return self.start_mean[index], spreads, which


@dataclass(frozen=True, eq=False)
class Spread:
    """Covariance of the predicted state after one history, and its factor."""

    root: np.ndarray
    cov: np.ndarray


@dataclass(frozen=True, eq=False)
class Update:
    """One step of the filter after one history.

    With m the predicted mean, `w = y @ whitener - m @ reading` is the whitened
    innovation and `m + w @ gain` the filtered mean; `root` is the factor of the
    filtered covariance, `after` the next prediction's.
    """

    whitener: np.ndarray
    reading: np.ndarray
    gain: np.ndarray
    root: np.ndarray
    log_det: float
    after: Spread


class Histories:
    """The updates of every history met in a walk, each worked out once."""

    def __init__(self, system, reductions, dtype):
        self._system, self._reductions, self._dtype = system, reductions, dtype
        self._memo, self._settled = {}, deque(maxlen=8)
        n = system.transition.shape[0]
        self._tolerance = max(1e-14, 4 * n * np.finfo(float).eps)
        self._size = max(16, _MEMORY // n**2)

    def update(self, spread, pattern):
        """The update of a step with a missing pattern, after a history."""
        key = spread, pattern
        if key not in self._memo:
            if len(self._memo) >= self._size:
                self._memo.clear()
            self._memo[key] = self._work_out(spread, self._reductions[pattern].reading)
        return self._memo[key]

    def group(self, spreads, which, pattern):
        """Sequences that share a history and what is missing now.

        Parameters
        ----------
        spreads : list of Spread
        which : ndarray of int of shape (n_sequences,)
            The history of each sequence, a position in `spreads`.
        pattern : ndarray of int of shape (n_sequences,)

        Returns
        -------
        groups : list of (rows, Update)
        spreads, which
            As above, for the next step.
        """
        if len(spreads) == 1 and (pattern == pattern[0]).all():
            update = self.update(spreads[0], pattern[0])
            return [(slice(None), update)], [update.after], which
        pairs = which * len(self._reductions) + pattern
        pairs, label = np.unique(pairs, return_inverse=True)
        updates = [
            self.update(spreads[i], j)
            for i, j in zip(*divmod(pairs, len(self._reductions)), strict=True)
        ]
        after = {update.after: None for update in updates}
        position = {spread: i for i, spread in enumerate(after)}
        which = np.array([position[update.after] for update in updates])[label]
        groups = list(zip(members(label, len(updates)), updates, strict=True))
        return groups, list(after), which

    def _work_out(self, spread, reading):
        n, k = reading.shape
        array = np.eye(k + n, k + n)
        array[k:, :k], array[k:, k:] = spread.root @ reading, spread.root
        triangle = np.linalg.qr(array, mode="r")
        root = triangle[k:, k:]
        whitener = solve_triangular(triangle[:k, :k], np.eye(k))
        ahead = self._system.predicted_root(root)
        arrays = (whitener, reading @ whitener, triangle[:k, k:], root)
        return Update(
            *(np.ascontiguousarray(array, self._dtype) for array in arrays),
            log_det=2 * np.log(np.abs(np.diag(triangle)[:k])).sum(),
            after=self._settle(spread, _spread(ahead)),
        )

    def _settle(self, before, after):
        """A covariance that was there already, if `after` is one to rounding."""
        spread = np.sqrt(np.diag(after.cov))
        tolerance = self._tolerance * spread * spread[:, None]
        for known in (before, *self._settled):
            if (np.abs(after.cov - known.cov) <= tolerance).all():
                if known not in self._settled:
                    self._settled.append(known)
                return known
        return after


def _spread(root):
    return Spread(root, root.T @ root)


def filter_walk(system, block, dtype=np.float64, read=None):
    """The filter, step by step.

    Parameters
    ----------
    system : System
    block : Block
    dtype : dtype, default=np.float64
    read : tuple, default=None
        What `read_block` made of the block, if it is at hand.

    Yields
    ------
    mean : ndarray of shape (counts[t], d)
        Filtered means.
    innovation : ndarray of shape (counts[t], k)
        Whitened innovations.
    groups : list of (rows, Update)
    """
    readings, pattern, reductions = read or read_block(system, block.values)
    readings = readings.astype(dtype, copy=False)
    transition = system.transition.astype(dtype, copy=False)
    histories = Histories(system, reductions, dtype)
    predicted, spreads, which = system.start(block.index)
    predicted = predicted.astype(dtype, copy=False)
    for t, n in enumerate(block.counts):
        groups, spreads, which = histories.group(spreads, which[:n], pattern[t, :n])
        y, predicted = readings[t, :n], predicted[:n]
        mean, innovation = np.empty_like(predicted), np.empty_like(y)
        for rows, update in groups:
            w = y[rows] @ update.whitener - predicted[rows] @ update.reading
            innovation[rows] = w
            mean[rows] = predicted[rows] + w @ update.gain
        yield mean, innovation, groups
        predicted = mean @ transition


def filter_block(system, block, collect=AllSteps, *, dtype=np.float64, out=None):
    """Filtered means of a block, collected.

    Parameters
    ----------
    system : System
    block : Block
    collect : callable
        Makes a collector.
    dtype : dtype, default=np.float64
    out : ndarray, default=None
        Handed to `collect` as `out`, unless None.

    Returns
    -------
    collected : ndarray
    log_likelihood : None
        See `log_likelihood_block`: the means do without.

    Raises
    ------
    ValueError
        If a mean overflows.
    """
    collector = begin(collect, block.counts, len(system.transition), dtype, out)
    with np.errstate(over="ignore", invalid="ignore"):
        for t, (mean, _, _) in enumerate(filter_walk(system, block, dtype)):
            add_step(collector, t, mean)
        return _checked(collector, block, dtype), None


def filtered_covariances(system, block, *, out=None):
    """Covariances of the filtered states, d * d numbers each; see `filter_block`."""
    n_columns = system.transition.size
    collector = AllSteps(block.counts, n_columns, np.float64, out)
    for t, (mean, _, groups) in enumerate(filter_walk(system, block)):
        add_step(collector, t, _covariances(groups, *mean.shape).reshape(-1, n_columns))
    return collector.finish()


def filter_step(system, block, name="X"):
    """Filtered means (n_sequences, d) and covariances of a block of one step."""
    with np.errstate(over="ignore", invalid="ignore"):
        [(mean, _, groups)] = filter_walk(system, block)
    check_collected(mean, block, np.float64, name)
    return mean, _covariances(groups, *mean.shape)


def _covariances(groups, n, d):
    covs = np.empty((n, d, d))
    for rows, update in groups:
        covs[rows] = update.root.T @ update.root
    return covs


def smooth_block(system, block, collect=AllSteps, *, dtype=np.float64, out=None):
    r"""Smoothed means of a block, collected; see `filter_block`.

    The backward pass carries the adjoint of Bryson and Frazier, which inverts no
    covariance of the state (it may be singular):
    :math:`\hat z_t = m_t + \lambda_{t+1} A' C_t`.
    """
    collector = begin(collect, block.counts, len(system.transition), dtype, out)
    back = system.transition.T.astype(dtype)
    # The adjoint of a sequence that has ended is zero.
    adjoint = np.zeros((block.counts[0], len(back)), dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        walk = list(filter_walk(system, block, dtype))
        for t in range(len(walk) - 1, -1, -1):
            mean, innovation, groups = walk[t]
            ahead = adjoint[: len(mean)] @ back
            smoothed = np.empty_like(mean)
            for rows, update in groups:
                v = ahead[rows]
                smoothed[rows] = mean[rows] + v @ update.root.T @ update.root
                w = innovation[rows] - v @ update.gain.T
                adjoint[: len(mean)][rows] = v + w @ update.reading.T
            add_step(collector, t, smoothed)
        return _checked(collector, block, dtype), None


def _checked(collector, block, dtype):
    collected = collector.finish()
    check_collected(collected, block, dtype)
    return collected


def log_likelihood_block(system, block):
    """log p(x_1..x_T) of each sequence of a block, shape (n_sequences,)."""
    read = read_block(system, block.values)
    out = np.zeros(block.counts[0])
    for mean, innovation, groups in filter_walk(system, block, read=read):
        n = len(mean)
        out[:n] -= (innovation**2).sum(axis=1)
        for rows, update in groups:
            out[:n][rows] -= update.log_det
    # What the readings leave out of the features has a distribution of its own.
    exists = np.arange(len(block.counts))[:, None] < block.lengths
    _, pattern, reductions = read
    values, pattern = block.values[exists], pattern[exists]
    rest, flat = np.zeros(exists.shape), np.empty(len(values))
    for rows, part in zip(members(pattern, len(reductions)), reductions, strict=True):
        x = whiten(values[np.ix_(rows, part.seen)], part.factor)
        x = x - (x @ part.basis) @ part.basis.T
        flat[rows] = (x**2).sum(axis=1) + part.log_det + len(part.seen) * LOG_2PI
    rest[exists] = flat
    return 0.5 * (out - rest.sum(axis=0))
