"""Ridge and the minimum norm: one penalty, and the paths along it and the widths."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions

from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, Floats
from skhmmdd.heads._base import (
    WIDTH,
    InterpolationWarning,
    LinearHead,
    TrainAndTest,
)
from skhmmdd.heads._validation import check_alpha, check_widths
from skhmmdd.heads.solvers._filter_path import heads_along_filters
from skhmmdd.heads.solvers._filters import RidgeFilter, ridge_filter
from skhmmdd.heads.solvers._head_path import HeadPath
from skhmmdd.heads.solvers._leave_one_out import (
    leave_one_out_alpha,
    leave_one_out_risk,
)
from skhmmdd.heads.solvers._problem import Problem, pose
from skhmmdd.heads.solvers._ridge import (
    Head,
    effective_dof,
    shrink,
    solve_gram,
)
from skhmmdd.heads.solvers._spectrum import (
    Spectrum,
    decompose_problem,
    well_conditioned_gram,
)
from skhmmdd.heads.solvers._width_path import heads_along_widths

# Within this share of the threshold the risk of a head without a penalty peaks.
_NEAR = 0.2
_LARGEST = np.finfo(np.float64).max


def is_penalty(value):
    """Whether a value is a finite, non-negative number."""
    return isinstance(value, Real) and 0 <= value <= _LARGEST


def why_not_along_widths(alpha: Any, values: Sequence[Any]) -> str | None:
    """What in a penalty or the values keeps a path along widths away, in words."""
    if not isinstance(alpha, Real):
        return f"alpha={alpha!r} chooses another penalty at every width"
    if not all(isinstance(value, Integral) and int(value) >= 1 for value in values):
        return "some values of the parameter are not widths"
    return None


def ridge_along_widths(
    values: Sequence[Any], data: TrainAndTest, alpha: float, **options: Any
) -> HeadPath:
    """Ridge of one penalty along widths in any order."""
    widths = check_widths(values, data[0].shape[1])
    path = heads_along_widths(*data, widths, alpha=alpha, **options)
    if np.array_equal(widths, values):
        return path
    return path.take(np.searchsorted(widths, values))


class RidgeHead(LinearHead):
    """Parameters, fitted attributes and paths of the heads of one penalty."""

    alpha_: float

    _weighted_paths: ClassVar[tuple[str, ...]] = (WIDTH,)
    _finite: ClassVar[dict[str, str]] = {"loo_risk_": "leave-one-out risk"}

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

    # Set on clones: those are fitted by a curve, a search or another estimator.
    _is_clone = False

    def __sklearn_clone__(self) -> Self:
        twin = super().__sklearn_clone__()
        twin._is_clone = True
        return twin

    def _fit_targets(
        self, X: Floats, targets: Floats, sample_weight: ArrayLike | None
    ) -> None:
        super()._fit_targets(X, targets, sample_weight)
        near = abs(self.threshold_ratio_ - 1) <= _NEAR
        if (
            near
            and not isinstance(self.alpha, str)
            and not (self.alpha or self._is_clone)
        ):
            warnings.warn(
                "This head has about as many columns as it takes to interpolate its "
                f"training data (threshold_ratio_={self.threshold_ratio_:.3g}, where 1 "
                "is the interpolation threshold) and no penalty: its test risk is near "
                'its peak. Use fewer columns, many more, or alpha="loo".',
                InterpolationWarning,
                stacklevel=4,
            )

    def _solve(self, X: Floats, targets: Floats, weights: Array) -> Head:
        self._forget()
        problem = pose(X, targets, weights, self.fit_intercept)
        gram = well_conditioned_gram(problem, self.rcond)
        if gram is not None and not isinstance(self.alpha, str):
            self.alpha_, self.rank_ = check_alpha(self.alpha), len(gram)
            self._pending = problem.without_design(), gram
            return solve_gram(problem, gram, self.alpha_)
        spectrum = decompose_problem(problem, gram, self.rcond)
        loo = isinstance(self.alpha, str)
        self.alpha_ = leave_one_out_alpha(spectrum) if loo else check_alpha(self.alpha)
        self.rank_ = len(spectrum.values)
        self._measure(spectrum)
        if gram is not None:
            return solve_gram(problem, gram, self.alpha_)
        return shrink(spectrum, self.alpha_)

    def _measure(self, spectrum: Spectrum) -> None:
        """Set what takes singular values."""
        self.__dict__.update(
            singular_values_=spectrum.singular_values,
            loo_risk_=float(leave_one_out_risk(spectrum, self.alpha_)),
            effective_dof_=effective_dof(spectrum, self._fitted_filter(spectrum)),
        )

    # A well-conditioned wide design is solved without its singular values, which take
    # longer. What takes them waits, with the Gram matrix that they are of, until it is
    # asked for, or until the head is pickled: what is written is small.
    _pending: tuple[Problem, Floats] | None = None

    def _forget(self) -> None:
        """Remove what an earlier fit measured."""
        for name in ("singular_values_", "loo_risk_", "effective_dof_"):
            self.__dict__.pop(name, None)
        self._pending = None

    def _measure_pending(self) -> None:
        pending = self._pending
        if pending is not None:
            with single_blas_thread():
                self._measure(decompose_problem(*pending))
            self._pending = None

    def _measured(self, name: str) -> Any:
        self._measure_pending()
        if name not in vars(self):
            kind = type(self).__name__
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
        return vars(self)[name]

    @cached_property
    def singular_values_(self) -> Floats:
        """Singular values of the centred, weighted design, in decreasing order."""
        return self._measured("singular_values_")

    @cached_property
    def loo_risk_(self) -> float:
        """Exact leave-one-out squared error at the penalty used."""
        return self._measured("loo_risk_")

    @cached_property
    def effective_dof_(self) -> float:  # type: ignore[override]  # can be set
        """Effective degrees of freedom."""
        return self._measured("effective_dof_")

    def __getstate__(self) -> dict[str, Any]:
        self._measure_pending()
        return super().__getstate__()

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        if name == WIDTH:
            return why_not_along_widths(self.alpha, values)
        if not all(map(is_penalty, values)):
            return f"some values of {name} are not penalties"
        return None

    def _along(
        self, name: str, values: Sequence[Any], data: TrainAndTest, **options: Any
    ) -> HeadPath:
        options.update(fit_intercept=self.fit_intercept, rcond=self.rcond)
        if name != WIDTH:
            alphas = np.array([float(value) for value in values])
            return heads_along_filters(
                *data,
                lambda spectrum: ridge_filter(spectrum.values, alphas),
                name,
                alphas,
                **options,
            )
        return ridge_along_widths(values, data, check_alpha(self.alpha), **options)

    def _fitted_filter(self, spectrum: Spectrum) -> RidgeFilter:
        return ridge_filter(spectrum.values, np.array([self.alpha_]))
