"""Checks of the arguments of a curve, and the splits that they ask for."""

from collections.abc import Iterable, Sized
from numbers import Integral, Real

import numpy as np
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
    check_cv,
)
from sklearn.utils import assert_all_finite, indexable
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from skhmmdd._base import COLUMNS, check_columns, forget, refuse_missing
from skhmmdd._tables import as_array
from skhmmdd.heads._validation import quiet_sums
from skhmmdd.heads.solvers._distinct_rows import group_rows
from skhmmdd.heads.solvers._magnitude import check_magnitude


def check_quantiles(quantiles):
    """Raise ValueError unless these are a lower and an upper quantile."""
    numbers = all(isinstance(quantile, Real) for quantile in quantiles)
    if len(quantiles) != 2 or not (numbers and 0 <= quantiles[0] <= quantiles[1] <= 1):
        raise ValueError(
            "quantiles must be a lower and an upper quantile in [0, 1], got "
            f"{quantiles!r}."
        )


def check_param_name(estimator, param_name):
    """Raise ValueError unless the estimator has a parameter of that name."""
    names = sorted(estimator.get_params())
    if param_name not in names:
        raise ValueError(
            f"param_name={param_name!r} is not a parameter of "
            f"{type(estimator).__name__}. Valid names are: {', '.join(names)}."
        )


def remember_features(estimator, X):
    """Set, or take away, what scikit-learn notes of the columns seen in `fit`."""
    forget(estimator, *COLUMNS)
    # The second axis of a three-dimensional X is time.
    if len(getattr(X, "shape", ())) == 2:
        check_columns(estimator, X, reset=True)


def make_cv(cv, train_size, y, classifier, random_state, grouped=False):
    """Cross-validation, or random training sets of one size.

    Parameters
    ----------
    cv, train_size, random_state : object
        As in :class:`~skhmmdd.DoubleDescentCurve`.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    classifier : bool
        Classes are spread evenly over the splits.
    grouped : bool, default=False
        Whole groups are drawn, whatever their classes.

    Returns
    -------
    cross-validation generator
    """
    if train_size is None:
        if isinstance(cv, Iterable) and not hasattr(cv, "split"):
            cv = [_check_pair(index, split) for index, split in enumerate(cv)]
        return check_cv(cv, y, classifier=classifier)
    if not (cv is None or isinstance(cv, Integral)):
        raise ValueError(
            "train_size needs cv to be None or the number of random splits, got "
            f"cv={cv!r}. Set train_size=None to use that splitter."
        )
    if grouped and isinstance(train_size, Integral):
        raise ValueError(
            f"train_size={train_size} counts samples, but with groups whole groups are "
            "drawn. Give the fraction of the groups to train on, in (0, 1), or "
            "train_size=None and cv=GroupShuffleSplit(...)."
        )
    stratify = classifier and type_of_target(y) in ("binary", "multiclass")
    splitter = StratifiedShuffleSplit if stratify else ShuffleSplit
    if grouped:
        splitter = GroupShuffleSplit
    return splitter(
        n_splits=10 if cv is None else cv,
        train_size=train_size,
        random_state=random_state,
    )


def check_data(X, y, groups, classifier):
    """Samples, targets and groups of one length, the targets such as can be judged."""
    if X is None:
        raise ValueError("X must hold one entry a sample; got None.")
    for name, value in (("X", X), ("y", y)):
        try:
            _num_samples(value)
        except TypeError as error:
            message = f"{name} must hold one entry a sample; got {value!r}. {error}"
            raise TypeError(message) from error
    X, y, groups = indexable(X, y, groups)
    try:
        targets = np.asarray(y)
    except ValueError as error:
        raise ValueError(
            f"y must hold as many targets for every sample. {error}"
        ) from error
    if targets.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: y is of dtype {targets.dtype}.")
    if targets.dtype.kind in "mMV":
        raise ValueError(f"y must hold numbers or labels; got dtype {targets.dtype}.")
    if classifier:
        refuse_missing(targets)
    if targets.dtype.kind == "f":
        with quiet_sums():
            assert_all_finite(targets, input_name="y")
        if not classifier:
            check_magnitude(targets, "y")
    return X, y, groups


def make_splits(splitter, X, y, params):
    """Indices, or masks, of the training and of the test samples of every split.

    `params` are what the splitter requested, as `groups`.
    """
    n_samples = _num_samples(X)
    splits = []
    for index, split in enumerate(splitter.split(X, y, **params)):
        pair = zip(("training", "test"), _check_pair(index, split), strict=True)
        where = f"set of split {index} of cv"
        splits.append(
            tuple(_check_indices(i, n_samples, f"{name} {where}") for name, i in pair)
        )
    if not splits:
        raise ValueError("cv must give at least one split, got none.")
    return splits


def _check_pair(index, split):
    if not isinstance(split, Sized) or isinstance(split, str) or len(split) != 2:
        raise ValueError(
            "cv must give pairs of the indices of training and of test samples; split "
            f"{index} is {split!r}."
        )
    return split


def _check_indices(indices, n_samples, name):
    try:
        array = np.asarray(indices)
    except ValueError:  # ragged
        array = np.empty((0, 0), dtype=object)
    is_mask = array.dtype.kind == "b" and array.shape == (n_samples,)
    if array.ndim != 1 or not (is_mask or (array.dtype.kind in "iu" and len(array))):
        raise ValueError(
            f"The {name} must be a vector of indices, or a mask of the {n_samples} "
            f"samples; got {indices!r}."
        )
    if is_mask:
        if not array.any():
            raise ValueError(f"The {name} must hold at least one sample, got none.")
        return array
    outside = array[(array < -n_samples) | (array >= n_samples)]
    if len(outside):
        raise ValueError(
            f"The {name} must hold indices in [0, {n_samples}), the samples; got "
            f"{outside[0]}."
        )
    return array


def share_of_copies(X, splits):
    """Share of the test samples that have a copy in the training set of their split.

    Parameters
    ----------
    X : indexable of length n_samples
        Rows of numbers are compared, up to rounding; anything else counts as distinct.
    splits : list of (train, test)

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0], [2.0], [1.0], [3.0]])
    >>> share_of_copies(X, [(np.array([0, 1]), np.array([2, 3]))])
    0.5
    """
    rows = as_array(X)
    if (
        not isinstance(rows, np.ndarray)
        or rows.ndim != 2
        or rows.dtype.kind not in "fiub"
    ):
        return 0.0
    if not rows.shape[1] or not np.isfinite(rows).all():
        return 0.0
    groups = group_rows(rows.astype(np.float64))
    copied = [np.isin(groups[test], groups[train]) for train, test in splits]
    return float(np.mean(np.concatenate(copied)))
