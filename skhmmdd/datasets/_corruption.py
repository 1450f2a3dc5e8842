"""Training sets with a known fault: rows that are repeated, labels that are flipped."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from skhmmdd._base import check_labels, refuse_bool, validate_params
from skhmmdd._typing import Array, Ints, RandomState


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_distinct": [Interval(Integral, 0, None, closed="left")],
        "fraction": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def repeat_samples(
    n_samples: int,
    n_distinct: int,
    fraction: float,
    random_state: RandomState = None,
) -> tuple[Ints, Ints]:
    """Choose a training set of which a share is a few rows, met again and again.

    No row is copied: what is repeated comes as counts, which the heads take for
    `sample_weight`.

    Parameters
    ----------
    n_samples : int
        Rows of the data set, and size of the training set with its copies counted; in
        [1, inf).
    n_distinct : int
        Rows in the pool that is repeated, in [1, fraction * n_samples]; 0 only where
        the pool takes up nothing.
    fraction : float
        Share of the training set that comes from the pool, in [0, 1), rounded to
        whole samples.
    random_state : int, RandomState instance or None, default=None
        Chooses the rows.

    Returns
    -------
    indices : ndarray of int of shape (n_rows,)
        The distinct rows of the training set: the pool first, then those that occur
        once, each in random order.
    sample_weight : ndarray of int of shape (n_rows,)
        How often each of them occurs: rows of the pool as equally often as whole
        numbers allow. They add up to `n_samples`.

    Raises
    ------
    ValueError
        If an argument is out of its range. One that is no number, or a boolean where
        a count is meant, is refused too.

    See Also
    --------
    flip_labels : Another fault of a training set.
    skhmmdd.theory.repeated_data_risk : The risk that it costs.

    Notes
    -----
    A head with more columns than the training set has distinct rows passes through
    them all, and how often each occurs then changes nothing: the threshold is the
    number of distinct rows, not of samples.

    References
    ----------
    Hernandez et al., arXiv:2205.10487.

    Examples
    --------
    Half of a hundred samples are ten rows, five times each:

    >>> from skhmmdd.datasets import repeat_samples
    >>> indices, sample_weight = repeat_samples(100, 10, 0.5, random_state=0)
    >>> len(indices), int(sample_weight.sum())
    (60, 100)
    >>> sample_weight[:12]
    array([5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 1, 1])
    """
    for name, value in (("n_samples", n_samples), ("n_distinct", n_distinct)):
        refuse_bool(value, name)
    copies = round(fraction * n_samples)
    if not min(copies, 1) <= n_distinct <= copies:
        raise ValueError(
            f"n_distinct must be in [{min(copies, 1)}, fraction * n_samples = "
            f"{copies}]; got {n_distinct}."
        )
    n_rows = n_samples - copies + n_distinct
    indices = check_random_state(random_state).permutation(n_samples)[:n_rows]
    sample_weight = np.ones(n_rows, dtype=np.int64)
    if n_distinct:
        often, once_more = divmod(copies, n_distinct)
        sample_weight[:n_distinct] = often
        sample_weight[:once_more] += 1
    return indices, sample_weight


@validate_params(
    {
        "y": ["array-like"],
        "fraction": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def flip_labels(
    y: ArrayLike, fraction: float, *, random_state: RandomState = None
) -> tuple[Array, NDArray[np.bool_]]:
    """Give a share of the samples the label of another class.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class labels, of at least two classes.
    fraction : float
        Share of the samples that are flipped, in [0, 1], rounded to whole samples.
    random_state : int, RandomState instance or None, default=None
        Chooses which, and their new labels: each other class of `y` is as likely.

    Returns
    -------
    y_noisy : ndarray of shape (n_samples,)
        The labels with flips. A copy: `y` is left as it is.
    flipped : ndarray of bool of shape (n_samples,)
        Where they are flipped. There, and only there, `y_noisy` differs from `y`.

    Raises
    ------
    ValueError
        If `y` is not a vector of class labels, or of fewer than two, or `fraction` is
        out of its range.

    See Also
    --------
    skhmmdd.curve.neighbor_recovery : Whether neighbours know the clean label.
    repeat_samples : Another fault of a training set.

    References
    ----------
    Gu, Zheng and Aste, arXiv:2310.13572, for label noise and double descent.

    Examples
    --------
    >>> from skhmmdd.datasets import flip_labels
    >>> y_noisy, flipped = flip_labels(["yes", "no"] * 5, 0.2, random_state=0)
    >>> int(flipped.sum())
    2
    """
    labels = check_labels(y, "y")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y must have at least 2 classes, to flip one to another; got {classes!r}."
        )
    rng = check_random_state(random_state)
    n_flips = round(fraction * len(labels))
    flipped = np.zeros(len(labels), dtype=bool)
    flipped[rng.permutation(len(labels))[:n_flips]] = True
    # A step of 1 to n - 1 round the circle of classes never comes back to its start.
    steps = rng.randint(1, len(classes), size=n_flips)
    y_noisy = labels.copy()
    y_noisy[flipped] = classes[(codes[flipped] + steps) % len(classes)]
    return y_noisy, flipped
