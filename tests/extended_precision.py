"""Linear heads in extended precision: truncated and ridge fits by Jacobi's SVD.

One-sided Jacobi rotations in the longest floating type that NumPy has here; nothing of
it is shared with the package.
"""

from typing import NamedTuple

import numpy as np

LONG = np.longdouble
EPS = float(np.finfo(np.float64).eps)


def jacobi_svd(A):
    """Thin SVD by rotations that make the columns orthogonal: U, s, V."""
    A = np.array(A, LONG)
    if A.shape[0] < A.shape[1]:
        V, s, U = jacobi_svd(A.T)
        return U, s, V
    n = A.shape[1]
    V, tiny = np.eye(n, dtype=LONG), 8 * np.finfo(LONG).eps
    for _ in range(60):
        turned = False
        for i in range(n - 1):
            for j in range(i + 1, n):
                a, b, c = A[:, i] @ A[:, i], A[:, j] @ A[:, j], A[:, i] @ A[:, j]
                if abs(c) <= tiny * np.sqrt(a * b) or c == 0:
                    continue
                turned = True
                zeta = (b - a) / (2 * c)
                t = (1 if zeta >= 0 else -1) / (abs(zeta) + np.hypot(1, zeta))
                cos = 1 / np.sqrt(1 + t * t)
                turn = np.array([[cos, cos * t], [-cos * t, cos]], LONG)
                A[:, [i, j]] = A[:, [i, j]] @ turn
                V[:, [i, j]] = V[:, [i, j]] @ turn
        if not turned:
            break
    s = np.sqrt((A * A).sum(axis=0))
    order = np.argsort(-s, kind="stable")
    A, s, V = A[:, order], s[order], V[:, order]
    return A / np.where(s > 0, s, 1), s, V


class Solution(NamedTuple):
    """A head, and what rounding may do to it.

    `coef_error` bounds, up to a small factor, the norm of the change of the
    coefficients when every number of the design and of the targets is moved by a unit
    in its last place; `penalised_error` is the same for a solver that leaves the null
    space to the penalty instead of cutting it off. `is_decided` is False where that
    might change the rank.
    """

    coef: np.ndarray  # (p, q)
    intercept: np.ndarray  # (q,)
    rank: int
    coef_error: float
    penalised_error: float
    is_decided: bool
    leverage: np.ndarray  # of the rows of positive weight, intercept included
    relative: float  # perturbation of the design over the least singular value kept
    cut: float  # the largest singular value cut off, over that perturbation
    x_mean: np.ndarray
    values: np.ndarray

    def predict(self, X):
        return np.asarray(X, LONG) @ self.coef + self.intercept

    def prediction_error(self, X, penalised=False):
        """How far off a prediction may be, for each row."""
        error = self.penalised_error if penalised else self.coef_error
        gap = np.abs(np.asarray(X, LONG) - self.x_mean).sum(axis=1)
        size = np.abs(np.asarray(X, LONG)) @ np.abs(self.coef).max(axis=1)
        reach = gap * error + 64 * EPS * (size + np.abs(self.intercept).max())
        return reach.astype(float)


def solve_head(X, y, weights=None, alpha=0.0, fit_intercept=True, rcond=None):
    """Minimum norm at alpha = 0, ridge above; rows of weight zero are left out."""
    X, y = np.asarray(X, LONG), np.asarray(y, LONG)
    y = y.reshape(len(y), -1)
    w = np.ones(len(X), LONG) if weights is None else np.asarray(weights, LONG)
    X, y, w = X[w > 0], y[w > 0], w[w > 0]
    n, p = X.shape
    if n == 0:
        zero = np.zeros(0, LONG)
        coef = np.zeros((p, y.shape[1]), LONG)
        none = np.zeros(y.shape[1], LONG)
        x_mean = np.zeros(p, LONG)
        return Solution(coef, none, 0, 0.0, 0.0, True, zero, 0.0, 0.0, x_mean, zero)
    total = w.sum()
    x_mean = w @ X / total if fit_intercept else np.zeros(p, LONG)
    y_mean = w @ y / total if fit_intercept else np.zeros(y.shape[1], LONG)
    root = np.sqrt(w)[:, None]
    U, s, V = jacobi_svd(root * (X - x_mean))
    largest = s.max(initial=LONG(0))
    cut = (max(n, p) * EPS if rcond is None else LONG(rcond)) * largest
    # What one unit in the last place of every number, means included, is worth.
    moved = (
        4
        * EPS
        * np.sqrt(LONG(max(n, p)))
        * np.linalg.norm((root * np.maximum(np.abs(X), np.abs(x_mean))).astype(float))
    )
    rank = int((s > cut).sum())
    zeros = s[rank:].max(initial=LONG(0))
    is_decided = rank == 0 or bool(
        s[rank - 1] > cut + 16 * moved and zeros < cut * 1e-3 and moved < s[rank - 1]
    )
    if rank == 0 and zeros > 0:
        is_decided = False
    U, kept, V = U[:, :rank], s[:rank], V[:, :rank]
    target = root * (y - y_mean)
    inside = U.T @ target
    gains = kept / (kept * kept + LONG(alpha))
    coef = V @ (gains[:, None] * inside)
    shrunk = kept * gains
    leverage = (U * U) @ shrunk + (w / total if fit_intercept else 0)
    error = penalised = relative = 0.0
    if rank:
        least = np.sqrt(kept[-1] ** 2 + LONG(alpha))
        rest = np.linalg.norm((target - U @ (shrunk[:, None] * inside)).astype(float))
        size = np.linalg.norm((root * np.abs(y)).astype(float))
        relative = float(moved / kept[-1])
        error = 16 * float(
            moved / kept[-1] * np.linalg.norm(coef.astype(float))
            + moved / least**2 * rest
            + 4 * EPS * np.sqrt(n) * size / least
        )
        penalised = error
        if alpha and rank < min(n, p):
            # Rounding fills the null space, where the penalty alone holds against it.
            penalised += 16 * float(moved / LONG(alpha) * rest)
    return Solution(
        coef,
        y_mean - x_mean @ coef,
        rank,
        error,
        penalised,
        is_decided,
        leverage,
        relative,
        float(zeros / moved) if moved else 0.0,
        x_mean,
        s,
    )


class LeftOut(NamedTuple):
    """Residuals of rows left out, by refitting, and how far off each may be."""

    residuals: np.ndarray  # (n, q)
    error: np.ndarray  # (n,)
    is_decided: bool


def leave_one_out(X, y, weights=None, counts=None, **options):
    """Refit without each row (or one of the copies that a count stands for).

    The formula knows one rank, refits have ranks of their own. Heads are the same where
    nothing but zeros is cut off; anything else is not decided here.
    """
    X, y = np.asarray(X, LONG), np.asarray(y, LONG)
    y = y.reshape(len(y), -1)
    w = np.ones(len(X), LONG) if weights is None else np.asarray(weights, LONG)
    full = solve_head(X, y, w, **options)
    rows = np.flatnonzero(w > 0)
    residuals, error, decided = [], [], full.is_decided and full.cut < 1
    for place, i in enumerate(rows):
        without = w.copy()
        without[i] = without[i] - 1 if counts else 0
        head = solve_head(X, y, without, **options)
        decided &= head.is_decided and head.cut < 1
        residual = y[i] - head.predict(X[i : i + 1])[0]
        residuals.append(residual)
        # The formula divides a residual by 1 - leverage, the refit does not.
        slack = max(float(1 - full.leverage[place]), full.relative, EPS)
        size = np.abs(residual).max() + np.abs(y).max()
        formula = 64 * max(full.relative, EPS) / slack * size
        error.append(float(formula + head.prediction_error(X[i : i + 1])[0]))
    return LeftOut(np.array(residuals), np.array(error), decided)
