"""Numbers or classes to predict, and the risks of predicting them."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions

from skhmmdd._base import check_labels
from skhmmdd._typing import Array, Floats, Ints
from skhmmdd.heads._targets import code_labels, labels_of, probabilities_of
from skhmmdd.heads._validation import check_alpha, check_design, check_targets

# Arguments of the functions that take nested features and targets.
CONSTRAINTS: dict[str, Any] = {
    "X": "no_validation",
    "y": "no_validation",
    "widths": ["array-like", None],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "fit_intercept": ["boolean"],
    "rcond": [None, Interval(Real, 0, 1, closed="left")],
    "classifier": ["boolean", None],
    "risk": [StrOptions({"squared_error", "zero_one_error"})],
    "n_jobs": [None, Integral],
}

# How a summary calls a risk.
RISK_WORDS = {
    "squared_error": "Squared error",
    "zero_one_error": "Share of wrong classes",
}


class Targets(NamedTuple):
    """Targets as a head is fitted to them, (n, q), and the labels behind, if any."""

    coded: Floats
    labels: Array | None
    classes: Array | None

    @property
    def risk_names(self) -> list[str]:
        """What `risks` gives, in its order."""
        names = ["squared_error", "zero_one_error"]
        return names[:1] if self.classes is None else names

    def risks(self, errors: Floats) -> Floats:
        """Risks from what predictions miss, (n_risks, n_widths): means of `losses`."""
        return self.losses(errors).mean(axis=2)

    def losses(self, errors: Floats) -> Floats:
        """Losses of every sample from what predictions miss.

        Parameters
        ----------
        errors : ndarray of shape (n_widths, n, q)
            Coded targets less scores.

        Returns
        -------
        ndarray of shape (n_risks, n_widths, n)
            In the order of `risk_names`.
        """
        if self.classes is None or self.labels is None:
            return np.mean(errors**2, axis=2)[None]
        n_widths, n, q = errors.shape
        scores = (self.coded - errors).reshape(n_widths * n, q)
        scores = scores[:, 0] if len(self.classes) == 2 else scores
        labels = np.tile(self.labels, n_widths)
        off = probabilities_of(scores) - (labels[:, None] == self.classes)
        wrong = labels_of(scores, self.classes) != labels
        losses = np.stack([np.sum(off**2, axis=1), wrong])
        return losses.reshape(2, n_widths, n)

    def of_rows(self, rows: Ints) -> "Targets":
        """The targets of some of the rows."""
        labels = None if self.labels is None else self.labels[rows]
        return Targets(self.coded[rows], labels, self.classes)

    @property
    def to_risk(self) -> float:
        """What takes the mean square of coded residuals to the squared error.

        That of classes is summed over them. Two have one score, twice as far apart as
        their probabilities, and as far off for the one as for the other.
        """
        if self.classes is None:
            return 1.0
        return 0.5 if len(self.classes) == 2 else float(len(self.classes))


def read_nested(
    X: ArrayLike,
    y: ArrayLike,
    classifier: bool | None,
    risk: str,
    **options: Any,
) -> tuple[Floats, Targets, dict[str, Any]]:
    """Check nested features, targets, and the options of their heads.

    Parameters
    ----------
    X, y, classifier, risk
        As `read_targets` and `check_design` take them; at least three samples.
    **options : dict
        `alpha`, `fit_intercept` and `rcond`.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    targets : Targets
    options : dict
    """
    X = check_design(X, ensure_min_samples=3)
    targets = read_targets(y, classifier, risk)
    check_consistent_length(X, targets.coded)
    return X, targets, {**options, "alpha": check_alpha(options["alpha"])}


def read_targets(y: ArrayLike, classifier: bool | None, risk: str) -> Targets:
    """Numbers, or classes: where they are asked for, or `y` does not hold numbers.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, q)
    classifier : bool or None
    risk : {"squared_error", "zero_one_error"}

    Returns
    -------
    Targets
    """
    wrong_labels = risk == "zero_one_error"
    if classifier is None:
        classifier = wrong_labels or _holds_names(np.asarray(y))
    if not classifier:
        if wrong_labels:
            raise ValueError(
                "risk='zero_one_error' needs classes, got classifier=False."
            )
        numbers = check_targets(y)
        return Targets(numbers.reshape(len(numbers), -1), None, None)
    labels = check_labels(y, "y")
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            f"y must hold at least two classes; got one class: {classes.tolist()}."
        )
    coded = code_labels(labels, classes)
    return Targets(coded.reshape(len(labels), -1), labels, classes)


def _holds_names(y):
    if y.dtype.kind == "O":
        return any(isinstance(value, str | bool | np.bool_) for value in y.flat)
    return y.dtype.kind in "USTb"
