"""A deterministic equivalent that keeps the rows: any features, any noise.

The usual equivalent knows the features by their covariance. Here the expectation over
a row is a mean over a pool of N measured rows, so that rows may differ in energy, and
the residual of the best head may depend on the features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skhmmdd._typing import Array, Floats
from skhmmdd.theory._kappa import kappa_at

# A penalty of 0 is taken as this share of the features' variance.
_LEAST_PENALTY = 1e-10


class AtThreshold(ArithmeticError):
    """Rows of some kind number as many as the directions that they alone have."""


class RowEquivalent(NamedTuple):
    r"""The mean resolvent of n random rows, and what each row weighs in it.

    Scaled so that it has a limit as alpha goes to 0: with D the metric of the penalty,
    :math:`\alpha(\alpha D + X'X)^{-1}` is replaced by

    .. math:: Q = (D + n E[w x x'])^{-1}, \qquad w(x) = 1/(\alpha + x'Qx),

    where 1 - alpha w is the leverage of a row, among n others.

    Attributes
    ----------
    rows : ndarray of shape (N, p)
    share : float
        n/N, what each row of the pool counts for.
    penalised : ndarray of shape (p,)
        The diagonal of D: 0 for the intercept.
    weights : ndarray of shape (N,)
    resolvent : ndarray of shape (p, p)
    """

    rows: Floats
    share: float
    penalised: Floats
    weights: Floats
    resolvent: Floats

    def sandwich(self, values: Array) -> Array:
        """Q n E[values x x'] Q."""
        return self.resolvent @ self.moment(values) @ self.resolvent

    def moment(self, values: Array) -> Array:
        """n E[values x x']."""
        return weighted_gram(self.rows, values, self.share)

    def fixed_point(self, source: Array) -> tuple[Array, Array]:
        """M = source + Q n E[w^2 (x'Mx) x x'] Q, and all x'Mx."""
        w = self.weights
        scaled = _conjugate_gradient(
            self.feedback, w * squares(self.rows, source), 1e-10
        )
        if scaled is None:
            raise AtThreshold
        values = scaled / w
        return source + self.sandwich(w**2 * values), values

    def feedback(self, values: Array) -> Array:
        """(I - A) values, with A_ij = n/N (x_i'Qx_j)^2 w_i w_j."""
        w = self.weights
        return values - w * squares(self.rows, self.sandwich(w * values))


class ErrorMoments(NamedTuple):
    """Mean and covariance of a head's error, over training sets.

    Attributes
    ----------
    mean : ndarray of shape (p, q)
        Of the coefficients less the best ones.
    cov : ndarray of shape (p, p)
        Their covariance, summed over the outputs.
    residual : ndarray of shape (N, q)
        What the mean head leaves of every row of the pool.
    """

    mean: Array
    cov: Array
    residual: Array


def squares(rows: Floats, matrix: Floats) -> Floats:
    """x'Mx of every row x."""
    return np.einsum("ij,ij->i", rows @ matrix, rows)


def weighted_gram(rows: Array, values: Array, share: float) -> Array:
    """The sum of values x x', times `share`."""
    return share * (rows.T @ (values[:, None] * rows))


def solve_rows(rows, penalised, n_samples, alpha):
    """Solve for the weights; nothing is checked.

    `rows` have a diagonal second moment; columns that are not penalised stand first,
    and are constant.

    The energies t = x'Qx are the fixed point of a map that is increasing and concave,
    hence unique, and Newton's method comes down to it from above. Its linear systems
    are symmetric and positive definite there.
    """
    n_rows = len(rows)
    share = n_samples / n_rows
    moments = np.einsum("ij,ij->j", rows, rows) / n_rows
    alpha = max(alpha, _LEAST_PENALTY * (penalised @ moments))
    # 1. where all rows have the same energy, n kappa = alpha + t
    n_free = int(np.sum(penalised == 0))
    kappa = kappa_at(
        moments[n_free:], np.ones(len(moments) - n_free), n_samples - n_free, alpha
    )
    energies = rows**2 @ (kappa / (kappa * penalised + moments))
    for _ in range(200):
        # 2. the map
        weights = 1.0 / (alpha + energies)
        inverse = np.diag(penalised) + weighted_gram(rows, weights, share)
        resolvent = np.linalg.inv(inverse)
        point = RowEquivalent(rows, share, penalised, weights, resolvent)
        mapped = squares(rows, resolvent)
        # 3. Newton's step, relative; upwards where the slope is too steep for one
        step = _conjugate_gradient(point.feedback, weights * (mapped - energies), 1e-2)
        if step is None:
            energies = 2.0 * np.maximum(energies, mapped)
            continue
        if np.max(np.abs(step)) < 1e-9:
            break
        new = energies + step / weights
        energies = np.where(new > 0, new, 0.5 * energies)
    return point


def error_moments(point, residual, coef):
    r"""Mean and covariance of the error of a head, and the source of the latter.

    Leave one row out of the training set. Its error is e = r - x'd, d being the error
    of the head on the others, and the normal equations are

    .. math:: \sum_i w_i x_i e_i = D(\beta + d).

    Their mean, and their mean times d', give (derived here)

    .. math::

        m = Q\,(n E[w x r] - D\beta), \qquad
        V = Q\, n E[w^2 ((r - x'm)^2 + x'Vx)\, x x']\, Q.
    """
    rows, w = point.rows, point.weights
    pull = point.share * (rows.T @ (w[:, None] * residual))
    mean = point.resolvent @ (pull - point.penalised[:, None] * coef)
    left = residual - rows @ mean
    squared = np.sum(left**2, axis=1)
    cov, spread = point.fixed_point(point.sandwich(w**2 * squared))
    check = squares(rows, cov)  # of a covariance, unless there is no solution
    if check.min() < -1e-6 * np.abs(check).max():
        raise AtThreshold
    return ErrorMoments(mean, cov, left), squared + spread


def _conjugate_gradient(operator, target, tol):
    """Solve a symmetric system; None where it is not positive definite."""
    solution, residual = np.zeros_like(target), target.copy()
    direction, size = residual, residual @ residual
    stop = tol**2 * size
    for _ in range(300):
        if size <= stop:
            break
        image = operator(direction)
        curvature = direction @ image
        if curvature <= 0:
            return None
        solution = solution + size / curvature * direction
        residual = residual - size / curvature * image
        previous, size = size, residual @ residual
        direction = residual + size / previous * direction
    return solution
