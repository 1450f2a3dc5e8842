"""Lipschitz bounds of the heads of a curve, where features come from a readout.

A readout is told by what it offers: a method `readout_jacobians(X)` whose result has a
`shape` (n, p, d), `take(rows)`, `operator_norms(widths)`, and products with the
coefficients of leading columns when it is called.
"""

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline

from skhmmdd.curve._lipschitz import LipschitzBounds, bounds_of
from skhmmdd.heads._base import WIDTH

# Predictions of a head that is linear agree with its coefficients to rounding.
_LINEAR = 1e-6


def lifted_jacobians(lifted, rest):
    """Jacobians, at all samples, of frozen features that go straight to the head.

    None where `rest`, what is not lifted out, has other steps, or there are none.
    """
    if not isinstance(rest, Pipeline) or len(rest.steps) > 1:
        return None
    return _jacobians_of(lifted.step, lifted.inputs)


def own_jacobians(steps, X):
    """Jacobians of the features that fitted steps make of X for a head.

    None where the step before the head has none, or there is no such step.
    """
    steps = [step for step in steps if step is not None and step != "passthrough"]
    if not steps or not hasattr(type(steps[-1]), "readout_jacobians"):
        return None
    for step in steps[:-1]:
        X = step.transform(X)
    return _jacobians_of(steps[-1], X)


def _jacobians_of(step, inputs):
    # Of its class: what wraps a fitted step may hand on all that it is asked for.
    if not hasattr(type(step), "readout_jacobians"):
        return None
    return step.readout_jacobians(inputs)


def head_bounds(estimator, jacobians):
    """`LipschitzBounds` of a fitted head, or of a pipeline that ends in one.

    None without Jacobians, or where the head has no coefficients for them.
    """
    if jacobians is None:
        return None
    head = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    coef = getattr(head, "coef_", None)
    if coef is None:
        return None
    coef = coef.toarray() if issparse(coef) else np.asarray(coef, dtype=np.float64)
    coef = np.atleast_2d(coef)
    width = jacobians.shape[1]
    if coef.ndim != 2 or coef.shape[1] != width:
        return None
    return _ordered(bounds_of(coef, jacobians, jacobians.operator_norms([width])[0]))


def path_bounds(head, X, y, name, values, jacobians, norms=None):
    """The bounds of heads along a path.

    Parameters
    ----------
    head : estimator
        Which offers the path.
    X, y : ndarray
        The training set.
    name : str
    values : list of length n_values
    jacobians : jacobians or None
        At the training samples.
    norms : ndarray of shape (n_values,), default=None
        Operator norms of the readout at every value, if they are known.

    Returns
    -------
    LipschitzBounds or None
        Arrays of shape (n_values,); None without Jacobians, or where the head turns out
        not to be linear.
    """
    if jacobians is None:
        return None
    # 1. Coefficients: what a linear head predicts for unit vectors, less its intercept.
    p = jacobians.shape[1]
    probe = np.vstack([np.zeros(p), np.ones(p), np.eye(p)])
    told = head._path(X, y, probe, name, values).predictions.transpose(0, 2, 1)
    intercepts, at_ones = told[:, :, 0], told[:, :, 1]
    coefs = told[:, :, 2:] - intercepts[:, :, None]
    # 2. A head is linear if it adds up.
    size = np.abs(coefs).sum(axis=2) + np.abs(intercepts)
    if (np.abs(coefs.sum(axis=2) + intercepts - at_ones) > _LINEAR * size).any():
        return None
    # 3. The bounds, of leading columns where the path is one of widths.
    norms = path_norms(jacobians, name, values) if norms is None else norms
    widths = _widths(jacobians, name, values)
    found = [
        _ordered(bounds_of(coef[:, :width], jacobians, norm))
        for coef, width, norm in zip(coefs, widths, norms, strict=True)
    ]
    return LipschitzBounds(*np.array(found).T)


def path_norms(jacobians, name, values):
    """Operator norms of a readout along a path, shape (n_values,)."""
    if name == WIDTH:
        return jacobians.operator_norms(_widths(jacobians, name, values))
    return np.repeat(jacobians.operator_norms(jacobians.shape[1:2]), len(values))


def _widths(jacobians, name, values):
    return values if name == WIDTH else [jacobians.shape[1]] * len(values)


def _ordered(bounds):
    # Equal bounds may be rounded past each other.
    return LipschitzBounds(bounds.lower, max(bounds))
