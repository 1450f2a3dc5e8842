"""The multinomial head: its loss, and gradient descent on it.

Arrays of scores and probabilities have one row for each class, of shape
(n_classes, n): sums over classes then run along the memory.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._spectrum import Spectrum

# The Hessian of the multinomial loss is at most half the Gram matrix (Böhning, 1992),
# whose largest eigenvalue is one in the units of a problem.
_STEP = 2.0


class SoftmaxProblem(NamedTuple):
    """Weighted multinomial regression in at most min(n, p) + 1 dimensions.

    The units are such that the weights have mean one and that design'W design is
    diagonal, its largest entry one.
    """

    design: np.ndarray
    """Left singular vectors times singular values, and a constant column where there is
    an intercept, shape (n, d)."""
    gram: np.ndarray
    """The diagonal of design'W design, shape (d,)."""
    penalized: np.ndarray
    """One for each penalized column, zero for the intercept, shape (d,)."""
    labels: np.ndarray
    """Class of each row, in [0, n_classes), shape (n,)."""
    weights: np.ndarray
    """Positive weights of mean one, shape (n,)."""
    left_out: np.ndarray
    """Share of each row's weight that leave-one-out removes, shape (n,)."""
    n_classes: int
    top: float
    """Largest singular value of the weighted design; a penalty is divided by its
    square."""
    scale: float
    """That of the design under weights of mean one; coefficients are divided by it."""
    right: np.ndarray
    """Right singular vectors, shape (r, p)."""
    x_mean: np.ndarray
    """Weighted mean of the features, shape (p,)."""
    constant: float
    """Entry of the constant column; zero without an intercept."""


def pose_problem(
    spectrum: Spectrum, labels: Ints, n_classes: int, fit_intercept: bool
) -> SoftmaxProblem:
    """The problem of a decomposed design.

    Parameters
    ----------
    spectrum : Spectrum
        Of the weighted design, with no targets.
    labels : ndarray of int of shape (n,)
        Of the rows of positive weight.
    n_classes : int
    fit_intercept : bool
    """
    n = len(labels)
    weights = spectrum.weights / spectrum.weights.mean()
    top = spectrum.values.max(initial=0.0) or 1.0
    values = spectrum.values / top
    design = spectrum.left * values / np.sqrt(weights)[:, None]
    gram, penalized, constant = values**2, np.ones(len(values)), 0.0
    if fit_intercept:
        # In these units the intercept moves as fast as the fastest direction, whatever
        # the scale of the features.
        constant = 1 / np.sqrt(n)
        design = np.column_stack([design, np.full(n, constant)])
        gram, penalized = np.append(gram, 1.0), np.append(penalized, 0.0)
    return SoftmaxProblem(
        design=np.ascontiguousarray(design),
        gram=gram,
        penalized=penalized,
        labels=labels,
        weights=weights,
        left_out=spectrum.left_out,
        n_classes=n_classes,
        top=top,
        scale=top / np.sqrt(spectrum.weights.mean()),
        right=spectrum.right,
        x_mean=spectrum.x_mean,
        constant=constant,
    )


def coefficients(problem: SoftmaxProblem, coef: Floats) -> tuple[Floats, Floats]:
    """Coefficients of the features, of those of a problem (n_classes, d).

    Two classes have the difference of their scores.

    Returns
    -------
    coef : ndarray of shape (p, q)
    intercept : ndarray of shape (q,)
    """
    coef = _scored(coef)
    rank = len(problem.right)
    of_features = problem.right.T @ (coef[:, :rank].T / problem.scale)
    intercept = -problem.x_mean @ of_features
    if problem.constant:
        intercept = intercept + problem.constant * coef[:, -1]
    return of_features, intercept


def predict_rows(
    problem: SoftmaxProblem, coefs: Floats, X: Floats | None = None
) -> Floats:
    """Scores of the rows X (n, p) at several coefficients (n_values, n_classes, d).

    Returns
    -------
    scores : ndarray of shape (n_values, n, q)
        One column for two classes: the difference of their scores. Of the training rows
        of positive weight if X is None.
    """
    rows = problem.design
    if X is not None:
        rows = (X - problem.x_mean) @ problem.right.T / problem.scale
        if problem.constant:
            rows = np.column_stack([rows, np.full(len(rows), problem.constant)])
    return np.stack([rows @ _scored(coef).T for coef in coefs])


def coef_norms(problem: SoftmaxProblem, coefs: Floats) -> Floats:
    """Frobenius norms of the coefficients of the features, shape (n_values,)."""
    rank = len(problem.right)  # right singular vectors are orthonormal
    norms = [linalg.norm(_scored(coef)[:, :rank]) for coef in coefs]
    return np.array(norms) / problem.scale


def _scored(coef):
    return coef[1:] - coef[:1] if len(coef) == 2 else coef


class Fitted(NamedTuple):
    """What scores say of the labels."""

    loss: float
    """Weighted sum of the log losses."""
    probabilities: np.ndarray
    """Shape (n_classes, n)."""
    residuals: np.ndarray
    """Probabilities less one-hot labels, without cancellation."""


class MultinomialLoss:
    """The weighted log loss as a function of scores.

    It works on margins, scores less that of the true class, so that loss and residuals
    keep all their digits as they go to zero: the residual of the true class is the sum
    of the other probabilities, not one minus its own.

    Parameters
    ----------
    labels : ndarray of int of shape (n,)
    weights : ndarray of shape (n,)
    n_classes : int
    """

    def __init__(self, labels, weights, n_classes):
        n = len(labels)
        self.weights = weights
        self.n_classes = n_classes
        # Where the true class of each row stands in an array (n_classes, n).
        self.true = labels * n + np.arange(n)

    def __call__(self, scores: Floats) -> Fitted:
        """Loss, probabilities and residuals at scores of shape (n_classes, n)."""
        loss, residuals, own = self.step(scores)
        probabilities = residuals.copy()
        probabilities.reshape(-1)[self.true] = own
        return Fitted(loss, probabilities, residuals)

    def step(self, scores: Floats) -> tuple[float, Floats, Floats]:
        """Loss, residuals, and the probability of the true class, shape (n,)."""
        # 1. Margins m, shifted by the largest (at least 0, the true class).
        odds = scores - scores.take(self.true)
        largest = odds.max(axis=0)
        odds -= largest
        np.exp(odds, out=odds)
        # 2. The sum over the other classes apart from the true one.
        flat = odds.reshape(-1)
        own = flat.take(self.true)
        flat[self.true] = 0.0
        others = odds.sum(axis=0)
        total = own + others
        # 3. log sum exp(m), as log1p where the true class leads.
        losses = np.log1p(np.where(largest > 0, total - 1, others)) + largest
        # 4. p - y.
        odds /= total
        flat[self.true] = -others / total
        return float(self.weights @ losses), odds, own / total


def mean_loss(problem: SoftmaxProblem, coef: Floats) -> float:
    """Weighted mean log loss of the training rows at coefficients (n_classes, d)."""
    loss = MultinomialLoss(problem.labels, problem.weights, problem.n_classes)
    return loss(coef @ problem.design.T).loss / len(problem.labels)


def descend(problem: SoftmaxProblem, n_steps: Ints) -> tuple[Floats, Floats]:
    """Gradient descent on the multinomial loss, from zero.

    Parameters
    ----------
    problem : SoftmaxProblem
    n_steps : ndarray of int of shape (n_values,)
        After which steps coefficients are wanted, non-negative, increasing.

    Returns
    -------
    coefs : ndarray of shape (n_values, n_classes, d)
    losses : ndarray of shape (n_steps[-1] + 1,)
        Mean log loss before every step, and after the last.
    """
    design, weights = problem.design, problem.weights
    n, d = design.shape
    loss = MultinomialLoss(problem.labels, weights, problem.n_classes)
    # Rows of the state are coefficients on the rows of the design where that is the
    # cheaper, else on its columns.
    dual = n <= 2 * d
    kernel = design @ design.T if dual else design.T
    state = np.zeros((problem.n_classes, n if dual else d))
    scores = np.zeros((problem.n_classes, n))
    kept = np.empty((len(n_steps), problem.n_classes, d))
    losses = np.empty(n_steps[-1] + 1)
    step = _STEP * weights
    at = 0
    for t in range(n_steps[-1] + 1):
        while at < len(n_steps) and n_steps[at] == t:
            kept[at] = state @ design if dual else state
            at += 1
        losses[t], change, _ = loss.step(scores)
        if t == n_steps[-1]:
            break
        # 1. The step: minus the gradient by the scores, times the weights.
        change *= step
        # 2. On the rows of the design, or on its columns.
        if dual:
            state -= change
        else:
            state -= change @ design
        np.matmul(state, kernel, out=scores)
    return kept, losses / n
