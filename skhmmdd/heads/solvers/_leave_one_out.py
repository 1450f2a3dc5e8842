"""Leave-one-out and generalized cross-validation, without refitting."""

import numpy as np
from scipy import optimize

from skhmmdd._typing import Floats
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._spectrum import EPS, Spectrum


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
    residuals, _ = _residuals(spectrum, ridge)
    residuals = np.moveaxis(residuals, 0, 1)
    return residuals[0] if np.ndim(alpha) == 0 else residuals


def _residuals(spectrum, ridge):
    """The residuals (n, n_alphas, q), and the denominators (n, n_alphas) in them."""
    missed, leverage = _shrunk_sums(spectrum, ridge.penalty, ridge.inverse)
    numerator = spectrum.residuals[:, None, :] + missed
    denominator = spectrum.one_minus_leverage[:, None] + leverage
    alone = _alone(spectrum)
    denominator[alone] = 1.0
    residuals = numerator / (_root_weights(spectrum) * denominator)[:, :, None]
    residuals[alone] = spectrum.y_mean  # with all the weight, the target is the mean
    return residuals, denominator


def _shrunk_sums(spectrum, penalty, factors):
    """The two sums over r of `leave_one_out_residuals`, (n, a, q) and (n, a).

    `factors` (a, r) times `penalty` (a, 1) are the a_r; where the head must pass
    through the row, both sums are taken without that penalty.
    """
    left = spectrum.left
    gain = np.where(spectrum.one_minus_leverage[:, None] == 0.0, 1.0, penalty.T)
    weighted = factors[:, :, None] * spectrum.projections  # (a, r, q)
    missed = gain[:, :, None] * np.tensordot(left, weighted, axes=(1, 1))
    return missed, spectrum.left_out[:, None] * gain * (left**2 @ factors.T)


def _root_weights(spectrum):
    return np.sqrt(spectrum.weights)[:, None]


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
    squares = np.mean(leave_one_out_residuals(spectrum, alpha) ** 2, axis=-1)
    risk = squares @ (spectrum.weights / spectrum.weights.sum())
    return float(risk) if np.ndim(alpha) == 0 else risk


def leave_one_out_slope(spectrum: Spectrum, alpha: float) -> float:
    r"""Derivative of :func:`leave_one_out_risk` by the logarithm of the penalty.

    With N and D the numerator and the denominator of a residual, its derivative is
    :math:`(N' - (N/D) D') / D`, and :math:`a_r' = a_r (1 - a_r)`. Rows whose sums are
    divided by the penalty may take the same: it cancels.
    """
    ridge = ridge_filter(spectrum.values, np.array([alpha], dtype=float))
    residuals, denominator = _residuals(spectrum, ridge)
    factors = (ridge.scaled * ridge.inverse) ** 2
    missed_slope, leverage_slope = _shrunk_sums(spectrum, ridge.penalty, factors)
    slopes = missed_slope[:, 0] / _root_weights(spectrum)
    slopes = (slopes - residuals[:, 0] * leverage_slope) / denominator
    slopes[_alone(spectrum)] = 0.0
    products = np.mean(residuals[:, 0] * slopes, axis=-1)
    return float(2 * products @ (spectrum.weights / spectrum.weights.sum()))


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

    A grid of eight penalties a decade runs from where the penalty is lost in rounding
    beside the smallest singular value to where the head is. From the best of them the
    minimum lies downhill, where the slope is zero: the risks themselves, which rounding
    makes equal all about it, would find it to half the digits. Zero is returned where
    no positive penalty does better beyond rounding. Raises ValueError if there is only
    one sample.
    """
    if len(spectrum.weights) == 1 and spectrum.left_out[0] == 1.0:
        raise ValueError(
            "alpha='loo' needs at least 2 samples of positive weight to leave one "
            "out; got n_samples = 1."
        )
    if not len(spectrum.values):
        return 0.0
    low = 2 * np.log(spectrum.values[-1]) + np.log(EPS)
    high = 2 * np.log(spectrum.values[0]) - np.log(EPS)
    n_points = int(np.ceil(8 * (high - low) / np.log(10))) + 1
    # Clipped, so that the penalty itself is a finite, positive float.
    grid = np.clip(np.linspace(low, high, n_points), -700.0, 700.0)

    size = max(1, 2**21 // spectrum.residuals.size)  # bounds the memory of one block
    risks = np.concatenate(
        [
            leave_one_out_risk(spectrum, np.exp(grid[start : start + size]))
            for start in range(0, n_points, size)
        ]
    )
    best = int(np.argmin(risks))
    log_alpha = _downhill(
        lambda at: leave_one_out_slope(spectrum, np.exp(at)), grid, best
    )
    risk = leave_one_out_risk(spectrum, np.exp(log_alpha))
    rounding = len(spectrum.weights) * EPS
    if risk > risks[best] * (1 + rounding):  # a curve with more turns than the grid
        log_alpha, risk = grid[best], risks[best]
    if leave_one_out_risk(spectrum, 0.0) <= risk * (1 + rounding):
        return 0.0
    return float(np.exp(log_alpha))


def _downhill(slope, grid, here):
    """Where the slope changes its sign, downhill from a point of the grid."""
    step = -1 if slope(grid[here]) > 0 else 1
    while 0 <= here + step < len(grid):
        if step * slope(grid[here + step]) >= 0:
            return optimize.brentq(slope, grid[here], grid[here + step], xtol=1e-14)
        here += step
    return grid[here]
