"""Which leading steps of a pipeline are frozen, and how to lift them out."""

from copy import copy
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags


def is_frozen(step):
    """Tell whether a pipeline step learns nothing from the data it is fitted on.

    A step is frozen when it is

    - ``None`` or ``"passthrough"``,
    - a :class:`~sklearn.frozen.FrozenEstimator`,
    - a transformer whose tags say ``requires_fit=False``
      (e.g. :class:`~sklearn.preprocessing.FunctionTransformer`),
    - a transformer with a true attribute ``__skhmmdd_frozen__``: it may have to be
      fitted (to draw a random map, say) but not on anything that `X` or `y` holds, or
    - a pipeline or a :class:`~sklearn.pipeline.FeatureUnion` of such steps.

    Parameters
    ----------
    step : estimator, "passthrough" or None

    Returns
    -------
    bool

    Examples
    --------
    >>> from sklearn.preprocessing import FunctionTransformer, StandardScaler
    >>> is_frozen(FunctionTransformer()), is_frozen(StandardScaler())
    (True, False)
    """
    if step is None or isinstance(step, str):
        return step is None or step == "passthrough"
    if isinstance(step, FeatureUnion):
        inner = [transformer for _, transformer in step.transformer_list]
        return all(is_frozen(one) for one in inner if one != "drop")
    if not hasattr(step, "transform"):
        return False
    if isinstance(step, FrozenEstimator) or getattr(step, "__skhmmdd_frozen__", False):
        return True
    if isinstance(step, Pipeline):
        return all(is_frozen(inner) for _, inner in step.steps)
    return hasattr(step, "__sklearn_tags__") and not get_tags(step).requires_fit


def split_frozen(estimator, untouched_by=None):
    """Split a pipeline into its frozen leading steps and the rest.

    The last step is never lifted out. An estimator that is not a
    :class:`~sklearn.pipeline.Pipeline` has no frozen steps.

    Parameters
    ----------
    estimator : estimator
    untouched_by : str, default=None
        The name of a parameter of `estimator`. The run of frozen steps ends before the
        step that this parameter belongs to, so that it is the same for every value of
        the parameter.

    Returns
    -------
    frozen : list of (name, step)
    rest : estimator
        `estimator` itself when nothing is lifted out; else a pipeline of the
        remaining steps, which answers to the same parameter names.
    """
    if not isinstance(estimator, Pipeline):
        return [], estimator
    touched = None if untouched_by is None else untouched_by.split("__")[0]
    frozen = []
    if touched != "steps":
        for name, step in estimator.steps[:-1]:
            if name == touched or not is_frozen(step):
                break
            frozen.append((name, step))
    if not frozen:
        return [], estimator
    # A shallow copy keeps the class and the options of the pipeline, such as `memory`.
    rest = copy(estimator)
    rest.steps = estimator.steps[len(frozen) :]
    return frozen, rest


class Lifted(NamedTuple):
    """What frozen steps made of X.

    Attributes
    ----------
    X : indexable of length n_samples
    step : transformer or None
        The last of the steps that do something, fitted; None if there is none.
    inputs : indexable of length n_samples
        What that step was given.
    """

    X: Any
    step: Any = None
    inputs: Any = None


def transform_frozen(frozen, X, y=None):
    """Send X through the frozen steps that `split_frozen` found, once through each."""
    lifted = Lifted(X)
    for _, step in frozen:
        if step is None or isinstance(step, str):
            continue
        step = clone(step)
        # What is costly to compute may be needed in `fit` and again in `transform`; a
        # FrozenEstimator has no `fit_transform`.
        if hasattr(step, "fit_transform"):
            X = step.fit_transform(lifted.X, y)
        else:
            X = step.fit(lifted.X, y).transform(lifted.X)
        lifted = Lifted(X, step, lifted.X)
    return lifted


class KeptTransforms:
    """`transform_frozen` for curves of the same X that differ in one parameter.

    What that parameter does not touch is transformed once and kept.

    Parameters
    ----------
    param_name : str
        As in ``estimator.set_params``.
    """

    def __init__(self, param_name):
        self._touched = param_name.split("__")[0]
        self._kept = {}

    def __call__(self, frozen, X, y=None):
        names = tuple(name for name, _ in frozen)
        if self._touched in (*names, "steps"):
            return transform_frozen(frozen, X, y)
        if names not in self._kept:
            self._kept[names] = transform_frozen(frozen, X, y)
        return self._kept[names]
