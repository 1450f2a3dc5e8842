"""Do the neighbors of a mislabeled sample know its label? At every width at once."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions

from skhmmdd._base import check_labels, validate_params
from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Floats
from skhmmdd.heads._validation import check_design, check_widths

# Inner products held at a time: bounds the memory.
_BLOCK = 2**18
_TINY = np.finfo(np.float64).tiny


@validate_params(
    {
        "X": "no_validation",
        "y_noisy": "no_validation",
        "y_clean": "no_validation",
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions({"cosine", "euclidean"})],
        "widths": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def neighbor_recovery(
    X: ArrayLike,
    y_noisy: ArrayLike,
    y_clean: ArrayLike,
    *,
    n_neighbors: int = 5,
    metric: Literal["cosine", "euclidean"] = "cosine",
    widths: ArrayLike | None = None,
) -> Floats:
    r"""Share of mislabeled samples to which their neighbors give the clean label.

    Nearest neighbors among the correctly labeled samples vote on the flipped ones, in
    the leading columns of `X`. A high share says that the representation keeps noisy
    samples among their own class.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Nested features: the leading columns are the narrower representation.
    y_noisy : array-like of shape (n_samples,)
        Labels with noise, as :func:`~skhmmdd.datasets.flip_labels` makes it.
    y_clean : array-like of shape (n_samples,)
        The correct labels. Where they differ, a sample is flipped.
    n_neighbors : int, default=5
        Neighbours that vote, in [1, number of samples with a correct label].
    metric : {"cosine", "euclidean"}, default="cosine"
        What is near.
    widths : array-like of int, default=None
        Widths wanted, each in [1, n_features]; None is all of them.

    Returns
    -------
    recovery : ndarray of shape (n_widths,)
        Share of the flipped samples, at each width in increasing order.

    Raises
    ------
    ValueError
        If no label is flipped, fewer samples than `n_neighbors` are labeled correctly,
        a row is zero in the columns of some width and `metric` is "cosine", or an
        argument is out of its range, or holds NaN or infinity.

    See Also
    --------
    width_path : The head at every width.
    skhmmdd.datasets.flip_labels : Flips labels.

    Notes
    -----
    At each width the share is that of `sklearn.neighbors.KNeighborsClassifier`, fitted
    on the samples with a correct label and asked about the others. Inner products are
    accumulated from width to width, and no neighbor is farther than the farthest of
    those of the last width, so that few candidates have to be put in order.

    In a tie of votes the first class in order wins. Of samples at exactly the same
    distance, those are neighbors that :func:`numpy.argpartition` puts first, which is
    scikit-learn's choice under "cosine".

    The frozen features do not learn from the labels, so the share has no reason to
    follow the accuracy of the head through its peak; for networks trained whole it is
    reported to (see the reference).

    References
    ----------
    Gu, Zheng and Aste, arXiv:2310.13572.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import flip_labels, neighbor_recovery
    >>> rng = np.random.RandomState(0)
    >>> y = np.arange(200) % 2
    >>> X = rng.standard_normal((200, 30)) + y[:, None]
    >>> y_noisy, flipped = flip_labels(y, 0.2, random_state=0)
    >>> neighbor_recovery(X, y_noisy, y, widths=[1, 5, 30])
    array([0.625, 0.775, 0.95 ])
    """
    X = check_design(X)
    noisy, clean = check_labels(y_noisy, "y_noisy"), check_labels(y_clean, "y_clean")
    check_consistent_length(X, noisy, clean)
    widths = check_widths(widths, X.shape[1])
    flipped = noisy != clean
    if not flipped.any():
        raise ValueError(
            "y_noisy must differ from y_clean somewhere; no label is flipped."
        )
    n_correct = int(np.count_nonzero(~flipped))
    if n_neighbors > n_correct:
        raise ValueError(
            "n_neighbors must be in [1, number of samples with a correct label = "
            f"{n_correct}]; got {n_neighbors}."
        )
    # By a power of two, which rounds nothing: squares neither overflow nor vanish.
    scale = np.abs(X).max(axis=1 if metric == "cosine" else None, keepdims=True)
    X = np.ldexp(X, -np.frexp(scale)[1])
    if metric == "cosine":
        narrow = X[:, : widths[0]]
        zero = np.flatnonzero(np.einsum("ij,ij->i", narrow, narrow) < _TINY)
        if len(zero):
            raise ValueError(
                f"X must have no zero row under metric='cosine'; row {zero[0]} is zero "
                f"in its first {widths[0]} column(s). Choose greater widths, or "
                "metric='euclidean'."
            )
    classes, votes = np.unique(clean[~flipped], return_inverse=True)
    pool, asked = X[~flipped], X[flipped]
    right = classes == clean[flipped][:, None]
    size = max(1, _BLOCK // n_correct)
    recovered = np.zeros(len(widths))
    with single_blas_thread():
        for start in range(0, len(asked), size):
            some = slice(start, start + size)
            recovered += _count(
                asked[some],
                right[some],
                pool,
                votes,
                widths,
                n_neighbors,
                metric == "cosine",
            )
    return recovered / len(asked)


def _count(asked, right, pool, votes, widths, n_neighbors, cosine):
    """How many of the rows `asked` get a right class, at each width.

    `right` has one column for each class, `votes` the class of each row of `pool`.
    """
    one_hot = np.eye(right.shape[1])[votes]
    inner = np.zeros((len(asked), len(pool)))
    work = np.empty_like(inner)
    squares = [np.zeros(len(asked)), np.zeros(len(pool))]
    every = np.arange(len(asked))
    neighbors = None
    counts = np.empty(len(widths))

    def distances(rows, columns):
        """As scikit-learn has them, or what orders like them."""
        if not cosine:
            # the squared length of the row that is asked moves no neighbor
            return squares[1][columns] - 2.0 * inner[rows, columns]
        return 1.0 - inner[rows, columns] / (lengths[0][rows] * lengths[1][columns])

    first = 0
    for which, width in enumerate(widths):
        # 1. inner products and squared lengths, by the columns that are new
        new = [rows[:, first:width] for rows in (asked, pool)]
        if width - first == 1:
            np.multiply(new[0], new[1].T, out=work)
        else:
            np.matmul(new[0], new[1].T, out=work)
        inner += work
        for square, columns in zip(squares, new, strict=True):
            square += np.einsum("ij,ij->i", columns, columns)
        lengths = [np.sqrt(square) for square in squares]
        first = width

        # 2. candidates: none is farther than the farthest of the last neighbors
        if neighbors is None:
            tied = every
            neighbors = np.empty((len(every), n_neighbors), dtype=np.intp)
        else:
            farthest = distances(every[:, None], neighbors).max(axis=1)
            if cosine:  # a margin for rounding saves a division for every pair
                bound = (1.0 - farthest - 1e-14) * lengths[0]
                near = inner >= np.multiply(bound[:, None], lengths[1], out=work)
            else:
                np.multiply(inner, -2.0, out=work)
                work += squares[1]
                near = work <= farthest[:, None]

            # 3. the nearest of the candidates of each row
            rows, columns = np.divmod(np.flatnonzero(near), len(pool))
            distance = distances(rows, columns)
            order = np.lexsort((distance, rows))
            distance, columns = distance[order], columns[order]
            starts = np.searchsorted(rows, every)
            neighbors = columns[starts[:, None] + np.arange(n_neighbors)]
            last = starts + n_neighbors - 1
            after = np.minimum(last + 1, len(rows) - 1)
            more = (rows[after] == every) & (after > last)
            tied = np.flatnonzero(more & (distance[after] == distance[last]))
        for row in tied:  # the whole row decides, as it does in scikit-learn
            whole = distances(row, slice(None))
            neighbors[row] = np.argpartition(whole, n_neighbors - 1)[:n_neighbors]

        # 4. their votes
        tally = one_hot[neighbors].sum(axis=1)
        counts[which] = np.count_nonzero(right[every, tally.argmax(axis=1)])
    return counts
