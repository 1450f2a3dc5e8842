"""The penalized multinomial head along its penalty: Newton's method, warm starts."""

from typing import NamedTuple

import numpy as np

from skhmmdd._typing import Floats
from skhmmdd.heads.solvers._softmax import MultinomialLoss, SoftmaxProblem

_MAX_NEWTON = 2000
_MAX_CG = 500
_STALLED = 3
# Of the forcing term of Newton's method, the share of the gradient left by CG.
_LOOSE, _TIGHT = 0.1, 1e-4
_TINY = np.finfo(float).tiny
# Penalties over the square of the largest singular value. Beyond the largest the head
# shrinks as the inverse of its penalty.
SMALLEST_PENALTY, _LARGEST_ROOT = 1e-100, 1e60


class PenaltyPath(NamedTuple):
    """Minimisers along a penalty."""

    coefs: np.ndarray
    """Shape (n_alphas, n_classes, d)."""
    objectives: list
    """Of each penalty, the objective before every Newton step and after the last."""
    converged: np.ndarray
    """Shape (n_alphas,), bool."""


def solve_penalties(problem: SoftmaxProblem, alphas: Floats, tol: float) -> PenaltyPath:
    r"""Minimise :math:`\sum_i w_i \ell_i + \alpha \|B\|^2/2` at each penalty.

    Parameters
    ----------
    problem : SoftmaxProblem
    alphas : ndarray of shape (n_alphas,)
        Positive, in any order; in the units of the features.
    tol : float
        Newton's method stops at a step of this size, relative to the coefficients.

    Returns
    -------
    PenaltyPath

    Raises
    ------
    ValueError
        If a penalty is too small for the scale of the design.
    """
    penalties, shrinkage = unit_penalties(problem, alphas)
    coefs = np.empty((len(alphas), problem.n_classes, len(problem.gram)))
    objectives: list = [None] * len(alphas)
    converged = np.empty(len(alphas), dtype=bool)
    walk = PenaltyWalk(problem, tol)
    for i in np.argsort(-penalties, kind="stable"):
        coefs[i], objectives[i], converged[i] = walk(penalties[i])
    coefs[:, :, problem.penalized == 1] *= shrinkage[:, None, None]
    return PenaltyPath(coefs, objectives, converged)


def unit_penalties(problem: SoftmaxProblem, alphas: Floats) -> tuple[Floats, Floats]:
    """Penalties in the units of a problem, and what takes its coefficients to theirs.

    Two classes have one column w of score differences, with the penalty of w^2: that is
    twice the penalty of the coefficients -w/2 and w/2 of two classes.
    """
    if not len(problem.right):
        return np.ones(len(alphas)), np.ones(len(alphas))
    roots = np.sqrt(alphas) / problem.top
    lost = roots < np.sqrt(SMALLEST_PENALTY)
    if lost.any():
        raise ValueError(
            f"alpha must be 0 or at least {SMALLEST_PENALTY:g} times the square of the "
            f"largest singular value of X, {problem.top:.3g}; got "
            f"{alphas[lost].min():g}."
        )
    kept = np.minimum(roots, _LARGEST_ROOT)
    return kept**2 * (2 if problem.n_classes == 2 else 1), (kept / roots) ** 2


class PenaltyWalk:
    """Minimisers at one penalty after another, each started from the last two.

    Coefficients are nearly linear in the logarithm of the penalty.

    Parameters
    ----------
    problem : SoftmaxProblem
    tol : float
    """

    def __init__(self, problem, tol):
        self.problem, self.tol = problem, tol
        self.last = []

    def __call__(self, penalty: float) -> tuple[Floats, Floats, bool]:
        """What :func:`minimize` gives at a penalty in the units of the problem."""
        start = np.zeros((self.problem.n_classes, len(self.problem.gram)))
        if self.last:
            start = self.last[-1][1]
        if len(self.last) == 2:
            (before, older), (now, newer) = self.last
            share = np.log(penalty / now) / np.log(now / before)
            if 0 < share <= 2:
                start = newer + share * (newer - older)
        result = minimize(self.problem, penalty, start, self.tol)
        if not self.last or penalty != self.last[-1][0]:
            self.last = [*self.last[-1:], (penalty, result[0])]
        return result


def minimize(
    problem: SoftmaxProblem, penalty: float, coef: Floats, tol: float
) -> tuple[Floats, Floats, bool]:
    """Newton's method with preconditioned conjugate gradients.

    Parameters
    ----------
    problem : SoftmaxProblem
    penalty : float
        In the units of the problem.
    coef : ndarray of shape (n_classes, d)
        Where to start.
    tol : float

    Returns
    -------
    coef : ndarray of shape (n_classes, d)
    objectives : ndarray
    converged : bool
    """
    design, weights = problem.design, problem.weights
    columns = np.ascontiguousarray(design.T)
    penalties = penalty * problem.penalized
    loss = MultinomialLoss(problem.labels, weights, problem.n_classes)

    def evaluate(coef):
        now = loss(coef @ columns)
        return now, now.loss + 0.5 * np.sum(penalties * coef**2)

    now, objective = evaluate(coef)
    objectives, stalled = [objective], 0
    for _ in range(_MAX_NEWTON):
        # 1. The gradient, and a Newton step from it.
        gradient = (now.residuals * weights) @ design + penalties * coef
        step, left = _newton_step(
            gradient, now.probabilities, problem, columns, penalties, loss.true
        )
        # 2. Halve it until the objective falls in proportion to the slope.
        slope, size = np.sum(gradient * step), 1.0
        rounding = 8 * np.finfo(float).eps * objective
        while True:
            new = coef + size * step
            now, objective = evaluate(new)
            if objective <= objectives[-1] + 1e-4 * size * slope + rounding:
                break
            size /= 2
            if size < 1e-8:  # nothing better can be told apart
                return coef, np.array(objectives) / len(weights), True
        coef = new
        objectives.append(objective)
        # 3. What is left of the error after a whole step is the share that conjugate
        #    gradients left, and of second order in the step.
        change = np.linalg.norm(step) / max(np.linalg.norm(coef), _TINY)
        stalled = stalled + 1 if objectives[-1] >= objectives[-2] else 0
        if (size == 1.0 and change * (left + 10 * change) <= tol) or (
            stalled == _STALLED  # steps of rounding
        ):
            return coef, np.array(objectives) / len(weights), True
    return coef, np.array(objectives) / len(weights), False


def _newton_step(gradient, probabilities, problem, columns, penalties, true):
    """Minus the inverse of the Hessian times the gradient, to a share of it.

    Row i has the Hessian D_i = w_i (diag(p_i) - p_i p_i') over the classes. With their
    mean D for all of them, the Hessian is a Kronecker product with the diagonal Gram
    matrix of the design: the preconditioner.
    """
    weighted = probabilities * problem.weights
    # 1. Mean of D_i: rows sum to zero, which gives the diagonal without cancellation.
    mean = -(weighted @ probabilities.T) / len(problem.weights)
    np.fill_diagonal(mean, 0.0)
    np.fill_diagonal(mean, -mean.sum(axis=1))
    eigenvalues, vectors = np.linalg.eigh(mean)
    floor = max(1e-12 * eigenvalues[-1], np.finfo(float).tiny)
    eigenvalues = np.maximum(eigenvalues, floor)
    diagonal = eigenvalues[:, None] * problem.gram + penalties

    def precondition(gradient):
        rotated = vectors @ ((vectors.T @ gradient) / diagonal)
        # A common shift of all classes changes no probability.
        return rotated - rotated.mean(axis=0)

    def hessian(step):
        scores = step @ columns
        # D_i annihilates constants: less the true class it loses no digits.
        scores -= scores.take(true)
        scores -= np.einsum("cn,cn->n", probabilities, scores)
        scores *= weighted
        return scores @ problem.design + penalties * step

    # 2. Conjugate gradients.
    step = np.zeros_like(gradient)
    residual = -gradient
    conditioned = precondition(residual)
    direction = conditioned
    first = square = np.sum(residual * conditioned)
    if not first > 0:
        return step, 0.0
    enough = min(_LOOSE, max(np.sqrt(first / problem.weights.sum()), _TIGHT))
    for _ in range(_MAX_CG):
        image = hessian(direction)
        curvature = np.sum(direction * image)
        if not curvature > 0:
            break
        step = step + (square / curvature) * direction
        residual = residual - (square / curvature) * image
        conditioned = precondition(residual)
        last, square = square, np.sum(residual * conditioned)
        if square <= enough**2 * first:
            break
        direction = conditioned + (square / last) * direction
    return step, np.sqrt(max(square, 0.0) / first)
