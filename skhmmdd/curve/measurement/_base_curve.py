"""The measurement of a curve: an estimator without figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import get_tags
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.validation import _num_samples

from skhmmdd._base import SkhmmddEstimator, fit_context, forget, require_targets
from skhmmdd._callbacks import CallbackSupportMixin, FitTasks
from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, Floats, Names, RandomState
from skhmmdd.curve._choice import BestPoint, Choice, peak_and_best
from skhmmdd.curve._landmarks import (
    CurvePoint,
    find_danger_zone,
    find_threshold,
    median_over_splits,
)
from skhmmdd.curve._lipschitz import LipschitzBounds
from skhmmdd.curve.measurement._complexity import order_by_complexity
from skhmmdd.curve.measurement._diagnostics import Diagnosis
from skhmmdd.curve.measurement._frozen import transform_frozen
from skhmmdd.curve.measurement._path import path_curve, why_not_path
from skhmmdd.curve.measurement._refit import refit_curve
from skhmmdd.curve.measurement._results import make_results, refuse_nan
from skhmmdd.curve.measurement._risks import (
    Risk,
    Risks,
    constant_risk,
    is_builtin,
    resolve_risks,
    threshold_risk,
)
from skhmmdd.curve.measurement._routing import Routed, route, router_of
from skhmmdd.curve.measurement._validation import (
    check_data,
    check_param_name,
    check_quantiles,
    make_cv,
    make_splits,
    remember_features,
    share_of_copies,
)
from skhmmdd.theory import EffectiveParameters


class BaseDoubleDescentCurve(
    CallbackSupportMixin, MetaEstimatorMixin, SkhmmddEstimator
):
    """What `DoubleDescentCurve` measures, apart from how it is shown.

    The display measures with it too, and the curve draws with the display: so
    neither has to know the other. Parameters and attributes are those of
    `DoubleDescentCurve`.
    """

    complexity_: Floats
    param_range_: list[Any]
    train_risk_: Floats
    test_risk_: Floats
    train_risks_: dict[str, Floats]
    test_risks_: dict[str, Floats]
    fit_time_: Floats
    score_time_: Floats
    bias_: Floats | None
    variance_: Floats | None
    coef_norm_: Floats | None
    effective_parameters_: EffectiveParameters | None
    lipschitz_: LipschitzBounds | None
    results_: dict[str, Array]
    n_train_: int
    n_splits_: int
    interpolation_threshold_: float | None
    peak_: CurvePoint | None
    best_: BestPoint
    danger_zone_: tuple[float, float] | None
    strategy_: Literal["path", "refit"]
    strategy_reason_: str
    best_estimator_: BaseEstimator
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "set_params"])],
        "param_name": [str],
        "param_range": ["array-like"],
        "complexity": [None, str, callable],
        "cv": [Interval(Integral, 1, None, closed="left"), "cv_object"],
        "train_size": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "risk": [str, callable, list, dict],
        "weight_risks": ["boolean"],
        "strategy": [StrOptions({"auto", "refit", "path"})],
        "choose": [StrOptions({"lowest", "one_standard_error"})],
        "quantiles": [tuple, list],
        "diagnostics": ["boolean"],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        param_name: str,
        param_range: Iterable[Any],
        *,
        complexity: str | Callable[[Any], float] | None = None,
        cv: Any = None,
        train_size: int | float | None = None,
        risk: Risk | list[Any] | dict[str, Any] = "squared_error",
        weight_risks: bool = False,
        strategy: Literal["auto", "refit", "path"] = "auto",
        choose: Choice = "lowest",
        quantiles: tuple[float, float] = (0.25, 0.75),
        diagnostics: bool = False,
        refit: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.param_name = param_name
        self.param_range = param_range
        self.complexity = complexity
        self.cv = cv
        self.train_size = train_size
        self.risk = risk
        self.weight_risks = weight_risks
        self.strategy = strategy
        self.choose = choose
        self.quantiles = quantiles
        self.diagnostics = diagnostics
        self.refit = refit
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    # The estimator checks its own parameters at every point.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Compute the curve.

        Parameters
        ----------
        X : indexable of length n_samples
            Whatever the estimator takes: an array of two or three dimensions, a
            dataframe, a list of sequences of unequal length.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Group labels for `cv`. With a `train_size`, whole groups are drawn.

        **fit_params : dict
            `sample_weight` goes to the `fit` of the last step, and to the risks if
            `weight_risks`; a name such as ``ridge__sample_weight`` to the `fit` of that
            step. What has one entry for each sample is split as X is. With
            ``sklearn.set_config(enable_metadata_routing=True)``, all goes to those that
            requested it: the estimator and its steps, `cv`, and scorers.

        Returns
        -------
        self : object
            The fitted curve.

        Raises
        ------
        ValueError
            If a parameter is out of its range, if a risk is NaN, or if the largest
            absolute value of a regressor's `y` is neither 0 nor in [1e-100, 1e100].
        """
        tasks = partial(FitTasks, self, X=X, y=y)
        return self._fit(X, y, groups, fit_params, tasks=tasks)

    def _fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None,
        fit_params: dict[str, Any],
        *,
        splits: list[Any] | None = None,
        tasks: Callable[[int], FitTasks] | None = None,
        lift: Callable[..., Any] = transform_frozen,
    ) -> Self:
        """Compute the curve, on given splits where several curves share them."""
        require_targets(self, y)
        check_quantiles(self.quantiles)
        estimator = clone(self.estimator)
        check_param_name(estimator, self.param_name)
        self.complexity_, self.param_range_ = order_by_complexity(
            self.param_range, self.complexity
        )
        classifier = is_classifier(estimator)
        risks = Risks(
            resolve_risks(self.risk, classifier), threshold_risk(self.risk, classifier)
        )
        X, y, groups = check_data(X, y, groups, classifier)
        remember_features(self, X)
        routed = route(self, groups, fit_params)
        if splits is None:
            splits = self._split(X, y, routed, classifier)
        self._copied = share_of_copies(X, splits)

        problem = (estimator, self.param_name, self.param_range_)
        obstacle = why_not_path(*problem, risks, routed, self.diagnostics)
        self._choose_strategy(obstacle)
        options: dict[str, Any] = {
            "splits": splits,
            "risks": risks,
            "routed": routed,
            "n_jobs": self.n_jobs,
            "verbose": self.verbose,
            "tasks": tasks,
            "lift": lift,
        }
        if self.diagnostics:
            options["diagnosis"] = Diagnosis(
                len(self.complexity_),
                _num_samples(X),
                classifier=classifier,
                y=y,
                weighted=any(key.endswith("sample_weight") for key in routed.fit),
            )
        if self.strategy_ == "path":
            table = path_curve(*problem, X, y, **options)
        else:
            table = refit_curve(*problem, X, y, **options)
        self._keep(table, splits)
        weights = partial(routed.of_threshold, X)

        def threshold_of(risk, train_risk):
            constant = constant_risk(risk, classifier, y, splits, weights)
            return find_threshold(self.complexity_, train_risk, constant)

        self.interpolation_threshold_, self._interpolation_ends = threshold_of(
            risks.threshold, table.threshold_risk
        )
        # Classes may be told apart long before their scores are fitted.
        self._thresholds = {
            name: threshold_of(risk, table.train[name])[0]
            for name, risk in risks.named.items()
            if is_builtin(risk)
        }
        forget(self, "best_estimator_")
        if self.refit:
            best = clone(self.best_.param, safe=False)
            self.best_estimator_ = clone(self.estimator).set_params(
                **{self.param_name: best}
            )
            with single_blas_thread():
                self.best_estimator_.fit(X, y, **routed.fit)
        return self

    def _split(
        self, X: Any, y: ArrayLike, routed: Routed, classifier: bool
    ) -> list[Any]:
        grouped = routed.split.get("groups") is not None
        splitter = make_cv(
            self.cv, self.train_size, y, classifier, self.random_state, grouped
        )
        return make_splits(splitter, X, y, routed.split)

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell who may ask for what is given to `fit`, as scikit-learn's searches do.

        Returns
        -------
        MetadataRouter
            The estimator, `cv` and the scorers, with what each requested.
        """
        return router_of(self)

    def _choose_strategy(self, obstacle):
        """Set the strategy, and the reason for it in words."""
        if self.strategy == "path" and obstacle:
            raise ValueError(f"strategy='path' is not possible here: {obstacle}.")
        if self.strategy == "refit":
            self.strategy_ = "refit"
            self.strategy_reason_ = "strategy='refit' was asked for."
        elif obstacle:
            self.strategy_ = "refit"
            self.strategy_reason_ = f"No path: {obstacle}."
        else:
            self.strategy_ = "path"
            self.strategy_reason_ = (
                f"A path of the head: all values of {self.param_name} share their work."
            )

    def _keep(self, table, splits):
        """Set the attributes that come straight from the measurements."""
        self.train_risks_, self.test_risks_ = table.train, table.test
        for subset, risks in (("train", self.train_risks_), ("test", self.test_risks_)):
            refuse_nan(risks, subset, self.param_name, self.param_range_)
        primary = next(iter(self.test_risks_))
        self.train_risk_ = self.train_risks_[primary]
        self.test_risk_ = self.test_risks_[primary]
        self.fit_time_, self.score_time_ = table.fit_time, table.score_time
        diagnostics = table.diagnostics
        self.bias_, self.variance_ = diagnostics.bias, diagnostics.variance
        self.coef_norm_ = diagnostics.coef_norm
        self.effective_parameters_ = diagnostics.effective_parameters
        self.lipschitz_ = diagnostics.lipschitz
        self.n_splits_ = len(splits)
        self._n_train = np.array([len(train) for train, _ in splits])
        self.n_train_ = int(np.median(self._n_train))
        # What training sets share where they are large, and test sets where those are:
        # after Nadeau and Bengio (2003), whose ratio is that of the sizes.
        ratio = np.median([len(test) for _, test in splits]) / np.median(self._n_train)
        self._overlap = float(min(ratio, 1 / ratio))
        self.peak_, self.best_ = self._peak_and_best(primary)
        self.danger_zone_ = self._danger_zone(primary, self.peak_)
        self.results_ = make_results(
            self.param_name,
            self.param_range_,
            self.complexity_,
            table,
            self.quantiles,
        )

    def _peak_and_best(self, name):
        """Peak and best of one of the risks, by name."""
        ends = median_over_splits(self.train_risks_[name][[0, -1]])
        return peak_and_best(
            self.complexity_,
            self.test_risks_[name],
            self.param_range_,
            self.choose,
            # As along a penalty: what fits the training data worst is simplest.
            simplest_last=bool(ends[1] > ends[0]),
        )

    def _danger_zone(self, name, peak):
        """The zone about the peak of one of the risks, by name."""
        median = median_over_splits(self.test_risks_[name])
        zone = find_danger_zone(median, peak and peak.index, float(median.min()))
        return zone and tuple(float(self.complexity_[i]) for i in zone)

    def __sklearn_tags__(self):
        tags = tags_of_inner(super().__sklearn_tags__(), self.estimator)
        if self.refit:
            inner = get_tags(self.estimator)
            tags.estimator_type = inner.estimator_type
            tags.regressor_tags = inner.regressor_tags
            tags.classifier_tags = inner.classifier_tags
        return tags


def tags_of_inner(tags, estimator):
    """What the estimator takes, the curve takes; but a curve predicts nothing.

    It is neither a regressor nor a classifier, unless it refits its best estimator.
    """
    inner = get_tags(estimator)
    tags.input_tags = inner.input_tags
    tags.target_tags = inner.target_tags
    tags.target_tags.required = True
    tags.non_deterministic = inner.non_deterministic
    return tags
