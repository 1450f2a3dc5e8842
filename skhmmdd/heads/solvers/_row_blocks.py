r"""Blocks of widths past the first column that depends on those before it.

With :math:`X_k` the first k columns on as many rotated rows as their rank (see
`_echelon`), :math:`X_p = L Q` those of width p and :math:`D = Z_p Q'`, the head
predicts :math:`D g`, for :math:`g = L^{-1} y`. Of the columns that follow, those that
make a step of the staircase (*pivots*) grow L by a row and a column and D by a column,
to :math:`\hat L` and :math:`\hat D`; the others F of X and :math:`F_z` of Z change a
head of the same rank. With

.. math:: N = \hat L^{-1}F, \quad I + N'N = M M', \quad U = N M^{-\top}, \quad
          V = F_z M^{-\top} - \hat D U, \quad B = U'\hat L^{-1},

the predictions of a width with the pivots i and the dependent columns l are

.. math:: \sum_i y_i \Big(\hat D \hat L^{-1} e_i + \sum_l V_l B_{li}\Big),

the minimum norm by Woodbury's identity, since Cholesky factors and triangular inverses
nest. A dependent column thus adds :math:`V_l \sum_i B_{li} y_i` with the pivots before
it, a Greville step; a pivot adds its term with the dependent columns before it. L and D
are carried to the next block by a QR of (L, F), an orthogonal transformation that never
squares X: errors stay of the order of the condition number of X itself, and do not grow
from block to block.

Rows are in reverse, the newest first, so that a pivot keeps L triangular.
"""

from typing import NamedTuple

import numpy as np

from skhmmdd.heads.solvers._penalty import without_penalty
from skhmmdd.heads.solvers._triangles import (
    TRUSTED_CONDITION,
    RowFactor,
    leading_independent,
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

_SMALLEST_BLOCK, _LARGEST_BLOCK = 16, 256
# Squared norm of N: as many digits are lost of I + N'N.
_LARGEST_SQ = 1e6


class _Arrivals(NamedTuple):
    """The columns of a block after its first, in whitened coordinates."""

    factor: RowFactor
    """With L and D grown by the pivots."""
    new: np.ndarray
    """Offsets of the pivots in the block."""
    rest: np.ndarray
    """Offsets of the dependent columns."""
    shrink: np.ndarray
    """M^-1."""
    U: np.ndarray
    """U', shape (n_rest, rank)."""
    inverse: np.ndarray
    """Columns of L^-1 of the pivots, shape (rank, n_new)."""
    B: np.ndarray
    """U' times these, shape (n_rest, n_new)."""
    before: np.ndarray
    """Whether a pivot comes before a dependent column, of the shape of B."""

    def steps(self, of_new, of_rest, n_widths):
        """Rows for each column of the block: at pivots with what came before them."""
        out = np.zeros((n_widths, of_rest.shape[1]))
        out[self.rest] = of_rest
        if len(self.new):
            out[self.new] = of_new + (self.B * ~self.before).T @ of_rest
        return out

    def weights(self, g, y, n_widths):
        """Of the steps; y are the targets of the pivots."""
        out = np.zeros((n_widths, y.shape[1]))
        out[self.new], out[self.rest] = y, self.U @ g + (self.B * self.before) @ y
        return out


class RowBlocks:
    """Blocks of widths past the columns that a factor knows.

    Parameters
    ----------
    echelon : Echelon
        The design; of ridge it is any design, and has no pivots.
    y : ndarray of shape (n_rows, n_outputs)
    Z : ndarray of shape (n_points, p)
    factor : RowFactor
    alpha, n_train, smoother, samples
        As in `nested_blocks`; `samples` on the rows of the echelon.
    """

    def __init__(self, echelon, y, Z, factor, alpha, n_train, smoother, samples):
        self._X, self._y, self._pivots = echelon.design[::-1], y[::-1], echelon.pivots
        self._samples = None if samples is None else samples[::-1]
        self._Z, self._factor = Z, factor
        self._alpha, self._n_train, self._smoother = alpha, n_train, smoother
        width = self._X.shape[1]
        self._size_sq = np.cumsum((self._X**2).sum(axis=0))
        if alpha:
            self._ranks = np.full(width, len(factor.R))
        else:
            self._ranks = np.cumsum(self._pivots)
        # Of each rank, from n_rows down.
        self._rss = np.vstack([np.zeros(y.shape[1]), np.cumsum(self._y**2, axis=0)])

    def __call__(self, seen):
        """Blocks from width seen + 1 on, the first that the factor does not know."""
        width = self._X.shape[1]
        largest = min(max(self._ranks[-1] // 2, _SMALLEST_BLOCK), _LARGEST_BLOCK)
        starts = self._starts()
        size, p = 1, seen
        while p < width:
            self._enter(np.arange(seen, p + 1))
            seen = p + 1
            stop = min(p + size, width, *starts[starts > p][:1])
            block = self._block(np.arange(p, stop))
            yield block
            p += len(block.steps)
            # At a threshold the design is ill-conditioned and gets better fast: short
            # blocks keep what is lost there from what comes after.
            size = _SMALLEST_BLOCK
            if block.condition[-1] < TRUSTED_CONDITION:
                size = 1 if p in starts else min(2 * len(block.steps), largest)

    def _starts(self):
        """Columns that start a block: weak pivots, and the first past the last one."""
        at = np.flatnonzero(self._pivots)
        if self._alpha or not len(at):
            return at[:0]
        feet = np.abs(self._X[len(self._X) - self._ranks[at], at])
        weak = feet * TRUSTED_CONDITION <= np.sqrt(self._size_sq[at])
        return np.append(at[weak], at[-1] + 1)

    def _split(self, which):
        """The pivots among some columns, and the others."""
        pivots = self._pivots[which]
        return which[pivots], which[~pivots]

    def _newest_first(self, new):
        """Pivots of X and of Z as the factor takes them."""
        rank = len(self._factor.R) + len(new)
        return self._X[len(self._X) - rank :, new[::-1]], self._Z[:, new[::-1]]

    def _enter(self, which):
        """Give columns to the factor."""
        new, rest = self._split(which)
        self._factor.grow(*self._newest_first(new))
        full = len(self._factor.R) == len(self._X)
        if full and self._n_train and not self._alpha:
            # From here on heads pass through every training row.
            self._factor.E = self._factor.E[:, self._n_train :]
            self._Z, self._n_train = self._Z[self._n_train :], 0
        if len(rest):
            self._factor.add(self._X[-len(self._factor.R) :, rest], self._Z[:, rest])

    def _block(self, which):
        """The block of some columns, of which the factor knows the first.

        It ends early where N is large.
        """
        factor, n_widths, alpha = self._factor, len(which), self._alpha
        n, n_outputs = self._y.shape
        missing = n - self._ranks[which]
        rss = None if alpha else self._rss[missing]
        interpolates = alpha == 0 and len(factor.R) == n
        if leading_independent(factor.R) < len(factor.R):
            return Block(
                int(which[0]) + 1,
                np.zeros((n_outputs, len(self._Z))),
                np.zeros((n_widths, len(self._Z))),
                np.zeros((n_widths, n_outputs)),
                np.zeros((n_widths, n_outputs)),
                np.full(n_widths, np.inf),
                self._ranks[which],
                rss,
                interpolates,
                np.full((n_widths, 2), np.nan) if self._smoother else None,
                LeftOut.unknown(n_widths, self._samples, n_outputs),
            )
        # 1. The columns after the first, whitened: N = L^-1 F. Where it is large,
        #    digits of I + N'N would be lost: that column starts the next block.
        new, rest = self._split(which[1:])
        grown = factor.grown(*self._newest_first(new))
        rows = slice(n - len(grown.R), None)
        N = grown.solve(self._X[rows, rest])
        large = np.cumsum((N**2).sum(axis=0)) > _LARGEST_SQ
        if large.any():
            return self._block(which[which < rest[large.argmax()]])
        # 2. I + N'N = M M' by Cholesky, U = N M'^-1, the columns of L^-1 that belong to
        #    pivots, and B = U'L^-1 there.
        M = np.linalg.cholesky(np.eye(len(rest)) + N.T @ N)
        shrink = upper_inverse(M.T).T
        U = shrink @ N.T
        inverse = grown.solve(np.eye(len(N), len(new)))[:, ::-1]
        arrivals = _Arrivals(
            grown,
            new - which[0],
            rest - which[0],
            shrink,
            U,
            inverse,
            U @ inverse,
            new < rest[:, None],
        )
        # 3. Predictions: those at the first column, and a step for each one after it,
        #    which counts as much as its weight says.
        y = self._y[rows]
        g = np.zeros(y.shape)
        g[len(new) :] = factor.solve(y[len(new) :])
        weights = arrivals.weights(g, y[: len(new)][::-1], n_widths)
        moved = shrink @ self._Z[:, rest].T - U @ grown.E
        steps = arrivals.steps(inverse.T @ grown.E, moved, n_widths)
        # 4. Condition numbers, and squared norms of the heads.
        size_sq = self._size_sq[which] + len(y) * alpha
        gained_sq = np.zeros(n_widths)
        gained_sq[arrivals.new] = (inverse**2).sum(axis=0)
        inverse_sq = factor.inverse_sq(size_sq[0]) + np.cumsum(gained_sq)
        condition = np.sqrt(inverse_sq * size_sq)
        coef_sq = _coef_sq(arrivals, g, weights)
        if alpha:
            X = self._X[rows, : which[-1] + 1]
            coef_sq, condition = without_penalty(
                factor, g, U, weights, X, (y**2).sum(axis=0), alpha, condition, size_sq
            )
        # 5. What is asked of every width.
        smoother_sq = None
        if self._smoother:
            smoother_sq = _smoother_sq(arrivals, moved, steps, self._n_train)
            if alpha == 0:
                smoother_sq[:, 0] = self._ranks[which]
        left_out = None
        if self._samples is not None:
            left_out = self._left_out(arrivals, g, weights, missing)
        return Block(
            int(which[0]) + 1,
            g[len(new) :].T @ factor.E,
            steps,
            weights,
            coef_sq,
            condition,
            self._ranks[which],
            rss,
            interpolates,
            smoother_sq,
            left_out,
        )

    def _left_out(self, arrivals, g, weights, missing):
        """Of each sample h, with H = X_k X_k', of ridge with its penalty.

        Where the heads pass through it, h'H^-1 y over h'H^-1 h; alpha times both is
        1 - S. Once they do, the pivots of later columns are zero in h.
        """
        n_widths, fewest = len(weights), missing[-1]
        rows, alpha = slice(fewest, None), self._alpha
        exact = np.ones((n_widths, self._samples.shape[1]), dtype=bool)
        if fewest or not alpha:
            # Sums from the far end do not cancel.
            newest = slice(fewest, missing[0])
            outside, residuals = fitted_outside(
                self._samples[:fewest],
                self._y[:fewest],
                self._samples[newest],
                self._y[newest],
            )
            plain = LeftOut.at_zero(
                residuals[missing - fewest], outside[missing - fewest]
            )
            if not alpha and not plain.exact.any():
                return plain
            exact = plain.exact
        whitened = arrivals.factor.solve(self._samples[rows])
        kept = arrivals.U @ whitened
        moved = arrivals.steps(arrivals.inverse.T @ whitened, -kept, n_widths)
        residuals = whitened.T @ g + np.cumsum(
            moved[:, :, None] * weights[:, None, :], axis=0
        )
        squares = np.zeros(exact.shape)
        squares[arrivals.rest] = kept**2
        start = (whitened**2).sum(axis=0)
        outside = start - np.cumsum(squares, axis=0)
        distrust(outside, start)
        if alpha and fewest:
            return LeftOut(
                plain.residuals + alpha * residuals,
                plain.outside + alpha * outside,
                np.zeros(exact.shape, dtype=bool),
            )
        if not alpha:
            outside = np.where(exact, outside, plain.outside)
            residuals = np.where(exact[:, :, None], residuals, plain.residuals)
        return LeftOut(residuals, outside, exact)


def _coef_sq(arrivals, g, weights):
    """Squared norms g'g - |U'g|^2, of ridge with those on the penalty's columns."""
    if not len(arrivals.new):
        return (g**2).sum(axis=0) - np.cumsum(weights**2, axis=0)
    n_widths = len(weights)
    out = np.empty(weights.shape)
    arrived = arrivals.rest[:, None] <= np.arange(n_widths)
    for output, start in enumerate(g.T):
        running = np.zeros((len(g), n_widths))
        running[:, arrivals.new] = arrivals.inverse * weights[arrivals.new, output]
        running = start[:, None] + np.cumsum(running, axis=1)
        kept = (arrivals.U @ running) * arrived
        out[:, output] = (running**2).sum(axis=0) - (kept**2).sum(axis=0)
    return out


def _smoother_sq(arrivals, moved, steps, n_train):
    """Squared norms of its rows, those of L'^-1 D' at the first column.

    A dependent column adds B times its step to the rows that are there, and a pivot a
    row of its own.
    """
    n_new, factor = len(arrivals.new), arrivals.factor
    both = factor.solve(np.hstack([factor.E, arrivals.U.T]), transposed=False)
    rows, gains = np.hsplit(both, [factor.E.shape[1]])
    there = gains.copy()
    there[:n_new][::-1] *= arrivals.before.T
    out = np.zeros((len(steps), 2))
    out[0] = by_part(rows[n_new:] ** 2, n_train).sum(axis=0)
    out[arrivals.rest] = grown_squares(rows, gains, moved, n_train, there)
    out[arrivals.new] = by_part(steps[arrivals.new] ** 2, n_train)
    out = np.cumsum(out, axis=0)
    distrust(out, np.maximum.accumulate(out))
    return out
