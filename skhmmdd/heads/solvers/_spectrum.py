"""One singular value decomposition of the centred, weighted design.

It serves every penalty: the coefficients, the effective degrees of freedom and the
exact leave-one-out residuals are cheap once it is there.
"""

from functools import reduce
from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Array, Floats

EPS = np.finfo(np.float64).eps
# Below this ratio the square of a scaled singular value is no longer a normal float.
_SMALLEST_RATIO = np.sqrt(np.finfo(np.float64).tiny)
# The Gram matrix of wide rows serves up to this condition number of its own, by which
# it multiplies the rounding; and where its entries are far from the ends of floats.
_TRUSTED_GRAM = 3e3
_SQUARED = (1e-100, 1e100)
# Rows this many times as wide as high are a triangle first, as in LAPACK's own way.
_WIDE = 11 / 6


class Spectrum(NamedTuple):
    """The decomposed design and the targets seen through it.

    Below, n counts the rows of positive weight, q the outputs and r the rank.
    """

    left: np.ndarray
    """Left singular vectors U, shape (n, r), orthogonal to sqrt(weights) when there is
    an intercept."""
    values: np.ndarray
    """Singular values above the cut-off, shape (r,), in decreasing order."""
    right_factors: tuple[np.ndarray, ...]
    """Matrices whose product are the right singular vectors: a fit needs no product."""
    singular_values: np.ndarray
    """All min(n, p) singular values, those below the cut-off included."""
    projections: np.ndarray
    """U'y, shape (r, q)."""
    residuals: np.ndarray
    """The part of the centred, weighted targets outside the span of U, shape (n, q)."""
    one_minus_leverage: np.ndarray
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

    @property
    def right(self) -> Floats:
        """Right singular vectors, shape (r, p). A product, where it is not there."""
        return reduce(np.matmul, self.right_factors)

    def coef_of(self, coordinates: Floats) -> Floats:
        """The head (p, q) of coordinates (r, q) along the right singular vectors."""
        for factor in self.right_factors:
            coordinates = factor.T @ coordinates
        return coordinates


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
        dtype means counts: see :func:`leave_one_out_residuals`.
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
        x_mean, y_mean = centre(X, weights), centre(y, weights)
    root = np.sqrt(weights)
    X *= root[:, None]
    y *= root[:, None]

    unit = root / linalg.norm(root)
    design = _contrasts(X, unit) if fit_intercept else X
    left, values, right = _decompose_design(design)
    rcond = max(n, p) * EPS if rcond is None else rcond
    rank = int(np.sum(values > max(rcond, _SMALLEST_RATIO) * values.max(initial=0.0)))
    singular_values = np.zeros(min(n, p))  # the last is 0 where centring takes it
    singular_values[: len(values)] = values
    left = left[:, :rank]
    if fit_intercept:
        left = _from_contrasts(left, unit)

    projections = left.T @ y
    residuals = y - left @ projections
    outside = _outside_span(
        left, unit if fit_intercept else None, values[:rank], residuals
    )
    return Spectrum(
        left=left,
        values=values[:rank],
        right_factors=(right[0][:rank], *right[1:]),
        singular_values=singular_values,
        projections=projections,
        residuals=residuals,
        one_minus_leverage=(1 - left_out) + left_out * outside,
        left_out=left_out,
        weights=weights,
        x_mean=x_mean,
        y_mean=y_mean,
        fit_intercept=fit_intercept,
    )


def on_contrasts(
    X: Floats, y: Floats, fit_intercept: bool, weights: Array | None = None
) -> tuple[Floats, Floats, Floats, Floats]:
    """The same least-squares problem without its intercept and its weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
    y : ndarray of shape (n_samples, q)
    fit_intercept : bool
    weights : ndarray of shape (n_samples,), default=None
        Positive. None means equal weights of one.

    Returns
    -------
    design : ndarray of shape (n_samples - 1, p), or (n_samples, p) without an intercept
        The centred design on n_samples - 1 orthonormal contrasts: coefficients that
        fit it fit the centred rows.
    response : ndarray of shape (n_samples - 1, q), or (n_samples, q)
    x_mean : ndarray of shape (p,)
    y_mean : ndarray of shape (q,)
        What was subtracted; zeros without an intercept.
    """
    if not fit_intercept:
        if weights is not None:
            root = np.sqrt(weights)[:, None]
            X, y = root * X, root * y
        return X, y, np.zeros(X.shape[1]), np.zeros(y.shape[1])
    X, y = X.copy(), y.copy()
    if weights is None:
        weights = np.ones(len(X))
    x_mean, y_mean = centre(X, weights), centre(y, weights)
    root = np.sqrt(weights)
    X *= root[:, None]
    y *= root[:, None]
    unit = root / linalg.norm(root)
    return _contrasts(X, unit), _contrasts(y, unit), x_mean, y_mean


def centre(A: Floats, weights: Floats) -> Floats:
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


def contrast_rows(weights: Floats) -> Floats:
    """What the n - 1 contrasts are of n samples: orthonormal rows, (n - 1, n)."""
    unit = np.sqrt(weights / weights.sum())
    return _contrasts(np.eye(len(unit)) - np.outer(unit, unit), unit)


def _from_contrasts(B, unit):
    """Undo :func:`_contrasts`: the columns come out orthogonal to `unit`."""
    first = unit[1:] @ B
    return np.vstack([-first, B - np.outer(unit[1:], first / (1 + unit[0]))])


def _decompose_design(A):
    """Thin singular value decomposition, its right vectors as a tuple of factors."""
    if len(A) * _WIDE < A.shape[1]:
        by_gram = _decompose_gram(A)
        if by_gram is not None:
            return by_gram
        Q, R = linalg.qr(A.T, mode="economic")
        left, values, right = thin_svd(R.T)
        return left, values, (right, Q.T)
    left, values, right = thin_svd(A)
    return left, values, (right,)


def _decompose_gram(A):
    """The same of independent rows, by AA' = U S^2 U'; None where that is inexact."""
    if not len(A) or not _SQUARED[0] < np.abs(A).max() < _SQUARED[1]:
        return None
    gram = A @ A.T
    factor, dependent = linalg.lapack.dpotrf(gram)
    if dependent:
        return None
    norm = np.abs(gram).sum(axis=0).max()
    inverse_condition, _ = linalg.lapack.dpocon(factor, norm)
    if inverse_condition * _TRUSTED_GRAM < 1:
        return None
    squares, vectors = np.linalg.eigh(gram)
    values, left = np.sqrt(squares[::-1]), vectors[:, ::-1]
    return left, values, ((left / values).T, A)


def thin_svd(A: Floats) -> tuple[Floats, Floats, Floats]:
    """Thin singular value decomposition, with a slower and surer second attempt."""
    if 0 in A.shape:
        return np.zeros((len(A), 0)), np.zeros(0), np.zeros((0, A.shape[1]))
    try:
        return linalg.svd(A, full_matrices=False, lapack_driver="gesdd")
    except linalg.LinAlgError:
        return linalg.svd(A, full_matrices=False, lapack_driver="gesvd")


def _outside_span(left, unit, values, residuals):
    """1 - leverage of each row, exactly 0 where it is numerically so.

    `residuals` is refined in place on the rows of high leverage.
    """
    n = len(left)
    basis = left if unit is None else np.column_stack([unit, left])
    if basis.shape[1] >= n:  # the basis is complete
        residuals[:] = 0.0
        return np.zeros(n)
    outside = 1.0 - np.sum(basis**2, axis=1)
    # 1 - leverage cancels for an outlying row. The projection of its axis off the
    # span does not: the error of its squared norm is of the order of eps squared.
    high = np.flatnonzero(outside < 1e-4)
    if len(high):
        off_span = -basis[high] @ basis.T
        off_span[np.arange(len(high)), high] += 1.0
        outside[high] = np.sum(off_span**2, axis=1)
        residuals[high] = off_span @ residuals
        off = np.ones(n)
        off[high] = rounding_off_span(left[high], values)
        exact = outside <= (10 * n * EPS * off) ** 2
        outside[exact] = 0.0
        residuals[exact] = 0.0
    return outside


def rounding_off_span(axes: Floats, values: Floats) -> Floats:
    """How far rounding moves axes off the span of a design, in units of rounding.

    A perturbation E of the design A moves an axis a in its span by (I - P) E A^+ a:
    more, where a lies along left singular vectors of small singular values. Nearer to
    the span than that, the head passes through what the axis stands for.

    Parameters
    ----------
    axes : ndarray of shape (n_axes, r)
        Coordinates of unit vectors along the left singular vectors.
    values : ndarray of shape (r,)
        Singular values, decreasing.

    Returns
    -------
    ndarray of shape (n_axes,)
        At least 1.
    """
    with np.errstate(over="ignore"):
        growth = linalg.norm(axes * (values.max(initial=0.0) / values), axis=1)
    return np.maximum(1.0, growth)
