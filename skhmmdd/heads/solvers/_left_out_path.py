"""Leave-one-out at every width of a nested design, from shared work."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._leave_one_out import (
    generalized_cross_validation,
    leave_one_out_residuals,
)
from skhmmdd.heads.solvers._left_out_groups import (
    group_left_out_residuals,
    left_out_in_pairs,
    left_out_of,
    smoother_of,
    smoothers_along_widths,
)
from skhmmdd.heads.solvers._nested_factorizations import nested_blocks
from skhmmdd.heads.solvers._problem import contrast_rows, on_contrasts
from skhmmdd.heads.solvers._spectrum import decompose
from skhmmdd.heads.solvers._width_path import condition_limit, rescale

# Risks of residuals of shape (n_widths, n, q): an array of shape (n_risks, n_widths).
Measure: TypeAlias = Callable[[Floats], Floats]


class LeftOutPath(NamedTuple):
    """Leave-one-out at several widths."""

    risks: Floats
    """Shape (n_risks, n_widths)."""
    gcv: Floats
    """Shape (n_widths,)."""
    rank: Ints
    """Shape (n_widths,)."""


def left_out_along_widths(
    X: Floats,
    y: Floats,
    widths: Ints,
    weights: Floats,
    members: list[Ints],
    measure: Measure,
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
    weights : ndarray of shape (n_samples,)
        Positive; a row is left out whole.
    members : list of ndarray of int of shape (n_groups, size)
        Rows that are left out together, from `members_by_size`; none for single rows.
    measure : callable
        What is made of the residuals of the rows left out.
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
    design, response, *_ = on_contrasts(X, y, fit_intercept, weights)
    nonzero = design.any(axis=0)
    ranks = np.cumsum(nonzero, dtype=np.intp)[widths - 1]
    blocks_of = partial(
        nested_blocks,
        design[:, nonzero],
        response,
        np.empty((0, nonzero.sum())),
        rcond=rcond,
    )
    samples = contrast_rows(weights) if fit_intercept else np.eye(n)
    limit = condition_limit(rcond, alpha)
    root = np.sqrt(weights)[:, None]
    n_risks = len(measure(np.zeros((1, *y.shape))))
    risks, gcv = np.zeros((n_risks, len(widths))), np.zeros(len(widths))
    rank = np.minimum(ranks, len(design))
    known = np.zeros(len(widths), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        if members:
            for one in smoothers_along_widths(
                design[:, nonzero], response, samples, ranks, alpha, limit
            ):
                i = one.position
                residuals, gcv[i] = left_out_of(one, members)
                known[i] = one.condition < limit and np.isfinite(residuals).all()
                if known[i]:
                    risks[:, [i]] = measure(residuals[None] / root)
        for block in (
            () if members else blocks_of(alpha=alpha, limit=limit, samples=samples)
        ):
            which, offsets = block.find(ranks)
            residuals, outside, exact = (rows[offsets] for rows in block.left_out)
            quotients = residuals / outside[:, :, None]
            # Beside samples that are missed, those that are not count nothing.
            exact &= ~exact.all(axis=1, keepdims=True)
            residuals = np.where(exact[:, :, None], 0.0, residuals)
            outside = np.where(exact, 0.0, outside)
            gcv[which] = np.sum(residuals**2, axis=(1, 2)) / outside.mean(axis=1) ** 2
            good = (block.condition[offsets] < limit) & np.isfinite(quotients).all(
                axis=(1, 2)
            )
            known[which], rank[which] = good, block.rank[offsets]
            risks[:, which[good]] = measure(quotients[good] / root)
        if alpha:
            # Whatever the penalty makes of it, the rank is that of the bare design.
            limit = condition_limit(rcond, 0.0)
            for block in blocks_of(limit=limit):
                which, offsets = block.find(ranks)
                known[which] &= block.condition[offsets] < limit
                rank[which] = block.rank[offsets]
    gcv /= weights.sum() * y.shape[1]
    known &= np.isfinite(risks).all(axis=0) & np.isfinite(gcv)
    return LeftOutPath(risks, gcv, rank), np.flatnonzero(~known)


def left_out_at_width(
    width: int,
    X: Floats,
    y: Floats,
    weights: Floats,
    members: list[Ints],
    measure: Measure,
    alpha: float,
    fit_intercept: bool,
    rcond: float | None,
) -> tuple[Floats, float, int]:
    """The same at one width, from its singular values."""
    spectrum = decompose(
        X[:, :width],
        y,
        sample_weight=weights,
        fit_intercept=fit_intercept,
        rcond=rcond,
    )
    residuals = group_left_out_residuals(spectrum, alpha, members)
    # Of squared residuals that have the weights in them.
    gcv = generalized_cross_validation(spectrum, alpha) * len(weights) / weights.sum()
    return measure(residuals[None])[:, 0], gcv, len(spectrum.values)


def left_out_with_another(
    X: Floats,
    y: Floats,
    widths: Ints,
    weights: Floats,
    losses_of: Callable[[Floats], Floats],
    *,
    alpha: float,
    fit_intercept: bool,
    rcond: float | None,
) -> Iterator[tuple[int, Floats]]:
    """Losses of every row left out, alone and where another is left out as well.

    Parameters
    ----------
    X : ndarray of shape (n_rows, p)
        Nested design.
    y : ndarray of shape (n_rows, q)
    widths : ndarray of int of shape (n_widths,)
        Increasing, in [1, p].
    weights : ndarray of shape (n_rows,)
        As for `left_out_along_widths`.
    losses_of : callable
        Losses (m, n_samples) of residuals (m, n_rows, q).
    alpha, fit_intercept, rcond
        As for `left_out_along_widths`.

    Yields
    ------
    position : int
        Of a width, in any order; of none where digits would be lost.
    losses : ndarray of shape (n_rows, n_samples)
        In row i those of all samples where row i is left out with theirs.
    """
    X, _, alpha, _ = rescale(X[:, : widths[-1]], np.empty((0, widths[-1])), alpha)
    design, response, *_ = on_contrasts(X, y, fit_intercept, weights)
    nonzero = design.any(axis=0)
    ranks = np.cumsum(nonzero, dtype=np.intp)[widths - 1]
    samples = contrast_rows(weights) if fit_intercept else np.eye(len(X))
    limit = condition_limit(rcond, alpha)
    root = np.sqrt(weights)[:, None]
    missing = np.ones(len(widths), dtype=bool)

    def losses_at(smoother, alone=None):
        residuals = left_out_in_pairs(smoother, alone) / root
        return losses_of(residuals) if np.isfinite(residuals).all() else None

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        shared = (
            smoothers_along_widths(
                design[:, nonzero], response, samples, ranks, alpha, limit
            )
            if nonzero.any()
            else ()
        )
        for one in shared:
            if one.condition < limit and (losses := losses_at(one)) is not None:
                missing[one.position] = False
                yield one.position, losses
        for position in np.flatnonzero(missing):
            spectrum = decompose(
                X[:, : widths[position]],
                y,
                sample_weight=weights,
                fit_intercept=fit_intercept,
                rcond=rcond,
            )
            one = smoother_of(spectrum, alpha, int(position))
            alone = root * leave_one_out_residuals(spectrum, alpha)
            if (losses := losses_at(one, alone)) is not None:
                yield int(position), losses
