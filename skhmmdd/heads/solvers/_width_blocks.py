"""What blocks of neighbouring widths say of their heads, and sums along them."""

from typing import NamedTuple

import numpy as np

from skhmmdd.heads.solvers._spectrum import EPS

# By how much a difference may be smaller than what it is the difference of.
_CANCELLED_SQ = 1e4
# Less of 1 - leverage is in doubt, unless it is nothing but rounding.
_LEAST_OUTSIDE = 1e-12


class LeftOut(NamedTuple):
    """Of leave-one-out at neighbouring widths, up to a factor common to both.

    The quotients are the residuals of samples left out.
    """

    residuals: np.ndarray
    """Targets less what is fitted, shape (n_widths, n, n_outputs)."""
    outside: np.ndarray
    """1 - leverage, shape (n_widths, n); NaN where its digits cancel."""
    exact: np.ndarray
    """Where heads pass through a sample: both are then the limits of their quotient,
    with another factor than elsewhere. Of the shape of `outside`."""

    @classmethod
    def at_zero(cls, residuals, outside):
        """Of heads without a penalty; where exact, still without the limits."""
        exact = outside <= (10 * outside.shape[1] * EPS) ** 2
        doubtful = ~exact & (outside < _LEAST_OUTSIDE)
        return cls(residuals, np.where(doubtful, np.nan, outside), exact)

    @classmethod
    def unknown(cls, n_widths, samples, n_outputs):
        """Where no factors can be trusted; None without samples."""
        if samples is None:
            return None
        shape = n_widths, samples.shape[1]
        return cls(
            np.zeros((*shape, n_outputs)), np.full(shape, np.nan), np.zeros(shape, bool)
        )


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
    on what rounding is magnified by (`ridge_condition`)."""
    rank: np.ndarray
    """Rank of the design, of ridge bounded by it, shape (n_widths,)."""
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


def by_part(squares, n_train):
    """Sums over the training rows and over the others of (k, n_rows), shape (k, 2)."""
    parts = np.hsplit(squares, [n_train])
    return np.column_stack([part.sum(axis=1) for part in parts])


def grown_squares(rows, columns, steps, n_train, there=None):
    """What squared norms grow by as rows do by columns times steps, one by one.

    Parameters
    ----------
    rows : ndarray of shape (n, n_rows)
        Before.
    columns : ndarray of shape (n, k)
    steps : ndarray of shape (k, n_rows)
    n_train : int
    there : ndarray of shape (n, k), default=None
        The columns with zeros in coordinates that come later; None if none do.

    Returns
    -------
    ndarray of shape (k, 2)
        Of sums over the first `n_train` of `rows` and over the others.
    """
    there = columns if there is None else there
    grown = 2.0 * by_part((there.T @ rows) * steps, n_train)
    inner = there.T @ columns
    for part, those in enumerate(np.hsplit(steps, [n_train])):
        product = inner * (those @ those.T)
        grown[:, part] += 2.0 * np.tril(product, -1).sum(axis=1) + np.diag(product)
    return grown


def fitted_outside(samples, y, newest_samples, newest_y):
    """1 - leverage and residuals of samples, as coordinates leave what is fitted.

    Parameters
    ----------
    samples : ndarray of shape (n_left, n)
        Of the samples, what is never fitted.
    y : ndarray of shape (n_left, n_outputs)
    newest_samples, newest_y : ndarray of shape (k, n) and (k, n_outputs)
        The coordinates that leave, in their order.

    Returns
    -------
    outside : ndarray of shape (k + 1, n)
    residuals : ndarray of shape (k + 1, n, n_outputs)
    """
    outside = np.vstack([(samples**2).sum(axis=0)[None], newest_samples**2])
    residuals = np.concatenate(
        [(samples.T @ y)[None], newest_samples[:, :, None] * newest_y[:, None, :]]
    )
    return np.cumsum(outside, axis=0), np.cumsum(residuals, axis=0)


def distrust(squares, sums):
    """NaN where `squares` are so small a part of `sums` that digits are lost."""
    squares[~(squares * _CANCELLED_SQ > sums)] = np.nan
