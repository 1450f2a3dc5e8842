r"""Which columns survive when those of least magnitude are removed, round by round.

The magnitude of a column is the norm of its coefficients over the outputs times its
standard deviation. Each round needs the head of the columns that are left, which an
inverse gives that is downdated as columns go (`_gram_inverse`). Where the bound on its
error cannot tell the columns to remove from those to keep, the singular value
decomposition of the head decides. What that cannot tell apart either is tied, and later
columns go first.
"""

from collections.abc import Sequence

import numpy as np
from scipy import linalg

from skhmmdd._typing import Array, Floats, Ints
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._gram_inverse import (
    SAFETY,
    NarrowInverse,
    WideInverse,
)
from skhmmdd.heads.solvers._problem import on_contrasts
from skhmmdd.heads.solvers._spectrum import EPS, thin_svd

# Beyond this condition number of the columns no inverse is formed.
_TRUSTED_CONDITION = 1e6
# Of a solution, its largest correction.
_LARGEST_CORRECTION = 1e-6
# A penalty's root, relative to the design, beyond which heads change in scale only.
_LARGEST_ROOT = 1e23


def automatic_stages(n_features: int) -> list[int]:
    """Numbers of columns p, 0.7 p, 0.49 p, ... rounded down, to 1."""
    stages = [n_features]
    while stages[-1] > 1:
        stages.append(stages[-1] * 7 // 10)
    return stages


def geometric_stages(n_features: int, n_kept: int, n_rounds: int) -> list[int]:
    """Numbers of columns of so many rounds, each of which removes one at least.

    Parameters
    ----------
    n_features, n_kept : int
        The first and the last.
    n_rounds : int
        In [1, n_features - n_kept], or 0 where nothing is removed.

    Returns
    -------
    list of int of length n_rounds + 1
    """
    stages = [n_features]
    for left in range(n_rounds - 1, -1, -1):
        share = left / n_rounds
        wanted = round(n_kept * (n_features / n_kept) ** share)
        stages.append(min(stages[-1] - 1, max(wanted, n_kept + left)))
    return stages


def surviving_columns(
    X: Floats,
    y: Floats,
    weights: Array,
    counts: Sequence[int],
    stages: Sequence[int],
    *,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> list[Ints]:
    """The columns that are left of one run of pruning, at several counts.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
    y : ndarray of shape (n_samples, q)
    weights : ndarray of shape (n_samples,)
        Positive.
    counts : sequence of int
        How many columns to keep, decreasing.
    stages : sequence of int
        How many columns the rounds keep, decreasing from p. A count is pruned to from
        the last stage above it, and the run then goes on from that stage.
    alpha : float, default=0.0
    fit_intercept : bool, default=True
    rcond : float or None, default=None
        Of the heads, as in :func:`decompose`.

    Returns
    -------
    list of ndarray of int
        Columns in increasing order, for each count.
    """
    run = _Elimination(X, y, weights, alpha, fit_intercept, rcond)
    todo = list(stages[1:])
    survivors = []
    for count in counts:
        while todo and todo[0] > count:
            run.remove(run.weakest(todo.pop(0)))
        survivors.append(np.sort(np.delete(run.columns, run.weakest(count))))
    return survivors


class _Elimination:
    """The columns that are left, and the inverse of their Gram matrix."""

    def __init__(self, X, y, weights, alpha, fit_intercept, rcond):
        n, p = X.shape
        # 1. Powers of two change no digit, and keep squares within range.
        x_scale, y_scale = _power_of_two(X), _power_of_two(y)
        X, y = X / x_scale, y / y_scale
        self._alpha = min(np.sqrt(alpha) / x_scale, _LARGEST_ROOT) ** 2
        design, response, *_ = on_contrasts(X, y, fit_intercept, weights)
        centred = design if fit_intercept else on_contrasts(X, y, True, weights)[0]
        self.columns = np.arange(p)
        self._std = _column_norms(centred)
        self._n, self._rcond = n, rcond
        # 2. Rows that depend on others are rotated away. Columns are scaled first: none
        #    is to be lost for being small beside the others.
        size = _column_norms(design)
        size[size == 0.0] = 1.0
        left, values, _ = thin_svd(design / size)
        cut_off = max(n, p) * EPS * values.max(initial=0.0)
        left = left[:, values > cut_off]
        self._rows = np.ascontiguousarray((left.T @ design).T)
        self._response = left.T @ response
        self._response_size = linalg.norm(response)
        self._inverse = None
        self._known = {}

    def weakest(self, count):
        """Positions in `columns` of all but the `count` strongest columns."""
        n_removed = len(self.columns) - count
        if not n_removed:
            return np.zeros(0, dtype=int)
        for solve in (self._from_inverse, self._from_singular_values):
            # Once for each set of columns, whoever asked first.
            if solve not in self._known:
                self._known[solve] = solve()
            if self._known[solve] is not None:
                found, is_certain = self._choose(n_removed, *self._known[solve])
                if is_certain:
                    break
        return found

    def remove(self, positions):
        """Remove columns, and downdate the inverse where that is less work."""
        if not len(positions):
            return
        self._known = {}
        if self._inverse is not None:
            few = 8 * len(positions) <= len(self._inverse.matrix)
            rows = self._rows[positions]
            self._inverse = self._inverse.without(positions, rows) if few else None
        self.columns = np.delete(self.columns, positions)
        self._rows = np.delete(self._rows, positions, axis=0)
        self._std = np.delete(self._std, positions)

    def _choose(self, n_removed, magnitudes, errors):
        """The weakest columns, and whether the errors leave no doubt about them."""
        cut = np.argpartition(magnitudes, n_removed - 1)[n_removed - 1]
        tied = np.abs(magnitudes - magnitudes[cut]) <= errors + errors[cut]
        weaker = np.flatnonzero((magnitudes < magnitudes[cut]) & ~tied)
        tied = np.flatnonzero(tied)
        # Later columns go first.
        tied = tied[np.argsort(-self.columns[tied])]
        n_tied = n_removed - len(weaker)
        return np.concatenate([weaker, tied[:n_tied]]), n_tied == len(tied)

    def _from_inverse(self):
        """Magnitudes and bounds of their errors; None where they cannot be trusted."""
        n_columns, n_rows = self._rows.shape
        if not n_rows or (self._alpha and self._rcond is not None):
            return None  # the cut-off is on the design without its penalty
        is_wide = n_columns > n_rows
        for _ in range(2):
            fresh = self._inverse is None or self._inverse.is_wide != is_wide
            if fresh:
                kind = WideInverse if is_wide else NarrowInverse
                self._inverse = kind.of(self._rows, self._response, self._alpha)
            if self._inverse is None:
                return None
            condition = self._inverse.condition
            if condition < min(_TRUSTED_CONDITION, 1 / (self._rcond or EPS)):
                coef, error = self._inverse.solve(self._rows, self._response_size)
                if error <= _LARGEST_CORRECTION * max(linalg.norm(coef), EPS):
                    return self._weigh(coef, error)
            self._inverse = None
            if fresh:
                break
        return None

    def _from_singular_values(self):
        """Magnitudes by the decomposition that solves the head, and their errors."""
        n_columns = len(self._rows)
        left, values, right = thin_svd(self._rows.T)
        rcond = self._rcond
        if rcond is None:
            rcond = max(self._n, n_columns) * EPS
        kept = values > rcond * values.max(initial=0.0)
        left, values, right = left[:, kept], values[kept], right[kept]
        if not len(values):
            return self._weigh(np.zeros((n_columns, self._response.shape[1])), 0.0)
        ridge = ridge_filter(values, np.array([self._alpha]))
        seen = left.T @ self._response
        coef = right.T @ (ridge.gains[0, :, None] * seen)
        missed = self._response_size**2 - np.sum(
            (1 - ridge.lost[0, :, None] ** 2) * seen**2
        )
        penalised = np.hypot(values, np.sqrt(self._alpha))
        condition = penalised[0] / penalised[-1]
        size = linalg.norm(coef) + self._response_size / penalised[0]
        error = condition * size
        error += condition**2 * np.sqrt(max(missed, 0.0)) / penalised[0]
        return self._weigh(coef, SAFETY * np.sqrt(n_columns) * EPS * error)

    def _weigh(self, coef, error):
        return np.sqrt((coef**2).sum(axis=1)) * self._std, error * self._std


def _column_norms(A):
    """Norms of columns whose squares may vanish."""
    largest = np.abs(A).max(axis=0, initial=0.0)
    largest[largest == 0.0] = 1.0
    return largest * np.sqrt(((A / largest) ** 2).sum(axis=0))


def _power_of_two(array):
    largest = max(array.max(initial=0.0), -array.min(initial=0.0))
    return 2.0 ** np.frexp(largest)[1] if largest else 1.0
