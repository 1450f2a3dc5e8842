"""DoubleDescentFamily: one curve for every value of a second parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import MetaEstimatorMixin, clone, is_classifier
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import SkhmmddEstimator, fit_context, require_targets
from skhmmdd._typing import Array, Names
from skhmmdd.curve._curve import DoubleDescentCurve
from skhmmdd.curve.display._display import DoubleDescentDisplay
from skhmmdd.curve.display._family_figure import draw_family
from skhmmdd.curve.display._html import ShownFindings
from skhmmdd.curve.display._summary import describe_family
from skhmmdd.curve.display._words import AxisWords, axis_words, value_in_words
from skhmmdd.curve.measurement._base_curve import tags_of_inner
from skhmmdd.curve.measurement._complexity import list_values
from skhmmdd.curve.measurement._frozen import KeptTransforms
from skhmmdd.curve.measurement._results import as_column
from skhmmdd.curve.measurement._routing import route
from skhmmdd.curve.measurement._validation import (
    check_data,
    check_param_name,
    remember_features,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class DoubleDescentFamily(ShownFindings, MetaEstimatorMixin, SkhmmddEstimator):
    """A curve for every value of a second parameter, all in one figure.

    For instance risk against width, one curve for each number of gradient steps or for
    each penalty. All curves are measured on the same splits, so that what differs
    between them is the parameter.

    Parameters
    ----------
    curve : DoubleDescentCurve
        Unfitted. It is cloned, never changed.

    param_name : str
        Name of the second parameter, as in ``curve.estimator.set_params``, e.g.
        ``"headregressor__alpha"``. Another one than that of the curve.

    param_range : array-like of length n_curves
        Its values, distinct, in the order in which they are kept and drawn.

    label : str or callable, default=None
        How a value is named in the legend and in the summary.

        - None: in words, such as "ridge penalty 0.1" or "10 gradient steps".
        - str: this name of the parameter, and the value.
        - callable: ``label(value)``, a string.

    Attributes
    ----------
    curves_ : list of DoubleDescentCurve
        Fitted, one for each value.

    param_range_ : list of length n_curves
        The values.

    results_ : dict of str to ndarray
        The results of all curves below each other, for :class:`pandas.DataFrame`:
        ``param_<param_name>``, then the columns of the curves, as far as all of them
        have them.

    n_features_in_ : int
        Number of features seen during fit. Only if X has two dimensions.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    DoubleDescentCurve : One of the curves.
    DoubleDescentDisplay : Draws one curve, or several on the same axes.

    Notes
    -----
    The splits are drawn once, also if `random_state` of the curve is None or `cv`
    shuffles without a seed. With integer seeds every curve is what the curve would be
    by itself at that value. Frozen leading steps of a pipeline that the parameter does
    not touch are applied once in all: see :class:`DoubleDescentCurve`. A step that
    draws something else at every fit is not frozen in that sense; give it a
    `random_state`.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skhmmdd import (DoubleDescentCurve, DoubleDescentFamily, HeadRegressor,
    ...                      LeadingColumns)
    >>> X, y = make_regression(300, 90, n_informative=90, noise=50, random_state=0)
    >>> curve = DoubleDescentCurve(
    ...     make_pipeline(LeadingColumns(), HeadRegressor()),
    ...     "leadingcolumns__n_components", range(1, 91), train_size=30, random_state=0,
    ... )
    >>> family = DoubleDescentFamily(curve, "headregressor__alpha", [0, 1, 10])
    >>> print(family.fit(X, y).summary())
    Squared error against number of features from 1 to 90 (90 values): median of 10
      splits, 30 training samples. 3 curves:
    ridge penalty 0: peak 7.34e+06 at 29, lowest 201000 at 90, threshold 29
    ridge penalty 1: peak 901000 at 30, lowest 200000 at 90, no threshold
    ridge penalty 10: peak 415000 at 30, lowest 202000 at 90, no threshold
    >>> display, *_ = family.plot()
    """

    curves_: list[DoubleDescentCurve]
    param_range_: list[Any]
    results_: dict[str, Array]
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: ClassVar[dict] = {
        "curve": [DoubleDescentCurve],
        "param_name": [str],
        "param_range": ["array-like"],
        "label": [None, str, callable],
    }

    def __init__(
        self,
        curve: DoubleDescentCurve,
        param_name: str,
        param_range: Iterable[Any],
        *,
        label: str | Callable[[Any], str] | None = None,
    ) -> None:
        self.curve = curve
        self.param_name = param_name
        self.param_range = param_range
        self.label = label

    # Every curve checks its own parameters.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Compute every curve, on the same splits.

        Parameters
        ----------
        X : indexable of length n_samples
            Whatever the estimator takes.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Group labels for the `cv` of the curve.

        **fit_params : dict
            Passed to the `fit` of the estimator, as by :meth:`DoubleDescentCurve.fit`.

        Returns
        -------
        self : DoubleDescentFamily
            With all curves fitted.

        Raises
        ------
        ValueError
            If the curve is fitted already, the estimator has no parameter of that
            name, it is that of the curve, or its values are none or not distinct; and
            as :meth:`DoubleDescentCurve.fit`.
        """
        require_targets(self, y)
        values = self._check_values()
        curve = clone(self.curve)
        classifier = is_classifier(curve.estimator)
        X, y, groups = check_data(X, y, groups, classifier)
        remember_features(self, X)
        curve._validate_params()
        if get_config().get("enable_metadata_routing", False):
            given = fit_params if groups is None else {**fit_params, "groups": groups}
            fit_params = dict(process_routing(self, "fit", **given).curve.fit)
            groups = fit_params.pop("groups", None)
        splits = curve._split(X, y, route(curve, groups, fit_params), classifier)
        lift = KeptTransforms(self.param_name)
        curves = []
        for value in values:
            member = clone(curve)
            # A value that is an estimator would otherwise be shared by the members.
            value = clone(value, safe=False)
            member.estimator.set_params(**{self.param_name: value})
            curves.append(
                member._fit(X, y, groups, fit_params, splits=splits, lift=lift)
            )
        self.param_range_, self.curves_ = values, curves
        self.results_ = self._join_results()
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell that what is given to `fit` goes on to the curve.

        Returns
        -------
        MetadataRouter
            The curve, with what its own router says.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(curve=self.curve, method_mapping=mapping)

    def _check_values(self):
        """The values of the parameter, if there can be a curve for each."""
        if hasattr(self.curve, "test_risks_"):
            raise ValueError(
                "curve must be an unfitted DoubleDescentCurve, but it is fitted "
                "already. Give sklearn.base.clone(curve)."
            )
        check_param_name(self.curve.estimator, self.param_name)
        if self.param_name == self.curve.param_name:
            raise ValueError(
                f"param_name={self.param_name!r} is the parameter of the curve itself; "
                "it must be another one."
            )
        values = list_values(self.param_range)
        for index, value in enumerate(values):
            if isinstance(value, Real | str) and value in values[:index]:
                raise ValueError(
                    f"The values of param_range must be distinct, but {value!r} occurs "
                    "more than once."
                )
        return values

    def _join_results(self):
        results = [curve.results_ for curve in self.curves_]
        lengths = [len(curve.complexity_) for curve in self.curves_]
        common = [
            column for column in results[0] if all(column in one for one in results)
        ]
        joined = {
            f"param_{self.param_name}": np.repeat(as_column(self.param_range_), lengths)
        }
        for column in common:
            joined[column] = np.concatenate([one[column] for one in results])
        return joined

    def plot(
        self,
        ax: Axes | None = None,
        *,
        risk: str | None = None,
        show_train: bool = False,
        show_band: bool | str = "auto",
        show_threshold: bool = True,
        show_best: bool = False,
        cmap: str = "viridis",
        **kwargs: Any,
    ) -> list[DoubleDescentDisplay]:
        """Draw all curves on the same axes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        risk : str, default=None
            Name of the risk to draw; None draws the primary one.

        show_train : bool, default=False
            Draw the training risks, dashed.

        show_band : "auto" or bool, default="auto"
            Draw the bands. "auto": for one curve or two.

        show_threshold : bool, default=True
            Draw a line at the interpolation threshold: one for all curves, at the
            lowest of theirs.

        show_best : bool, default=False
            Mark the lowest median test risk of every curve.

        cmap : str, default="viridis"
            Name of the colour map of the values if all are numbers, in their order.
            Other values have colours of their own.

        **kwargs : dict
            Passed to :meth:`DoubleDescentDisplay.plot`; `theory` is drawn once.

        Returns
        -------
        list of DoubleDescentDisplay
            Drawn, one for each curve.
        """
        check_is_fitted(self, "curves_")
        if "name" in kwargs:
            raise ValueError("name is that of the curves: set label, not name.")
        displays = [DoubleDescentDisplay.from_curve(one, risk) for one in self.curves_]
        if show_band == "auto":
            show_band = len(displays) <= 2
        options = {
            "show_train": show_train,
            "show_band": show_band,
            "show_best": show_best,
            "show_danger_zone": False,  # one for every curve would hide the others
            **kwargs,
        }
        draw_family(
            displays,
            self._names(),
            ax,
            # A flag is a number to Python, but no quantity.
            values=self.param_range_
            if all(map(_is_quantity, self.param_range_))
            else None,
            cmap=cmap,
            show_threshold=show_threshold,
            options=options,
        )
        return displays

    def summary(self) -> str:
        """Tell in words what the curves show.

        Returns
        -------
        str
            What was measured, then peak, lowest risk and threshold, one line for each
            curve; `print` it.
        """
        check_is_fitted(self, "curves_")
        found = [curve._findings() for curve in self.curves_]
        return describe_family(dict(zip(self._names(), found, strict=True)))

    def _names(self):
        """What every curve is called."""
        if callable(self.label):
            return [str(self.label(value)) for value in self.param_range_]
        words = axis_words(self.param_name, self.curve.estimator)
        if self.label is not None:
            words = AxisWords(self.label)
        return [value_in_words(words, value) for value in self.param_range_]

    def __sklearn_tags__(self):
        return tags_of_inner(super().__sklearn_tags__(), self.curve)


def _is_quantity(value):
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
