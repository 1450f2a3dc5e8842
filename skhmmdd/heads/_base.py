"""What all linear heads share: their fit, their scores, the protocol of paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.utils.validation import check_is_fitted, validate_data

from skhmmdd._base import SkhmmddEstimator
from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, FloatOrFloats, Floats, Names
from skhmmdd.heads._validation import (
    check_design,
    check_sample_weight,
    check_train_and_test,
    quiet_sums,
    rows_of_weight,
)
from skhmmdd.heads.solvers._distinct_rows import threshold_ratio
from skhmmdd.heads.solvers._effective_parameters import (
    EffectiveParameters,
    count_effective_parameters,
)
from skhmmdd.heads.solvers._filters import Filter
from skhmmdd.heads.solvers._head_path import HeadPath
from skhmmdd.heads.solvers._ridge import Head
from skhmmdd.heads.solvers._spectrum import Spectrum, decompose


class InterpolationWarning(UserWarning):
    """A head without a penalty has about as many columns as labels to interpolate.

    There the test risk peaks. `HeadRegressor` and `HeadClassifier` warn at the end of
    `fit` where ``alpha=0`` and ``threshold_ratio_`` is within 20 % of 1. Clones do not:
    so curves, searches and all estimators that fit clones are silent.

    Examples
    --------
    >>> import warnings
    >>> from skhmmdd import InterpolationWarning
    >>> warnings.simplefilter("ignore", InterpolationWarning)
    """


# The name under which a head offers the path along its number of leading columns.
WIDTH = "n_features"

# Training design and targets, rows to predict and theirs, if any.
TrainAndTest: TypeAlias = tuple[Floats, Floats, Floats, Floats | None]

# A subclass that changes one of these may predict something else than its parent.
_DECISIVE = (
    *("fit", "predict", "predict_proba", "decision_function"),
    *("_decompose", "_fit_targets", "_solve", "_scores"),
)


class LinearHead(SkhmmddEstimator):
    """Fitted attributes, scores and paths common to the heads.

    A head says in `_solve` what its coefficients are. One that has paths lists the
    parameters in `_paths`, refuses values in `_why_not_along` and solves in `_along`.
    """

    coef_: Floats
    intercept_: FloatOrFloats
    rank_: int
    threshold_ratio_: float
    coef_norm_: float
    effective_dof_: float
    n_features_in_: int
    feature_names_in_: Names

    fit_intercept: bool
    rcond: float | None

    # Along which parameters a class offers paths; `WIDTH` is that of no parameter but
    # of the number of leading columns.
    _paths: ClassVar[tuple[str, ...]] = ()
    # Along which of them it takes sample weights.
    _weighted_paths: ClassVar[tuple[str, ...]] = ()
    # What `_solve` learns beside coefficients and must be finite, and what to call it.
    _finite: ClassVar[dict[str, str]] = {}

    def _solve(self, X: Floats, targets: Floats, weights: Array) -> Head:
        """The head of X (n, p) and targets (n, q); sets what else `fit` learns.

        `weights` (n,) are positive; an integer dtype means counts.
        """
        raise NotImplementedError

    def _decompose(
        self, X: Floats, targets: Floats, weights: Array | None = None
    ) -> Spectrum:
        """The spectrum that the filters of the head are of."""
        return decompose(
            X,
            targets,
            sample_weight=weights,
            fit_intercept=self.fit_intercept,
            rcond=self.rcond,
        )

    def _fit_targets(
        self, X: Floats, targets: Floats, sample_weight: ArrayLike | None
    ) -> None:
        """Fit X (n, p) to targets (n, q); set all that `fit` learns from them."""
        X, targets, weights = rows_of_weight(X, targets, sample_weight)
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            head = self._solve(X, targets, weights)
        self._keep(head, X, targets)
        self.threshold_ratio_ = self._threshold_ratio(X)

    def _threshold_ratio(self, X: Floats) -> float:
        """`threshold_ratio` of the design that the fitted head solves."""
        return threshold_ratio(X, self.rank_, fit_intercept=self.fit_intercept)

    def _keep(self, head: Head, X: Floats, targets: Floats) -> None:
        """Set the attributes of a head, if it is finite."""
        also = [getattr(self, name) for name in self._finite if name in vars(self)]
        numbers = [head.coef, head.intercept, *also]
        if not all(np.isfinite(number).all() for number in numbers):
            found = " or their ".join(["coefficients", *self._finite.values()])
            raise ValueError(
                f"The {found} exceed the largest float:"
                f" the largest absolute value of y is {np.abs(targets).max():g}, that "
                f"of X {np.abs(X).max():g}. Rescale them."
            )
        self.coef_, self.intercept_ = head.coef.T, head.intercept
        self.coef_norm_ = float(linalg.norm(head.coef.ravel()))
        if head.effective_dof is not None:
            self.effective_dof_ = head.effective_dof

    def _scores(self, X: ArrayLike) -> Floats:
        X = self._check_rows(X)
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            scores = X @ self.coef_.T + self.intercept_
        return finite_scores(scores, X)

    def _check_rows(self, X: ArrayLike) -> Floats:
        """Rows to predict, of the columns that the head was fitted on."""
        check_is_fitted(self)
        with quiet_sums():
            return validate_data(self, X, dtype=np.float64, reset=False)

    def _code_targets(
        self, y: ArrayLike, y_test: ArrayLike | None
    ) -> tuple[Floats, Floats | None, Array | None]:
        """Targets of training and test rows, as fitted, and the classes, if any."""
        raise NotImplementedError

    def _why_no_path(self, name: str, values: Sequence[Any]) -> str | None:
        """What keeps the head from a path, in words; None if nothing does.

        Parameters
        ----------
        name : str
            A parameter of the head, or `WIDTH`.
        values : sequence
            Of that parameter.
        """
        kind = type(self).__name__
        if name not in self._paths:
            return f"{kind} offers no path along {name!r}"
        changed = self._changed_methods()
        if changed:
            return f"{kind} has its own {' and '.join(changed)}"
        return self._why_not_along(name, values)

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        """What in the settings or the values keeps a path away, in words."""
        return None

    def _along(
        self, name: str, values: Sequence[Any], data: TrainAndTest, **options: Any
    ) -> HeadPath:
        """The path itself; `options` are `keep_predictions` and `count_parameters`."""
        raise NotImplementedError

    def _changed_methods(self):
        """What subclasses changed of the methods of the class that offers the paths."""
        for cls in type(self).__mro__:
            if "_paths" in vars(cls):
                return []
            changed = [name for name in _DECISIVE if name in vars(cls)]
            if changed:
                return changed
        return []

    def _path(
        self,
        X: ArrayLike,
        y: ArrayLike,
        X_test: ArrayLike,
        name: str,
        values: Sequence[Any],
        *,
        y_test: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        keep_predictions: bool = True,
        count_parameters: bool = False,
    ) -> HeadPath:
        """What refits at every value of a parameter would say, from shared work.

        Parameters
        ----------
        X, y : array-like
            As for `fit`.
        X_test : array-like of shape (n_test, n_features)
            Rows to predict.
        name : str
            For which `_why_no_path` finds no reason.
        values : sequence of length n_values
            In any order.
        y_test : array-like, default=None
            Targets of the rows to predict, for their squared error.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            As for `fit`, along what is in `_weighted_paths`. There are predictions
            then, of all rows, and no risks.
        keep_predictions : bool, default=True
            Whether predictions are wanted, and not only risks and norms.
        count_parameters : bool, default=False
            Whether effective parameters are.

        Returns
        -------
        HeadPath
        """
        self._validate_params()
        options: dict[str, Any] = {
            "keep_predictions": keep_predictions,
            "count_parameters": count_parameters,
        }
        if sample_weight is not None:
            # Rows of weight zero are predicted, but not fitted.
            X, y = check_design(X, low=0.0), np.asarray(y)
            weights = check_sample_weight(sample_weight, len(X))
            kept = weights > 0
            X_test = np.vstack([X, check_design(X_test, "X_test", low=0.0)])
            n_train, X, y, y_test = len(X), X[kept], y[kept], None
            options = {
                "keep_predictions": True,
                "sample_weight": weights[kept].astype(np.float64),
            }
        y, y_test, classes = self._code_targets(y, y_test)
        data = check_train_and_test(X, y, X_test, y_test)
        with single_blas_thread():
            path = self._along(name, values, data, **options)
        if sample_weight is not None and path.predictions is not None:
            both = np.split(path.predictions, [n_train], axis=1)
            path = path._replace(train_predictions=both[0], predictions=both[1])
        return path._replace(classes=classes)

    def _fitted_filter(self, spectrum: Spectrum) -> Filter | None:
        """The filter of the fitted head, one row; None if the head is no filter."""
        return None

    def _effective_parameters(
        self, X: ArrayLike, X_test: ArrayLike
    ) -> EffectiveParameters | None:
        """Those of the fitted head on its design and on new points, unweighted.

        None where a subclass may have fitted something else, or the head is no filter.
        """
        if self._changed_methods():
            return None
        X, X_test = check_design(X), check_design(X_test, "X_test", low=0.0)
        with single_blas_thread():
            spectrum = self._decompose(X, np.empty((len(X), 0)))
            fitted = self._fitted_filter(spectrum)
            if fitted is None:
                return None
            counts = count_effective_parameters(spectrum, X_test, fitted)
        return EffectiveParameters(*(float(count[0]) for count in counts))


def finite_scores(scores: Floats, X: Floats) -> Floats:
    """The scores of X, or ValueError where they overflow."""
    if not np.isfinite(scores).all():
        raise ValueError(
            "The predictions exceed the largest float: the largest absolute value "
            f"in X is {np.abs(X).max():g}. Rescale X."
        )
    return scores
