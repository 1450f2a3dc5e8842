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
_LARGEST_CHANGE = 1e-9


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


def to_echelon(R, rotated, independent, rcond=None):
    """Rotate an upper triangle, with columns that depend on others, to a staircase.

    Parameters
    ----------
    R : ndarray of shape (n_rows, p)
        Overwritten.
    rotated : ndarray of shape (n_rows, ...)
        Rotated along; overwritten.
    independent : int
        So many leading columns are independent.
    rcond : float, default=None
        Up to which share of the largest a singular value is cut off, as in `decompose`.

    Returns
    -------
    Echelon
    """
    n_rows, p = R.shape
    sizes_sq = (R**2).sum(axis=0)
    total_sq, longest = np.cumsum(sizes_sq), np.sqrt(np.maximum.accumulate(sizes_sq))
    widths = np.arange(1, p + 1)
    cut = np.maximum(n_rows, widths) * EPS
    if rcond is not None:
        cut = np.minimum(cut, rcond)
    cut = np.maximum(cut - _ROUNDING * EPS, 0.0) / 2
    pivots, dropped_sq = np.arange(p) < independent, np.zeros(p)
    rank, a = independent, independent
    while rank < n_rows and a < p:
        # 1. The pivots of the next columns. Largest singular values are at least the
        #    longest column, and the root of the mean square over the rank.
        panel = slice(a, min(a + PANEL, p))
        at_most = np.minimum(n_rows, rank + 1 + np.arange(panel.stop - a))
        largest = np.maximum(np.sqrt(total_sq[panel] / at_most), longest[panel])
        pivots[panel] = _leading_pivots(R[rank:, panel], cut[panel] * largest)
        steps = a + np.flatnonzero(pivots[panel])
        # 2. Triangularise those, and rotate the rest with them.
        if len(steps):
            rest = np.hstack([R[rank:, a:], rotated[rank:]])
            _, rest = rotate(R[rank:, steps], rest)
            R[rank:, a:], rotated[rank:] = np.hsplit(rest, [p - a])
        # 3. Below the stairs there is rounding only.
        stairs = rank + np.cumsum(pivots[panel])
        below = np.arange(n_rows)[:, None] >= stairs
        lost = np.where(below, R[:, panel], 0.0)
        lost[:, pivots[panel]] = 0.0
        dropped_sq[panel] = (lost**2).sum(axis=0)
        R[:, panel][below] = 0.0
        rank, a = int(stairs[-1]), panel.stop
        # 4. No more steps?
        if len(steps) < len(stairs) and a < p:
            left_sq = (R[rank:, a:] ** 2).sum(axis=0)
            largest = np.maximum(np.sqrt(total_sq[a:] / max(rank, 1)), longest[a:])
            if (left_sq <= (cut[a:] * largest) ** 2).all():
                dropped_sq[a:], R[rank:, a:] = left_sq, 0.0
                break
    ranks = np.maximum(np.cumsum(pivots), 1)
    largest = np.maximum(np.sqrt(total_sq / ranks), longest)
    dropped = np.sqrt(np.cumsum(dropped_sq))
    certain = dropped <= cut * largest
    share = np.where(certain, dropped / np.sqrt(total_sq), np.inf)
    return Echelon(R, rotated, pivots, share)


def _leading_pivots(panel, tolerance):
    """Which columns leave the span of those before them by more than a tolerance."""
    left, rank = panel.copy(), 0
    pivots = np.zeros(panel.shape[1], dtype=bool)
    for j, least in enumerate(tolerance):
        column = left[rank:, j]
        size = linalg.norm(column)
        if size <= least:
            continue
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
