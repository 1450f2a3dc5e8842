"""Leave-one-out and generalized cross-validation, without refitting."""

import numpy as np
from scipy import optimize

from skhmmdd._typing import Floats
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._spectrum import EPS, Spectrum

# Penalties a decade that are tried first, and about a minimum of those, on the two
# sides of it together.
_PER_DECADE, _CLOSER = 3, 9
# Numbers in a block of residuals, which stays in the cache.
_BLOCK = 2**15


def leave_one_out_residuals(spectrum: Spectrum, alpha: float | Floats) -> Floats:
    r"""Exact leave-one-out residuals at any penalty, its limit at zero included.

    Parameters
    ----------
    spectrum : Spectrum
        From :func:`decompose`.
    alpha : float or ndarray of shape (n_alphas,)
        Penalties, in [0, inf).

    Returns
    -------
    residuals : ndarray of shape (n, q) or (n_alphas, n, q)
        Target less the prediction of the head fitted without that sample, in the
        units of the target, for the n rows of positive weight.

    Notes
    -----
    With :math:`a_r = \alpha / (s_r^2 + \alpha)`, :math:`c = U'y`, residual
    :math:`e_i` and :math:`d_i = 1 - h_i`, one less the leverage, at :math:`\alpha = 0`,

    .. math:: \frac{e_i + \sum_r a_r u_{ir} c_r}{d_i + \sum_r a_r u_{ir}^2}.

    Where :math:`d_i = 0` then :math:`e_i = 0` too, and both sums are divided by
    :math:`\alpha`, which leaves the limit
    :math:`\sum_r u_{ir} c_r s_r^{-2} / \sum_r u_{ir}^2 s_r^{-2}` at zero.

    Where the weights are integers the residual is that of removing one of the
    ``weights[i]`` copies: the leverage is divided by the count. Otherwise the row is
    removed whole. A head fitted on nothing predicts zero.
    """
    ridge = ridge_filter(spectrum.values, np.atleast_1d(np.asarray(alpha, dtype=float)))
    residuals = np.moveaxis(_residuals(spectrum, ridge), 0, 1)
    return residuals[0] if np.ndim(alpha) == 0 else residuals


def _residuals(spectrum, ridge):
    """The residuals (n, n_alphas, q)."""
    sums = _Sums(spectrum)
    missed, leverage = sums(ridge.inverse, ridge.penalty)
    numerator = spectrum.residuals[:, None, :] + missed
    denominator = sums.outside + leverage
    alone = _alone(spectrum)
    denominator[alone] = 1.0
    root = np.sqrt(spectrum.weights)[:, None]
    residuals = numerator / (root * denominator)[:, :, None]
    residuals[alone] = spectrum.y_mean  # with all the weight, the target is the mean
    return residuals


class _Sums:
    """The two sums over r of `leave_one_out_residuals`, at many penalties.

    Penalties times `factors` (a, r) are the a_r. Where the head must pass through the
    row, both sums are taken without that penalty.
    """

    def __init__(self, spectrum):
        self.outside = spectrum.one_minus_leverage[:, None]
        self._exact = self.outside == 0.0
        self._left, self._projections = spectrum.left, spectrum.projections
        self._squares = spectrum.left_out[:, None] * spectrum.left**2

    def __call__(self, factors, penalty):
        """Of the targets (n, a, q), and of the leverage (n, a); `penalty` is (a, 1)."""
        n, (r, q) = len(self._left), self._projections.shape
        exact = self._exact
        if not exact.any():
            factors = factors * penalty
        weighted = factors.T[:, :, None] * self._projections[:, None, :]
        missed = self._left @ weighted.reshape(r, len(factors) * q)
        missed = missed.reshape(n, len(factors), q)
        leverage = self._squares @ factors.T
        if exact.any() and not exact.all():
            gain = np.where(exact, 1.0, penalty.T)
            missed *= gain[:, :, None]
            leverage *= gain
        return missed, leverage


def _alone(spectrum):
    """Rows whose removal leaves an intercept with nothing to be fitted on."""
    total = spectrum.weights.sum()
    others = (total - spectrum.weights) / total
    return spectrum.fit_intercept & (others <= EPS) & (spectrum.left_out == 1.0)


def leave_one_out_risk(spectrum: Spectrum, alpha: float | Floats) -> float | Floats:
    """Leave-one-out squared error, of the arguments of `leave_one_out_residuals`.

    The mean over outputs and the weighted mean over samples: a float for one penalty,
    else of shape (n_alphas,).
    """
    risk = _Risk(spectrum)(np.atleast_1d(np.asarray(alpha, dtype=float)))
    return float(risk[0]) if np.ndim(alpha) == 0 else risk


def leave_one_out_slope(spectrum: Spectrum, alpha: float) -> float:
    """Derivative of :func:`leave_one_out_risk` by the logarithm of the penalty."""
    return _Risk(spectrum).slope(alpha)


class _Risk:
    r"""The risk of a spectrum at any penalties, and its slope.

    With N and D the numerator and the denominator of a residual, the weighted square
    of the residual is :math:`N^2/D^2`, for N has the root of the weight in it.
    """

    def __init__(self, spectrum):
        # 1. Targets of about 1: their squares are then safe.
        size = max(np.abs(spectrum.projections).max(initial=0.0), 0.0)
        size = max(size, np.abs(spectrum.residuals).max(initial=0.0)) or 1.0
        self._residuals = spectrum.residuals / size
        spectrum = spectrum._replace(projections=spectrum.projections / size)
        self._spectrum, self._sums = spectrum, _Sums(spectrum)
        # 2. Rows that are alone have an error of their own at every penalty.
        alone = _alone(spectrum)
        self._others = ~alone[:, None]
        share = spectrum.weights / spectrum.weights.sum()
        self._constant = share[alone].sum() * np.mean(spectrum.y_mean**2)
        self._unit = size**2 / spectrum.weights.sum() / max(self._residuals.shape[1], 1)

    def __call__(self, alphas):
        """Risks at penalties (n_alphas,), in blocks that bound the memory."""
        size = max(1, _BLOCK // max(self._residuals.size, 1))
        blocks = range(0, len(alphas), size)
        return np.concatenate([self._at(alphas[i : i + size]) for i in blocks])

    def _at(self, alphas):
        N, D, _ = self._parts(alphas)
        squares = np.einsum("naq,naq->na", N, N) / D**2
        return self._constant + self._unit * squares.sum(axis=0, where=self._others)

    def slope(self, alpha):
        r"""By the logarithm of a penalty: of N and D by :math:`a_r' = a_r (1 - a_r)`.

        Rows whose sums are divided by the penalty may take the same: it cancels.
        """
        N, D, ridge = self._parts(np.array([alpha], dtype=float))
        factors = (ridge.scaled * ridge.inverse) ** 2
        N_slope, D_slope = self._sums(factors, ridge.penalty)
        terms = (N[:, 0] / D) * ((N_slope[:, 0] - N[:, 0] / D * D_slope) / D)
        return float(2.0 * self._unit * terms.sum(where=self._others))

    def _parts(self, alphas):
        ridge = ridge_filter(self._spectrum.values, alphas)
        N, D = self._sums(ridge.inverse, ridge.penalty)
        N += self._residuals[:, None, :]
        D += self._sums.outside
        return N, np.where(self._others, D, 1.0), ridge


def generalized_cross_validation(spectrum: Spectrum, alpha: float) -> float:
    """The mean squared residual over the square of the mean of 1 - leverage.

    The mean over outputs, of residuals times the root of their weights; where the head
    interpolates every row, the limit as the penalty vanishes.
    """
    ridge = ridge_filter(spectrum.values, np.array([alpha], dtype=float))
    outside = spectrum.one_minus_leverage
    factors = ridge.inverse[0] * (1.0 if not outside.any() else ridge.penalty[0])
    residuals = spectrum.residuals + (spectrum.left * factors) @ spectrum.projections
    mean_outside = np.mean(outside + spectrum.left**2 @ factors)
    return float(np.mean((residuals / mean_outside) ** 2))


def leave_one_out_alpha(spectrum: Spectrum) -> float:
    """The penalty in [0, inf) of least leave-one-out squared error.

    Zero where no positive penalty does better beyond rounding. Raises ValueError if
    there is only one sample.

    Notes
    -----
    Every a_r of the risk is the logistic function of the logarithm of the penalty: the
    risk turns no faster than these do, within e-folds. A grid of three penalties a
    decade, from where the penalty is lost in rounding beside the smallest singular
    value to where the head is, so shows its minima; those that may be the least are
    looked at more closely. From the best point of each the minimum lies downhill, where
    the slope is zero: the risks themselves, which rounding makes equal all about it,
    would find it to half the digits.
    """
    if len(spectrum.weights) == 1 and spectrum.left_out[0] == 1.0:
        raise ValueError(
            "alpha='loo' needs at least 2 samples of positive weight to leave one "
            "out; got n_samples = 1."
        )
    if not len(spectrum.values):
        return 0.0
    risk_of = _Risk(spectrum)
    rounding = len(spectrum.weights) * EPS
    # 1. The grid, clipped, so that the penalty itself is a finite, positive float.
    low = 2 * np.log(spectrum.values[-1]) + np.log(EPS)
    high = 2 * np.log(spectrum.values[0]) - np.log(EPS)
    n_points = int(np.ceil(_PER_DECADE * (high - low) / np.log(10))) + 1
    grid = np.clip(np.linspace(low, high, n_points), -700.0, 700.0)
    risks = risk_of(np.exp(grid))
    # 2. Its minima, and from each of them downhill.
    best = np.inf, 0.0
    for i in _possible_minima(risks, rounding):
        about = grid[max(i - 1, 0)], grid[min(i + 1, n_points - 1)]
        close = np.linspace(*about, _CLOSER)
        nearby = risk_of(np.exp(close))
        start = int(np.argmin(nearby))
        at = _downhill(lambda at: risk_of.slope(np.exp(at)), close, start)
        found = float(risk_of(np.exp([at]))[0])
        if found > nearby[start] * (1 + rounding):  # more turns than points
            at, found = close[start], nearby[start]
        best = min(best, (found, at))
    if risk_of(np.zeros(1))[0] <= best[0] * (1 + rounding):
        return 0.0
    return float(np.exp(best[1]))


def _possible_minima(risks, rounding):
    """Points of a grid next to which the least risk may be.

    The least of them; and others, no higher than their neighbors, which would be lower
    if they fell as far again as from the higher neighbor.
    """
    padded = np.pad(risks, 1, mode="edge")
    before, after = padded[:-2], padded[2:]
    fall = np.maximum(before, after) - risks
    turns = (risks <= before) & (risks <= after) & (fall > rounding * risks)
    possible = turns & (risks - fall < risks.min())
    possible[risks.argmin()] = True
    return np.flatnonzero(possible)


def _downhill(slope, grid, here):
    """Where the slope changes its sign, downhill from a point of the grid."""
    step = -1 if slope(grid[here]) > 0 else 1
    while 0 <= here + step < len(grid):
        if step * slope(grid[here + step]) >= 0:
            return optimize.brentq(slope, grid[here], grid[here + step], xtol=1e-14)
        here += step
    return grid[here]
