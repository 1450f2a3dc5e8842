r"""Which columns of a nested design bring a dimension of their own, and which do not.

Every design is rotated to a staircase: a column that depends on those before it ends
at the last step, one that does not makes a step, whose foot is its *pivot*. The first
k columns then fill as many rows as their rank.

"Depends" is numerical: what a column has outside the span of those before it is
dropped where it is rounding, so that singular values of the first k columns that are
due to it are sure to be cut off. With E what was dropped up to there, that is so (Weyl)
where

.. math:: \|E\|_F \le \tfrac12\,\mathrm{rcond}\,\sigma_{\max}.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd.heads.solvers._spectrum import EPS
from skhmmdd.heads.solvers._triangles import PANEL, rotate

# By how many times EPS singular values themselves may be off.
_ROUNDING = 4
# What E may do to the head: its share of the design times the condition number.
_LARGEST_CHANGE = 1e-8
# Of a column, what leaves the span of those before it by less may be their rounding.
_GREY = 1e-6
# A rotation by a larger angle is none to first order.
_LARGEST_TILT = 1e-7


class Echelon(NamedTuple):
    """A design of n_rows and p columns on rotated rows."""

    design: np.ndarray
    """Shape (n_rows, p), zero below the stairs."""
    rotated: np.ndarray
    """What was rotated with it, shape (n_rows, ...)."""
    pivots: np.ndarray
    """Whether a column makes a step, shape (p,)."""
    dropped: np.ndarray
    """Norm of what was dropped of the first k columns over their own, shape (p,);
    infinite where singular values due to it might be kept."""

    def trusted(self, condition, widths):
        """Condition numbers of these columns; infinite where E matters to heads."""
        # Not a product: infinity times nothing dropped is no number.
        harmless = condition < _LARGEST_CHANGE / np.maximum(
            self.dropped[widths], EPS**2
        )
        return np.where(harmless, condition, np.inf)


def full_echelon(design, rotated, n_pivots):
    """Of a triangular design whose first columns, up to its rows, are independent."""
    p = design.shape[1]
    return Echelon(design, rotated, np.arange(p) < n_pivots, np.zeros(p))


def to_range(design, rotated, rcond=None):
    """Rotate a design into the first rows, as many as its rank where that is clear.

    Parameters
    ----------
    design : ndarray of shape (n_rows, p)
    rotated : ndarray of shape (n_rows, ...)
    rcond : float, default=None
        As in `to_echelon`.

    Returns
    -------
    echelon : Echelon
        No staircase, but with zeros below the rank.
    rank : int
    """
    n_rows, p = design.shape
    some = slice(None, 2 * n_rows)
    if p > 2 * n_rows:
        _, rank = _range(design[:, some], _Limits(design[:, some], rcond))
        if rank == n_rows:
            return full_echelon(design, rotated, 0), rank
    limits = _Limits(design, rcond)
    design, rotated, rank, dropped_sq = _to_range(design, rotated, limits)
    design[rank:] = 0.0
    dropped = np.sqrt(np.cumsum(dropped_sq)) / limits.norms
    return Echelon(design, rotated, np.zeros(p, dtype=bool), dropped), rank


def to_echelon(R, rotated, rcond=None):
    """Rotate a design, with columns that depend on others, to a staircase.

    Parameters
    ----------
    R : ndarray of shape (n_rows, p)
        Upper triangular.
    rotated : ndarray of shape (n_rows, ...)
        Rotated along.
    rcond : float, default=None
        Up to which share of the largest a singular value is cut off, as in `decompose`.

    Returns
    -------
    Echelon
    """
    limits = _Limits(R, rcond)
    R, rotated, rank, dropped_sq = _to_range(R, rotated, limits)
    design, pivots, below = _staircase(R[:rank], rotated[:rank], limits)
    R[:rank], R[rank:] = design, 0.0
    dropped = np.sqrt(np.cumsum(dropped_sq + below**2))
    certain = dropped <= limits.tolerance(np.maximum(np.cumsum(pivots), 1))
    share = np.where(certain, dropped / limits.norms, np.inf)
    return Echelon(R, rotated, pivots, share)


class _Limits:
    """What may be dropped of the first k columns."""

    def __init__(self, design, rcond):
        n_rows, p = design.shape
        sizes_sq = (design**2).sum(axis=0)
        self.norms = np.sqrt(np.cumsum(sizes_sq))
        self._longest = np.sqrt(np.maximum.accumulate(sizes_sq))
        cut = np.maximum(n_rows, np.arange(1, p + 1)) * EPS
        if rcond is not None:
            cut = np.minimum(cut, rcond)
        self._cut = np.maximum(cut - _ROUNDING * EPS, 0.0) / 2

    def tolerance(self, ranks, columns=slice(None)):
        """Of norms, where the ranks of the first columns are at most these.

        Largest singular values are at least the longest column, and the root of the
        mean square over the rank.
        """
        mean = self.norms[columns] / np.sqrt(ranks)
        return self._cut[columns] * np.maximum(mean, self._longest[columns])


def _range(design, limits):
    """Orthonormal columns of which the first span the range, and the rank."""
    n_rows, p = design.shape
    L = linalg.qr(design.T, mode="r", check_finite=False)[0][:n_rows].T
    Q, triangle, _ = linalg.qr(L, pivoting=True, check_finite=False)
    rest = np.sqrt((triangle**2).sum(axis=1)[::-1].cumsum()[::-1])
    small = rest <= limits.tolerance(np.array(min(n_rows, p)), -1)
    return Q, int(small.argmax()) if small.any() else n_rows


def _to_range(design, rotated, limits):
    """Rotate a design into the first rows, as many as its rank where that is clear.

    The span of all columns is better known than that of the first that reach its
    rank, which are the worst conditioned. Returns the design, what was rotated, the
    rank, and of each column the square of what it has elsewhere.
    """
    n_rows, p = design.shape
    Q, rank = _range(design, limits)
    if rank < n_rows:
        turned = Q.T @ design
        dropped_sq = (turned[rank:] ** 2).sum(axis=0)
        ranks = np.minimum(rank, np.arange(1, p + 1))
        # Columns that were large enough by themselves stay, whatever comes later.
        if (np.sqrt(np.cumsum(dropped_sq)) <= limits.tolerance(ranks)).all():
            return turned, Q.T @ rotated, rank, dropped_sq
    return design.copy(), rotated.copy(), n_rows, np.zeros(p)


def _staircase(R, rotated, limits):
    """The staircase, its pivots, and of each column the norm of what was dropped.

    Both arguments are overwritten.
    """
    n_rows, p = R.shape
    pivots, dropped = np.zeros(p, dtype=bool), np.zeros(p)
    rank = a = 0
    while rank < n_rows and a < p:
        panel = slice(a, min(a + PANEL, p))
        ranks = np.minimum(n_rows, rank + 1 + np.arange(panel.stop - a))
        tolerance = limits.tolerance(ranks, panel)
        sizes = linalg.norm(R[:, panel], axis=0)
        grey = _GREY * sizes
        # Their shares of it, for all together may take no more.
        least = tolerance * sizes / limits.norms[panel]
        # 1. A first column that rounding keeps off the span of the pivots.
        if least[0] < linalg.norm(R[rank:, a]) < grey[0]:
            lost = _tilt(R, rotated, a, np.flatnonzero(pivots), tolerance[0])
            if lost is not None:
                dropped[: a + 1] += lost
                a += 1
                continue
        # 2. The pivots of the next columns.
        least[0] = tolerance[0]
        found = _leading_pivots(R[rank:, panel], least, grey)
        panel = slice(a, a + len(found))
        pivots[panel] = found
        steps = a + np.flatnonzero(found)
        # 3. Triangularise those, and rotate the rest with them.
        if len(steps):
            rest = np.hstack([R[rank:, a:], rotated[rank:]])
            _, rest = rotate(R[rank:, steps], rest)
            R[rank:, a:], rotated[rank:] = np.hsplit(rest, [p - a])
        # 4. Below the stairs there is rounding only.
        stairs = rank + np.cumsum(found)
        below = np.arange(n_rows)[:, None] >= stairs
        lost = np.where(below & ~found, R[:, panel], 0.0)
        dropped[panel] = linalg.norm(lost, axis=0)
        R[:, panel][below] = 0.0
        rank, a = int(stairs[-1]), panel.stop
    return R, pivots, dropped


def _tilt(R, rotated, column, pivots, tolerance):
    r"""Turn the stairs so that a column depends on the pivots, if rounding allows.

    Pivots that are nearly dependent know their span no better than their rounding. With
    R those pivots, w and e what the column has on their rows and below, and
    :math:`N = R^{-1}w`, the first columns are least off a span of their rank if its
    rows are turned by :math:`e t'`, :math:`t = R^{-\top}N / (1 + N'N)`: of the column
    :math:`e / (1 + N'N)` is left, and of the others :math:`-e t'R`.

    Returns the norms of what is left of the columns so far, or None.
    """
    rank = len(pivots)
    triangle, e = R[:rank, pivots], R[rank:, column].copy()
    N = linalg.solve_triangular(triangle, R[:rank, column], check_finite=False)
    total = 1.0 + N @ N
    t = linalg.solve_triangular(triangle, N, trans=1, check_finite=False) / total
    size, angle = linalg.norm(e), linalg.norm(e) * linalg.norm(t)
    # Not so where one of them is not finite.
    if not (size <= tolerance * np.sqrt(total) and angle <= _LARGEST_TILT):
        return None
    lost = size * np.abs(np.append(t @ R[:rank, :column], 1.0 / total))
    for rows in (R[:, column:], rotated):
        above, below = t @ rows[:rank], e @ rows[rank:]
        rows[:rank] += np.outer(t, below)
        rows[rank:] -= np.outer(e, above)
    R[rank:, column] = 0.0
    return lost


def _leading_pivots(panel, tolerance, grey):
    """Which columns leave the span of those before them by more than a tolerance.

    Up to the first, but for the very first, that does by less than `grey`.
    """
    left, rank = panel.copy(), 0
    pivots = np.zeros(panel.shape[1], dtype=bool)
    for j, least in enumerate(tolerance):
        column = left[rank:, j]
        size = linalg.norm(column)
        if size <= least:
            continue
        if j and size < grey[j]:
            return pivots[:j]
        # A Householder reflection sends the column to its first axis.
        pivots[j] = True
        axis = column / size
        axis[0] += np.copysign(1.0, axis[0])
        axis /= linalg.norm(axis)
        later = left[rank:, j + 1 :]
        later -= 2.0 * np.outer(axis, axis @ later)
        rank += 1
        if rank == len(left):
            break
    return pivots
