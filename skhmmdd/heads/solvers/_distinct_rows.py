"""Which rows of a design are the same, and how many columns it offers."""

import numpy as np

from skhmmdd._typing import Floats, Ints

_EPS = np.finfo(np.float64).eps
# Norms in between are of designs whose squares neither overflow nor vanish.
_FINE = (1e-100, 1e100)


def group_rows(X: Floats) -> Ints:
    """Which rows are the same, up to rounding: copies, that move no threshold.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        The number of the group that a row belongs to, from 0 to one less than the
        number of distinct rows.

    Notes
    -----
    Rows are the same when they differ by no more than what a singular value of the
    design is cut off at. Copies are neighbors in the order of a random projection.

    Examples
    --------
    >>> import numpy as np
    >>> groups = group_rows(np.array([[1.0, 0.3], [3.0, 4.0], [1.0, 0.1 + 0.2]]))
    >>> groups == groups[0]
    array([ True, False,  True])
    """
    direction = _direction(X.shape[1])
    projections = X @ direction
    order = np.argsort(projections, kind="stable")
    new = _surely_apart(projections[order], direction, X)
    close = np.flatnonzero(~new)
    if len(close):
        scale = max(X.max(initial=0.0), -X.min(initial=0.0)) or 1.0
        gaps = X[order[close + 1]] / scale - X[order[close]] / scale
        X = X / scale
        size = np.linalg.norm(X - X.mean(axis=0))
        tolerance = max(X.shape) * _EPS * max(size, 1.0)
        new[close] = np.linalg.norm(gaps, axis=1) > tolerance
    groups = np.empty(len(X), dtype=np.intp)
    groups[order] = np.r_[0, np.cumsum(new)]
    return groups


def _direction(size):
    return np.random.RandomState(0).standard_normal(size)


def _surely_apart(projections, direction, X):
    """Whether neighbors differ by more than copies may along a direction.

    Which is the tolerance of `group_rows` and the rounding of the projections: the norm
    of X bounds both, whether centred or not.
    """
    with np.errstate(over="ignore"):
        size = np.linalg.norm(X)
    if not _FINE[0] < size < _FINE[1]:
        return np.zeros(len(projections) - 1, dtype=bool)
    bound = 4 * (max(X.shape) + 1) * _EPS * size * np.linalg.norm(direction)
    return np.diff(projections) > bound


def _count_columns(X, fit_intercept):
    """Distinct columns that are not constant, or without an intercept not zero."""
    direction = _direction(len(X))
    if fit_intercept:
        direction -= direction.mean()
    projections = np.sort(np.append(direction @ X, 0.0))
    if _surely_apart(projections, direction, X).all():
        return X.shape[1]
    # With a column of zeros, which the constant ones are copies of.
    columns = np.zeros((len(X), X.shape[1] + 1))
    columns[:, 1:] = X - X.mean(axis=0) if fit_intercept else X
    return int(group_rows(columns.T).max())


def threshold_ratio(X: Floats, rank: int, *, fit_intercept: bool) -> float:
    """How many columns there are for each one that interpolation takes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The design of a head, finite.
    rank : int
        Its numerical rank, centred if there is an intercept.
    fit_intercept : bool

    Returns
    -------
    float
        The rank over the threshold, which is the number of distinct rows, less one for
        an intercept. Where the rank has reached the threshold, the columns that are
        distinct and not constant are counted in its place, for the rank stays there.
        Infinite where nothing has to be interpolated.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.RandomState(0).standard_normal((21, 50))
    >>> threshold_ratio(X[:, :10], 10, fit_intercept=True)
    0.5
    >>> threshold_ratio(X, 20, fit_intercept=True)
    2.5
    """
    threshold = int(group_rows(X).max()) + 1 - fit_intercept
    if threshold < 1:
        return np.inf
    if rank >= threshold:
        rank = max(rank, _count_columns(X, fit_intercept))
    return rank / threshold
