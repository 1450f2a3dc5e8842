r"""The value head at every width of nested features, from shared factorizations.

With D = F - discount F' the head of width p solves
:math:`(F_p'D_p + \alpha I)\theta = F_p'r`. Neighbouring widths share one pivoted
factorization, and are its bordered systems: with z the solution at width p, and G, a, C
as below, the predictions at width p + j are

.. math:: Z_p z + (Z_{new} - Z_p G)_{:j}\,C_j^{-1} a_j
          = Z_p z + \sum_{i \le j} T_i s_i, \quad
          T = (Z_{new} - Z_p G)\,U^{-1}, \quad s = L^{-1} a,

since of C = LU, factored without pivoting, the leading parts belong to the leading
blocks :math:`C_j`. Where a pivot is small, a new factorization is made.

*Narrow* (p up to the number of rows): with QR = F and B = Q'D the system is
:math:`B_p\theta = Q_p'r`, whose leading blocks nest. G solves against the new columns
of B, a and C are what their rows leave. A penalty adds the rows :math:`\sqrt\alpha I`
to F and to D.

*Wide*: with :math:`F_p = LQ` and :math:`H = D_pQ'` the head is :math:`Q'z`, Hz = r. New
columns F and D of both give

.. math:: G = H^{-1}D_{new}, \quad P = L^{-1}F_{new}, \quad a = P'z, \quad C = I + P'G.

A penalty adds the columns :math:`\sqrt\alpha I` to F and to D, on which Z is zero.
Neither way are features squared.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._lstd import solve_lstd
from skhmmdd.heads.solvers._spectrum import EPS
from skhmmdd.heads.solvers._triangles import (
    TRUSTED_CONDITION,
    RowFactor,
    leading_independent,
    rotate,
    upper_inverse,
)

# Beyond these a width is solved by itself, or starts a new block: the condition number
# of a block's first system; with a penalty, where dependent features may leave rounding
# in Q, its product with that of the penalised features; the multipliers of an
# elimination without pivoting; and the share of a pivot that cancels.
_TRUSTED, _TRUSTED_PRODUCT = 3e6, 3e10
_LARGEST_MULTIPLIER, _CANCELLED = 1e3, 1e4
_SMALLEST_BLOCK, _LARGEST_BLOCK = 32, 256
# Triangles that are eliminated column by column.
_PANEL = 32


class LSTDPath(NamedTuple):
    """Value heads at several widths."""

    predictions: Floats
    """Of the rows to predict, shape (n_widths, n_test, q)."""
    singular: Ints
    """Widths whose system is singular: the head is that of a pseudo-inverse."""


def lstd_along_widths(
    X: Floats,
    rewards: Floats,
    X_next: Floats,
    X_test: Floats,
    widths: Ints,
    *,
    alpha: float = 0.0,
    discount: float = 0.9,
    rcond: float | None = None,
) -> LSTDPath:
    """What the value head on the first k columns predicts, for every width k.

    Parameters
    ----------
    X, X_next : ndarray of shape (n, p)
        Nested features of current and next states.
    rewards : ndarray of shape (n, q)
    X_test : ndarray of shape (n_test, p)
    widths : ndarray of int of shape (n_widths,)
        Increasing, in [1, p].
    alpha, discount, rcond
        As in :func:`solve_lstd`. With an `rcond`, every width is solved by itself.

    Returns
    -------
    LSTDPath
    """
    predictions = np.empty((len(widths), len(X_test), rewards.shape[1]))
    left_over = np.ones(len(widths), dtype=bool)
    if rcond is None:
        X_all, next_all = X[:, : widths[-1]], X_next[:, : widths[-1]]
        Z = X_test[:, : widths[-1]]
        # A system of as many rows as there are different ones, which gives all heads.
        F, c, D = X_all, rewards, X_all - discount * next_all
        basis = _row_space(X_all)
        if basis is not None:
            F, c, D = (basis.T @ rows for rows in (F, c, D))
        for first, values in _blocks(F, D, c, Z, alpha):
            which = np.flatnonzero((widths >= first) & (widths < first + len(values)))
            predictions[which] = values[widths[which] - first]
            left_over[which] = False
    singular = []
    for i in np.flatnonzero(left_over):
        k = widths[i]
        head, rank, full_rank = solve_lstd(
            X[:, :k],
            rewards,
            X_next[:, :k],
            alpha=alpha,
            discount=discount,
            rcond=rcond,
        )
        predictions[i] = X_test[:, :k] @ head.coef
        if rank < full_rank:
            singular.append(k)
    return LSTDPath(predictions, np.array(singular, dtype=np.intp))


def _row_space(X: Floats) -> Floats | None:
    """Orthonormal columns that span those of X, also small ones; None if all do."""
    n, p = X.shape
    size = np.abs(X).max(axis=0)
    size[size == 0.0] = 1.0
    X = X / size
    if n <= p:
        R = linalg.qr(X.T, mode="r")[0][:n]
        if _condition(R) < TRUSTED_CONDITION:
            return None
        X = R.T
    basis, R, _ = linalg.qr(X, mode="economic", pivoting=True)
    pivots = np.abs(np.diag(R))
    return basis[:, pivots > max(n, p) * EPS * pivots[0]]


def _blocks(
    F: Floats, D: Floats, c: Floats, Z: Floats, alpha: float
) -> Iterator[tuple[int, Floats]]:
    """First width, and predictions (n_widths, n_rows, q), of neighbouring widths.

    Widths that are ill-conditioned are left out.
    """
    n, p = F.shape
    if not n:
        return
    narrow = min(n, p)
    yield from _narrow_blocks(F[:, :narrow], D[:, :narrow], c, Z[:, :narrow], alpha)
    if narrow < p:
        yield from _wide_blocks(F, D, c, Z, alpha)


def _narrow_blocks(F, D, c, Z, alpha):
    p = F.shape[1]
    penalty = np.sqrt(alpha) * np.eye(p)
    below = np.zeros((p, c.shape[1]))
    R, rotated = rotate(
        np.vstack([F, penalty]),
        np.hstack([np.vstack([c, below]), np.vstack([D, penalty])]),
    )
    R = R[:p]
    c, B = np.hsplit(rotated[:p], [c.shape[1]])
    reach = np.abs(R) + np.abs(R - B)
    # What a dependent column adds to R is rounding, and so is its row of B.
    p = leading_independent(R)
    size = min(max(p // 4, _SMALLEST_BLOCK), _LARGEST_BLOCK)
    first = 1
    while first <= p:
        seen, new = slice(first), slice(first, min(first + size, p))
        right = np.hstack([c[seen], B[seen, new]])
        spread = _condition(R[seen, seen]) if alpha else 1.0
        done = _solve(B[seen, seen], right, reach[seen, seen], spread)
        if done is None:
            first += 1
            continue
        z, G = np.hsplit(done, [c.shape[1]])
        border = B[new, seen]
        change = border @ G
        values = _bordered(
            z,
            G,
            c[new] - border @ z,
            B[new, new] - change,
            reach[new, new] + np.abs(change),
            Z[:, seen],
            Z[:, new],
        )
        yield first, values
        first += len(values)


def _wide_blocks(F, D, c, Z, alpha):
    n, p = F.shape
    rows = np.vstack([D, Z])
    penalty = np.sqrt(alpha) * np.eye(n)
    carried = np.hstack([penalty, np.zeros((n, len(Z)))])
    factor = RowFactor(penalty, carried, limit=np.inf)
    largest = min(max(n // 4, _SMALLEST_BLOCK), _LARGEST_BLOCK)
    seen, first, size = 0, n, 1
    while first <= p:
        factor.add(F[:, seen:first], rows[:, seen:first])
        seen, new = first, slice(first, min(first + size, p))
        done = None
        if leading_independent(factor.R) == n:
            L, H = factor.R.T, factor.E[:, :n].T
            right = np.hstack([c, D[:, new]])
            spread = _condition(factor.R) if alpha else 1.0
            done = _solve(H, right, np.abs(L) + np.abs(L - H), spread)
        if done is None:
            first += 1
            continue
        z, G = np.hsplit(done, [c.shape[1]])
        P = factor.solve(F[:, new])
        change, unit = P.T @ G, np.eye(G.shape[1])
        values = _bordered(
            z,
            G,
            P.T @ z,
            unit + change,
            unit + np.abs(change),
            factor.E[:, n:].T,
            Z[:, new],
        )
        yield first, values
        first += len(values)
        # At the threshold the system is ill-conditioned, and gets better fast.
        size = min(2 * size, largest)


def _solve(system, right, reach, spread):
    """The solution, or None where the system is ill-conditioned.

    Its entries are differences: `reach` has the sums of what was subtracted. `spread`
    is the condition number of the penalised features.
    """
    norm = reach.sum(axis=0).max()
    factors, pivots, singular = linalg.lapack.dgetrf(system)
    inverse_condition = 0.0 if singular else linalg.lapack.dgecon(factors, norm)[0]
    if inverse_condition * min(_TRUSTED, _TRUSTED_PRODUCT / spread) < 1:
        return None
    return linalg.lapack.dgetrs(factors, pivots, right)[0]


def _condition(R):
    """Condition number of a triangle, which is the U of its own factors."""
    inverse, _ = linalg.lapack.dgecon(R, np.abs(R).sum(axis=0).max())
    return 1.0 / inverse if inverse else np.inf


def _bordered(z, G, a, C, reach, Z_seen, Z_new):
    """Predictions without new columns, and with those of safe pivots one by one."""
    size = np.maximum(
        np.tril(reach).max(axis=1, initial=0.0), np.triu(reach).max(axis=0, initial=0.0)
    )
    L, U = _leading_factors(C, size / _CANCELLED)
    k = len(U)
    weights = a[:k]
    if k:
        weights = linalg.solve_triangular(L, weights, lower=True, unit_diagonal=True)
    steps = ((Z_new[:, :k] - Z_seen @ G[:, :k]) @ upper_inverse(U)).T
    values = np.empty((k + 1, len(Z_seen), a.shape[1]))
    values[0] = Z_seen @ z
    values[1:] = steps[:, :, None] * weights[:, None]
    return np.cumsum(values, axis=0, out=values)


def _leading_factors(C, least):
    """L and U of the leading part of C = LU for which pivots are safe.

    `least` are the smallest absolute values that its pivots may have.
    """
    n = len(C)
    if not n:  # LAPACK takes no empty arrays
        return C, C
    if n <= _PANEL:
        return _eliminate(C.copy(), least)
    h = n // 2
    L, U = _leading_factors(C[:h, :h], least[:h])
    if len(U) < h:
        return L, U
    right = linalg.solve_triangular(L, C[:h, h:], lower=True, unit_diagonal=True)
    below = linalg.solve_triangular(U, C[h:, :h].T, trans=1).T
    unsafe = np.abs(below).max(axis=0) > _LARGEST_MULTIPLIER
    if unsafe.any():
        k = int(unsafe.argmax())
        return L[:k, :k], U[:k, :k]
    last_L, last_U = _leading_factors(C[h:, h:] - below @ right, least[h:])
    k = len(last_U)
    return (
        np.block([[L, np.zeros((h, k))], [below[:k], last_L]]),
        np.block([[U, right[:, :k]], [np.zeros((k, h)), last_U]]),
    )


def _eliminate(C, least):
    """The same of a small C, by LAPACK, whose rows are graded so that none is swapped.

    A power of two for each row rounds nothing, and divides a multiplier by 1,024 for
    each row that it is below its pivot: only above that do rows change places.
    """
    n = len(C)
    order = np.arange(n)
    exponents = -np.frexp(np.abs(C).max(initial=0.0))[1] - 10 * order
    factors, pivots, _ = linalg.lapack.dgetrf(np.ldexp(C, exponents[:, None]))
    L = np.tril(np.ldexp(factors, exponents - exponents[:, None]), -1)
    U = np.triu(np.ldexp(factors, -exponents[:, None]))
    unsafe = (pivots != order) | ~(np.abs(np.diag(U)) > least)
    unsafe |= np.abs(L).max(axis=0, initial=0.0) > _LARGEST_MULTIPLIER
    k = int(unsafe.argmax()) if unsafe.any() else n
    return L[:k, :k] + np.eye(k), U[:k, :k]
