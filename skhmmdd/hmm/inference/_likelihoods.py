"""Emission distributions as the recursions see them: what each state gives each step.

A missing observation (-1 or NaN) is marginalised out: it tells nothing of any state.
"""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import solve_triangular

from skhmmdd._typing import Array, Floats
from skhmmdd.hmm.sequences._blocks import Block

LOG_2PI = np.log(2 * np.pi)

# Numbers worked on at a time: few enough to stay in the cache, and for a block of
# sequences few enough to hold.
_CACHED, _HELD = 2**15, 2**20
# Steps of symbols that are looked up at a time.
_MOST_STEPS = 8


class Emission(Protocol):
    """What the recursions are told of the emission distributions."""

    @property
    def log_density(self) -> Callable[[Array], Floats]:
        """log b_k(x) of shape (n, n_states) for n observations."""
        ...

    @property
    def surprise(self) -> float:
        """-log of what `likelihood` gives on average of a typical step, in nats."""
        ...

    def likelihood(self, block: Block, dtype: DTypeLike) -> Any:
        """`likelihood(t, n)` of the recursions, with the logarithm it leaves out."""
        ...


class TableEmission:
    """Emission of symbols, -1 of a missing one.

    Parameters
    ----------
    emissionprob : ndarray of shape (n_states, n_symbols)
    """

    def __init__(self, emissionprob: Floats) -> None:
        # A last row of ones is what the symbol -1 picks: a missing observation
        # tells nothing.
        self._exact = np.vstack([emissionprob.T, np.ones((1, len(emissionprob)))])
        self._least = float(emissionprob[emissionprob > 0].min())
        self._tables: dict[Any, Floats] = {}

    @cached_property
    def _logs(self):
        with np.errstate(divide="ignore"):
            return np.log(self._exact)

    @cached_property
    def surprise(self) -> float:
        """The entropy of a symbol, all states being as likely."""
        share = self._exact[:-1].mean(axis=1)
        share = share[share > 0]
        return float(-share @ np.log(share))

    def log_density(self, values: Array) -> Floats:
        """log b_k(x) of shape (n, n_states) for n symbols."""
        return np.take(self._logs, values, axis=0, mode="wrap")

    def likelihood(self, block: Block, dtype: DTypeLike) -> "TableLikelihood":
        """`likelihood(t, n)` of a block."""
        dtype = np.dtype(dtype)
        if dtype not in self._tables:
            self._tables[dtype] = self._exact.astype(dtype, copy=False)
        return TableLikelihood(self._tables[dtype], block, self._exact, self._least)


class DensityEmission(NamedTuple):
    """Emission of vectors.

    `log_density(values)` is a pure function: log b_k(x) of shape (n, n_states).
    """

    log_density: Callable[[Array], Floats]
    n_states: int

    @property
    def surprise(self) -> float:
        """Of rows whose largest number is one, at most that of the state."""
        return float(np.log(self.n_states))

    def likelihood(self, block: Block, dtype: DTypeLike) -> "DensityLikelihood":
        """`likelihood(t, n)` of a block."""
        return DensityLikelihood(self.log_density, block, self.n_states, dtype)


def log_emission(emission, block):
    """log b_k(x) of all steps of a block, shape (n_steps, n_sequences, n_states)."""
    values = block.values
    flat = emission.log_density(values.reshape(-1, *values.shape[2:]))
    return flat.reshape(*values.shape[:2], -1)


class TableLikelihood:
    """`likelihood(t, n)` of a block of symbols: rows of a table.

    Parameters
    ----------
    table : ndarray of shape (n_symbols + 1, n_states)
        The last row is that of the symbol -1.
    block : Block
    exact : ndarray of shape (n_symbols + 1, n_states)
        The same in double precision, which alone tells what is zero.
    least : float
        The least number of `exact` that is not zero.

    Attributes
    ----------
    shift : float
        What is left out of the log-likelihood of each sequence: nothing.
    """

    shift = 0.0

    def __init__(self, table, block, exact, least):
        self._table, self._values, self._counts = table, block.values, block.counts
        self._exact, self._least = exact, least
        n_numbers = block.counts[0] * table.shape[1]
        self._span = max(1, min(_CACHED // n_numbers, _MOST_STEPS))
        self._buffer = np.empty(self._span * n_numbers, table.dtype)
        self._first, self._rows = 0, ()

    def __call__(self, t, n):
        """A view, valid until the next call."""
        if not 0 <= t - self._first < len(self._rows):
            self._load(t // self._span * self._span)
        return self._rows[t - self._first, :n]

    def _load(self, first):
        # One call serves a few steps.
        symbols = self._values[first : first + self._span, : self._counts[first]]
        shape = *symbols.shape, self._table.shape[1]
        rows = self._buffer[: math.prod(shape)].reshape(shape)
        self._table.take(symbols, axis=0, out=rows, mode="wrap")
        self._first, self._rows = first, rows

    def least(self, t):
        """A bound from below of what states that can emit give to step t."""
        return self._least

    def possible(self, t, n):
        """Which states can emit step t, shape (n, n_states); None is all."""
        return self._exact.take(self._values[t, :n], axis=0, mode="wrap") > 0


class DensityLikelihood:
    """`likelihood(t, n)` of a block of observations, computed some steps at a time.

    Rows are scaled so that their largest number is one.

    Parameters
    ----------
    log_density : callable
        log b_k(x) of shape (n, n_states) for n observations.
    block : Block
    n_states : int
    dtype : dtype

    Attributes
    ----------
    shift : ndarray of shape (n_sequences,)
        The logarithm left out of each sequence by scaling, as far as its steps have
        been asked for.
    """

    def __init__(self, log_density, block, n_states, dtype):
        self._log_density, self._block, self._dtype = log_density, block, dtype
        n_sequences = block.counts[0]
        self._span = max(1, _HELD // (n_sequences * n_states))
        self._first, self._scaled, self._leasts = 0, (), None
        self._shifted = set()
        self.shift = np.zeros(n_sequences)

    def __call__(self, t, n):
        """A view, valid until the next call."""
        if not 0 <= t - self._first < len(self._scaled):
            self._load(t // self._span * self._span)
        return self._scaled[t - self._first, :n]

    def least(self, t):
        """As in `TableLikelihood`; of the step that was asked for last."""
        if self._leasts is None:
            self._leasts = self._scaled.reshape(len(self._scaled), -1).min(axis=1)
        return float(self._leasts[t - self._first])

    def possible(self, t, n):
        """As in `TableLikelihood`: a zero may be an underflow, or none."""
        if self.least(t) > 0:
            return None
        logs = self._log_density(self._block.values[t, :n])
        impossible = np.isneginf(logs)
        return ~impossible if impossible.any() else None

    def _load(self, first):
        block, steps = self._block, slice(first, first + self._span)
        values, counts = block.values[steps], block.counts[steps]
        logs = self._log_density(values.reshape(-1, *values.shape[2:]))
        logs = logs.reshape(*values.shape[:2], -1)
        top = logs.max(axis=2)
        logs -= top[:, :, None]
        self._first, self._leasts = first, None
        self._scaled = np.exp(logs, out=logs).astype(self._dtype, copy=False)
        if first not in self._shifted:
            self._shifted.add(first)
            exists = np.arange(values.shape[1]) < counts[:, None]
            self.shift += np.where(exists, top, 0.0).sum(axis=0)


@np.errstate(over="ignore")
def log_gaussian_diag(values, means, variances):
    """log N(x; mean, diag(variance)) for every row and state.

    -inf where it is too small for a double: then another state is likelier.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
        NaN is missing; each feature that is there counts.
    means, variances : ndarray of shape (n_states, n_features)

    Returns
    -------
    ndarray of shape (n, n_states)
    """
    out = np.empty((len(values), len(means)), values.dtype)
    scales = 1 / np.sqrt(variances)
    log_norms = np.log(variances) + LOG_2PI
    rows = max(1, _CACHED // len(means))
    for first in range(0, len(values), rows):
        part = slice(first, first + rows)
        _add_diag(out[part], values[part], means, scales, log_norms)
    return out


def _add_diag(out, values, means, scales, log_norms):
    out[:] = 0.0
    z = np.empty_like(out)
    for d, x in enumerate(values.T):
        # Differences before squares: expanding the square would cancel.
        np.subtract(x[:, None], means[:, d], out=z)
        z *= scales[:, d]
        np.square(z, out=z)
        z += log_norms[:, d]
        if (missing := np.isnan(x)).any():
            z[missing] = 0.0
        out -= z
    out *= 0.5


@np.errstate(over="ignore")
def log_gaussian_full(values, means, covars):
    """log N(x; mean, covariance) for every row and state; see `log_gaussian_diag`.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
        NaN is missing; the observed features' marginal density counts.
    means : ndarray of shape (n_states, n_features)
    covars : ndarray of shape (n_states, n_features, n_features)

    Returns
    -------
    ndarray of shape (n, n_states)
    """
    out = np.zeros((len(values), len(means)), values.dtype)
    patterns, which = np.unique(np.isnan(values), axis=0, return_inverse=True)
    which = which.reshape(-1)
    for i, missing in enumerate(patterns):
        seen = ~missing
        if not seen.any():
            continue
        rows = np.flatnonzero(which == i)
        x = values[np.ix_(rows, seen)]
        for k, (mean, covar) in enumerate(zip(means, covars, strict=True)):
            factor = np.linalg.cholesky(covar[np.ix_(seen, seen)])
            z = solve_triangular(
                factor, (x - mean[seen]).T, lower=True, check_finite=False
            )
            # A copy: NumPy 1.26 may round the logarithms of a strided view either way,
            # as memory happens to lie.
            log_det = 2 * np.log(np.diag(factor).copy()).sum()
            out[rows, k] = -0.5 * ((z**2).sum(axis=0) + log_det + seen.sum() * LOG_2PI)
    return out
