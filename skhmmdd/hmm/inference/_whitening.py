r"""Observations of a linear-Gaussian model as a few readings: pure functions on arrays.

Given the state z, a row of p features :math:`x = zW + u` tells of z no more than
min(d, p) combinations of them do, and these can be chosen to have unit noise.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular


class Reduction(NamedTuple):
    """Observed features x as k readings y = x @ projection.

    They follow y = z @ reading + N(0, I). Of the features, only the indices `seen`
    are there; `basis` spans, among their whitened values, what the readings keep.
    """

    seen: np.ndarray
    projection: np.ndarray
    reading: np.ndarray
    basis: np.ndarray
    factor: np.ndarray
    log_det: float


def reduce_emission(emission, emission_cov, seen=None):
    """Whiten the features `seen`, and rotate them onto what tells of the state.

    Parameters
    ----------
    emission : ndarray of shape (d, p)
    emission_cov : ndarray of shape (p,) or (p, p)
    seen : ndarray of int, default=None
        The features that are there; None is all.

    Returns
    -------
    Reduction
        With k = min(d, p) readings; those that a subset cannot fill are zero.
    """
    d, p = emission.shape
    k = min(d, p)
    seen = np.arange(p) if seen is None else seen
    projection, reading = np.zeros((len(seen), k)), np.zeros((d, k))
    if not len(seen):
        return Reduction(seen, projection, reading, projection, np.ones(0), 0.0)
    if emission_cov.ndim == 1:
        factor = np.sqrt(emission_cov[seen])
        diagonal = factor
    else:
        factor = np.linalg.cholesky(emission_cov[np.ix_(seen, seen)])
        diagonal = np.diag(factor)
    basis, triangle = np.linalg.qr(whiten(emission[:, seen], factor).T)
    if factor.ndim == 1:
        projected = basis / factor[:, None]
    else:
        projected = solve_triangular(factor, basis, lower=True, trans="T")
    projection[:, : basis.shape[1]] = projected
    reading[:, : basis.shape[1]] = triangle.T
    log_det = 2 * np.log(diagonal).sum()
    return Reduction(seen, projection, reading, basis, factor, log_det)


def whiten(rows, factor):
    """Rows divided by the root of their noise: deviations, or a lower factor."""
    if factor.ndim == 1:
        return rows / factor
    return solve_triangular(factor, rows.T, lower=True).T


def read_block(system, values):
    """Readings of a block of steps, and the missing pattern of each step.

    Parameters
    ----------
    system : System
    values : ndarray of shape (n_steps, n_sequences, p)
        NaN is missing.

    Returns
    -------
    readings : ndarray of shape (n_steps, n_sequences, k)
    pattern : ndarray of int of shape (n_steps, n_sequences)
    reductions : list of Reduction
        One for each pattern; the first is that of whole steps.
    """
    shape = values.shape[:2]
    values = values.reshape(-1, values.shape[2])
    missing = np.isnan(values)
    pattern = np.zeros(len(values), dtype=np.intp)
    reductions = [system.whole]
    holes = np.flatnonzero(missing.any(axis=1))
    if not len(holes):
        readings = values @ system.whole.projection
        return readings.reshape(*shape, -1), pattern.reshape(shape), reductions
    readings = np.where(missing, 0.0, values) @ system.whole.projection
    packed = np.packbits(missing[holes], axis=1)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    pattern[holes] = which.reshape(-1) + 1
    for i, rows in zip(first, members(which.reshape(-1), len(first)), strict=True):
        seen = np.flatnonzero(~missing[holes[i]])
        reduction = reduce_emission(system.emission, system.emission_cov, seen)
        rows = holes[rows]
        # Row by row: what other steps miss must not touch the last bit of this one.
        x = values[np.ix_(rows, seen)][:, None]
        readings[rows] = (x @ reduction.projection)[:, 0]
        reductions.append(reduction)
    return readings.reshape(*shape, -1), pattern.reshape(shape), reductions


def members(labels, n):
    """The positions of each label 0..n-1."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=n))[:-1])
