"""Checks of what the heads are given."""

import re
from contextlib import contextmanager
from numbers import Integral, Number, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.utils import check_array, check_consistent_length

from skhmmdd._base import refuse_weights
from skhmmdd._tables import is_table, named_few, text_columns
from skhmmdd._typing import Array, Floats, Ints
from skhmmdd.heads.solvers._magnitude import (
    DESIGN_RANGE,
    TARGET_RANGE,
    check_magnitude,
)


def check_design(
    X: ArrayLike, name: str = "X", low: float = DESIGN_RANGE[0], **options: Any
) -> Floats:
    """A matrix of finite float64, the largest not below `low`.

    `options` are those of :func:`sklearn.utils.check_array`.
    """
    if is_table(X) and (texts := text_columns(X)):
        raise ValueError(
            f"{name} must hold numbers; there are texts in its columns "
            f"{named_few(texts)}. Drop these columns, or encode them."
        )
    with quiet_sums(), _named(name, "Fill them in, or drop these rows or columns."):
        X = check_array(X, dtype=np.float64, input_name=name, **options)
    check_magnitude(X, name, (low, DESIGN_RANGE[1]))
    return X


def check_targets(
    y: ArrayLike, name: str = "y", low: float = TARGET_RANGE[0]
) -> Floats:
    """Finite float64 of one dimension or two, the largest not below `low`."""
    refuse_texts(y, name)
    with quiet_sums(), _named(name, "Drop the samples without a target."):
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name=name)
    check_magnitude(y, name, (low, TARGET_RANGE[1]))
    return y


def check_train_and_test(
    X: ArrayLike, y: ArrayLike, X_test: ArrayLike | None, y_test: ArrayLike | None
) -> tuple[Floats, Floats, Floats, Floats | None]:
    """A design with its targets, and rows to predict with theirs, if any.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    X_test : ndarray of shape (n_test, n_features)
        Without rows where there are none to predict.
    y_test : ndarray of shape (n_test,) or (n_test, n_outputs), or None
    """
    X, y = check_design(X), check_targets(y)
    check_consistent_length(X, y)
    if X_test is None:
        if y_test is not None:
            raise ValueError("y_test was given without X_test.")
        return X, y, np.empty((0, X.shape[1])), None
    X_test = check_design(X_test, "X_test", low=0.0)
    if X_test.shape[1] != X.shape[1]:
        raise ValueError(
            f"X_test has {X_test.shape[1]} columns, but X has {X.shape[1]}."
        )
    if y_test is None:
        return X, y, X_test, None
    y_test = check_targets(y_test, "y_test", low=0.0)
    check_consistent_length(X_test, y_test)
    if y_test.shape[1:] != y.shape[1:]:
        raise ValueError(f"y_test has shape {y_test.shape}, but y has shape {y.shape}.")
    return X, y, X_test, y_test


def check_widths(widths: ArrayLike | None, n_features: int) -> Ints:
    """Widths as increasing integers, all in [1, n_features]."""
    if widths is None:
        return np.arange(1, n_features + 1)
    return check_counts(widths, "widths", 1, n_features, "the columns of X")


def check_counts(
    counts: ArrayLike, name: str, low: int, high: int, meaning: str
) -> Ints:
    """Integers in increasing order, all in [low, high]; `meaning` is that of `high`."""
    try:
        found = np.unique(np.asarray(counts))
    except ValueError:  # ragged
        raise ValueError(f"{name} must be integers, got {counts!r}.") from None
    if found.ndim != 1 or not len(found) or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"{name} must be integers, got {found!r}.")
    if found[0] < low or found[-1] > high:
        raise ValueError(
            f"{name} must be in [{low}, {high}], {meaning}; got {found[0]} to "
            f"{found[-1]}."
        )
    return found


def check_alpha(alpha: Any) -> float:
    """A penalty as a float; ValueError where it is none, as 10**400."""
    return check_float(alpha, "alpha")


def check_float(value: Any, name: str) -> float:
    """A non-negative number as a float; ValueError where it is none, as 10**400."""
    try:
        return float(value)
    except OverflowError:
        largest = np.finfo(np.float64).max
        message = f"{name} must be in [0, {largest:.3g}]; got an integer beyond it."
        raise ValueError(message) from None


def is_step_count(value):
    """Whether a value is a whole number in [0, inf], and no boolean."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return False
    try:
        value = float(value)
    except OverflowError:
        return False
    return value >= 0 and (value == np.inf or value.is_integer())


def check_step_counts(n_steps: ArrayLike) -> Floats:
    """Numbers of steps, of any shape, as floats."""
    n_steps = np.array(n_steps, dtype=object)
    for value in n_steps.flat:
        if not is_step_count(value):
            raise ValueError(
                "n_steps must be a whole number in [0, inf], infinity included; got "
                f"{value!r}."
            )
    return n_steps.astype(np.float64)


def check_preconditioner(preconditioner: Any, n_features: int) -> Any:
    """None or a name as it is; else a symmetric, positive definite matrix."""
    if preconditioner is None or isinstance(preconditioner, str):
        return preconditioner
    with _named("preconditioner"):
        matrix = check_array(
            preconditioner, dtype=np.float64, input_name="preconditioner"
        )
    if matrix.shape != (n_features, n_features):
        raise ValueError(
            f"preconditioner must have shape ({n_features}, {n_features}), that of the "
            f"columns of X; got shape {matrix.shape}."
        )
    check_magnitude(matrix, "preconditioner")
    gap = float(np.abs(matrix - matrix.T).max())
    if gap > 1e-10 * np.abs(matrix).max():
        raise ValueError(
            "preconditioner must be symmetric; it differs from its transpose by "
            f"{gap:g}."
        )
    matrix = (matrix + matrix.T) / 2
    try:
        linalg.cholesky(matrix, lower=True)
    except linalg.LinAlgError:
        raise ValueError(
            "preconditioner must be positive definite; its smallest eigenvalue is "
            f"{linalg.eigvalsh(matrix)[0]:g}."
        ) from None
    return matrix


def refuse_texts(y: Any, name: str = "y") -> None:
    """Raise ValueError where targets of a regression are texts, as of classes."""
    try:
        cells = np.asarray(y)
    except ValueError:  # ragged, for the reader to refuse
        return
    if cells.dtype.kind in "OUT":
        text = next((cell for cell in cells.flat if isinstance(cell, str)), None)
        if text is not None:
            raise ValueError(
                f"{name} must hold numbers, got the text {str(text)!r}. For classes "
                "take a classifier, such as HeadClassifier."
            )


@contextmanager
def _named(name, remedy_of_nan=""):
    """Say which argument it is that scikit-learn refuses, and what NaN asks for."""
    try:
        yield
    except (TypeError, ValueError) as error:
        message = str(error)
        if remedy_of_nan and message.endswith("contains NaN."):
            raise ValueError(f"{message} {remedy_of_nan}") from None
        if re.search(rf"\b{name}\b", message):
            raise
        raise type(error)(f"{name}: {error}") from error


def quiet_sums() -> np.errstate:
    """Context for scikit-learn's checks, which add up all of an array."""
    return np.errstate(invalid="ignore")


def check_sample_weight(sample_weight: ArrayLike | None, n_samples: int) -> Array:
    """Validate sample weights; an integer dtype is kept, for it means counts.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        None means equal weights.
    n_samples : int
        Number of rows of the design.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Of dtype int64 for counts (integers and booleans), else float64.

    Raises
    ------
    ValueError
        If the shape is wrong, a weight is negative, NaN or infinite, all are zero, or
        the largest is out of range.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    if isinstance(sample_weight, Number):
        sample_weight = np.full(n_samples, sample_weight)
    with quiet_sums(), _named("sample_weight"):
        weights = check_array(
            sample_weight, ensure_2d=False, dtype=None, input_name="sample_weight"
        )
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), one weight a sample; "
            f"got shape {weights.shape}."
        )
    weights = weights.astype(np.int64 if weights.dtype.kind in "biu" else np.float64)
    refuse_weights(weights)
    check_magnitude(weights, "sample_weight")
    return weights


def is_count(value: Any) -> bool:
    """Whether a value is a positive integer, and no boolean."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    return is_integer and int(value) >= 1


def check_base_coef(
    base_coef: ArrayLike | None, n_features: int, n_outputs: int
) -> Floats:
    """Coefficients to start from, of shape (n_features, n_outputs); None is zeros."""
    if base_coef is None:
        return np.zeros((n_features, n_outputs))
    with quiet_sums(), _named("base_coef"):
        coef = check_array(
            base_coef, dtype=np.float64, ensure_2d=False, input_name="base_coef"
        )
    if coef.shape != (n_outputs, n_features) and (
        n_outputs != 1 or coef.shape != (n_features,)
    ):
        also = f"({n_features},) or " if n_outputs == 1 else ""
        raise ValueError(
            f"base_coef must have shape {also}({n_outputs}, {n_features}), as coef_ "
            f"has; got shape {coef.shape}."
        )
    return coef.reshape(n_outputs, n_features).T


def rows_of_weight(
    X: Floats, targets: Floats, sample_weight: ArrayLike | None, *others: Floats
) -> tuple[Array, ...]:
    """The rows of positive weight, which alone are fitted, and their weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
    targets : ndarray of shape (n_samples, q)
    sample_weight : array-like of shape (n_samples,), float or None
    *others : ndarray of shape (n_samples, ...)
        What else there is of each sample.

    Returns
    -------
    X, targets, *others, weights : ndarray

    Raises
    ------
    ValueError
        As `check_sample_weight`, or if X or targets are of a size that squares cannot
        hold.
    """
    weights = check_sample_weight(sample_weight, len(X))
    arrays = (X, targets, *others, weights)
    if not weights.all():
        arrays = tuple(array[weights > 0] for array in arrays)
    check_magnitude(arrays[0], "X", DESIGN_RANGE)
    check_magnitude(arrays[1], "y", TARGET_RANGE)
    return arrays
