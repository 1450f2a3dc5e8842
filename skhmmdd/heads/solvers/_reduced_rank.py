r"""Heads of every rank from one decomposition: reduced-rank regression.

With the filter of ridge :math:`\phi`, :math:`k_i = s_i \phi(s_i)` what it keeps and
:math:`C = U'Y`, take the singular value decomposition of the fitted values,

.. math:: \mathrm{diag}(\sqrt k)\, C = P \,\mathrm{diag}(t)\, W'.

The coefficients of rank r are those of full rank times :math:`W_r W_r'`, and their
penalised squared error exceeds that of full rank by :math:`\sum_{j > r} t_j^2`.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._head_path import HeadPath, refuse_overflow
from skhmmdd.heads.solvers._spectrum import EPS, Spectrum, thin_svd


class ReducedRank(NamedTuple):
    """Low-rank coefficients ``down[:, :r] @ up[:r]`` for every rank r up to k."""

    down: np.ndarray
    """Full-rank coefficients along the outputs' directions, shape (p, k)."""
    up: np.ndarray
    """Orthonormal directions in the outputs W', shape (k, q), strongest first."""
    values: np.ndarray
    """Singular values of the fitted values t, shape (k,), decreasing."""
    inputs: np.ndarray
    """Their left singular vectors P, shape (number of singular values, k)."""
    kept: np.ndarray
    """What the filter keeps of each singular direction of the design."""
    lost: np.ndarray
    """1 - kept."""

    def effective_dof(self, rank: int) -> float:
        """Divergence of the fitted values by the targets at one rank, for an output.

        Infinite where two different sets of directions are equally good.
        """
        # 1. A direction that is kept costs the filter's trace, in the span of P (w)
        #    and beside it; and q less the number of directions on the outputs' side.
        t, k = self.values, len(self.values)
        n_outputs = self.up.shape[1]
        w = self.kept @ self.inputs**2
        rank = min(rank, k)
        own = w[:rank].sum()
        beside = max(self.kept.sum() - w.sum(), 0.0)
        total = rank * (own + beside) + (n_outputs - k) * own
        # 2. Targets turn the directions: the more, the closer those left out are.
        strength = np.where(t > k * EPS * t.max(initial=0.0), t**2, 0.0)
        inside, outside = strength[:rank, None], strength[None, rank:]
        gap = inside - outside
        gap = np.where(gap > 10 * k * EPS * inside, gap, 0.0)  # but for rounding
        with np.errstate(divide="ignore", invalid="ignore"):
            turned = np.where(inside > 0, inside / gap, 1.0)
        total += np.sum((w[:rank, None] + w[None, rank:]) * turned)
        return float(total / n_outputs)


def reduce_rank(spectrum: Spectrum, alpha: float) -> ReducedRank:
    """Reduced-rank ridge regression at every rank.

    Parameters
    ----------
    spectrum : Spectrum
    alpha : float
        Penalty, in [0, inf).

    Returns
    -------
    ReducedRank
        Directions have their largest entry positive, to be the same on every machine.
    """
    ridge = ridge_filter(spectrum.values, np.array([alpha], dtype=float))
    gains, kept, lost = ridge.gains[0], ridge.kept[0], ridge.lost[0]
    projections = spectrum.projections
    inputs, values, up = thin_svd(np.sqrt(kept)[:, None] * projections)
    if len(up):
        largest = np.abs(up).argmax(axis=1)
        sign = np.where(up[np.arange(len(up)), largest] < 0, -1.0, 1.0)
        inputs, up = inputs * sign, sign[:, None] * up
    down = spectrum.coef_of(gains[:, None] * (projections @ up.T))
    return ReducedRank(down, up, values, inputs, kept, lost)


def heads_along_ranks(
    spectrum: Spectrum,
    y: Floats,
    X_test: Floats,
    y_test: Floats | None,
    ranks: Ints,
    base: Floats,
    *,
    alpha: float = 0.0,
    keep_predictions: bool = False,
) -> HeadPath:
    """The low-rank head at several ranks, on top of coefficients that stay.

    Parameters
    ----------
    spectrum : Spectrum
        Of the design and of `y`, equal weights.
    y : ndarray of shape (n_samples, q)
        What `base` leaves of the targets.
    X_test : ndarray of shape (n_test, p)
    y_test : ndarray of shape (n_test, q) or None
        What `base` leaves of them.
    ranks : ndarray of int of shape (n_ranks,)
    base : ndarray of shape (p, q)
        Counts in the norm of the coefficients.
    alpha : float, default=0.0
    keep_predictions : bool, default=False

    Returns
    -------
    HeadPath
        Predictions are of what `base` leaves.
    """
    n_ranks = len(ranks)
    kept = [np.empty((n_ranks, m, y.shape[1])) for m in (len(X_test), len(y))]
    test_risk = None if y_test is None else np.empty(n_ranks)
    train_risk = np.empty(n_ranks)
    with np.errstate(over="ignore", invalid="ignore"):
        reduced = reduce_rank(spectrum, alpha)
        down, up = reduced.down, reduced.up
        rows = (X_test - spectrum.x_mean) @ down
        projections = spectrum.projections
        # What penalty and rank leave of the targets, along the outputs' directions:
        # that does not cancel where the head interpolates.
        missed = reduced.lost[:, None] * projections
        missed = spectrum.residuals + spectrum.left @ missed
        fitted = spectrum.left @ (reduced.kept[:, None] * (projections @ up.T))
        for i, rank in enumerate(ranks):
            predictions = rows[:, :rank] @ up[:rank] + spectrum.y_mean
            if test_risk is not None:
                test_risk[i] = np.mean((predictions - y_test) ** 2)
            residuals = missed + fitted[:, rank:] @ up[rank:]
            train_risk[i] = np.mean(residuals**2)
            if keep_predictions:
                kept[0][i], kept[1][i] = predictions, y - residuals
        norms = _norms(down, up, base)[np.minimum(ranks, len(up))]
    predictions, train_predictions = kept if keep_predictions else (None, None)
    path = HeadPath(predictions, train_predictions, test_risk, train_risk, norms)
    refuse_overflow(path, "rank", ranks)
    return path


def _norms(down, up, base):
    """Norms of ``base + down[:, :r] @ up[:r]`` for every r from 0 on."""
    # The directions are orthonormal: the squares along each of them add up.
    along = base @ up.T
    with_head = np.array([linalg.norm(column) for column in (along + down).T])
    without = np.array([linalg.norm(column) for column in along.T])
    beside = linalg.norm((base - along @ up).ravel())
    largest = max(beside, with_head.max(initial=0.0), without.max(initial=0.0)) or 1.0
    squares = np.concatenate([[0.0], np.cumsum((with_head / largest) ** 2)])
    rest = np.concatenate([np.cumsum((without[::-1] / largest) ** 2)[::-1], [0.0]])
    return largest * np.sqrt(squares + rest + (beside / largest) ** 2)
