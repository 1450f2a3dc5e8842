r"""Approximate leave-one-out of the penalized multinomial head.

One Newton step from the head on all rows to the head without row i moves the scores of
that row by

.. math:: x_i = (I - \Lambda_i W_i)^{-1} \Lambda_i a_i,

:math:`a_i = w_i (y_i - p_i)` minus the gradient by its scores, :math:`W_i` the Hessian
by them, and :math:`\Lambda_i` the block of row i in F H^{-1} F', for F the design and H
the Hessian of the objective (Rad and Maleki, 2020).
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

from skhmmdd._typing import Floats
from skhmmdd.heads.solvers._softmax import MultinomialLoss, SoftmaxProblem
from skhmmdd.heads.solvers._softmax_path import PenaltyWalk, unit_penalties

# Added to the probabilities where the Hessian is formed, to that of the true class and
# to all: the curvature of what is all but excluded would be lost in rounding.
_TRUE_FLOOR, _FLOOR = 1e-9, 1e-12


# Penalties that are tried, over the square of the largest singular value: three a
# decade.
_GRID = np.geomspace(1e-9, 10, 31)
_TOPS = (1e-140, 1e140)
# Shares of the diagonal that are added until a Cholesky factor exists.
_JITTERS = (0.0, 1e-14, 1e-12, 1e-10, 1e-8)


class Choice(NamedTuple):
    """The penalty of least leave-one-out loss, and the head at it."""

    alpha: float
    risk: float
    coef: np.ndarray
    objectives: np.ndarray
    converged: bool
    alphas: np.ndarray
    """Of the grid, increasing."""
    risks: np.ndarray
    """Leave-one-out loss at each."""


def choose_penalty(problem: SoftmaxProblem, tol: float) -> Choice:
    """Try a grid of penalties, and refine the best of them between its neighbors."""
    low, high = _TOPS
    if not low <= problem.top <= high:
        raise ValueError(
            f"alpha='loo' needs the largest singular value of X to be in [{low:g}, "
            f"{high:g}], lest its penalties overflow or vanish; got {problem.top:.3g}. "
            "Rescale X."
        )
    grid = np.log(_GRID) + 2 * np.log(problem.top)
    tried: dict[float, tuple[float, Floats, Floats, bool]] = {}
    walk = PenaltyWalk(problem, tol)

    def risk(log_alpha):
        penalty, shrinkage = unit_penalties(problem, np.exp([log_alpha]))
        coef, objectives, converged = walk(penalty[0])
        risk = leave_one_out_loss(problem, penalty[0], coef)
        coef = coef.copy()
        coef[:, problem.penalized == 1] *= shrinkage[0]
        tried[log_alpha] = risk, coef, objectives, converged
        return risk

    risks = np.array([risk(log_alpha) for log_alpha in grid[::-1]])[::-1]
    best = int(np.argmin(risks))
    if 0 < best < len(grid) - 1:
        walk = PenaltyWalk(problem, tol)
        optimize.minimize_scalar(
            risk,
            bounds=(grid[best - 1], grid[best + 1]),
            method="bounded",
            options={"xatol": 0.02},
        )
    log_alpha = min(tried, key=lambda log_alpha: tried[log_alpha][0])
    return Choice(np.exp(log_alpha), *tried[log_alpha], np.exp(grid), risks)


def leave_one_out_loss(problem: SoftmaxProblem, penalty: float, coef: Floats) -> float:
    """Weighted mean log loss of the rows, each under the head without it.

    Parameters
    ----------
    problem : SoftmaxProblem
    penalty : float
        Positive, in the units of the problem.
    coef : ndarray of shape (n_classes, d)
        The minimiser at that penalty.
    """
    scores = leave_one_out_scores(problem, penalty, coef)
    loss = MultinomialLoss(problem.labels, problem.weights, problem.n_classes)
    return loss(scores).loss / len(problem.labels)


def leave_one_out_scores(
    problem: SoftmaxProblem, penalty: float, coef: Floats
) -> Floats:
    """Scores (n_classes, n) of each row under the head without it, up to a shift."""
    loss = MultinomialLoss(problem.labels, problem.weights, problem.n_classes)
    scores = coef @ problem.design.T
    now = loss(scores)
    probabilities = now.probabilities
    probabilities += _FLOOR
    probabilities.reshape(-1)[loss.true] += _TRUE_FLOOR
    probabilities /= probabilities.sum(axis=0)
    (n, d), k = problem.design.shape, problem.n_classes
    # Products of each way, in multiplications.
    if n * (d * k) ** 2 / 2 + (d * k) ** 3 / 3 < 2 * k * n**3:
        moves = _by_columns(problem, penalty, probabilities, now.residuals)
    else:
        moves = _by_rows(problem, penalty, probabilities, now.residuals, loss.true)
    return scores - moves.T


def _blocks(problem, probabilities):
    """W_i: w_i (diag(p_i) - p_i p_i'), shape (n, k, k), rows summing to zero."""
    blocks = -np.einsum("cn,dn->ncd", probabilities * problem.weights, probabilities)
    classes = np.arange(problem.n_classes)
    blocks[:, classes, classes] = 0.0
    blocks[:, classes, classes] = -blocks.sum(axis=2)
    return blocks


def _cholesky(matrix):
    """Lower Cholesky factor of a matrix that rounding may have left indefinite."""
    diagonal = np.diag(np.diag(matrix))
    for jitter in _JITTERS:
        try:
            return linalg.cholesky(matrix + jitter * diagonal, lower=True)
        except linalg.LinAlgError:
            continue
    raise ValueError(
        "Leave-one-out cannot be computed: the Hessian is not positive definite. "
        "Rescale X or sample_weight, or give alpha as a number."
    )


def _by_columns(problem, penalty, probabilities, residuals):
    """Moves (n, k), from the Hessian by the coefficients, of size dk."""
    design, (n, d), k = problem.design, problem.design.shape, problem.n_classes
    if not d:  # no coefficients that a sample could move, nor arrays for LAPACK
        return np.zeros((n, k))
    blocks = _blocks(problem, probabilities)
    # 1. H, block (c, e) by block. What is added moves all classes alike, which no
    #    probability sees, and the intercept needs.
    hessian = np.empty((k, d, k, d))
    ridge = np.diag(penalty * problem.penalized)
    common = np.diag(np.where(problem.penalized == 1, 0.0, 1.0))
    for c in range(k):
        for e in range(c + 1):
            block = design.T @ (blocks[:, c, e, None] * design) + common
            hessian[c, :, e] = block + ridge if c == e else block
            hessian[e, :, c] = hessian[c, :, e].T
    factor = _cholesky(hessian.reshape(k * d, k * d))
    # 2. The blocks of row i in F H^-1 F'.
    inverse = linalg.cho_solve((factor, True), np.eye(k * d)).reshape(k, d, k, d)
    leverage = np.empty((n, k, k))
    for c in range(k):
        for e in range(k):
            leverage[:, c, e] = np.einsum("ij,ij->i", design @ inverse[c, :, e], design)
    # 3. (I - s L W)^-1 s L a.
    share = problem.left_out[:, None, None]
    gradient = -(residuals * problem.weights).T[:, :, None]
    return np.linalg.solve(
        np.eye(k) - share * (leverage @ blocks), share * (leverage @ gradient)
    )[:, :, 0]


def _by_rows(problem, penalty, probabilities, residuals, true):
    """Moves (n, k), from k matrices of size n.

    With G = F F' / penalty and W the Hessian by the scores, the blocks of row i in
    M = (G + W^-1)^-1 replace those of F H^-1 F', without cancellation where the head
    interpolates: N_i x_i = a_i - N_i W_i^-1 a_i, N_i = (1 - s_i) W_i + s_i M_ii. M is
    had as in classification by Gaussian processes: W is a diagonal less a matrix of
    rank n (Rasmussen and Williams, 2006, algorithm 3.3).
    """
    n, k = len(problem.labels), problem.n_classes
    rows = np.arange(n)
    shrunk = problem.design[:, problem.penalized == 1]
    kernel = shrunk @ shrunk.T / penalty
    # 1. E_c = (G + D_c^-1)^-1 for D_c = w p_c; the intercept is a direction without a
    #    penalty, projected out.
    inverses = np.empty((k, n, n))
    for c in range(k):
        root = np.sqrt(problem.weights * probabilities[c])
        system = root[:, None] * kernel * root
        system[rows, rows] += 1.0
        inverse = linalg.cho_solve(
            linalg.cho_factor(system, lower=True, overwrite_a=True), np.eye(n)
        )
        if problem.constant:
            image = inverse @ root
            inverse -= np.outer(image, image / (root @ image))
        inverses[c] = root[:, None] * inverse * root
        if problem.constant:  # E 1 = 0: what cancels in the row of most weight
            most = root.argmax()
            inverses[c, most, most] -= inverses[c, most].sum()
    # 2. M_ii = diag(E_c) - E_c (sum E)^-1 E_e, at row i of each.
    total = inverses.sum(axis=0)
    if problem.constant:  # E 1 = 0, and a a' with a'1 > 0 makes it regular
        own = total[rows, rows].copy()
        total += np.outer(own, own / own.sum())
    factor = _cholesky(total)
    diagonals = inverses[:, rows, rows].T
    for c in range(k):
        inverses[c] = linalg.solve_triangular(factor, inverses[c], lower=True)
    blocks = -np.einsum("cji,eji->ice", inverses, inverses, optimize=True)
    classes = np.arange(k)
    blocks[:, classes, classes] += diagonals
    # 3. N_i less the true class, which fixes the shift, and a_i.
    share = problem.left_out[:, None, None]
    blocks = (1 - share) * _blocks(problem, probabilities) + share * blocks
    gradient = -(residuals * problem.weights).T
    others = np.argsort(classes != problem.labels[:, None], kind="stable", axis=1)[
        :, 1:
    ]
    reduced = blocks[rows[:, None, None], others[:, :, None], others[:, None, :]]
    moved = np.linalg.solve(
        reduced, np.take_along_axis(gradient, others, 1)[:, :, None]
    )
    # 4. W_i^-1 a_i = (y_i - p_i) / q_i, q the probabilities in W, less the true class.
    apart = -(residuals / probabilities).T
    apart -= apart[rows, problem.labels][:, None]
    moves = np.zeros((n, k))
    np.put_along_axis(moves, others, moved[:, :, 0], axis=1)
    return moves - apart
