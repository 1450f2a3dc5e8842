r"""The head at every width of a nested design, from shared factorizations.

The matrices come centred and on contrasts (see `heads`), so there is no intercept here.
With p columns the head's predictions are :math:`Z_p b_p`, and blocks of neighbouring
widths share one factorization each, in either of two ways.

*By columns*, for narrow designs: with the QR factors of the widest one, its leading
columns have the leading part of R, the inverse of which nests too. So with
:math:`T = Z R^{-1}` and :math:`c = Q'y`, the predictions at width p are
:math:`\sum_{j \le p} T_j c_j`, and the training rows are missed by a squared distance
of :math:`\sum_{j > p} c_j^2`. Ridge adds the rows :math:`\sqrt\alpha I`.

*By rows*, for designs wider than tall: with the LQ factors of the first p columns,
:math:`X_p = L Q`, :math:`D = Z_p Q'`, :math:`w = L^{-1}y`, and b more columns F of X
and :math:`F_z` of Z,

.. math:: G = L^{-1}F, \quad I + G'G = M M', \quad U = G M^{-\top}, \quad
          V = F_z M^{-\top}, \quad s = U'w,

the predictions at width p + j are :math:`D w - \sum_{i \le j} (D U - V)_i s_i`, since
Cholesky factors and triangular inverses nest. L and D are carried to the next block by
a QR of (L, F), an orthogonal transformation that never squares X: errors stay of the
order of the condition number of X itself, and do not grow from block to block.

Rows start where columns end. Heads are the same on rotated samples, and rotated by Q'
the square design is R: with J the reversal of an order, the samples :math:`J R` have
the LQ factors :math:`J R J` and J. Ridge starts from the columns
:math:`\sqrt\alpha I`, on which Z is zero.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg

# Beyond this condition number a rank decision may be at stake: the caller then solves
# the width by itself.
TRUSTED_CONDITION = 1e10
_SMALLEST_BLOCK, _LARGEST_BLOCK = 16, 256
# By how much a difference may be smaller than what it is the difference of.
_CANCELLED = 1e3
_CANCELLED_SQ = 1e4
# Less of 1 - leverage has lost too many digits.
_LEAST_OUTSIDE = 1e-6
# Beyond this condition number of the penalised design the smoother of ridge, which
# squares it, has less than half of its digits.
_SMOOTH_CONDITION = 3e4
# Columns that LAPACK reflects at a time, and the size of the triangles that it inverts.
_PANEL, _TRIANGLE = 32, 64


class LeftOut(NamedTuple):
    """Of leave-one-out at neighbouring widths, up to a factor common to both.

    The quotients are the residuals of samples left out.
    """

    residuals: np.ndarray
    """Targets less what is fitted, shape (n_widths, n, n_outputs)."""
    outside: np.ndarray
    """1 - leverage, shape (n_widths, n); NaN where its digits cancel."""


class Block(NamedTuple):
    """Neighbouring widths `first`, `first + 1`, ...

    The predictions at width first + j are `start` plus the sum over i <= j of
    `steps[i]` times `weights[i]`.
    """

    first: int
    start: np.ndarray
    """Shape (n_outputs, n_rows)."""
    steps: np.ndarray
    """Shape (n_widths, n_rows)."""
    weights: np.ndarray
    """Shape (n_widths, n_outputs)."""
    coef_sq: np.ndarray
    """Squared norm of the head of each output, shape (n_widths, n_outputs)."""
    condition: np.ndarray
    """Upper bound on the condition number at each width, shape (n_widths,); of ridge
    on what rounding is magnified by (`_ridge_condition`)."""
    rss: np.ndarray | None
    """Residual sum of squares, shape (n_widths, n_outputs); None for ridge."""
    interpolates: bool
    """Whether the heads pass through every sample; `start` and `steps` are then of
    the rows past the training rows only."""
    smoother_sq: np.ndarray | None
    """Squared norms of the smoother's rows, summed over the training rows and over the
    others, shape (n_widths, 2); NaN where too many digits cancel, None unless asked."""
    left_out: LeftOut | None
    """None unless `samples` are given."""

    def find(self, ranks):
        """Which of some widths, told by their ranks, are here, and their offsets."""
        last = self.first + len(self.steps)
        which = np.flatnonzero((ranks >= self.first) & (ranks < last))
        return which, ranks[which] - self.first

    def predictions(self, output):
        """Predictions of one output, shape (n_widths, n_rows)."""
        terms = self.steps * self.weights[:, output, None]
        terms[0] += self.start[output]
        return np.cumsum(terms, axis=0, out=terms)


def nested_blocks(
    X, y, Z, n_train=0, alpha=0.0, limit=TRUSTED_CONDITION, smoother=False, samples=None
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
    n, p = X.shape
    if not n * p:
        return
    # With a penalty the columns stay independent past n; squaring is safe from 2n on.
    narrow = min(p, n if alpha == 0 else 2 * n)
    columns = slice(None, narrow)
    measures = _ColumnMeasures(
        X[:, columns], y, len(Z), alpha, n_train, smoother, samples
    )
    if alpha:
        penalty = np.sqrt(alpha) * np.eye(narrow)
        below = np.zeros((narrow, y.shape[1]))
        R, c = rotate(np.vstack([X[:, columns], penalty]), np.vstack([y, below]))
    else:
        # What is asked of samples is rotated with the targets.
        rotated = y if samples is None else np.hstack([y, samples])
        R, rotated = rotate(X, rotated)
        c = rotated[:, : y.shape[1]]
        if samples is not None:
            samples = rotated[::-1, y.shape[1] :]
    inverse_sq = yield from _by_columns(
        R[columns, columns], c, Z[:, columns], alpha, measures
    )
    if narrow == p:
        return
    if alpha:
        factor = RowFactor(np.sqrt(alpha) * np.eye(n), np.zeros((n, len(Z))), limit)
        factor.add(X[:, columns], Z[:, columns])
    else:
        X, y, Z, n_train = R[::-1], c[::-1], Z[n_train:], 0
        backwards = slice(narrow - 1, None, -1)
        factor = RowFactor(X[:, backwards].T, Z[:, backwards].T, limit, inverse_sq)
    asked = n_train, smoother, samples
    yield from _by_rows(X, y, Z, alpha, narrow, factor, asked)


def rotate(X, y):
    """R and Q'y of X = Q R, as tall as X and y are."""
    size = _PANEL * max(X.shape)
    packed, tau, _, _ = linalg.lapack.dgeqrf(X, lwork=size)
    reflectors = packed[:, : len(tau)]
    c, _, _ = linalg.lapack.dormqr("L", "T", reflectors, tau, y, lwork=size)
    return np.triu(packed), c


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
            magnified = _ridge_condition(
                magnified, size_sq[part], coef_sq, rss[part], y_sq
            )
        yield Block(
            a + 1,
            start,
            steps,
            weights[part],
            coef_sq,
            magnified,
            None if alpha else rss[part],
            False,
            measures.squares(seen, columns, steps, condition[part]),
            measures.left_out(seen, columns, weights[part]),
        )
        start = start + weights[part].T @ steps
    return inverse_sq[-1]


def _by_rows(X, y, Z, alpha, seen, factor, asked):
    """Blocks from width seen + 1 on; `factor` knows the columns seen."""
    width = X.shape[1]
    size, largest = 1, min(max(len(X) // 2, _SMALLEST_BLOCK), _LARGEST_BLOCK)
    p = seen + 1
    while p <= width:
        factor.add(X[:, seen:p], Z[:, seen:p])
        size = min(size, width - p + 1)
        block = _one_block(p, p + size - 1, X, y, Z, alpha, factor, *asked)
        yield block
        seen, p = p, p + size
        # At the threshold the design is ill-conditioned and gets better fast: short
        # blocks keep what is lost there from what comes after.
        well_conditioned = block.condition[-1] < TRUSTED_CONDITION
        size = min(2 * size, largest if well_conditioned else _SMALLEST_BLOCK)


class RowFactor:
    """L' and D', carried along the columns by orthogonal transformations."""

    def __init__(self, R, E, limit, inverse_sq=np.inf):
        # Copies, even of one row: they are overwritten.
        self.R, self.E = np.array(R, order="F"), np.array(E, order="F")
        self._limit, self._inverse_sq = limit, inverse_sq

    def add(self, F, F_z):
        """Rotate more columns into the triangle, which costs no more than they do."""
        size = min(_PANEL, len(self.R))
        self.R, reflectors, panels, _ = linalg.lapack.dtpqrt(
            0, size, self.R, F.T, overwrite_a=True
        )
        if self.E.size:  # LAPACK's wrappers take no empty arrays
            self.E, _, _ = linalg.lapack.dtpmqrt(
                0, reflectors, panels, self.E, F_z.T, trans="T", overwrite_a=True
            )

    def solve(self, rows, transposed=True):
        """L^-1 times the rows, or L'^-1 if not transposed."""
        return linalg.solve_triangular(
            self.R, rows, trans=int(transposed), check_finite=False
        )

    def condition_sq(self, size_sq):
        """Bound on the squared condition number of designs of these squared norms."""
        # More columns only lift the least singular value: a bound that was good enough
        # once stays one.
        if not self._inverse_sq * size_sq[0] < self._limit**2:
            self._inverse_sq = (upper_inverse(self.R) ** 2).sum()
        return self._inverse_sq * size_sq


def _one_block(p, last, X, y, Z, alpha, factor, n_train, smoother, samples):
    n, n_outputs = y.shape
    F, F_z = X[:, p:last], Z[:, p:last]
    n_widths = last - p + 1
    rss = None if alpha else np.zeros((n_widths, n_outputs))
    if leading_independent(factor.R) < n:
        return Block(
            p,
            np.zeros((n_outputs, len(Z))),
            np.zeros((n_widths, len(Z))),
            np.zeros((n_widths, n_outputs)),
            np.zeros((n_widths, n_outputs)),
            np.full(n_widths, np.inf),
            rss,
            alpha == 0,
            np.full((n_widths, 2), np.nan) if smoother else None,
            None if samples is None else _unknown(n_widths, samples, n_outputs),
        )
    # 1. With K = X_p X_p' + alpha I = L L' of the first p columns: w = L^-1 y, and the
    #    columns that come in, whitened: G = L^-1 F.
    w, G = np.hsplit(factor.solve(np.hstack([y, F])), [n_outputs])
    # 2. K + F_k F_k' for all k at once, by Woodbury's identity: its inverse needs the
    #    leading triangles of the Cholesky factor M of I + G'G, with U = M^-1 G'.
    M = np.linalg.cholesky(np.eye(n_widths - 1) + G.T @ G)
    shrink = upper_inverse(M.T).T
    U = shrink @ G.T
    # 3. Predictions Z_k X_k' K_k^-1 y: those at p, and a step for each column, which
    #    counts as much as U w says.
    weights = np.zeros((n_widths, n_outputs))
    weights[1:] = U @ w
    steps = np.zeros((n_widths, len(Z)))
    np.subtract(shrink @ F_z.T, U @ factor.E, out=steps[1:])
    # 4. Condition numbers, and squared norms y'K^-1 y - alpha |K^-1 y|^2 of the heads.
    size_sq = (X[:, :p] ** 2).sum() + np.append(0.0, np.cumsum((F**2).sum(axis=0)))
    condition = np.sqrt(factor.condition_sq(size_sq + n * alpha))
    whole_sq = (w**2).sum(axis=0) - np.cumsum(weights**2, axis=0)
    coef_sq = whole_sq - alpha * _dual_sq(factor, w, U, weights) if alpha else whole_sq
    cancels = (w**2).sum() > _CANCELLED * coef_sq.sum(axis=1)
    if cancels.any():
        # Heads are a small part of w: the difference has lost their digits.
        coef_sq = _coef_sq(factor, w, U, weights, X[:, :last])
        # Solved for twice, they have the error of the normal equations at most; unless
        # the duals are small differences, too, as where a large column comes in.
        dual_sq = _dual_sq(factor, w, U, weights).sum(axis=1)
        lost = cancels & (dual_sq[0] > _CANCELLED * dual_sq)
        condition = np.where(cancels, condition**2, condition)
        condition[lost] = np.inf
    if alpha:
        condition = _ridge_condition(
            condition,
            size_sq + n * alpha,
            coef_sq,
            alpha * whole_sq,
            (y**2).sum(axis=0),
        )
    # 5. Rows of the smoother: those of K^-1 X_p Z_p' at p, and a step for each column.
    smoother_sq = None
    if smoother:
        both = np.hstack([factor.E, U.T])
        if both.size:
            both = factor.solve(both, transposed=False)
        rows, gains = np.hsplit(both, [len(Z)])
        smoother_sq = _running_squares(rows, gains, steps[1:], n_train)
        _distrust(smoother_sq, smoother_sq[:1])
        if alpha == 0:
            smoother_sq[:, 0] = n
    # 6. Leave-one-out: of each sample h, h'K^-1 y over h'K^-1 h (alpha times both is
    #    1 - S), each with a step for each column.
    left_out = None
    if samples is not None:
        whitened = factor.solve(samples)
        missed = np.vstack([np.zeros((1, samples.shape[1])), U @ whitened])
        residuals = whitened.T @ w - np.cumsum(
            missed[:, :, None] * weights[:, None, :], axis=0
        )
        outside = (whitened**2).sum(axis=0) - np.cumsum(missed**2, axis=0)
        _distrust(outside, outside[:1])
        left_out = LeftOut(residuals, outside)
    start = w.T @ factor.E
    return Block(
        p,
        start,
        steps,
        weights,
        coef_sq,
        condition,
        rss,
        alpha == 0,
        smoother_sq,
        left_out,
    )


class _ColumnMeasures:
    """What is asked of every width, carried along the columns.

    With T = Z R^-1, the squared norms of the smoother's rows are running sums of the
    squares of T without a penalty, for X R^-1 is orthonormal; the rows of ridge are
    grown by a column of X R^-1 times one of T. Leverages are running sums of the
    squares of X R^-1 itself, at the samples.
    """

    def __init__(self, X, y, n_rows, alpha, n_train, smoother, samples):
        self._X, self._n_train, self._width = X, n_train, 0
        self._smoother, self._alpha, self._total = smoother, alpha, np.zeros(2)
        self._rows = np.zeros((len(X), n_rows)) if smoother and alpha else None
        self._samples = None
        if samples is not None:
            self._samples, self._residuals = samples.T @ X, samples.T @ y
            self._outside = (samples**2).sum(axis=0)

    def squares(self, seen, columns, steps, condition):
        """`smoother_sq` of the next widths: columns of R^-1 and of T."""
        if not self._smoother:
            return None
        if self._alpha:
            columns = self._X[:, seen] @ columns
            out = _running_squares(self._rows, columns, steps, self._n_train)
            _distrust(out, np.maximum.accumulate(out))
            out[1:][condition > _SMOOTH_CONDITION] = np.nan
            return out[1:]
        out = self._total + np.cumsum(_by_part(steps**2, self._n_train), axis=0)
        self._total = out[-1].copy()
        # Of all training rows it is the rank.
        out[:, 0] = self._width + 1 + np.arange(len(steps))
        self._width += len(steps)
        return out

    def left_out(self, seen, columns, weights):
        """`left_out` of the next widths: columns of R^-1, and the entries of c."""
        if self._samples is None:
            return None
        fitted = (self._samples[:, seen] @ columns).T
        outside = self._outside - np.cumsum(fitted**2, axis=0)
        residuals = self._residuals - np.cumsum(
            fitted[:, :, None] * weights[:, None, :], axis=0
        )
        self._outside, self._residuals = outside[-1].copy(), residuals[-1].copy()
        outside[outside < _LEAST_OUTSIDE] = np.nan
        return LeftOut(residuals, outside)


def _unknown(n_widths, samples, n_outputs):
    n = samples.shape[1]
    return LeftOut(np.zeros((n_widths, n, n_outputs)), np.full((n_widths, n), np.nan))


def _by_part(squares, n_train):
    """Sums over the training rows and over the others of (k, n_rows), shape (k, 2)."""
    parts = np.hsplit(squares, [n_train])
    return np.column_stack([part.sum(axis=1) for part in parts])


def _running_squares(rows, columns, steps, n_train):
    """Squared norms as rows grow by columns times steps, one pair after the other.

    Parameters
    ----------
    rows : ndarray of shape (n, n_rows)
        Grown in place.
    columns : ndarray of shape (n, k)
    steps : ndarray of shape (k, n_rows)
    n_train : int

    Returns
    -------
    ndarray of shape (k + 1, 2)
        Before the first pair and after each: sums over the first `n_train` of `rows`
        and over the others.
    """
    first = _by_part(rows**2, n_train).sum(axis=0)
    grown = 2.0 * _by_part((columns.T @ rows) * steps, n_train)
    inner = columns.T @ columns
    for part, those in enumerate(np.hsplit(steps, [n_train])):
        product = inner * (those @ those.T)
        grown[:, part] += 2.0 * np.tril(product, -1).sum(axis=1) + np.diag(product)
    rows += columns @ steps
    return np.vstack([first, first + np.cumsum(grown, axis=0)])


def _distrust(squares, sums):
    """NaN where `squares` are so small a part of `sums` that digits are lost."""
    squares[~(squares * _CANCELLED_SQ > sums)] = np.nan


def _ridge_condition(condition, size_sq, coef_sq, rss, y_sq):
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


def _coef_sq(factor, w, U, weights, X):
    """Squared norms of the heads X_p'd themselves, for the duals d."""
    n_widths = len(weights)
    later = np.tri(X.shape[1], n_widths, n_widths - X.shape[1] - 1, dtype=bool)
    out = np.empty(weights.shape)
    for output, dual in enumerate(_duals(factor, w, U, weights)):
        coef = X.T @ dual
        coef[later] = 0.0
        out[:, output] = (coef**2).sum(axis=0)
    return out


def upper_inverse(R):
    """By halves, nearly all of it in products."""
    p = len(R)
    if p <= _TRIANGLE:
        return _small_upper_inverse(R)
    h = p // 2
    out = np.zeros((p, p))
    out[:h, :h], out[h:, h:] = upper_inverse(R[:h, :h]), upper_inverse(R[h:, h:])
    out[:h, h:] = -out[:h, :h] @ (R[:h, h:] @ out[h:, h:])
    return out


def _small_upper_inverse(R):
    if not len(R):
        return R
    inverse, info = linalg.lapack.dtrtri(R)
    if info:
        raise linalg.LinAlgError(f"Column {info} of a triangular factor is zero.")
    return inverse


def leading_independent(R):
    """How many leading columns of a triangular factor are safely independent."""
    size = np.abs(np.diag(R))
    weak = size * TRUSTED_CONDITION <= np.sqrt((R**2).sum())
    return int(weak.argmax()) if weak.any() else len(size)
