"""Norms and condition numbers of ridge at neighbouring widths."""

import numpy as np

# By how much a difference may be smaller than what it is the difference of.
_CANCELLED = 1e3


def without_penalty(factor, w, U, weights, X, y_sq, alpha, condition, size_sq):
    """Squared norms y'K^-1 y - alpha |K^-1 y|^2 of ridge, and condition numbers."""
    whole_sq = (w**2).sum(axis=0) - np.cumsum(weights**2, axis=0)
    coef_sq = whole_sq - alpha * _dual_sq(factor, w, U, weights)
    cancels = (w**2).sum() > _CANCELLED * coef_sq.sum(axis=1)
    if cancels.any():
        # Heads are a small part of w: the difference has lost their digits.
        coef_sq = _primal_sq(factor, w, U, weights, X)
        # Solved for twice, they have the error of the normal equations at most; unless
        # the duals are small differences, too, as where a large column comes in.
        dual_sq = _dual_sq(factor, w, U, weights).sum(axis=1)
        lost = cancels & (dual_sq[0] > _CANCELLED * dual_sq)
        condition = np.where(cancels, condition**2, condition)
        condition[lost] = np.inf
    return coef_sq, ridge_condition(condition, size_sq, coef_sq, alpha * whole_sq, y_sq)


def ridge_condition(condition, size_sq, coef_sq, rss, y_sq):
    """What the rounding of ridge is magnified by at each width.

    As in any least-squares problem the condition number, here of the design with the
    penalty's rows, counts squared for what is missed of the targets. That is much for
    a small penalty on dependent columns or rows, where singular values cut off what
    the penalty alone would leave to rounding.

    Parameters
    ----------
    condition, size_sq : ndarray of shape (n_widths,)
        Of the penalised design: the condition number, and its squared norm.
    coef_sq, rss : ndarray of shape (n_widths, n_outputs)
        Squared norms of the head, and of the penalised residual.
    y_sq : ndarray of shape (n_outputs,)
    """
    scale_sq = size_sq[:, None] * np.maximum(coef_sq, 0.0) + y_sq
    scale_sq[scale_sq == 0.0] = 1.0  # nothing to fit, and nothing missed
    missed = np.sqrt(np.maximum(rss, 0.0) / scale_sq)
    return condition * (1.0 + condition * missed.max(axis=1))


def _duals(factor, w, U, weights):
    """(X_p X_p' + alpha I)^-1 y at each width of a block, for one output at a time."""
    both = factor.solve(np.hstack([w, U.T]), transposed=False)
    start, terms = np.hsplit(both, [w.shape[1]])
    for output, s in enumerate(weights.T):
        moved = np.cumsum(terms * s[1:], axis=1)
        yield start[:, output, None] - np.hstack([np.zeros((len(w), 1)), moved])


def _dual_sq(factor, w, U, weights):
    """Squared norms of the duals, shape (n_widths, n_outputs)."""
    duals = _duals(factor, w, U, weights)
    return np.column_stack([(dual**2).sum(axis=0) for dual in duals])


def _primal_sq(factor, w, U, weights, X):
    """Squared norms of the heads X_p'd themselves, for the duals d."""
    n_widths = len(weights)
    later = np.tri(X.shape[1], n_widths, n_widths - X.shape[1] - 1, dtype=bool)
    out = np.empty(weights.shape)
    for output, dual in enumerate(_duals(factor, w, U, weights)):
        coef = X.T @ dual
        coef[later] = 0.0
        out[:, output] = (coef**2).sum(axis=0)
    return out
