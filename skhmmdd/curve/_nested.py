r"""The head at every width of a nested design, from shared factorizations.

The matrices come centred and on contrasts (see `heads`), so there is no intercept here.
With p columns the head's predictions are :math:`Z_p b_p`, and blocks of neighbouring
widths share one factorization each, in either of two ways.

*By columns*, for narrow designs: with the QR factors of the widest one, its leading
columns have the leading part of R, the inverse of which nests too. So with
:math:`T = Z R^{-1}` and :math:`c = Q'y`, the predictions at width p are
:math:`\sum_{j \le p} T_j c_j`. Ridge adds the rows :math:`\sqrt\alpha I`.

*By rows*, for designs wider than tall: with the LQ factors of the first p columns,
:math:`X_p = L Q`, :math:`D = Z_p Q'`, :math:`w = L^{-1}y`, and b more columns F of X
and :math:`F_z` of Z,

.. math:: G = L^{-1}F, \quad I + G'G = M M', \quad U = G M^{-\top}, \quad
          V = F_z M^{-\top}, \quad s = U'w,

the predictions at width p + j are :math:`D w - \sum_{i \le j} (D U - V)_i s_i`, since
Cholesky factors and triangular inverses nest. Ridge starts from the columns
:math:`\sqrt\alpha I`, on which Z is zero. L and D are carried to the next block by a QR
of (L, F), an orthogonal transformation that never squares X: errors stay of the order
of the condition number of X itself, and do not grow from block to block.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

# Beyond this condition number a rank decision may be at stake: the caller then solves
# the width by itself.
_TRUSTED_CONDITION = 1e10
_SMALLEST_BLOCK, _LARGEST_BLOCK = 16, 256
# Columns that LAPACK reflects at a time.
_PANEL = 32


class Block(NamedTuple):
    """Neighbouring widths `first`, `first + 1`, ...

    The predictions at width first + j are `start` plus the sum over i <= j of
    `steps[i]` times `weights[i]`.
    """

    first: int
    start: np.ndarray
    """Shape (n_outputs, n_rows)."""
    steps: np.ndarray
    """Shape (n_widths, n_rows)."""
    weights: np.ndarray
    """Shape (n_widths, n_outputs)."""
    coef_sq: np.ndarray
    """Squared norm of the head of each output, shape (n_widths, n_outputs)."""
    condition: np.ndarray
    """Upper bound on the condition number at each width, shape (n_widths,)."""
    interpolates: bool
    """Whether the heads pass through every sample; `start` and `steps` are then of
    the rows past the training rows only."""

    def predictions(self, output):
        """Predictions of one output, shape (n_widths, n_rows)."""
        moves = self.steps * self.weights[:, output, None]
        moves[0] += self.start[output]
        return np.cumsum(moves, axis=0, out=moves)


def nested_blocks(X, y, Z, n_train, alpha=0.0):
    """Blocks of widths that cover 1 to p, in order.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        Nested design: its first k columns are the design of width k.
    y : ndarray of shape (n_samples, n_outputs)
    Z : ndarray of shape (n_rows, p)
        Where the heads predict, the training rows first.
    n_train : int
        How many training rows there are.
    alpha : float, default=0.0
        0 is minimum norm, above it ridge.

    Yields
    ------
    Block
    """
    n, p = X.shape
    if not n * p:
        return
    # With a penalty the columns stay independent past n; squaring is safe from 2n on.
    narrow = min(p, n if alpha == 0 else 2 * n)
    start = np.zeros((y.shape[1], len(Z)))
    yield from _by_columns(X[:, :narrow], y, Z[:, :narrow], alpha, start)
    if narrow < p:
        yield from _by_rows(X, y, Z if alpha else Z[n_train:], alpha, narrow)


def _by_columns(X, y, Z, alpha, start):
    p = X.shape[1]
    if alpha:
        X = np.vstack([X, np.sqrt(alpha) * np.eye(p)])
        y = np.vstack([y, np.zeros((p, y.shape[1]))])
    weights, R = linalg.qr_multiply(X, y.T, mode="right")
    weights = weights.T
    independent = _leading_independent(R)
    inverse = np.zeros((p, p))
    inverse[:independent, :independent] = _triangular_inverse(
        R[:independent, :independent], lower=False
    )
    condition = np.full(p, np.inf)
    condition[:independent] = np.sqrt(
        np.cumsum((X**2).sum(axis=0))[:independent]
        * np.cumsum((inverse**2).sum(axis=0))[:independent]
    )
    coef = np.zeros(weights.shape)
    for a in range(0, p, _LARGEST_BLOCK):
        part = slice(a, min(a + _LARGEST_BLOCK, p))
        seen = slice(part.stop)
        columns = inverse[seen, part]
        coef_sq = np.empty((columns.shape[1], y.shape[1]))
        for output, c in enumerate(weights[part].T):
            running = coef[seen, output, None] + np.cumsum(columns * c, axis=1)
            coef_sq[:, output] = (running**2).sum(axis=0)
            coef[seen, output] = running[:, -1]
        steps = (Z[:, seen] @ columns).T
        yield Block(a + 1, start, steps, weights[part], coef_sq, condition[part], False)
        start = start + weights[part].T @ steps


def _by_rows(X, y, Z, alpha, p):
    width = X.shape[1]
    factor = _RowFactor(X, Z, alpha, p + 1)
    p += 1
    size, largest = 1, min(max(len(X) // 2, _SMALLEST_BLOCK), _LARGEST_BLOCK)
    while True:
        size = min(size, width - p + 1)
        block = _one_block(p, p + size - 1, X, y, Z, alpha, factor)
        yield block
        seen, p = p, p + size
        if p > width:
            return
        factor.add(X[:, seen:p], Z[:, seen:p])
        # At the threshold the design is ill-conditioned and gets better fast: short
        # blocks keep what is lost there from what comes after.
        trusted = block.condition[-1] < _TRUSTED_CONDITION
        size = min(2 * size, largest if trusted else _SMALLEST_BLOCK)


class _RowFactor:
    """L' and D', carried along the columns by orthogonal transformations."""

    def __init__(self, X, Z, alpha, p):
        n = len(X)
        self._inverse_sq = np.inf
        if alpha:
            self.R = np.asfortranarray(np.sqrt(alpha) * np.eye(n))
            self.E = np.zeros((n, len(Z)), order="F")
            self.add(X[:, :p], Z[:, :p])
        else:
            D, R = linalg.qr_multiply(X[:, :p].T, Z[:, :p], mode="right")
            # Without rows in Z SciPy gives D as many columns as it got.
            self.R, self.E = np.asfortranarray(R), np.asfortranarray(D[:, :n].T)

    def add(self, F, F_z):
        """Rotate more columns into the triangle, which costs no more than they do."""
        size = min(_PANEL, len(self.R))
        self.R, reflectors, panels, _ = linalg.lapack.dtpqrt(
            0, size, self.R, F.T, overwrite_a=True
        )
        if self.E.size:  # LAPACK's wrappers take no empty arrays
            self.E, _, _ = linalg.lapack.dtpmqrt(
                0, reflectors, panels, self.E, F_z.T, trans="T", overwrite_a=True
            )

    def solve(self, rows, transposed=True):
        """L^-1 times the rows, or L'^-1 if not transposed."""
        return linalg.solve_triangular(
            self.R, rows, trans=int(transposed), check_finite=False
        )

    def condition_sq(self, size_sq):
        """Bound on the squared condition number of designs of these squared norms."""
        # More columns only lift the least singular value: a bound that was good enough
        # once stays one.
        if not self._inverse_sq * size_sq[0] < _TRUSTED_CONDITION**2:
            inverse = _triangular_inverse(self.R, lower=False)
            self._inverse_sq = (inverse**2).sum()
        return self._inverse_sq * size_sq


def _one_block(p, last, X, y, Z, alpha, factor):
    n, n_outputs = y.shape
    F, F_z = X[:, p:last], Z[:, p:last]
    n_widths = last - p + 1
    if _leading_independent(factor.R) < n:
        return Block(
            p,
            np.zeros((n_outputs, len(Z))),
            np.zeros((n_widths, len(Z))),
            np.zeros((n_widths, n_outputs)),
            np.zeros((n_widths, n_outputs)),
            np.full(n_widths, np.inf),
            alpha == 0,
        )
    w, G = np.hsplit(factor.solve(np.hstack([y, F])), [n_outputs])
    M = np.linalg.cholesky(np.eye(n_widths - 1) + G.T @ G)
    shrink = _triangular_inverse(M, lower=True)
    U = shrink @ G.T
    weights = np.zeros((n_widths, n_outputs))
    weights[1:] = U @ w
    steps = np.zeros((n_widths, len(Z)))
    np.subtract(shrink @ F_z.T, U @ factor.E, out=steps[1:])
    size_sq = (X[:, :p] ** 2).sum() + np.append(0.0, np.cumsum((F**2).sum(axis=0)))
    condition = np.sqrt(factor.condition_sq(size_sq + n * alpha))
    coef_sq = (w**2).sum(axis=0) - np.cumsum(weights**2, axis=0)
    if alpha:
        coef_sq -= alpha * _dual_sq(factor, w, U, weights)
    start = w.T @ factor.E
    return Block(p, start, steps, weights, coef_sq, condition, alpha == 0)


def _dual_sq(factor, w, U, weights):
    """Squared norm of (X_p X_p' + alpha I)^-1 y at each width of a block."""
    both = factor.solve(np.hstack([w, U.T]), transposed=False)
    dual, moves = np.hsplit(both, [w.shape[1]])
    out = np.empty(weights.shape)
    for output, s in enumerate(weights.T):
        running = dual[:, output, None] - np.cumsum(moves * s[1:], axis=1)
        out[1:, output] = (running**2).sum(axis=0)
    out[0] = (dual**2).sum(axis=0)
    return out


def _triangular_inverse(A, lower):
    if not len(A):
        return A
    inverse, info = linalg.lapack.dtrtri(A, lower=lower)
    if info:
        raise linalg.LinAlgError(f"Triangular factor {info} is zero.")
    return inverse


def _leading_independent(R):
    """How many leading columns of a triangular factor are safely independent."""
    size = np.abs(np.diag(R))
    weak = size * _TRUSTED_CONDITION <= np.sqrt((R**2).sum())
    return int(weak.argmax()) if weak.any() else len(size)
