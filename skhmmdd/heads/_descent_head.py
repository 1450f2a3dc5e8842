"""Gradient descent on the head: one filter, or a loop over mini-batches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skhmmdd._base import refuse_bool
from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, Floats, RandomState
from skhmmdd.heads._base import LinearHead, TrainAndTest, finite_scores
from skhmmdd.heads._validation import (
    check_float,
    check_preconditioner,
    check_step_counts,
    is_step_count,
)
from skhmmdd.heads.solvers._filter_path import heads_along_filters
from skhmmdd.heads.solvers._filters import (
    DescentFilter,
    descent_filter,
    stable_learning_rate,
)
from skhmmdd.heads.solvers._head_path import HeadPath
from skhmmdd.heads.solvers._magnitude import check_magnitude
from skhmmdd.heads.solvers._metric import decompose_in_metric
from skhmmdd.heads.solvers._mini_batch import (
    descend_in_batches,
    mini_batch_learning_rate,
)
from skhmmdd.heads.solvers._ridge import Head, apply_filter
from skhmmdd.heads.solvers._spectrum import Spectrum

# Points of the loss curve in closed form, and where it ends if n_steps is infinite.
_N_LOSSES = 61
_LATEST = 10**6
# Ratio of the last loss to the first beyond which mini-batches are told to diverge.
_DIVERGENCE = 10.0


class Descent(NamedTuple):
    """What a fitted head needs to tell where it was after fewer steps, or more."""

    spectrum: Spectrum
    n_steps: float
    learning_rate: float
    momentum: float
    nesterov: bool
    batch_size: Any
    """None, or an integer."""
    seed: int
    """Of the batches."""

    def filters(self, n_steps: Floats, values: Floats) -> DescentFilter:
        """The filter of given numbers of steps, on given singular values."""
        return descent_filter(
            values, n_steps, self.learning_rate, self.momentum, self.nesterov
        )

    def walk(self, n_steps: Floats) -> tuple[Floats, Floats]:
        """Coordinates after given numbers of steps of batches, and every loss."""
        return descend_in_batches(
            self.spectrum,
            int(n_steps.max(initial=0.0)),
            self.batch_size,
            self.learning_rate,
            self.momentum,
            self.nesterov,
            self.seed,
            n_steps.astype(np.int64),
        )

    def coordinates(self, n_steps: Floats) -> Floats:
        """Coefficients along the right singular vectors, (n_stages, r, q)."""
        if self.batch_size is not None:
            return self.walk(n_steps)[0]
        gains = self.filters(n_steps, self.spectrum.values).gains
        return gains[..., None] * self.spectrum.projections

    def losses(self, n_steps: Floats) -> Floats:
        """Training loss of the closed form after given numbers of steps."""
        spectrum = self.spectrum
        lost = self.filters(n_steps, spectrum.values).lost
        inside = lost**2 @ np.sum(spectrum.projections**2, axis=1)
        size = spectrum.weights.sum() * spectrum.projections.shape[1]
        return (np.sum(spectrum.residuals**2) + inside) / size


class DescentHead(LinearHead):
    """Parameters, fitted attributes and paths of the heads of gradient descent."""

    learning_rate_: float
    loss_curve_: Floats
    loss_steps_: Floats
    _descent: Descent

    _parameter_constraints = {  # noqa: RUF012
        "n_steps": [Interval(Real, 0, np.inf, closed="both")],
        "learning_rate": [
            Interval(Real, 0, np.inf, closed="neither"),
            StrOptions({"auto"}),
        ],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterov": ["boolean"],
        "preconditioner": [StrOptions({"diagonal", "whiten"}), "array-like", None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "fit_intercept": ["boolean"],
        "rcond": [Interval(Real, 0, 1, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_steps: float = 1000,
        *,
        learning_rate: float | Literal["auto"] = "auto",
        momentum: float = 0.0,
        nesterov: bool = False,
        preconditioner: ArrayLike | Literal["diagonal", "whiten"] | None = None,
        batch_size: int | None = None,
        fit_intercept: bool = True,
        rcond: float | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_steps = n_steps
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.preconditioner = preconditioner
        self.batch_size = batch_size
        self.fit_intercept = fit_intercept
        self.rcond = rcond
        self.random_state = random_state

    def _solve(self, X: Floats, targets: Floats, weights: Array) -> Head:
        # 1. Settings that need no solution to be refused.
        n_steps = float(check_step_counts(self.n_steps))
        self._check_batch_size(weights, n_steps)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        # 2. The design in its metric, and the step size that suits it.
        spectrum = self._decompose(X, targets, weights)
        self.learning_rate_ = self._stable_rate(spectrum)
        self.rank_ = len(spectrum.values)
        self._descent = Descent(
            spectrum,
            n_steps,
            self.learning_rate_,
            self.momentum,
            self.nesterov,
            self.batch_size,
            seed,
        )
        # 3. The head: a filter, or where the batches led.
        last = np.array([n_steps])
        head = apply_filter(spectrum, self._descent.filters(last, spectrum.values))
        if self.batch_size is None:
            self.loss_steps_ = _loss_steps(n_steps)
            self.loss_curve_ = self._descent.losses(self.loss_steps_)
            return head
        coordinates, self.loss_curve_ = self._descent.walk(last)
        first, last_loss = self.loss_curve_[[0, -1]]
        if last_loss > _DIVERGENCE * first:
            warnings.warn(
                f"Descent in batches of {self.batch_size} ended at a training loss of "
                f"{last_loss:.3g}, begun at {first:.3g}: learning_rate="
                f"{self.learning_rate_:.3g} is too large for them.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.loss_steps_ = np.arange(n_steps + 1)
        coef = spectrum.coef_of(coordinates[0])
        return head._replace(
            coef=coef, intercept=spectrum.y_mean - spectrum.x_mean @ coef
        )

    def _check_batch_size(self, weights, n_steps):
        if self.batch_size is None:
            return
        refuse_bool(self.batch_size, "batch_size", "None or an integer")
        # Counts stand for so many samples.
        counts = np.issubdtype(weights.dtype, np.integer)
        n_samples = weights.sum() if counts else np.count_nonzero(weights)
        if self.batch_size > n_samples:
            raise ValueError(
                f"batch_size must be in [1, {n_samples}], the number of samples; got "
                f"{self.batch_size}."
            )
        if np.isinf(n_steps):
            raise ValueError(
                f"n_steps must be finite with mini-batches; got n_steps={self.n_steps} "
                f"and batch_size={self.batch_size}."
            )

    def _decompose(
        self, X: Floats, targets: Floats, weights: Array | None = None
    ) -> Spectrum:
        return decompose_in_metric(
            X,
            targets,
            check_preconditioner(self.preconditioner, X.shape[1]),
            sample_weight=weights,
            fit_intercept=self.fit_intercept,
            rcond=self.rcond,
        )

    def _stable_rate(self, spectrum):
        """The step size for a spectrum, which must not diverge on it."""
        rate = None
        if not isinstance(self.learning_rate, str):
            rate = check_float(self.learning_rate, "learning_rate")
        if not spectrum.values.size:  # nothing to descend on, nor to diverge
            return 1.0 if rate is None else rate
        check_magnitude(
            spectrum.values, "the singular values of the design", (1e-150, 1e150)
        )
        if rate is None and self.batch_size is not None:
            best = mini_batch_learning_rate(spectrum, self.batch_size)
            return (1.0 - self.momentum) * best
        largest = float(spectrum.values.max())
        return stable_learning_rate(rate, largest, self.momentum, self.nesterov)

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        if self.batch_size is not None:
            return f"batch_size={self.batch_size!r} makes descent a loop of its own"
        if not all(map(is_step_count, values)):
            return f"some values of {name} are not whole numbers"
        return None

    def _along(
        self, name: str, values: Sequence[Any], data: TrainAndTest, **options: Any
    ) -> HeadPath:
        n_steps = check_step_counts(values)

        def make_filters(spectrum):
            rate = self._stable_rate(spectrum)
            return descent_filter(
                spectrum.values, n_steps, rate, self.momentum, self.nesterov
            )

        return heads_along_filters(
            *data,
            make_filters,
            name,
            n_steps,
            preconditioner=check_preconditioner(self.preconditioner, data[0].shape[1]),
            fit_intercept=self.fit_intercept,
            rcond=self.rcond,
            **options,
        )

    def _fitted_filter(self, spectrum: Spectrum) -> DescentFilter | None:
        if self._descent.batch_size is not None:
            return None
        return self._descent.filters(np.array([self._descent.n_steps]), spectrum.values)

    def _staged_scores(self, X: ArrayLike, n_steps: ArrayLike) -> Floats:
        """Scores after given numbers of steps, (n_stages, n_samples, q)."""
        X = self._check_rows(X)
        n_steps = check_step_counts(n_steps)
        if n_steps.ndim != 1:
            raise ValueError(
                "n_steps must be a list of numbers of steps; got shape "
                f"{n_steps.shape}."
            )
        descent = self._descent
        latest = n_steps.max(initial=0.0)
        if descent.batch_size is not None and latest > descent.n_steps:
            raise ValueError(
                f"n_steps must be in [0, {descent.n_steps:g}], the steps that the "
                f"mini-batches took; got {latest:g}."
            )
        spectrum = descent.spectrum
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            rows = (X - spectrum.x_mean) @ spectrum.right.T
            # one product for all stages: (n_samples, n_stages, q)
            scores = np.tensordot(rows, descent.coordinates(n_steps), (1, 1))
            scores = np.moveaxis(scores, 1, 0) + spectrum.y_mean
        return finite_scores(scores, X)


def _loss_steps(n_steps):
    """Where the loss curve is evaluated: 0, and a geometric grid of whole numbers."""
    if n_steps == 0:
        return np.zeros(1)
    last = _LATEST if np.isinf(n_steps) else n_steps
    grid = np.geomspace(1, last, _N_LOSSES).round()
    return np.unique(np.concatenate([[0.0], grid, [n_steps]]))
