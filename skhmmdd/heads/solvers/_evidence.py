r"""The evidence of a Gaussian linear model, what it chooses, and its predictions.

The model is :math:`y \sim N(0, \sigma^2 (I + XX'/\alpha))` on the contrasts of the
targets. One singular value decomposition serves every penalty: of the data there
remain the singular values, the squared length of the targets along each direction, and
that outside of all. Penalties come as logarithms, which neither overflow nor vanish.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp

from skhmmdd._typing import FloatOrFloats, Floats
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._spectrum import EPS, Spectrum

# Over the logarithm of the penalty the evidence is analytic up to a distance of pi from
# the real line, so that ripples as short as two steps are lower by exp(-pi^2).
_STEP = 1.0
# How far beyond the largest squared singular value a penalty is as good as infinite:
# what it could gain there is of the order of the inverse square.
_BEYOND = np.log(1e8)
# Rounds in which a bracket is cut into so many pieces, before the last interpolation.
_ROUNDS, _PIECES = 5, 20
# Evidence is equal up to this, for every target.
_ROUNDING = 1e-12
# Logarithms of penalties that are normal floats.
_LOG_RANGE = 700.0
# Units of rounding of the largest target. Targets that are explained exactly leave
# residuals of one or two, with some more on bad designs.
_UNITS = 16.0


class TargetStatistics(NamedTuple):
    """What the evidence asks of a design and its targets."""

    values: np.ndarray
    """Singular values above the cut-off, shape (r,), in decreasing order."""
    energy: np.ndarray
    """Squared targets along each direction, summed over outputs, shape (r,)."""
    rss: float
    """Squared targets outside all directions, summed over outputs."""
    n_contrasts: int
    """Number of contrasts of one output: samples, less one for an intercept."""
    n_outputs: int
    log_scale: float
    """What weights of the noise add to the log density of one output."""
    floor: float
    """Noise variance that rounding of the targets may pass for."""

    @property
    def n_terms(self) -> int:
        """Number of contrasts of all outputs."""
        return self.n_contrasts * self.n_outputs


def summarize_targets(spectrum: Spectrum) -> TargetStatistics:
    """The statistics of a spectrum.

    Counts stand for that many samples. Weights of a floating dtype divide the variance
    of the noise of their sample; the evidence is then the density of the contrasts
    A'y with A'A = I and A'1 = 0, as it is of equal weights.
    """
    # 1. Samples that a row stands for, and the weight of each: one of the two is 1.
    copies = np.rint(1.0 / spectrum.left_out)
    precision = spectrum.weights / copies
    n_samples = int(copies.sum())
    # 2. From the contrasts of sqrt(w) y, which were decomposed, to those of y.
    log_scale = 0.5 * float(copies @ np.log(precision))
    if spectrum.fit_intercept:
        log_scale -= 0.5 * float(np.log(spectrum.weights.sum() / n_samples))
    # 3. The targets themselves, times the root of the weight of each sample.
    targets = spectrum.left @ spectrum.projections + spectrum.residuals
    targets += np.outer(np.sqrt(spectrum.weights), spectrum.y_mean)
    largest = np.max(targets**2 / copies[:, None], initial=0.0)
    floor = max((_UNITS * EPS) ** 2 * float(largest), float(np.finfo(np.float64).tiny))
    return TargetStatistics(
        values=spectrum.values,
        energy=np.sum(spectrum.projections**2, axis=1),
        rss=float(np.sum(spectrum.residuals**2)),
        n_contrasts=n_samples - spectrum.fit_intercept,
        n_outputs=spectrum.residuals.shape[1],
        log_scale=log_scale,
        floor=floor,
    )


class Variances(NamedTuple):
    """Of the prior and the noise, and how probable they make the targets."""

    alpha: float
    noise_var: float
    log_evidence: float


def choose_variances(
    statistics: TargetStatistics, alpha: float | None, noise_var: float | None
) -> Variances:
    """The variances of highest evidence.

    Parameters
    ----------
    statistics : TargetStatistics
    alpha : float or None
        Given in [0, inf], or to be chosen.
    noise_var : float or None
        Given in (0, inf), or to be chosen.

    Raises
    ------
    ValueError
        If the evidence cannot choose, or exceeds the range of floats.
    """
    refuse_undetermined(statistics, alpha, noise_var)
    if alpha is None:
        alpha = float(np.exp(best_log_alpha(statistics, noise_var)))
    with np.errstate(divide="ignore"):
        log_alpha = np.log(alpha)
    if noise_var is None:
        noise_var = float(best_noise_var(statistics, log_alpha))
    with np.errstate(over="ignore"):
        height = float(log_evidence(statistics, log_alpha, noise_var))
    if alpha and not np.isfinite(height):
        raise ValueError(
            "The log evidence exceeds the largest float at noise_var="
            f"{noise_var:g}. Rescale y and noise_var."
        )
    return Variances(alpha, noise_var, height)


def refuse_undetermined(
    statistics: TargetStatistics, alpha: float | None, noise_var: float | None
) -> None:
    """Raise ValueError where the evidence cannot choose what is None."""
    asked = {"alpha": alpha, "noise_var": noise_var}
    asked = [name for name, value in asked.items() if value is None]
    if asked and not statistics.n_contrasts:
        raise ValueError(
            f"{asked[0]}='evidence' needs at least 2 samples of positive weight beside "
            "an intercept; got n_samples = 1."
        )
    if "noise_var" in asked and not (statistics.energy.any() or statistics.rss):
        raise ValueError(
            "noise_var='evidence' cannot be had of y that is constant, nor of zeros "
            "without an intercept: the evidence is unbounded as noise_var goes to 0. "
            "Give noise_var a number."
        )


def log_evidence(
    statistics: TargetStatistics, log_alpha: FloatOrFloats, noise_var: FloatOrFloats
) -> Floats:
    """Log density of the targets in nats, summed over outputs.

    Parameters
    ----------
    statistics : TargetStatistics
    log_alpha : float or ndarray
        Logarithm of the ratio of the noise to the prior variance; both infinities are
        allowed. At -inf the prior has no density, and the evidence of a design of
        positive rank is none.
    noise_var : float or ndarray
        In (0, inf), of a shape that broadcasts against `log_alpha`.
    """
    # log(1 + s^2/alpha), whatever the sizes of both
    spread = np.logaddexp(0.0, _log_ratio(statistics, log_alpha)).sum(axis=-1)
    log_noise = np.log(2.0 * np.pi) + np.log(noise_var)
    log_det = statistics.n_contrasts * log_noise + spread
    log_det = statistics.n_outputs * (log_det - 2.0 * statistics.log_scale)
    return -0.5 * (log_det + _misfit(statistics, log_alpha) / noise_var)


def best_noise_var(statistics: TargetStatistics, log_alpha: FloatOrFloats) -> Floats:
    """The noise variance of highest evidence at each penalty, beyond rounding."""
    misfit = _misfit(statistics, log_alpha)
    return np.maximum(misfit / statistics.n_terms, statistics.floor)


def best_log_alpha(
    statistics: TargetStatistics, noise_var: float | None = None
) -> float:
    r"""Logarithm of the penalty of highest evidence.

    Parameters
    ----------
    statistics : TargetStatistics
        Of one contrast at least.
    noise_var : float or None, default=None
        The variance of the noise, in (0, inf); None takes the best at every penalty.

    Returns
    -------
    float
        Infinite where the evidence without any signal is the highest, up to rounding;
        so it is of a design of rank zero, and wherever no penalty matters.

    Raises
    ------
    ValueError
        If the penalty exceeds the range of floats.

    Notes
    -----
    With :math:`k_r = s_r^2/(s_r^2 + \alpha)`, and :math:`\sigma^2` given or the best
    one, of which the first derivative is zero,

    .. math:: \frac{d \log Z}{d \log\alpha} = \frac12 \sum_r \Big[q k_r
              - \frac{c_r^2}{\sigma^2} k_r (1 - k_r)\Big].

    The evidence may have several maxima: all of them are found.
    """
    values, energy, floor = statistics.values, statistics.energy, statistics.floor
    n_outputs, n_terms = statistics.n_outputs, statistics.n_terms
    if not len(values):
        return np.inf

    def slope(logs):
        ratio = _log_ratio(statistics, logs)
        kept, lost = expit(ratio), expit(-ratio)
        if noise_var is not None:
            noise, is_best = noise_var, False
        else:
            best = (lost @ energy + statistics.rss) / n_terms
            noise, is_best = np.maximum(best, floor), best > floor
        kept_sum, lost_sum = kept.sum(axis=-1), lost.sum(axis=-1)
        twice = n_outputs * kept_sum - (kept * lost) @ energy / noise
        # For small penalties both terms are near the number of contrasts, if there is a
        # direction for each: what they lack of it does not cancel.
        lacking = (lost**2 @ energy + statistics.rss) / noise
        lacking += n_outputs * (len(values) - statistics.n_contrasts - lost_sum)
        return 0.5 * np.where(is_best & (lost_sum < kept_sum), lacking, twice)

    # 1. Below `low` the evidence rises: neither a direction nor the noise feels so
    #    small a penalty. Beyond `high` it is that of no signal.
    unexplained = n_terms * (noise_var or floor) + (0 if noise_var else statistics.rss)
    with np.errstate(divide="ignore"):
        log_norm = logsumexp(np.log(energy) - 2.0 * np.log(values))
    low = min(2.0 * np.log(values[-1]), np.log(unexplained) - log_norm)
    low -= np.log(1e3 * n_terms)
    high = 2.0 * np.log(values[0]) + _BEYOND
    grid = np.linspace(low, high, int((high - low) / _STEP) + 2)
    # 2. Every maximum in between, and none of them.
    slopes = slope(grid)
    rises = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
    logs = np.append(_fall_to_zero(slope, grid[rises], grid[rises + 1]), np.inf)
    # 3. The highest, and the last one of equals: that with the least signal.
    noise = noise_var or best_noise_var(statistics, logs)
    heights = log_evidence(statistics, logs, noise)
    rounding = _ROUNDING * (n_terms + abs(heights.max()))
    best = float(logs[np.flatnonzero(heights >= heights.max() - rounding)[-1]])
    if np.isfinite(best) and abs(best) > _LOG_RANGE:
        raise ValueError(
            f"The alpha of highest evidence, 1e{best / np.log(10):.0f}, exceeds the "
            "range of floats. Rescale X."
        )
    return best


def predictive_std(
    X: Floats,
    right: Floats,
    values: Floats,
    *,
    alpha: float,
    noise_var: float,
    temperature: float,
    mean_var: float,
) -> Floats:
    r"""Standard deviations of targets at new points.

    Parameters
    ----------
    X : ndarray of shape (n_rows, p)
        New points, less the mean of the training points.
    right : ndarray of shape (r, p)
        Right singular vectors.
    values : ndarray of shape (r,)
        Their singular values, positive.
    alpha : float
        In (0, inf].
    noise_var, temperature : float
        In (0, inf).
    mean_var : float
        Variance of the intercept, in units of the noise.

    Returns
    -------
    ndarray of shape (n_rows,)

    Notes
    -----
    A sum of squares, free of cancellation: with z = Vx and what V does not see of x,

    .. math:: \sigma^2 \Big[1 + m + T \sum_r \frac{z_r^2}{s_r^2 + T\alpha}
              + \frac{\|x - V'z\|^2}{\alpha}\Big].
    """
    ridge = ridge_filter(values, np.array([temperature * alpha]))
    # 1. Directions of the training points, of which the posterior knows.
    along = X @ right.T
    seen = _row_norms(along / ridge.scale * np.sqrt(ridge.inverse))
    total = np.hypot(np.sqrt(1.0 + mean_var), np.sqrt(temperature) * seen)
    # 2. All others, of which it knows what the prior does. There are none where rows
    #    span the space, and what rounding leaves would be divided by the penalty.
    if len(right) < X.shape[1]:
        unseen = _row_norms(X - along @ right)
        total = np.hypot(total, unseen / np.sqrt(alpha))
    return np.sqrt(noise_var) * total


def _log_ratio(statistics, log_alpha):
    """log(s^2/alpha), of the shape of `log_alpha` and one more axis."""
    return 2.0 * np.log(statistics.values) - np.asarray(log_alpha)[..., None]


def _misfit(statistics, log_alpha):
    """Squared targets in units of the noise and the signal, times the noise."""
    shares = expit(-_log_ratio(statistics, log_alpha))
    return shares @ statistics.energy + statistics.rss


def _fall_to_zero(function, low, high):
    """Where a function falls through zero, within each of several brackets."""
    rows = np.arange(len(low))
    for _ in range(_ROUNDS):
        points = np.linspace(low, high, _PIECES + 1, axis=1)
        # Of the ends it is known, though rounding may say otherwise.
        below = function(points[:, 1:-1]) <= 0
        first = np.where(below.any(axis=1), below.argmax(axis=1), _PIECES - 1)
        low, high = points[rows, first], points[rows, first + 1]
    left, right = np.maximum(function(low), 0.0), np.minimum(function(high), 0.0)
    gap = left - right
    gap[gap == 0.0] = 1.0
    return low + (high - low) * (left / gap)


def _row_norms(A):
    """Norms of rows, whose squares may overflow."""
    largest = np.abs(A).max(axis=1, initial=0.0, keepdims=True)
    largest[largest == 0.0] = 1.0
    return largest[:, 0] * np.sqrt(np.sum((A / largest) ** 2, axis=1))
