"""The head at every width of a nested design, from shared work."""

import numpy as np
from scipy import linalg

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._effective_parameters import (
    EffectiveParameters,
    count_effective_parameters,
)
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._head_path import HeadPath, refuse_overflow
from skhmmdd.heads.solvers._nested_factorizations import nested_blocks
from skhmmdd.heads.solvers._problem import on_contrasts
from skhmmdd.heads.solvers._ridge import shrink
from skhmmdd.heads.solvers._spectrum import decompose
from skhmmdd.heads.solvers._triangles import TRUSTED_CONDITION

# Designs whose largest entry is in between are taken as they are.
_FINE = (1e-30, 1e30)
# Of a penalty, times that entry: its square is 1e30 times beyond rounding.
_LARGEST_ROOT = 1e23


def heads_along_widths(
    X: Floats,
    y: Floats,
    X_test: Floats,
    y_test: Floats | None,
    widths: Ints,
    *,
    sample_weight: Floats | None = None,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
    keep_predictions: bool = False,
    count_parameters: bool = False,
) -> HeadPath:
    """The head on the first k columns, for every width k.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        Nested design: the leading columns are the narrower design.
    y : ndarray of shape (n_samples, q)
    X_test : ndarray of shape (n_test, p)
    y_test : ndarray of shape (n_test, q) or None
    widths : ndarray of int of shape (n_widths,)
        Increasing, in [1, p].
    sample_weight : ndarray of shape (n_samples,) or None, default=None
        Positive. They bear on the heads alone: risks are not weighted, and effective
        parameters not counted with them.
    alpha : float, default=0.0
    fit_intercept : bool, default=True
    rcond : float or None, default=None
    keep_predictions, count_parameters : bool, default=False
        What is wanted beside risks and norms.

    Returns
    -------
    HeadPath
    """
    if sample_weight is not None:
        # The heaviest of 1: the design is then as large as X at most.
        heaviest = sample_weight.max()
        sample_weight = sample_weight / heaviest
        with np.errstate(over="ignore"):
            alpha = alpha / heaviest
    X, X_test, penalty, norm_scale = rescale(X, X_test, alpha)
    options = (widths, sample_weight, penalty, fit_intercept, rcond)
    # Where a bound on a condition number overflows, a width is solved by itself.
    with np.errstate(over="ignore", invalid="ignore"):
        path = _solve_widths(
            X, y, X_test, y_test, *options, keep_predictions, count_parameters
        )
        path = path._replace(coef_norm=path.coef_norm * norm_scale)
    refuse_overflow(path, "width", widths)
    return path


def rescale(X, X_test, alpha):
    """The same path on designs whose squares neither overflow nor vanish.

    Returns them, their penalty, and what takes the norm of their heads to that of the
    heads asked for.
    """
    largest = max(X.max(), -X.min()) or 1.0
    scale, root = 1.0, np.sqrt(alpha)
    if not _FINE[0] <= largest <= _FINE[1]:
        scale = 2.0 ** -np.frexp(largest)[1]  # a power of two rounds nothing
        with np.errstate(over="ignore"):
            X, X_test, root, largest = (
                scale * number for number in (X, X_test, root, largest)
            )
    # A penalty far beyond the design makes heads that shrink as its inverse.
    kept = min(root, _LARGEST_ROOT * largest)
    shrinkage = (kept / root) ** 2 if root else 1.0
    return X, X_test, kept**2, shrinkage * scale


def _solve_widths(
    X, y, X_test, y_test, widths, weights, alpha, fit_intercept, rcond, keep, count
):
    """The path; `keep` predictions, and `count` effective parameters."""
    n, n_outputs = y.shape
    targets = (y, y_test)
    # 1. Without an intercept and weights: on contrasts, and less the columns that are
    #    zero there, which change nothing but would make their neighbours dependent.
    #    `ranks` counts the columns that are left of each width.
    X, X_test = X[:, : widths[-1]], X_test[:, : widths[-1]]
    design, response, x_mean, y_mean = on_contrasts(X, y, fit_intercept, weights)
    nonzero = design.any(axis=0)
    ranks = np.cumsum(nonzero)[widths - 1]
    # 2. Training rows are predicted where their risk does not come with the factors.
    n_train = n if keep or alpha or weights is not None else 0
    squares = np.zeros((len(widths), 2)) if count else None
    rows = np.vstack([X[:n_train], X_test]) - x_mean
    risks = [None if t is None else np.zeros(len(widths)) for t in targets]
    kept = [
        np.empty((len(widths), m, n_outputs)) if keep else None
        for m in (n, len(X_test))
    ]
    norms = np.empty(len(widths))

    def enter(part, which, predictions, output):
        """Note predictions (n_widths, n_rows) of one output, on train or test rows."""
        target, risk, store = targets[part], risks[part], kept[part]
        if risk is not None:
            errors = predictions - target[:, output]
            risk[which] += np.einsum("wi,wi->w", errors, errors) / target.size
        if store is not None:
            store[which, :, output] = predictions

    def enter_width(i, coef):
        """Note the head of one width, given by itself."""
        norms[i] = linalg.norm(coef.ravel())
        for part, predictors in enumerate((X, X_test)):
            predictions = (predictors[:, : len(coef)] - x_mean[: len(coef)]) @ coef
            for output, column in enumerate((predictions + y_mean).T):
                enter(part, [i], column[None], output)

    # 3. Widths of zeros only: the mean.
    for i in np.flatnonzero(ranks == 0):
        enter_width(i, np.zeros((0, n_outputs)))
    # 4. The rest in blocks that share their factors.
    limit = condition_limit(rcond, alpha)
    for block in nested_blocks(
        design[:, nonzero],
        response,
        rows[:, nonzero],
        n_train,
        alpha,
        rcond,
        limit,
        count,
    ):
        which, offsets = block.find(ranks)
        if not len(which):
            continue
        well_conditioned = block.condition[offsets] < limit
        good, offsets = which[well_conditioned], offsets[well_conditioned]
        norms[good] = np.sqrt(np.maximum(block.coef_sq[offsets].sum(axis=1), 0.0))
        for output in range(n_outputs if len(good) else 0):
            predictions = block.predictions(output)[offsets] + y_mean[output]
            if block.interpolates:
                trained = np.tile(y[:, output], (len(good), 1))
            else:
                trained, predictions = np.hsplit(predictions, [n_train])
            if n_train:
                enter(0, good, trained, output)
            enter(1, good, predictions, output)
        if block.rss is not None and weights is None:
            risks[0][good] = block.rss[offsets].sum(axis=1) / y.size
        if count:
            squares[good] = block.smoother_sq[offsets]
        # 5. Where the rank is in doubt, singular values decide, as in the head; and
        #    where the digits of the smoother are.
        in_doubt = ~well_conditioned
        for i in which[in_doubt]:
            spectrum = decompose(
                X[:, : widths[i]],
                y,
                sample_weight=weights,
                fit_intercept=fit_intercept,
                rcond=rcond,
            )
            enter_width(i, shrink(spectrum, alpha).coef)
            if count:
                squares[i] = _count(spectrum, X_test, alpha)
        for i in good[np.isnan(squares[good]).any(axis=1)] if count else ():
            spectrum = decompose(
                X[:, : widths[i]], y[:, :0], fit_intercept=fit_intercept, rcond=rcond
            )
            squares[i] = _count(spectrum, X_test, alpha)
    effective = None
    if count:
        squares[:, 1] *= n / max(len(X_test), 1)
        effective = EffectiveParameters(*(squares + fit_intercept).T)
    return HeadPath(kept[1], kept[0], risks[1], risks[0], norms, effective)


def _count(spectrum, X_test, alpha):
    """Squared norms of the smoother's rows, as blocks of widths give them."""
    applied = ridge_filter(spectrum.values, np.array([alpha]))
    width = len(spectrum.x_mean)
    counts = count_effective_parameters(spectrum, X_test[:, :width], applied)
    train, test = (float(count[0]) - spectrum.fit_intercept for count in counts)
    return train, test * len(X_test) / len(spectrum.weights)


def condition_limit(rcond, alpha):
    """Up to which bound on the condition number no singular value can be cut off."""
    if rcond is None:
        return TRUSTED_CONDITION
    if alpha:
        # The bound is for the penalised design, the cut-off is on the bare one.
        return 0.0
    return min(TRUSTED_CONDITION, 1 / rcond) if rcond else TRUSTED_CONDITION
