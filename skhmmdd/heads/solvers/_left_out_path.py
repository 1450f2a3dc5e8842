"""Leave-one-out at every width of a nested design, for the price of one fit."""

from functools import partial
from typing import NamedTuple

import numpy as np

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._leave_one_out import (
    generalized_cross_validation,
    leave_one_out_risk,
)
from skhmmdd.heads.solvers._nested_factorizations import nested_blocks
from skhmmdd.heads.solvers._spectrum import contrast_rows, decompose, on_contrasts
from skhmmdd.heads.solvers._width_path import condition_limit, rescale


class LeftOutPath(NamedTuple):
    """Leave-one-out risk, GCV and rank, each of shape (n_widths,)."""

    risk: Floats
    gcv: Floats
    rank: Ints


def left_out_along_widths(
    X: Floats,
    y: Floats,
    widths: Ints,
    *,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> tuple[LeftOutPath, Ints]:
    """The path, and at which of the widths it has to be had from singular values.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        Nested design.
    y : ndarray of shape (n_samples, q)
    widths : ndarray of int of shape (n_widths,)
        Increasing, in [1, p].
    alpha : float, default=0.0
    fit_intercept : bool, default=True
    rcond : float or None, default=None

    Returns
    -------
    path : LeftOutPath
        Without meaning at the widths in doubt.
    in_doubt : ndarray of int
        Positions in `widths`; see `left_out_at_width`.
    """
    n = len(X)
    X, _, alpha, _ = rescale(X[:, : widths[-1]], np.empty((0, widths[-1])), alpha)
    design, response, *_ = on_contrasts(X, y, fit_intercept)
    nonzero = design.any(axis=0)
    ranks = np.cumsum(nonzero)[widths - 1]
    blocks_of = partial(
        nested_blocks,
        design[:, nonzero],
        response,
        np.empty((0, nonzero.sum())),
        rcond=rcond,
    )
    samples = contrast_rows(n) if fit_intercept else np.eye(n)
    limit = condition_limit(rcond, alpha)
    risk, gcv = np.zeros((2, len(widths)))
    rank = np.zeros(len(widths), dtype=np.intp)
    known = np.zeros(len(widths), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        for block in blocks_of(alpha=alpha, limit=limit, samples=samples):
            which, offsets = block.find(ranks)
            residuals, outside, exact = (rows[offsets] for rows in block.left_out)
            quotients = residuals / outside[:, :, None]
            risk[which] = np.mean(quotients**2, axis=(1, 2))
            # Beside samples that are missed, those that are not count nothing.
            exact &= ~exact.all(axis=1, keepdims=True)
            residuals = np.where(exact[:, :, None], 0.0, residuals)
            outside = np.where(exact, 0.0, outside)
            gcv[which] = np.mean(residuals**2, axis=(1, 2)) / outside.mean(axis=1) ** 2
            known[which] = (block.condition[offsets] < limit) & np.isfinite(risk[which])
            rank[which] = block.rank[offsets]
        if alpha:
            # Whatever the penalty makes of it, the rank is that of the bare design.
            limit = condition_limit(rcond, 0.0)
            for block in blocks_of(limit=limit):
                which, offsets = block.find(ranks)
                known[which] &= block.condition[offsets] < limit
                rank[which] = block.rank[offsets]
    return LeftOutPath(risk, gcv, rank), np.flatnonzero(~known)


def left_out_at_width(
    width: int,
    X: Floats,
    y: Floats,
    alpha: float,
    fit_intercept: bool,
    rcond: float | None,
) -> tuple[float, float, int]:
    """The same at one width, from its singular values."""
    spectrum = decompose(X[:, :width], y, fit_intercept=fit_intercept, rcond=rcond)
    return (
        float(leave_one_out_risk(spectrum, alpha)),
        generalized_cross_validation(spectrum, alpha),
        len(spectrum.values),
    )
