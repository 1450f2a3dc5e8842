"""What every estimator of the package shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._param_validation import validate_params as _validate_params
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skhmmdd._docs import doc_link_template
from skhmmdd._tables import as_array, is_missing, is_table, steps_first
from skhmmdd._typing import Array

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Keeping(Protocol):
    def __call__(self, *args: Any, **kwargs: Any) -> Callable[[_Function], _Function]:
        """A decorator that leaves the signature as it is."""
        ...


# scikit-learn is untyped: under its own names these would take the type of whatever
# they decorate away.
fit_context: _Keeping = _fit_context
validate_params: _Keeping = _validate_params


class SkhmmddEstimator(BaseEstimator):
    """Base of the package's estimators: the documentation link of the HTML repr."""

    _doc_link_module = "skhmmdd"

    @property
    def _doc_link_template(self) -> str:
        # An empty link is scikit-learn's way of showing none.
        return doc_link_template()


# What scikit-learn notes of the columns of X.
COLUMNS = ("n_features_in_", "feature_names_in_")


def forget(estimator: BaseEstimator, *names: str) -> None:
    """Delete attributes that an earlier fit may have left."""
    for name in names:
        vars(estimator).pop(name, None)


def share_columns(fitted: BaseEstimator, other: BaseEstimator) -> None:
    """Let another estimator know the columns that one was fitted on, and no others."""
    forget(other, *COLUMNS)
    for name in COLUMNS:
        if hasattr(fitted, name):
            setattr(other, name, getattr(fitted, name))


def check_sequence_table(
    estimator: BaseEstimator, X: Any, *, reset: bool, channels_first: bool = False
) -> Any:
    """Hold a table of sequences to the columns that `fit` saw.

    A DataFrame or a 2-D float array is a table: scikit-learn's rules on
    `n_features_in_` and `feature_names_in_` apply. Arrays of symbols and lists
    may be as long as they like. `channels_first` says that the channels of arrays
    stand before the steps: what comes back has them last.

    Returns
    -------
    ndarray, MaskedArray or object
        `X` as an array, if it is a table, a column or an array of any library; what
        the values are worth is for the reader to see.
    """
    if reset:
        forget(estimator, *COLUMNS)  # lists set neither
    array = as_array(X)
    if channels_first and isinstance(array, (np.ndarray, Sequence)):
        array = steps_first(array)  # and no iterable of batches
    is_frame = is_table(X)
    is_array = isinstance(array, np.ndarray) and array.ndim == 2
    if is_frame or (is_array and array.dtype.kind not in "iub"):
        check_columns(estimator, X if is_frame else array, reset=reset)
    elif reset and isinstance(array, np.ndarray) and array.ndim in (2, 3):
        estimator.n_features_in_ = array.shape[-1]
    return array


def check_columns(estimator: BaseEstimator, X: Any, *, reset: bool) -> None:
    """scikit-learn's rules on `n_features_in_` and `feature_names_in_` alone."""
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def require_targets(estimator: BaseEstimator, y: Any) -> None:
    """Raise ValueError where there are no targets."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )


def refuse_bool(value: Any, name: str, wanted: str = "an integer") -> None:
    """Raise ValueError for a boolean, which passes for an integer."""
    if isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be {wanted}; got {value!r}.")


def refuse_weights(weights: Array) -> None:
    """Raise ValueError where a sample weight is negative, or all are zero."""
    if weights.min() < 0:
        worst = int(weights.argmin())
        raise ValueError(
            "sample_weight must be non-negative; "
            f"got {weights[worst]} for sample {worst}."
        )
    if not weights.any():
        raise ValueError(
            "sample_weight must be positive for at least one sample; got only zeros."
        )


def check_labels(y: ArrayLike, name: str) -> Array:
    """Return a vector of class labels, or refuse it by name."""
    refuse_missing(y, name)
    labels = column_or_1d(y)
    assert_all_finite(labels, input_name=name)
    check_classification_targets(labels)
    return labels


def refuse_missing(y: ArrayLike, name: str = "y") -> None:
    """Raise ValueError where a label is missing, which no sort can place."""
    try:
        labels = np.asarray(y)
    except ValueError:  # ragged, for the reader to refuse
        return
    if labels.dtype.kind == "O" and labels.ndim:
        for i, label in enumerate(labels.flat):
            if is_missing(label):
                raise ValueError(
                    f"{name}[{i}] is missing ({label!r}): drop the sample, or give it "
                    "a label."
                )
