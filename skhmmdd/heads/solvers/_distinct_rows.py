"""Which rows of a design are the same, and how many columns it offers."""

import numpy as np

from skhmmdd._typing import Floats, Ints


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
    scale = np.abs(X).max(initial=0.0)
    if scale == 0:
        return np.zeros(len(X), dtype=np.intp)
    X = X / scale
    size = np.linalg.norm(X - X.mean(axis=0))
    tolerance = max(X.shape) * np.finfo(np.float64).eps * max(size, 1.0)
    direction = np.random.RandomState(0).standard_normal(X.shape[1])
    order = np.argsort(X @ direction, kind="stable")
    gaps = np.linalg.norm(np.diff(X[order], axis=0), axis=1)
    groups = np.empty(len(X), dtype=np.intp)
    groups[order] = np.r_[0, np.cumsum(gaps > tolerance)]
    return groups


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
        columns = (X - X.mean(axis=0) if fit_intercept else X).T
        distinct = int(group_rows(np.vstack([columns, np.zeros(len(X))])).max())
        rank = max(rank, distinct)
    return rank / threshold
