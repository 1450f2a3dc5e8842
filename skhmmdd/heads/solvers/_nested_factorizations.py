r"""The head at every width of a nested design, from shared factorizations.

The matrices come centred and on contrasts (see `heads`), so there is no intercept here.
With p columns the head's predictions are :math:`Z_p b_p`, and blocks of neighbouring
widths share one factorization each, in either of two ways.

*By columns*, for narrow designs: with the QR factors of the widest one, its leading
columns have the leading part of R, the inverse of which nests too. So with
:math:`T = Z R^{-1}` and :math:`c = Q'y`, the predictions at width p are
:math:`\sum_{j \le p} T_j c_j`, and the training rows are missed by a squared distance
of :math:`\sum_{j > p} c_j^2`. Ridge adds the rows :math:`\sqrt\alpha I`.

*By rows*, from the first column on that depends on those before it, be it for want of
rows or not: with the LQ factors of the first columns (`_row_blocks`).

Rows start where columns end. Heads are the same on rotated samples, and rotated by Q'
the square design is R: with J the reversal of an order, the samples :math:`J R` have
the LQ factors :math:`J R J` and J. Ridge starts from the columns
:math:`\sqrt\alpha I`, on which Z is zero.

The blocks by rows, by which a design of any rank takes one factorization, are derived
here. Updates of the minimum norm by one dependent or independent column are Greville's;
Staub and Steinmann (arXiv:2106.11594) have them for a rank that grows, and
arXiv:1911.04872 for nodes that are added to a broad learning system.
"""

from functools import partial

import numpy as np

from skhmmdd.heads.solvers._echelon import full_echelon, to_echelon, to_range
from skhmmdd.heads.solvers._penalty import ridge_condition
from skhmmdd.heads.solvers._row_blocks import RowBlocks
from skhmmdd.heads.solvers._triangles import (
    TRUSTED_CONDITION,
    RowFactor,
    leading_independent,
    rotate,
    upper_inverse,
)
from skhmmdd.heads.solvers._width_blocks import (
    Block,
    LeftOut,
    by_part,
    distrust,
    fitted_outside,
    grown_squares,
)

# Widths of which all steps are made at once.
_LARGEST_BLOCK = 256
# Less of 1 - leverage of ridge has lost too many digits.
_LEAST_OUTSIDE = 1e-6
# Beyond this condition number of the penalised design the smoother of ridge, which
# squares it, has less than half of its digits.
_SMOOTH_CONDITION = 3e4


def nested_blocks(
    X,
    y,
    Z,
    n_train=0,
    alpha=0.0,
    rcond=None,
    limit=TRUSTED_CONDITION,
    smoother=False,
    samples=None,
):
    """Blocks of widths that cover 1 to p, in order.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        Nested design: its first k columns are the design of width k.
    y : ndarray of shape (n_samples, n_outputs)
    Z : ndarray of shape (n_rows, p)
        Where the heads predict; training rows, if wanted, first.
    n_train : int, default=0
        How many training rows are in Z.
    alpha : float, default=0.0
        0 is minimum norm, above it ridge.
    rcond : float, default=None
        As in `decompose`.
    limit : float, default=TRUSTED_CONDITION
        Below it a bound on the condition number need not be sharp.
    smoother : bool, default=False
        Whether `smoother_sq` is wanted; of ridge all training rows must be in Z.
    samples : ndarray of shape (n_samples, n), default=None
        Orthonormal rows: what the rows of X are of the samples, a column each, of which
        `left_out` is wanted.

    Yields
    ------
    Block
    """
    if not X.size:
        return
    # What is asked of samples is rotated with the targets.
    rotated = y if samples is None else np.hstack([y, samples])
    if alpha:
        echelon, rank = to_range(X, rotated, rcond)
        make = partial(_ridge_blocks, rank=rank, alpha=alpha)
    else:
        echelon, make = _at_zero(X, rotated, rcond), _minimum_norm_blocks
    c, rotated = np.hsplit(echelon.rotated, [y.shape[1]])
    samples = None if samples is None else rotated
    for block in make(echelon, c, Z, n_train, limit, smoother, samples):
        widths = block.first - 1 + np.arange(len(block.steps))
        yield block._replace(condition=echelon.trusted(block.condition, widths))


def _at_zero(X, rotated, rcond):
    """The echelon of the first columns, as many as rows, or of all."""
    R, rotated = rotate(X, rotated)
    narrow = min(R.shape)
    if leading_independent(R[:narrow, :narrow]) == narrow:
        return full_echelon(R, rotated, narrow)
    return to_echelon(R, rotated, rcond)


def _minimum_norm_blocks(echelon, c, Z, n_train, limit, smoother, samples):
    R, pivots = echelon.design, echelon.pivots
    # By columns, while there are only pivots.
    columns = slice(None, int(np.append(pivots, False).argmin()))
    measures = _ColumnMeasures(
        R[:, columns], c, len(Z), 0.0, n_train, smoother, samples
    )
    inverse_sq = yield from _by_columns(
        R[columns, columns], c, Z[:, columns], 0.0, measures
    )
    # By rows, where columns depend on others.
    if columns.stop < R.shape[1]:
        backwards = slice(columns.stop - 1, None, -1)
        factor = RowFactor(
            R[backwards, backwards].T, Z[:, backwards].T, limit, inverse_sq
        )
        blocks = RowBlocks(echelon, c, Z, factor, 0.0, n_train, smoother, samples)
        yield from blocks(columns.stop)


def _ridge_blocks(echelon, y, Z, n_train, limit, smoother, samples, rank, alpha):
    X, p = echelon.design, echelon.design.shape[1]
    # With a penalty columns stay independent; squaring is safe from twice the rank on.
    narrow = min(p, 2 * rank)
    columns = slice(None, narrow)
    measures = _ColumnMeasures(
        X[:, columns], y, len(Z), alpha, n_train, smoother, samples
    )
    penalty = np.sqrt(alpha) * np.eye(narrow)
    below = np.zeros((narrow, y.shape[1]))
    R, c = rotate(np.vstack([X[:rank, columns], penalty]), np.vstack([y[:rank], below]))
    yield from _by_columns(R[columns], c, Z[:, columns], alpha, measures)
    if narrow < p:
        zero = np.zeros((rank, len(Z)))
        factor = RowFactor(np.sqrt(alpha) * np.eye(rank), zero, limit)
        factor.add(X[:rank, columns][::-1], Z[:, columns])
        blocks = RowBlocks(echelon, y, Z, factor, alpha, n_train, smoother, samples)
        yield from blocks(narrow)


def _by_columns(R, c, Z, alpha, measures):
    """Blocks of R's columns. Returns the squared norm of its inverse, or infinity."""
    p = len(R)
    # 1. R^-1, and condition numbers |R_k| |R_k^-1| of the leading triangles.
    independent = leading_independent(R)
    inverse = np.zeros((p, p))
    inverse[:independent, :independent] = upper_inverse(R[:independent, :independent])
    inverse_sq = np.full(p, np.inf)
    inverse_sq[:independent] = (inverse**2).sum(axis=0)[:independent].cumsum()
    size_sq = (R**2).sum(axis=0).cumsum()
    condition = np.sqrt(size_sq * inverse_sq)
    # 2. Residuals: what c has beyond its first k entries, summed
    # from the far end: a small remainder must not be the difference of large sums.
    rss = np.vstack([c**2, np.zeros(c.shape[1])])[::-1].cumsum(axis=0)[::-1]
    rss, weights = rss[1 : p + 1], c[:p]
    # 3. Heads: R_k^-1 c_k grows by one column of R^-1 times one entry of c, and so do
    #    its predictions.
    start, coef = np.zeros((c.shape[1], len(Z))), np.zeros(weights.shape)
    for a in range(0, p, _LARGEST_BLOCK):
        part = slice(a, min(a + _LARGEST_BLOCK, p))
        seen = slice(part.stop)
        columns = inverse[seen, part]
        coef_sq = np.empty((columns.shape[1], c.shape[1]))
        for output, gains in enumerate(weights[part].T):
            running = coef[seen, output, None] + np.cumsum(columns * gains, axis=1)
            coef_sq[:, output] = (running**2).sum(axis=0)
            coef[seen, output] = running[:, -1]
        steps = (Z[:, seen] @ columns).T
        magnified = condition[part]
        if alpha:
            y_sq = (c**2).sum(axis=0)
            magnified = ridge_condition(
                magnified, size_sq[part], coef_sq, rss[part], y_sq
            )
        yield Block(
            a + 1,
            start,
            steps,
            weights[part],
            coef_sq,
            magnified,
            np.arange(part.start, part.stop) + 1,
            None if alpha else rss[part],
            False,
            measures.squares(seen, columns, steps, condition[part]),
            measures.left_out(seen, columns, weights[part]),
        )
        start = start + weights[part].T @ steps
    return inverse_sq[-1]


class _ColumnMeasures:
    """What is asked of every width, carried along the columns.

    With T = Z R^-1, the squared norms of the smoother's rows are running sums of the
    squares of T without a penalty, for X R^-1 is orthonormal; the rows of ridge are
    grown by a column of X R^-1 times one of T. Leverages are running sums of the
    squares of X R^-1 itself, at the samples.
    """

    def __init__(self, X, y, n_rows, alpha, n_train, smoother, samples):
        self._X, self._y, self._n_train, self._width = X, y, n_train, 0
        self._smoother, self._alpha, self._total = smoother, alpha, np.zeros(2)
        self._rows = np.zeros((len(X), n_rows)) if smoother and alpha else None
        self._samples = samples
        if samples is None:
            return
        if alpha:
            self._samples, self._residuals = samples.T @ X, samples.T @ y
            self._outside = (samples**2).sum(axis=0)
        else:
            # Samples and targets as the columns so far would give them.
            self._given = np.zeros((X.shape[1], samples.shape[1]))
            self._coef = np.zeros((X.shape[1], y.shape[1]))

    def squares(self, seen, columns, steps, condition):
        """`smoother_sq` of the next widths: columns of R^-1 and of T."""
        if not self._smoother:
            return None
        if self._alpha:
            columns = self._X[:, seen] @ columns
            start = by_part(self._rows**2, self._n_train).sum(axis=0)
            grown = grown_squares(self._rows, columns, steps, self._n_train)
            self._rows += columns @ steps
            out = np.cumsum(np.vstack([start, grown]), axis=0)
            distrust(out, np.maximum.accumulate(out))
            out[1:][condition > _SMOOTH_CONDITION] = np.nan
            return out[1:]
        out = self._total + np.cumsum(by_part(steps**2, self._n_train), axis=0)
        self._total = out[-1].copy()
        # Of all training rows it is the rank.
        out[:, 0] = self._width + 1 + np.arange(len(steps))
        self._width += len(steps)
        return out

    def left_out(self, seen, columns, weights):
        """`left_out` of the next widths: columns of R^-1, and the entries of c."""
        if self._samples is None:
            return None
        if self._alpha == 0:
            return self._left_out_at_zero(seen, columns, weights)
        fitted = (self._samples[:, seen] @ columns).T
        outside = self._outside - np.cumsum(fitted**2, axis=0)
        residuals = self._residuals - np.cumsum(
            fitted[:, :, None] * weights[:, None, :], axis=0
        )
        self._outside, self._residuals = outside[-1].copy(), residuals[-1].copy()
        outside[outside < _LEAST_OUTSIDE] = np.nan
        return LeftOut(residuals, outside, np.zeros(outside.shape, dtype=bool))

    def _left_out_at_zero(self, seen, columns, weights):
        """Also where heads pass through a sample, a combination of the columns: they
        do as long as it stays one, and the limit is in their coefficients.
        """
        last, samples, y = seen.stop, self._samples, self._y
        newest = slice(last - 1, last - len(weights), -1)
        outside, residuals = fitted_outside(
            samples[last:], y[last:], samples[newest], y[newest]
        )
        plain = LeftOut.at_zero(residuals[::-1], outside[::-1])
        part = slice(last - len(weights), last)
        before = self._coef[seen].copy()
        self._given[seen] += columns @ samples[part]
        self._coef[seen] += columns @ y[part]
        if not plain.exact.any():
            return plain
        given = self._given[seen]
        steps = (given.T @ columns).T[:, :, None] * weights[:, None, :]
        limits = given.T @ before + np.cumsum(steps, axis=0)
        exact = plain.exact
        return LeftOut(
            np.where(exact[:, :, None], limits, plain.residuals),
            np.where(exact, (given**2).sum(axis=0), plain.outside),
            exact,
        )
