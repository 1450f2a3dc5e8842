"""The curve from a path of the head: the strategy "path"."""

from numbers import Integral
from time import perf_counter
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from skhmmdd._parallel import map_jobs, single_blas_thread
from skhmmdd._progress import Progress
from skhmmdd.curve.measurement._diagnostics import Diagnostics, Measured
from skhmmdd.curve.measurement._frozen import is_frozen, split_frozen, transform_frozen
from skhmmdd.curve.measurement._refit import CurveTable
from skhmmdd.curve.measurement._risks import is_mean_squared_error, needs_estimator
from skhmmdd.curve.measurement._routing import weight_name
from skhmmdd.curve.measurement._steepness import (
    lifted_jacobians,
    own_jacobians,
    path_bounds,
    path_norms,
)
from skhmmdd.heads._base import WIDTH, LinearHead
from skhmmdd.heads._targets import labels_of


def path_name(estimator, param_name):
    """What a head calls the path along a parameter of the whole estimator.

    Parameters
    ----------
    estimator : estimator
        A head, or a pipeline that ends in one.
    param_name : str

    Returns
    -------
    str or None
        A parameter of the head; `WIDTH` for the `n_components` of the step before it;
        None for any other parameter.
    """
    if not isinstance(estimator, Pipeline):
        return param_name
    last = estimator.steps[-1][0]
    step, _, own = param_name.partition("__")
    if step == last and own:
        return own
    if len(estimator.steps) > 1 and param_name == (
        f"{estimator.steps[-2][0]}__n_components"
    ):
        return WIDTH
    return None


def why_not_path(estimator, param_name, param_range, risks, routed, diagnostics):
    """What keeps a curve from a path of its head, in words; None if nothing does."""
    is_pipeline = isinstance(estimator, Pipeline)
    head = estimator.steps[-1][1] if is_pipeline else estimator
    # Of its class: what wraps a fitted head may hand on all that it is asked for.
    if not hasattr(type(head), "_why_no_path"):
        if not is_pipeline:
            return "the estimator is not a Pipeline of features and a head"
        return f"the last step is a {type(head).__name__}, which offers no path"
    name = path_name(estimator, param_name)
    if name is None:
        return (
            f"{param_name!r} is not the n_components of the step before the head, nor "
            "a parameter of the head"
        )
    reason = head._why_no_path(name, param_range)
    if reason:
        return reason
    reason = _why_not_steps(estimator, name) if is_pipeline else None
    if reason:
        return reason
    given = {*routed.fit, *(key for risk in routed.risks.values() for key in risk)}
    takes_weights = name in getattr(head, "_weighted_paths", ()) and not diagnostics
    if takes_weights and weight_name(estimator) in routed.fit:
        given -= {weight_name(estimator), "sample_weight"}
    if given:
        return f"fit was given {sorted(given)}"
    scorers = [key for key, risk in risks.named.items() if needs_estimator(risk)]
    if scorers:
        return f"the risks {scorers} are scorers, which ask a fitted estimator"
    return None


def _why_not_steps(pipeline, name):
    """What in the steps before the head would be another thing at every refit."""
    steps = pipeline.steps[:-1]
    if name == WIDTH:
        reason = _why_not_nested(*steps.pop())
        if reason:
            return reason
    lifted = True
    for key, step in steps:
        lifted = lifted and is_frozen(step)  # applied once, whatever the strategy
        if not lifted and not _is_deterministic(step):
            return f"{key!r} draws something else at every fit: give it a random_state"
    return None


def _is_pca(step):
    # Whoever has a PCA in the pipeline has it imported; nobody else need wait for it.
    from sklearn.decomposition import PCA

    return isinstance(step, PCA)


def _is_deterministic(step):
    if step is None or isinstance(step, str):
        return True
    if _is_pca(step) and step.svd_solver in ("full", "covariance_eigh"):
        return True
    return all(
        isinstance(value, Integral)
        for key, value in step.get_params().items()
        if key.rpartition("__")[2] == "random_state"
    )


def _why_not_nested(name, step):
    if _is_pca(step):
        # The other solvers find other components for another n_components.
        if step.svd_solver in ("full", "covariance_eigh"):
            return None
        return (
            f"the components of {name!r} are nested only with svd_solver='full' or "
            f"'covariance_eigh', not {step.svd_solver!r}"
        )
    if not getattr(step, "__skhmmdd_nested__", False):
        return f"the columns of {name!r} are not known to be nested"
    draws = getattr(step, "__skhmmdd_random__", True)
    if draws and not isinstance(getattr(step, "random_state", 0), Integral):
        return f"{name!r} draws other features at every fit: give it a random_state"
    return None


class _PathPredictions(NamedTuple):
    """What the head of one value says of some rows, in the shape `predict` gives."""

    scores: np.ndarray
    classes: np.ndarray | None
    head: LinearHead

    @property
    def estimator(self):
        return SimpleNamespace(classes_=self.classes)

    @property
    def predicted(self):
        if self.classes is None:
            return self.scores
        return labels_of(self.scores, self.classes)

    @property
    def class_scores(self):
        return self.head._probabilities(self.scores)


def path_curve(
    estimator,
    param_name,
    param_range,
    X,
    y,
    *,
    splits,
    risks,
    routed,
    n_jobs=None,
    verbose=0,
    tasks=None,
    diagnosis=None,
    lift=transform_frozen,
):
    """One path for each split, where `why_not_path` finds no reason against it.

    Parameters are those of `refit_curve`. Processes share the splits unless a
    `joblib.parallel_config` names other workers: much of LAPACK holds the GIL, and
    threads would wait. A path's time is shared out evenly among its values.
    """
    name = path_name(estimator, param_name)
    widest = clone(estimator)
    if name == WIDTH:
        widest.set_params(**{param_name: max(param_range)})
    with single_blas_thread():
        frozen, rest = split_frozen(widest)
        lifted = lift(frozen, X, y)
        progress = Progress(len(splits), verbose, "splits", tasks=tasks)
        probe = diagnosis and diagnosis.probe
        parts = []
        readout = None
        if probe:
            jacobians = lifted_jacobians(lifted, rest)
            if jacobians is not None:
                readout = jacobians, path_norms(jacobians, name, param_range)
        along = name, param_range
        shared = rest, along, lifted.X, y, risks, routed, probe, readout
        for *part, measured in map_jobs(
            _one_split, splits, *shared, n_jobs=n_jobs, prefer=None
        ):
            if diagnosis:
                diagnosis.add(measured, splits[len(parts)][1])
            parts.append(part)
            progress.update(len(parts))
    train, test, threshold, seconds = zip(*parts, strict=True)
    share = np.tile(np.array(seconds) / len(param_range), (len(param_range), 1))
    return CurveTable(
        train={key: np.column_stack([part[key] for part in train]) for key in train[0]},
        test={key: np.column_stack([part[key] for part in test]) for key in test[0]},
        threshold_risk=np.column_stack(threshold),
        fit_time=share,
        score_time=np.zeros_like(share),
        diagnostics=diagnosis.finish(len(splits)) if diagnosis else Diagnostics(),
    )


def _one_split(split, rest, along, X, y, risks, routed, probe, readout):
    started = perf_counter()
    subsets = [(_safe_indexing(X, i), np.asarray(_safe_indexing(y, i))) for i in split]
    (X_train, y_train), (X_test, y_test) = subsets
    head, jacobians, norms = rest, None, None
    if readout is not None:
        jacobians, norms = readout[0].take(split[0]), readout[1]
    if isinstance(rest, Pipeline):
        head, inputs, fitted = rest.steps[-1][1], X_train, []
        for _, step in rest.steps[:-1]:
            if step is None or step == "passthrough":
                continue
            step = clone(step)
            X_train = step.fit_transform(X_train, y_train)
            X_test = step.transform(X_test)
            fitted.append(step)
        if probe and jacobians is None:
            jacobians = own_jacobians(fitted, inputs)
    # Weights of the head are all there may be.
    given = _check_method_params(X, params=routed.fit, indices=split[0])
    weights = [{"sample_weight": weight} for weight in given.values()]
    every_risk = [*risks.named.values(), risks.threshold]
    only_squares = not weights and all(map(is_mean_squared_error, every_risk))
    path = head._path(
        X_train,
        y_train,
        X_test,
        *along,
        y_test=y_test if only_squares else None,
        keep_predictions=bool(probe) or not only_squares,
        count_parameters=bool(probe),
        **(weights[0] if weights else {}),
    )
    one_column = y_train.ndim == 1 and (path.classes is None or len(path.classes) == 2)
    trained, tested = (
        _at_each_value(predictions, path.classes, one_column, head)
        for predictions in (path.train_predictions, path.predictions)
    )
    if only_squares:
        train, threshold = dict.fromkeys(risks.named, path.train_risk), path.train_risk
        test = dict.fromkeys(risks.named, path.test_risk)
    else:
        of_threshold = routed.of_threshold(X, split[0])
        of_train, of_test = (routed.of_risks(X, part) for part in split)
        threshold = [
            risks.at_threshold(one, y_train, **of_threshold) for one in trained
        ]
        train = _columns([risks.of(one, y_train, of_train) for one in trained])
        test = _columns([risks.of(one, y_test, of_test) for one in tested])
    measured = None
    if probe:
        residuals = [probe.residuals(one, y_test) for one in tested]
        bounds = path_bounds(head, X_train, y_train, *along, jacobians, norms)
        measured = Measured(
            residuals, path.coef_norm, path.effective_parameters, bounds
        )
    return train, test, np.array(threshold), perf_counter() - started, measured


def _columns(rows):
    """Risks at each value, by name, as arrays by name."""
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def _at_each_value(predictions, classes, one_column, head):
    """What is predicted at each value; nothing where predictions were not kept."""
    if predictions is None:
        return []
    if one_column:
        predictions = predictions[:, :, 0]
    return [_PathPredictions(scores, classes, head) for scores in predictions]
