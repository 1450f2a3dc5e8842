"""Least-squares heads as pure functions on arrays.

One singular value decomposition of the centred, weighted design serves every
penalty: the coefficients, the effective degrees of freedom and the exact
leave-one-out residuals are cheap once it is there.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

from skhmmdd._typing import Array, Floats

_EPS = np.finfo(np.float64).eps
# Below this ratio the square of a scaled singular value is no longer a normal float.
_SMALLEST_RATIO = np.sqrt(np.finfo(np.float64).tiny)


class Spectrum(NamedTuple):
    """The decomposed design and the targets seen through it.

    Below, n counts the rows of positive weight, q the outputs and r the rank.
    """

    left: np.ndarray
    """Left singular vectors U, shape (n, r), orthogonal to sqrt(weights) when there is
    an intercept."""
    values: np.ndarray
    """Singular values above the cut-off, shape (r,), in decreasing order."""
    right: np.ndarray
    """Right singular vectors, shape (r, p)."""
    singular_values: np.ndarray
    """All min(n, p) singular values, those below the cut-off included."""
    projections: np.ndarray
    """U'y, shape (r, q)."""
    residuals: np.ndarray
    """The part of the centred, weighted targets outside the span of U, shape (n, q)."""
    slack: np.ndarray
    """1 - left_out * leverage at alpha = 0, shape (n,); exactly 0 where the
    minimum-norm head must pass through the sample."""
    left_out: np.ndarray
    """Share of each row's weight that leave-one-out removes, shape (n,)."""
    weights: np.ndarray
    """Positive sample weights, shape (n,)."""
    x_mean: np.ndarray
    """Weighted mean of the features, shape (p,); zeros without intercept."""
    y_mean: np.ndarray
    """Weighted mean of the targets, shape (q,); zeros without intercept."""
    fit_intercept: bool
    """Whether an unpenalised intercept was projected out."""


class Head(NamedTuple):
    """A linear head: ``X @ coef + intercept``."""

    coef: np.ndarray
    """Coefficients, shape (p, q)."""
    intercept: np.ndarray
    """Intercepts, shape (q,)."""
    effective_dof: float
    """Trace of the hat matrix, 1 for the intercept included."""


def decompose(
    X: Floats,
    y: Floats,
    *,
    sample_weight: Array | None = None,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> Spectrum:
    """Decompose the centred, weighted design once, for every penalty.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        Design.
    y : ndarray of shape (n_samples, q)
        Targets.
    sample_weight : ndarray of shape (n_samples,) or None, default=None
        Non-negative weights, not all zero. Rows of weight zero are dropped. An integer
        dtype means counts: see :func:`loo_residuals`.
    fit_intercept : bool, default=True
        Whether to project out an unpenalised intercept.
    rcond : float in [0, 1) or None, default=None
        Singular values up to ``rcond`` times the largest are zero. None: ``max(n, p)``
        times the float64 epsilon.

    Returns
    -------
    spectrum : Spectrum
        All in float64, whatever the dtype of ``X``.
    """
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    kept = weights > 0
    if not kept.all():
        X, y, weights = X[kept], y[kept], weights[kept]
    # Leaving one out removes one of the copies that a count stands for.
    counts = np.issubdtype(weights.dtype, np.integer)
    left_out = 1.0 / weights if counts else np.ones(len(weights))
    weights = weights.astype(np.float64)
    X, y = X.astype(np.float64), y.astype(np.float64)
    n, p = X.shape

    x_mean, y_mean = np.zeros(p), np.zeros(y.shape[1])
    if fit_intercept:
        x_mean, y_mean = _centre(X, weights), _centre(y, weights)
    root = np.sqrt(weights)
    X *= root[:, None]
    y *= root[:, None]

    unit = root / linalg.norm(root)
    design = _contrasts(X, unit) if fit_intercept else X
    left, values, right = _svd(design)
    rcond = max(n, p) * _EPS if rcond is None else rcond
    rank = int(np.sum(values > max(rcond, _SMALLEST_RATIO) * values.max(initial=0.0)))
    singular_values = np.zeros(min(n, p))  # the last is 0 where centring takes it
    singular_values[: len(values)] = values
    left = left[:, :rank]
    if fit_intercept:
        left = _from_contrasts(left, unit)

    projections = left.T @ y
    residuals = y - left @ projections
    slack = _outside_span(left, unit if fit_intercept else None, residuals)
    return Spectrum(
        left=left,
        values=values[:rank],
        right=right[:rank],
        singular_values=singular_values,
        projections=projections,
        residuals=residuals,
        slack=(1 - left_out) + left_out * slack,
        left_out=left_out,
        weights=weights,
        x_mean=x_mean,
        y_mean=y_mean,
        fit_intercept=fit_intercept,
    )


def on_contrasts(
    X: Floats, y: Floats, fit_intercept: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """The same least-squares problem without its intercept.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
    y : ndarray of shape (n_samples, q)
    fit_intercept : bool

    Returns
    -------
    design : ndarray of shape (n_samples - 1, p), or X itself without an intercept
        The centred design on n_samples - 1 orthonormal contrasts: coefficients that
        fit it fit the centred rows.
    response : ndarray of shape (n_samples - 1, q), or y itself
    x_mean : ndarray of shape (p,)
    y_mean : ndarray of shape (q,)
        What was subtracted; zeros without an intercept.
    """
    if not fit_intercept:
        return X, y, np.zeros(X.shape[1]), np.zeros(y.shape[1])
    X, y = X.copy(), y.copy()
    weights = np.ones(len(X))
    x_mean, y_mean = _centre(X, weights), _centre(y, weights)
    unit = weights / np.sqrt(len(X))
    return _contrasts(X, unit), _contrasts(y, unit), x_mean, y_mean


def _centre(A, weights):
    """Subtract the weighted mean of each column in place, and return it."""
    mean = weights @ A / weights.sum()
    constant = (A == A[0]).all(axis=0)
    A -= mean
    # The rounding of the mean of a constant column would pass for a direction.
    A[:, constant] = 0.0
    correction = weights @ A / weights.sum()
    A -= correction
    return mean + correction


def _contrasts(A, unit):
    """Coordinates of the columns of A, orthogonal to `unit`, on n - 1 contrasts.

    A Householder reflection sends `unit` to the first axis. Its other axes span the
    complement of the intercept, so that the intercept's null direction cannot come
    back as a spurious tiny singular value.
    """
    return A[1:] - np.outer(unit[1:], A[0] / (1 + unit[0]))


def _from_contrasts(B, unit):
    """Undo :func:`_contrasts`: the columns come out orthogonal to `unit`."""
    first = unit[1:] @ B
    return np.vstack([-first, B - np.outer(unit[1:], first / (1 + unit[0]))])


def _svd(A):
    """Thin singular value decomposition, with a slower and surer second attempt."""
    if 0 in A.shape:
        return np.zeros((len(A), 0)), np.zeros(0), np.zeros((0, A.shape[1]))
    try:
        return linalg.svd(A, full_matrices=False, lapack_driver="gesdd")
    except linalg.LinAlgError:
        return linalg.svd(A, full_matrices=False, lapack_driver="gesvd")


def _outside_span(left, unit, residuals):
    """1 - leverage of each row, exactly 0 where it is numerically so.

    `residuals` is refined in place on the rows of high leverage.
    """
    n = len(left)
    basis = left if unit is None else np.column_stack([unit, left])
    if basis.shape[1] >= n:  # the basis is complete
        residuals[:] = 0.0
        return np.zeros(n)
    slack = 1.0 - np.sum(basis**2, axis=1)
    # 1 - leverage cancels for an outlying row. The projection of its axis off the
    # span does not: the error of its squared norm is of the order of eps squared.
    high = np.flatnonzero(slack < 1e-4)
    if len(high):
        off_span = -basis[high] @ basis.T
        off_span[np.arange(len(high)), high] += 1.0
        slack[high] = np.sum(off_span**2, axis=1)
        residuals[high] = off_span @ residuals
        exact = slack <= (10 * n * _EPS) ** 2
        slack[exact] = 0.0
        residuals[exact] = 0.0
    return slack


def _filters(values, alpha):
    """Scaled pieces of the ridge filters, free of overflow and of division by zero.

    Returns `scale` (a, 1), `t = values / scale` (a, r), `penalty = alpha / scale^2`
    (a, 1) and `inverse = 1 / (t^2 + penalty)` (a, r), for `alpha` of shape (a,).
    """
    root = np.sqrt(alpha)[:, None]
    scale = np.maximum(root, values.max(initial=0.0))
    scale[scale == 0.0] = 1.0
    t, penalty = values / scale, (root / scale) ** 2
    return scale, t, penalty, 1.0 / (t**2 + penalty)


def shrink(spectrum: Spectrum, alpha: float) -> Head:
    """The head at one penalty: minimum norm at zero, ridge above.

    Parameters
    ----------
    spectrum : Spectrum
        From :func:`decompose`.
    alpha : float
        Penalty, in [0, inf).

    Returns
    -------
    head : Head
        Coefficients, intercepts and effective degrees of freedom.
    """
    scale, t, _, inverse = _filters(spectrum.values, np.array([alpha], dtype=float))
    gains = (t * inverse / scale)[0]  # s / (s^2 + alpha)
    coef = spectrum.right.T @ (gains[:, None] * spectrum.projections)
    return Head(
        coef=coef,
        intercept=spectrum.y_mean - spectrum.x_mean @ coef,
        effective_dof=float(np.sum(t**2 * inverse) + spectrum.fit_intercept),
    )


def loo_residuals(spectrum: Spectrum, alpha: float) -> Floats:
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
    :math:`e_i` and slack :math:`d_i = 1 - h_i` at :math:`\alpha = 0`,

    .. math:: \frac{e_i + \sum_r a_r u_{ir} c_r}{d_i + \sum_r a_r u_{ir}^2}.

    Where :math:`d_i = 0` then :math:`e_i = 0` too, and both sums are divided by
    :math:`\alpha`, which leaves the limit
    :math:`\sum_r u_{ir} c_r s_r^{-2} / \sum_r u_{ir}^2 s_r^{-2}` at zero.

    Where the weights are integers the residual is that of removing one of the
    ``weights[i]`` copies: the leverage is divided by the count. Otherwise the row is
    removed whole. A head fitted on nothing predicts zero.
    """
    _, _, penalty, inverse = _filters(
        spectrum.values, np.atleast_1d(np.asarray(alpha, dtype=float))
    )
    missed, leverage = _shrunk_sums(spectrum, penalty, inverse)
    numerator = spectrum.residuals[:, None, :] + missed
    denominator = spectrum.slack[:, None] + leverage

    alone = _alone(spectrum)
    denominator[alone] = 1.0
    root = np.sqrt(spectrum.weights)[:, None]
    residuals = numerator / (root * denominator)[:, :, None]
    residuals[alone] = spectrum.y_mean  # with all the weight, the target is the mean
    residuals = np.moveaxis(residuals, 0, 1)
    return residuals[0] if np.ndim(alpha) == 0 else residuals


def _shrunk_sums(spectrum, penalty, factors):
    """The two sums over r of `loo_residuals`, (n, a, q) and (n, a).

    `factors` (a, r) times `penalty` (a, 1) are the a_r; where the slack is zero both
    sums are taken without that penalty.
    """
    left = spectrum.left
    gain = np.where(spectrum.slack[:, None] == 0.0, 1.0, penalty.T)
    weighted = factors[:, :, None] * spectrum.projections  # (a, r, q)
    missed = gain[:, :, None] * np.tensordot(left, weighted, axes=(1, 1))
    return missed, spectrum.left_out[:, None] * gain * (left**2 @ factors.T)


def _alone(spectrum):
    """Rows whose removal leaves an intercept with nothing to be fitted on."""
    total = spectrum.weights.sum()
    others = (total - spectrum.weights) / total
    return spectrum.fit_intercept & (others <= _EPS) & (spectrum.left_out == 1.0)


def loo_risk(spectrum: Spectrum, alpha: float) -> float:
    """Leave-one-out squared error, from the same arguments as :func:`loo_residuals`.

    The mean over outputs and the weighted mean over samples: a float for one penalty,
    else of shape (n_alphas,).
    """
    squares = np.mean(loo_residuals(spectrum, alpha) ** 2, axis=-1)
    risk = squares @ (spectrum.weights / spectrum.weights.sum())
    return float(risk) if np.ndim(alpha) == 0 else risk


def loo_slope(spectrum: Spectrum, alpha: float) -> float:
    r"""Derivative of :func:`loo_risk` by the logarithm of the penalty.

    With N and D the numerator and the denominator of :func:`loo_residuals`, that of a
    residual is :math:`(N' - (N/D) D') / D`, and :math:`a_r' = a_r (1 - a_r)`. Rows
    that are divided by the penalty may take the same: it cancels.
    """
    _, t, penalty, inverse = _filters(spectrum.values, np.array([alpha], dtype=float))
    residuals = loo_residuals(spectrum, alpha)
    _, leverage = _shrunk_sums(spectrum, penalty, inverse)
    missed_slope, leverage_slope = _shrunk_sums(spectrum, penalty, (t * inverse) ** 2)
    alone = _alone(spectrum)
    denominator = np.where(alone[:, None], 1.0, spectrum.slack[:, None] + leverage)
    root = np.sqrt(spectrum.weights)[:, None]
    slopes = missed_slope[:, 0] / root - residuals * leverage_slope
    slopes = np.where(alone[:, None], 0.0, slopes / denominator)
    products = np.mean(residuals * slopes, axis=-1)
    return float(2 * products @ (spectrum.weights / spectrum.weights.sum()))


def gcv_risk(spectrum: Spectrum, alpha: float) -> float:
    """Generalised cross-validation of the mean squared error over outputs.

    The mean squared residual over the squared mean slack, of equal weights; where the
    head interpolates every row, the limit as the penalty vanishes.
    """
    _, _, penalty, inverse = _filters(spectrum.values, np.array([alpha], dtype=float))
    gain = 1.0 if (spectrum.slack == 0.0).all() else float(penalty[0, 0])
    factors = gain * inverse[0]
    residuals = spectrum.residuals + (spectrum.left * factors) @ spectrum.projections
    slack = np.mean(spectrum.slack + spectrum.left**2 @ factors)
    return float(np.mean((residuals / slack) ** 2))


def loo_alpha(spectrum: Spectrum) -> float:
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
    low = 2 * np.log(spectrum.values[-1]) + np.log(_EPS)
    high = 2 * np.log(spectrum.values[0]) - np.log(_EPS)
    n_points = int(np.ceil(8 * (high - low) / np.log(10))) + 1
    # Clipped, so that the penalty itself is a finite, positive float.
    grid = np.clip(np.linspace(low, high, n_points), -700.0, 700.0)

    size = max(1, 2**21 // spectrum.residuals.size)  # bounds the memory of one block
    risks = np.concatenate(
        [
            loo_risk(spectrum, np.exp(grid[start : start + size]))
            for start in range(0, n_points, size)
        ]
    )
    best = int(np.argmin(risks))
    log_alpha = _downhill(lambda at: loo_slope(spectrum, np.exp(at)), grid, best)
    risk, rounding = loo_risk(spectrum, np.exp(log_alpha)), len(spectrum.weights) * _EPS
    if risk > risks[best] * (1 + rounding):  # a curve with more turns than the grid
        log_alpha, risk = grid[best], risks[best]
    if loo_risk(spectrum, 0.0) <= risk * (1 + rounding):
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
