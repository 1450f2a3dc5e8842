"""Checks of the arguments of a curve, and the splits that they ask for."""

from numbers import Integral

from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, check_cv
from sklearn.utils.multiclass import type_of_target


def check_quantiles(quantiles):
    """Raise ValueError unless these are a lower and an upper quantile."""
    if len(quantiles) != 2 or not 0 <= quantiles[0] <= quantiles[1] <= 1:
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


def make_cv(cv, train_size, y, classifier, random_state):
    """Cross-validation, or random training sets of one size.

    Parameters
    ----------
    cv, train_size, random_state : object
        As in :class:`~skhmmdd.DoubleDescentCurve`.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    classifier : bool
        Classes are spread evenly over the splits.

    Returns
    -------
    cross-validation generator
    """
    if train_size is None:
        return check_cv(cv, y, classifier=classifier)
    if not (cv is None or isinstance(cv, Integral)):
        raise ValueError(
            "train_size needs cv to be None or the number of random splits, got "
            f"cv={cv!r}. Set train_size=None to use that splitter."
        )
    stratify = classifier and type_of_target(y) in ("binary", "multiclass")
    splitter = StratifiedShuffleSplit if stratify else ShuffleSplit
    return splitter(
        n_splits=10 if cv is None else cv,
        train_size=train_size,
        random_state=random_state,
    )
