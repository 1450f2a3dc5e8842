r"""Heads from the inverse of a Gram matrix, downdated as columns are removed.

T are the columns of a design, as rows of m entries, y the targets.

*More columns than entries*: :math:`Q = (T'T + \alpha I)^{-1}`, of m rows, the duals
:math:`Qy` and the coefficients :math:`TQy`. Without the column t

.. math:: Q \leftarrow Q + \frac{Q t t' Q}{1 - t'Qt}.

*Fewer*: with the columns of their triangular factor for T, those of the penalty
included, :math:`Q = (TT')^{-1}`, of a row for each column. Without the column j

.. math:: Q \leftarrow Q - \frac{Q_{\cdot j} Q_{j \cdot}}{Q_{jj}}.

Inverses come from QR factors, which do not square the condition number. A solution is
refined once by what it leaves of the targets. The size of that correction, and the
rounding of what is left times the norm of the inverse, bound its error.
"""

from typing import Self

import numpy as np
from scipy import linalg

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._spectrum import EPS

# Of the rounding of a product, times the root of the number of its terms.
SAFETY = 8.0
# An inverse is computed anew after so many downdates, or where its trace has changed by
# so much: digits that cancelled would be missing from then on.
_MOST_DOWNDATES, _LARGEST_CHANGE = 64, 100.0


class WideInverse:
    """(T'T + alpha I)^-1 of columns T, as rows, that outnumber their entries."""

    is_wide = True

    def __init__(
        self, matrix: Floats, response: Floats, alpha: float, size_sq: float
    ) -> None:
        self.matrix, self._response, self._alpha = matrix, response, alpha
        self._duals = matrix @ response
        self._size_sq = size_sq
        self._n_downdates, self._first_trace = 0, np.trace(matrix)

    @classmethod
    def of(cls, rows: Floats, response: Floats, alpha: float) -> Self | None:
        """The inverse by the QR factor of the rows; None where it is singular."""
        n = rows.shape[1]
        stacked = np.vstack([rows, np.sqrt(alpha) * np.eye(n)]) if alpha else rows
        root = _inverse_of_triangle(linalg.qr(stacked, mode="r")[0][:n])
        if root is None:
            return None
        return cls(root @ root.T, response, alpha, (rows**2).sum() + n * alpha)

    @property
    def condition(self) -> float:
        """Bound on the condition number of the columns, or of what the inverse saw."""
        return float(np.sqrt(self._size_sq * np.trace(self.matrix)))

    def solve(self, rows: Floats, response_size: float) -> tuple[Floats, float]:
        """Coefficients of these columns, and a bound on the norm of their error."""
        # 1. Coefficients of the duals, and what they leave of the targets.
        coef = rows @ self._duals
        left = self._response - rows.T @ coef - self._alpha * self._duals
        # 2. One step of refinement.
        correction = self.matrix @ left
        self._duals += correction
        change = rows @ correction
        coef += change
        # 3. An error e of what is left is one of sqrt(|inverse|) e of the coefficients.
        rounding = SAFETY * np.sqrt(len(rows)) * EPS * np.sqrt(np.trace(self.matrix))
        scale = np.sqrt(self._size_sq) * linalg.norm(coef) + response_size
        return coef, float(linalg.norm(change) + rounding * scale)

    def without(self, positions: Ints, rows: Floats) -> Self | None:
        """The inverse without these columns; None where digits would be lost."""
        for row in rows:
            reach = self.matrix @ row
            left = 1.0 - row @ reach
            self._n_downdates += 1
            if self._n_downdates > _MOST_DOWNDATES or left * _LARGEST_CHANGE < 1:
                return None
            self._duals += np.outer(reach, row @ self._duals / left)
            self.matrix += np.outer(reach, reach / left)
            self._size_sq = max(self._size_sq - row @ row, 0.0)
        if np.trace(self.matrix) > _LARGEST_CHANGE * self._first_trace:
            return None
        return self


class NarrowInverse:
    """(TT' + alpha I)^-1 of columns T, as rows, no more than their entries."""

    is_wide = False

    def __init__(self, matrix: Floats, triangle: Floats, response: Floats) -> None:
        self.matrix, self._triangle, self._response = matrix, triangle, response
        self._size_sq = (triangle**2).sum()
        self._coef = matrix @ (triangle.T @ response)
        self._n_downdates, self._first_trace = 0, np.trace(matrix)

    @classmethod
    def of(cls, rows: Floats, response: Floats, alpha: float) -> Self | None:
        """The inverse by the QR factor of the columns; None where it is singular."""
        p = len(rows)
        if alpha:
            rows = np.hstack([rows, np.sqrt(alpha) * np.eye(p)])
            response = np.vstack([response, np.zeros((p, response.shape[1]))])
        basis, triangle = linalg.qr(rows.T, mode="economic")
        root = _inverse_of_triangle(triangle)
        if root is None:
            return None
        return cls(root @ root.T, triangle, basis.T @ response)

    @property
    def condition(self) -> float:
        """Bound on the condition number of the columns, or of what the inverse saw."""
        return float(np.sqrt(self._size_sq * np.trace(self.matrix)))

    def solve(self, rows: Floats, response_size: float) -> tuple[Floats, float]:
        """Coefficients of these columns, and a bound on the norm of their error."""
        # 1. What the coefficients leave of the targets, and its products with columns.
        left = self._response - self._triangle @ self._coef
        # 2. One step of refinement.
        change = self.matrix @ (self._triangle.T @ left)
        self._coef += change
        # 3. Errors of what is left, and of its products with the columns.
        rounding = SAFETY * np.sqrt(len(rows)) * EPS
        inverse_sq, size = np.trace(self.matrix), np.sqrt(self._size_sq)
        scale = size * linalg.norm(self._coef) + response_size
        error = np.sqrt(inverse_sq) * scale
        # None of the columns explains what the factor has left out of the targets.
        error += inverse_sq * size * response_size
        return self._coef.copy(), float(linalg.norm(change) + rounding * error)

    def without(self, positions: Ints, rows: Floats) -> Self | None:
        """The inverse without these columns; None where digits would be lost."""
        for j in positions:
            column = self.matrix[:, j].copy()
            self._n_downdates += 1
            self._coef -= np.outer(column, self._coef[j] / column[j])
            self.matrix -= np.outer(column, column / column[j])
        trace = np.delete(np.diag(self.matrix), positions).sum()
        if (
            self._n_downdates > _MOST_DOWNDATES
            or trace * _LARGEST_CHANGE < self._first_trace
        ):
            return None
        self._coef = np.delete(self._coef, positions, axis=0)
        self._triangle = np.delete(self._triangle, positions, axis=1)
        self.matrix = np.delete(np.delete(self.matrix, positions, 0), positions, 1)
        self._size_sq = (self._triangle**2).sum()
        return self


def _inverse_of_triangle(triangle):
    if not np.all(np.abs(np.diag(triangle)) > EPS * np.abs(triangle).max(initial=0.0)):
        return None
    return linalg.solve_triangular(triangle, np.eye(len(triangle)), check_finite=False)
