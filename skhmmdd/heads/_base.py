"""What the heads share: one solver, one set of parameters, paths along them."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skhmmdd._base import SkhmmddEstimator
from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, FloatOrFloats, Floats, Names
from skhmmdd.heads._validation import (
    check_alpha,
    check_design,
    check_sample_weight,
    check_train_and_test,
    check_widths,
    quiet_sums,
)
from skhmmdd.heads.solvers._alpha_path import heads_along_alpha
from skhmmdd.heads.solvers._effective_parameters import (
    EffectiveParameters,
    count_effective_parameters,
)
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._head_path import HeadPath
from skhmmdd.heads.solvers._leave_one_out import (
    leave_one_out_alpha,
    leave_one_out_risk,
)
from skhmmdd.heads.solvers._magnitude import (
    DESIGN_RANGE,
    TARGET_RANGE,
    check_magnitude,
)
from skhmmdd.heads.solvers._ridge import shrink
from skhmmdd.heads.solvers._spectrum import decompose
from skhmmdd.heads.solvers._width_path import heads_along_widths

# The name under which a head offers the path along its number of leading columns.
WIDTH = "n_features"
_LARGEST = np.finfo(np.float64).max

# A subclass that changes one of these may predict something else than its parent.
_DECISIVE = (
    *("fit", "predict", "predict_proba", "decision_function"),
    *("_fit_targets", "_scores"),
)


def _is_penalty(value):
    return isinstance(value, Real) and 0 <= value <= _LARGEST


class LinearHead(SkhmmddEstimator):
    """Parameters, fitted attributes, scores and paths common to the heads."""

    coef_: Floats
    intercept_: FloatOrFloats
    alpha_: float
    rank_: int
    singular_values_: Floats
    coef_norm_: float
    effective_dof_: float
    loo_risk_: float
    n_features_in_: int
    feature_names_in_: Names

    # Along which parameters a class offers paths; `WIDTH` is that of no parameter but
    # of the number of leading columns.
    _paths: ClassVar[tuple[str, ...]] = ()

    # The right ends are open: a Real bounded by None would let infinity in.
    _parameter_constraints = {  # noqa: RUF012
        "alpha": [Interval(Real, 0, np.inf, closed="left"), StrOptions({"loo"})],
        "fit_intercept": ["boolean"],
        "rcond": [Interval(Real, 0, 1, closed="left"), None],
    }

    def __init__(
        self,
        alpha: float | Literal["loo"] = 0.0,
        *,
        fit_intercept: bool = True,
        rcond: float | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.rcond = rcond

    def _fit_targets(
        self, X: Floats, targets: Floats, sample_weight: ArrayLike | None
    ) -> None:
        """Fit X (n, p) to targets (n, q); set all that `fit` learns from them."""
        weights = check_sample_weight(sample_weight, len(X))
        present = slice(None) if (weights > 0).all() else weights > 0
        check_magnitude(X[present], "X", DESIGN_RANGE)
        check_magnitude(targets[present], "y", TARGET_RANGE)
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            spectrum = decompose(
                X,
                targets,
                sample_weight=weights,
                fit_intercept=self.fit_intercept,
                rcond=self.rcond,
            )
            loo = isinstance(self.alpha, str)
            self.alpha_ = (
                leave_one_out_alpha(spectrum) if loo else check_alpha(self.alpha)
            )
            head = shrink(spectrum, self.alpha_)
            self.loo_risk_ = float(leave_one_out_risk(spectrum, self.alpha_))
        found = np.concatenate([*head.coef, head.intercept, [self.loo_risk_]])
        if not np.isfinite(found).all():
            raise ValueError(
                "The coefficients or their leave-one-out risk exceed the largest float:"
                f" the largest absolute value of y is {np.abs(targets).max():g}, that "
                f"of X {np.abs(X).max():g}. Rescale them."
            )
        self.coef_, self.intercept_ = head.coef.T, head.intercept
        self.coef_norm_ = float(linalg.norm(head.coef.ravel()))
        self.effective_dof_ = head.effective_dof
        self.rank_ = len(spectrum.values)
        self.singular_values_ = spectrum.singular_values

    def _scores(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        with quiet_sums():
            X = validate_data(self, X, dtype=np.float64, reset=False)
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            scores = X @ self.coef_.T + self.intercept_
        if not np.isfinite(scores).all():
            raise ValueError(
                "The predictions exceed the largest float: the largest absolute value "
                f"in X is {np.abs(X).max():g}. Rescale X."
            )
        return scores

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
        if name == WIDTH:
            if not isinstance(self.alpha, Real):
                return f"alpha={self.alpha!r} chooses another penalty at every width"
            if not all(isinstance(value, Integral) and value >= 1 for value in values):
                return "some values of the parameter are not widths"
        elif not all(map(_is_penalty, values)):
            return f"some values of {name} are not penalties"
        return None

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
        keep_predictions : bool, default=True
            Whether predictions are wanted, and not only risks and norms.
        count_parameters : bool, default=False
            Whether effective parameters are.

        Returns
        -------
        HeadPath
        """
        self._validate_params()
        y, y_test, classes = self._code_targets(y, y_test)
        data = check_train_and_test(X, y, X_test, y_test)
        options: dict[str, Any] = {
            "fit_intercept": self.fit_intercept,
            "rcond": self.rcond,
            "keep_predictions": keep_predictions,
            "count_parameters": count_parameters,
        }
        with single_blas_thread():
            if name == WIDTH:
                widths = check_widths(values, data[0].shape[1])
                options["alpha"] = check_alpha(self.alpha)
                path = heads_along_widths(*data, widths, **options)
                if not np.array_equal(widths, values):
                    path = path.take(np.searchsorted(widths, values))
            else:
                alphas = np.array([float(value) for value in values])
                path = heads_along_alpha(*data, alphas, **options)
        return path._replace(classes=classes)

    def _effective_parameters(
        self, X: ArrayLike, X_test: ArrayLike
    ) -> EffectiveParameters | None:
        """Those of the fitted head on its design and on new points, unweighted.

        None where a subclass may have fitted something else.
        """
        if self._changed_methods():
            return None
        X, X_test = check_design(X), check_design(X_test, "X_test", low=0.0)
        with single_blas_thread():
            spectrum = decompose(
                X,
                np.empty((len(X), 0)),
                fit_intercept=self.fit_intercept,
                rcond=self.rcond,
            )
            ridge = ridge_filter(spectrum.values, np.array([self.alpha_]))
            counts = count_effective_parameters(spectrum, X_test, ridge)
        return EffectiveParameters(*(float(count[0]) for count in counts))
