"""What a forecast leaves out: distinct rows, their groups, and the risks of both."""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d

from skhmmdd._typing import Floats, Ints
from skhmmdd.curve._landmarks import INTERPOLATION_TOLERANCE
from skhmmdd.heads.solvers._distinct_rows import group_rows
from skhmmdd.heads.solvers._left_out_groups import members_by_size


class LeftOutRows(NamedTuple):
    """Distinct rows of a training set, and which of them are left out together."""

    X: Floats
    """Shape (n_rows, p): one of each set of copies that are in the same group."""
    y: Floats
    """Mean targets of the copies, shape (n_rows, q)."""
    weights: Floats
    """How many copies, shape (n_rows,)."""
    members: list[Ints]
    """As `members_by_size` has them."""
    row_of: Ints
    """The row of each sample, shape (n,)."""
    n_distinct: int
    """Number of distinct rows, in whatever group."""
    n_groups: int
    n_copies_kept: int
    """Number of samples with a copy in another group."""
    n_left_with: float
    """How many distinct rows beside its own leave with a sample, on average."""
    copies_agree: bool
    """Whether copies have the same targets, as far as training risk tells."""

    def risks(self, targets, blocks, residuals):
        """Risks of all samples and of blocks of them, from residuals left out.

        Parameters
        ----------
        targets : Targets
        blocks : ndarray of shape (n, n_blocks)
            From `blocks`.
        residuals : ndarray of shape (n_widths, n_rows, q)

        Returns
        -------
        ndarray of shape (n_risks * (1 + n_blocks), n_widths)
            Of every risk first that of all samples, then those of the blocks.
        """
        losses = targets.losses(self._errors(targets, residuals))
        means = np.concatenate([losses.mean(axis=2)[..., None], losses @ blocks], 2)
        n_risks, n_widths, n_means = means.shape
        return np.moveaxis(means, 2, 1).reshape(n_risks * n_means, n_widths)

    def losses(self, targets, of_risk, residuals):
        """Losses (m, n) of all samples from residuals left out, (m, n_rows, q)."""
        losses = targets.losses(self._errors(targets, residuals))
        return losses[of_risk].astype(np.float64)

    def _errors(self, targets, residuals):
        return residuals[:, self.row_of] + (targets.coded - self.y[self.row_of])

    def blocks(self, n_blocks):
        """Blocks of whole groups, about equal, at random: weights of a mean in each.

        Parameters
        ----------
        n_blocks : int
            At most; never more than groups.

        Returns
        -------
        ndarray of shape (n, n_blocks)
        """
        group_of = np.arange(len(self.X))
        for together in self.members:
            group_of[together] = together[:, :1]
        _, group_of = np.unique(group_of, return_inverse=True)
        n_blocks = min(n_blocks, self.n_groups)
        block_of = np.arange(self.n_groups) % n_blocks
        block_of = np.random.RandomState(0).permutation(block_of)[group_of][self.row_of]
        inside = block_of[:, None] == np.arange(n_blocks)
        return inside / inside.sum(axis=0)

    def variance_within(self, targets):
        """Mean squared distance of the coded targets from those of their copies."""
        return float(np.mean((targets.coded - self.y[self.row_of]) ** 2))


def arrange_rows(X: Floats, y: Floats, groups: ArrayLike | None) -> LeftOutRows:
    """Merge the copies within a group, and find which rows are left out together.

    Without `groups` the copies of a row are one, with a warning; unless there is but
    one distinct row.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    y : ndarray of shape (n, q)
    groups : array-like of shape (n,) or None

    Returns
    -------
    LeftOutRows
    """
    n = len(X)
    # Columns that are constant tell no rows apart, and their size would hide others.
    copies = group_rows(X[:, (X != X[0]).any(axis=0)])
    n_distinct = int(copies.max()) + 1
    if groups is None:
        group_of = copies if n_distinct > 1 else np.arange(n)
        if 1 < n_distinct < n:
            warnings.warn(
                f"Of the {n} rows of X only {n_distinct} are distinct. The copies of a "
                "row are left out together: the forecast is for rows that are new. "
                "groups=np.arange(len(X)) leaves out one at a time; groups= also tells "
                "of rows that belong together and are no copies.",
                UserWarning,
                stacklevel=4,
            )
    else:
        group_of = _number_groups(groups, n)
    # Rows of one group that are the same, in the order in which they come.
    names = copies * (int(group_of.max()) + 1) + group_of
    _, first, row_of, counts = np.unique(
        names, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    first, counts, row_of = first[order], counts[order], np.argsort(order)[row_of]
    # In how many groups a distinct row stands.
    spread = np.bincount(copies[first])
    sizes = np.bincount(group_of[first])
    return LeftOutRows(
        X=X[first],
        y=_means(y, row_of),
        weights=counts.astype(np.float64),
        members=members_by_size(group_of[first]),
        row_of=row_of,
        n_distinct=n_distinct,
        n_groups=len(sizes),
        n_copies_kept=int(np.sum(spread[copies] > 1)),
        n_left_with=float(np.mean(sizes[group_of])) - 1.0,
        copies_agree=_agree(y, copies),
    )


def _number_groups(groups, n):
    groups = column_or_1d(groups)
    if len(groups) != n:
        check_consistent_length(np.empty(n), groups)
    if groups.dtype.kind == "f":
        assert_all_finite(groups, input_name="groups")
    try:
        names, group_of = np.unique(groups, return_inverse=True)
    except TypeError as error:
        raise TypeError(f"groups must be labels of one type: {error}.") from None
    if len(names) < 2:
        raise ValueError(
            "groups must hold at least two groups, one of which is left out at a "
            f"time; got {names.tolist()}."
        )
    return group_of


def _agree(targets, copies):
    """Whether the same row always has the same targets, as far as training risk tells.

    By the tolerance that a measured curve is held to.
    """
    within = np.mean((targets - _means(targets, copies)[copies]) ** 2)
    constant = np.mean((targets - targets.mean(axis=0)) ** 2)
    return bool(within <= INTERPOLATION_TOLERANCE * constant)


def _means(y, row_of):
    """Mean of y (n, q) over the samples of each row."""
    counts = np.bincount(row_of)
    return np.stack([np.bincount(row_of, column) / counts for column in y.T], axis=1)
