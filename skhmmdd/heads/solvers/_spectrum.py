"""One singular value decomposition of the centred, weighted design.

It serves every penalty: the coefficients, the effective degrees of freedom and the
exact leave-one-out residuals are cheap once it is there. Where the design is wide and
well-conditioned, its Gram matrix serves as well, and the coefficients need no more.
"""

from functools import reduce
from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Array, Floats
from skhmmdd.heads.solvers._problem import Problem, pose

EPS = np.finfo(np.float64).eps
# Below this ratio the square of a scaled singular value is no longer a normal float.
_SMALLEST_RATIO = np.sqrt(np.finfo(np.float64).tiny)
# The Gram matrix of wide rows serves up to this condition number of its own, by which
# it multiplies the rounding; and where its entries are far from the ends of floats.
_TRUSTED_GRAM = 3e3
# Up to this nothing of such a design is cut off: its smallest singular value is 1/55 of
# the largest, or some times less, for condition numbers are estimates.
_LARGEST_RCOND = 1e-3
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
    problem = pose(X, y, sample_weight, fit_intercept)
    return decompose_problem(problem, well_conditioned_gram(problem, rcond), rcond)


def decompose_problem(
    problem: Problem, gram: Floats | None = None, rcond: float | None = None
) -> Spectrum:
    """The spectrum of a problem.

    Parameters
    ----------
    problem : Problem
        Without its design, where there is a Gram matrix, it has no right singular
        vectors.
    gram : ndarray or None, default=None
        From :func:`well_conditioned_gram`.
    rcond : float or None, default=None
        As for :func:`decompose`.

    Returns
    -------
    spectrum : Spectrum
    """
    n, p = len(problem.weights), len(problem.x_mean)
    if gram is None:
        left, values, right = _decompose_design(problem.on_contrasts(problem.X))
        left = problem.on_rows(left)
    else:
        squares, left = np.linalg.eigh(gram)
        values, left = np.sqrt(squares[::-1]), problem.on_rows(left[:, ::-1])
        right = ((left / values).T, problem.X)
    rcond = max(n, p) * EPS if rcond is None else rcond
    rank = int(np.sum(values > max(rcond, _SMALLEST_RATIO) * values.max(initial=0.0)))
    singular_values = np.zeros(min(n, p))  # the last is 0 where centring takes it
    singular_values[: len(values)] = values
    left = left[:, :rank]

    projections = left.T @ problem.y
    residuals = problem.y - left @ projections
    outside = _outside_span(problem.basis(left), left, values[:rank], residuals)
    return Spectrum(
        left=left,
        values=values[:rank],
        right_factors=(right[0][:rank], *right[1:]),
        singular_values=singular_values,
        projections=projections,
        residuals=residuals,
        one_minus_leverage=(1 - problem.left_out) + problem.left_out * outside,
        left_out=problem.left_out,
        weights=problem.weights,
        x_mean=problem.x_mean,
        y_mean=problem.y_mean,
        fit_intercept=problem.fit_intercept,
    )


def _decompose_design(A):
    """Thin singular value decomposition, its right vectors as a tuple of factors."""
    if len(A) * _WIDE < A.shape[1]:
        Q, R = linalg.qr(A.T, mode="economic")
        left, values, right = thin_svd(R.T)
        return left, values, (right, Q.T)
    left, values, right = thin_svd(A)
    return left, values, (right,)


def well_conditioned_gram(problem: Problem, rcond: float | None) -> Floats | None:
    """XX' of independent, wide rows on contrasts; None where it would be inexact.

    Nothing of what there is is cut off.
    """
    if rcond is not None and rcond > _LARGEST_RCOND:
        return None
    A, n_contrasts = problem.X, len(problem.weights) - problem.fit_intercept
    if not n_contrasts or not n_contrasts * _WIDE < A.shape[1]:
        return None
    if not _SQUARED[0] < max(A.max(), -A.min()) < _SQUARED[1]:
        return None
    gram = problem.symmetric_on_contrasts(A @ A.T).T  # in the order of LAPACK
    factor, dependent = linalg.lapack.dpotrf(gram)
    if dependent:
        return None
    norm = linalg.lapack.dlange("1", gram)
    inverse_condition, _ = linalg.lapack.dpocon(factor, norm)
    return gram if inverse_condition * _TRUSTED_GRAM >= 1 else None


def thin_svd(A: Floats) -> tuple[Floats, Floats, Floats]:
    """Thin singular value decomposition, with a slower and surer second attempt."""
    if 0 in A.shape:
        return np.zeros((len(A), 0)), np.zeros(0), np.zeros((0, A.shape[1]))
    try:
        return linalg.svd(A, full_matrices=False, lapack_driver="gesdd")
    except linalg.LinAlgError:
        return linalg.svd(A, full_matrices=False, lapack_driver="gesvd")


def _outside_span(basis, left, values, residuals):
    """1 - leverage of each row, exactly 0 where it is numerically so.

    `residuals` is refined in place on the rows of high leverage.
    """
    n = len(basis)
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
