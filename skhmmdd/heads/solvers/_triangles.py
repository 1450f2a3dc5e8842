"""Triangular factors of nested designs."""

import numpy as np
from scipy import linalg

# Beyond this condition number a rank decision may be at stake: the caller then solves
# the width by itself.
TRUSTED_CONDITION = 1e10
# Columns that LAPACK reflects at a time, and the size of the triangles that it inverts.
PANEL, _TRIANGLE = 32, 64
# From so many rows on, columns that join a triangle are reflected twice as many at a
# time, which takes two thirds of the time.
_TALL = 500


def rotate(X, y):
    """R and Q'y of X = Q R, as tall as X and y are."""
    size = PANEL * max(*X.shape, y.shape[1])
    packed, tau, _, _ = linalg.lapack.dgeqrf(X, lwork=size)
    reflectors = packed[:, : len(tau)]
    c, _, _ = linalg.lapack.dormqr("L", "T", reflectors, tau, y, lwork=size)
    return np.triu(packed), c


def upper_inverse(R):
    """By halves, nearly all of it in products."""
    p = len(R)
    if p <= _TRIANGLE:
        return _small_upper_inverse(R)
    h = p // 2
    out = np.zeros((p, p))
    out[:h, :h], out[h:, h:] = upper_inverse(R[:h, :h]), upper_inverse(R[h:, h:])
    out[:h, h:] = -out[:h, :h] @ (R[:h, h:] @ out[h:, h:])
    return out


def _small_upper_inverse(R):
    if not len(R):
        return R
    inverse, info = linalg.lapack.dtrtri(R)
    if info:
        raise linalg.LinAlgError(f"Column {info} of a triangular factor is zero.")
    return inverse


def leading_independent(R):
    """How many leading columns of a triangular factor are safely independent."""
    size = np.abs(np.diag(R))
    weak = size * TRUSTED_CONDITION <= np.sqrt((R**2).sum())
    return int(weak.argmax()) if weak.any() else len(size)


class RowFactor:
    """L' and D', carried along the columns by orthogonal transformations."""

    def __init__(self, R, E, limit, inverse_sq=np.inf):
        # Copies, even of one row: they are overwritten.
        self.R, self.E = np.array(R, order="F"), np.array(E, order="F")
        self._limit, self._inverse_sq = limit, inverse_sq

    def add(self, F, F_z):
        """Rotate more columns into the triangle, which costs no more than they do."""
        if not F.size:
            return
        size = min(PANEL if len(self.R) < _TALL else 2 * PANEL, len(self.R))
        self.R, reflectors, panels, _ = linalg.lapack.dtpqrt(
            0, size, self.R, F.T, overwrite_a=True
        )
        if self.E.size:  # LAPACK's wrappers take no empty arrays
            self.E, _, _ = linalg.lapack.dtpmqrt(
                0, reflectors, panels, self.E, F_z.T, trans="T", overwrite_a=True
            )

    def grow(self, C, C_z):
        """Columns of more rows, which come first: C is lower triangular."""
        k = C.shape[1]
        if not k:
            return
        R = np.zeros((len(C), len(C)), order="F")
        R[:k], R[k:, k:] = C.T, self.R
        self.R, self.E = R, np.asfortranarray(np.vstack([C_z.T, self.E]))
        self._inverse_sq += (self.solve(np.eye(len(C), k)) ** 2).sum()

    def grown(self, C, C_z):
        """The same as a factor of its own."""
        if not C.shape[1]:
            return self
        other = RowFactor(self.R, self.E, self._limit)
        other.grow(C, C_z)
        return other

    def solve(self, rows, transposed=True):
        """L^-1 times the rows, or L'^-1 if not transposed."""
        if not rows.size:
            return np.zeros(rows.shape)
        return linalg.solve_triangular(
            self.R, rows, trans=int(transposed), check_finite=False
        )

    def inverse_sq(self, size_sq):
        """Bound on the squared norm of L^-1, for designs of these squared norms."""
        # More columns only lift the least singular value: a bound that was good enough
        # once stays one.
        if not self._inverse_sq * size_sq < self._limit**2:
            self._inverse_sq = (upper_inverse(self.R) ** 2).sum()
        return self._inverse_sq
