"""Least squares without its intercept and its weights, for solvers that know neither.

The intercept is projected out: rows are centred, or taken on orthonormal contrasts.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Array, Floats

# Rows by which most columns are told from constant ones.
_FEW = 8


class Problem(NamedTuple):
    """Least squares without its intercept and its weights, ready to be solved.

    Below, n counts the rows of positive weight and q the outputs.
    """

    X: np.ndarray
    """The centred design times the roots of the weights, shape (n, p)."""
    y: np.ndarray
    """The targets treated alike, shape (n, q)."""
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

    def without_design(self) -> "Problem":
        """The same with an empty design, which takes no memory."""
        return self._replace(X=np.empty((0, self.X.shape[1])))

    def on_contrasts(self, A: Floats) -> Floats:
        """Coordinates of columns (n, k) on the contrasts, if there is an intercept."""
        return _contrasts(A, self._unit()) if self.fit_intercept else A

    def symmetric_on_contrasts(self, K: Floats) -> Floats:
        """A symmetric matrix (n, n) on the contrasts, on both its sides."""
        if not self.fit_intercept:
            return K
        unit = self._unit()
        u, first = unit[1:], K[0, 1:] / (1 + unit[0])
        v = first - u * (K[0, 0] / (1 + unit[0]) ** 2 / 2)
        return K[1:, 1:] - np.column_stack([u, v]) @ np.vstack([v, u])

    def on_rows(self, B: Floats) -> Floats:
        """Back from the contrasts to the rows."""
        return _from_contrasts(B, self._unit()) if self.fit_intercept else B

    def _unit(self):
        root = np.sqrt(self.weights)
        return root / linalg.norm(root)

    def basis(self, left: Floats) -> Floats:
        """Orthonormal columns on the rows, that of the intercept with them."""
        if not self.fit_intercept:
            return left
        return np.column_stack([self._unit(), left])


def pose(
    X: Floats, y: Floats, sample_weight: Array | None, fit_intercept: bool
) -> Problem:
    """The problem of the arguments of :func:`decompose`."""
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    kept = weights > 0
    if not kept.all():
        X, y, weights = X[kept], y[kept], weights[kept]
    # Leaving one out removes one of the copies that a count stands for.
    counts = np.issubdtype(weights.dtype, np.integer)
    left_out = 1.0 / weights if counts else np.ones(len(weights))
    weights = weights.astype(np.float64)
    X, y = X.astype(np.float64), y.astype(np.float64)
    x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(y.shape[1])
    if fit_intercept:
        x_mean, y_mean = centre(X, weights), centre(y, weights)
    if (weights != 1.0).any():
        root = np.sqrt(weights)[:, None]
        X *= root
        y *= root
    return Problem(X, y, left_out, weights, x_mean, y_mean, fit_intercept)


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
    constant = np.flatnonzero((A[:_FEW] == A[0]).all(axis=0))
    constant = constant[(A[:, constant] == A[0, constant]).all(axis=0)]
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
