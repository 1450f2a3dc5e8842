"""The value head: ridge on rewards and on its own values one step later."""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Array, Floats
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._ridge import Head
from skhmmdd.heads.solvers._spectrum import EPS, decompose


class LSTDFit(NamedTuple):
    """A value head, and how well determined it is."""

    head: Head
    """Coefficients (p, q), zero intercepts, and the trace of the hat matrix."""
    rank: int
    """Rank of the system that was solved."""
    full_rank: int
    """Its size: the rank of the weighted design."""


def solve_lstd(
    X: Floats,
    rewards: Floats,
    X_next: Floats,
    *,
    alpha: float = 0.0,
    discount: float = 0.9,
    sample_weight: Array | None = None,
    rcond: float | None = None,
) -> LSTDFit:
    r"""The head whose values are ridge on rewards plus discounted next values.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Features of current states.
    rewards : ndarray of shape (n, q)
    X_next : ndarray of shape (n, p)
        Features of next states; a row of zeros where there is none.
    alpha : float, default=0.0
        Penalty, in [0, inf).
    discount : float, default=0.9
        In [0, 1).
    sample_weight : ndarray of shape (n,) or None, default=None
        Positive weights.
    rcond : float in [0, 1) or None, default=None
        As in :func:`decompose`.

    Returns
    -------
    LSTDFit

    Notes
    -----
    With F, F' for X and its next rows, D = F - discount F', and weights in W, wanted is
    theta of :math:`F^T W(r - D\theta) = \alpha\theta`. It lies in the row space of F:
    with :math:`W^{1/2}F = U S V'` of rank k and :math:`\theta = Vz` this is a system of
    size k, no larger than the primal (p) or the dual one (n), and F is not squared in
    it. Its solution at alpha = 0 is the limit from above.
    """
    # 1. W^(1/2) F = U S V', c = U' W^(1/2) r, and gains of ridge g = s/(s^2 + alpha)
    spectrum = decompose(
        X, rewards, sample_weight=sample_weight, fit_intercept=False, rcond=rcond
    )
    ridge = ridge_filter(spectrum.values, np.array([alpha], dtype=float))
    gains = ridge.gains[0]
    size = len(gains)
    # 2. Ridge on r + discount F' theta has z = g (c + N z), N = discount U'W^(1/2)F'V
    bootstrap, rounding = np.zeros((size, size)), np.zeros((size, 1))
    if discount > 0:
        after = discount * np.sqrt(spectrum.weights)[:, None] * X_next
        bootstrap = (spectrum.left.T @ after) @ spectrum.right.T
        bootstrap *= gains[:, None]
        rounding = linalg.norm(after.ravel()) * gains[:, None]
    # 3. (I - g N) z = g c. Each row divided by what its rounding is in proportion to:
    #    what is small after that may be rounding alone.
    scale = np.maximum(1.0, rounding)
    system = (np.eye(size) - bootstrap) / scale
    right = gains[:, None] * spectrum.projections / scale
    # 4. D theta fits the rewards; its hat matrix has the trace of (I - g N)^-1 g(s - N)
    fitted = (np.diag(ridge.kept[0]) - bootstrap) / scale
    solution, rank = _solve(system, np.hstack([right, fitted]), max(X.shape) * EPS)
    coordinates, hat = np.hsplit(solution, [right.shape[1]])
    coef = spectrum.coef_of(coordinates)
    return LSTDFit(
        Head(coef, np.zeros(right.shape[1]), float(np.trace(hat))), rank, size
    )


def _solve(system: Floats, right: Floats, rounding: float) -> tuple[Floats, int]:
    """Solve A z = b; where A is singular, z of least norm among those of least error.

    Parameters
    ----------
    system : ndarray of shape (k, k)
        A.
    right : ndarray of shape (k, q)
        b.
    rounding : float
        Singular values of A up to this are zero.

    Returns
    -------
    solution : ndarray of shape (k, q)
        NaN where A is not finite.
    rank : int
        Number of singular values above `rounding`.
    """
    size = len(system)
    if not size:
        return np.zeros(right.shape), 0
    if not np.isfinite(system).all():
        return np.full(right.shape, np.nan), size
    factors, pivots, singular = linalg.lapack.dgetrf(system)
    # An estimate of 1 / norm of the inverse, in another norm: far from `rounding` it
    # decides, and near it singular values do.
    least = 0.0 if singular else linalg.lapack.dgecon(factors, 1.0)[0]
    if least > 100.0 * size * rounding:
        solution, _ = linalg.lapack.dgetrs(factors, pivots, right)
        return solution, size
    left, values, rows = linalg.svd(system)
    rank = int(np.sum(values > rounding))
    projections = left[:, :rank].T @ right
    return rows[:rank].T @ (projections / values[:rank, None]), rank
