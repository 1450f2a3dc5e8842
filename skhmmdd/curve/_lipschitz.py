"""How steep a head is on its features: bounds of its Lipschitz constant."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval

from skhmmdd._base import validate_params
from skhmmdd._repr import short_repr
from skhmmdd._typing import FloatOrFloats, Floats

# A lower bound that is above the upper one by more than rounding tells of Jacobians
# that are not those of the operator norm.
_ROUNDING = 1e-9


class LipschitzBounds(NamedTuple):
    """Bounds of a Lipschitz constant.

    Attributes
    ----------
    lower : float or ndarray of shape (n_complexities, n_splits)
        The steepest slope found.
    upper : float or ndarray of shape (n_complexities, n_splits)
        What no slope exceeds.
    """

    lower: FloatOrFloats
    upper: FloatOrFloats

    def __repr__(self) -> str:
        return short_repr(self)


@validate_params(
    {
        "coef": ["array-like"],
        "jacobians": ["array-like", callable, None],
        "operator_norm": [Interval(Real, 0, np.inf, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def lipschitz_bounds(
    coef: ArrayLike,
    jacobians: ArrayLike | Callable[[Floats], ArrayLike] | None,
    operator_norm: float,
) -> LipschitzBounds:
    r"""Bound the Lipschitz constant of a linear head on a map of its inputs.

    Parameters
    ----------
    coef : array-like of shape (p,) or (q, p)
        Coefficients of one output, or of q.
    jacobians : array-like of shape (n, p, d), callable or None
        Jacobians of the map from d inputs to p features, at n points. For many points
        a callable that takes coefficients of shape (q, p) and returns their products
        with the Jacobians, of shape (n, q, d): such as what
        :meth:`HMMFeatureTransformer.readout_jacobians` gives, which holds no array of
        shape (n, p, d). None if the features are the inputs themselves, as for
        ``readout="identity"``.
    operator_norm : float
        A Lipschitz constant of the map, in [0, inf): for a ReLU readout
        :math:`\max(0, Vu + c)` the largest singular value of V, and 1 for the identity.

    Returns
    -------
    LipschitzBounds
        Named tuple of `lower`, `upper`.

    Raises
    ------
    ValueError
        If shapes do not fit, numbers are not finite, a bound exceeds the largest float,
        or `operator_norm` is less than the Jacobians show it to be.

    See Also
    --------
    HMMFeatureTransformer.readout_jacobians : Jacobians of the frozen readout.
    DoubleDescentCurve : Has both bounds along the curve, with ``diagnostics=True``.

    Notes
    -----
    With the Jacobian :math:`J_i` of the map at point i, coefficients w and operator
    norm L of the map, the Lipschitz constant of the head is between

    .. math:: \max_i \lVert J_i'w\rVert_2 \quad\text{and}\quad L \lVert w\rVert_2.

    For the identity both are :math:`\lVert w\rVert_2`. For several outputs all norms
    are operator norms, largest singular values: of the q × d product of the
    coefficients with :math:`J_i`, and of the q × p coefficients.

    The lower bound only sees the n points given. Both are of the map from what the
    features are made of, a belief say, not from the symbols of a sequence.

    References
    ----------
    G. Khromov and S. P. Singh, "Some fundamental aspects about Lipschitz continuity of
    neural networks", arXiv:2302.10886.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import lipschitz_bounds
    >>> V = np.array([[3.0, 0.0], [0.0, 4.0]])
    >>> on_first, on_second = V * [[1], [0]], V * [[0], [1]]
    >>> lipschitz_bounds([1.0, 1.0], [on_first, on_second], 4.0)
    LipschitzBounds(lower=4, upper=5.657)
    """
    coef = np.atleast_2d(
        check_array(
            coef, dtype=np.float64, ensure_2d=False, allow_nd=False, input_name="coef"
        )
    )
    products = _as_products(jacobians, coef.shape[1])
    bounds = bounds_of(coef, products, float(operator_norm))
    if not np.isfinite(bounds).all():
        raise ValueError(
            "The Lipschitz bounds exceed the largest float: the largest absolute value "
            f"of coef is {np.abs(coef).max():g}."
        )
    if bounds.lower > bounds.upper * (1 + _ROUNDING):
        raise ValueError(
            f"operator_norm={operator_norm!r} is too small: the Jacobians show a slope "
            f"of {bounds.lower:g} where it allows {bounds.upper:g}."
        )
    return LipschitzBounds(bounds.lower, max(bounds))


def bounds_of(
    coef: Floats, products: Callable[[Floats], Floats] | None, operator_norm: float
) -> LipschitzBounds:
    """The bounds as they are computed, infinite where they overflow.

    Coefficients have shape (q, p); `products` are as the callable `jacobians` of
    `lipschitz_bounds`.
    """
    # The squares of a norm must not overflow.
    scale = float(np.abs(coef).max(initial=0.0))
    if scale == 0:
        return LipschitzBounds(0.0, 0.0)
    unit = coef / scale
    size = float(_operator_norms(unit))
    steepest = size
    with np.errstate(over="ignore"):
        if products is not None:
            steepest = float(np.max(_operator_norms(products(unit))))
        return LipschitzBounds(steepest * scale, operator_norm * size * scale)


def _operator_norms(matrices):
    """Largest singular values of matrices (..., q, d)."""
    if min(matrices.shape[-2:]) == 1:
        return np.linalg.norm(matrices, axis=(-2, -1))
    return np.linalg.norm(matrices, ord=2, axis=(-2, -1))


def _as_products(jacobians, n_columns):
    """The callable form of any Jacobians, its results checked."""
    if jacobians is None:
        return None
    if not callable(jacobians):
        array = check_array(
            jacobians,
            dtype=np.float64,
            allow_nd=True,
            ensure_2d=False,
            input_name="jacobians",
        )
        if array.ndim != 3 or array.shape[1] != n_columns or not array.size:
            raise ValueError(
                f"jacobians must have shape (n, {n_columns}, d), with a row for every "
                f"coefficient; got {array.shape}."
            )
        # (q, p) with (n, p, d)
        return lambda coef: coef @ array

    def products(coef):
        found = np.asarray(jacobians(coef), dtype=np.float64)
        if found.ndim != 3 or found.shape[1] != len(coef) or not found.size:
            raise ValueError(
                f"jacobians must return products of shape (n, {len(coef)}, d); got "
                f"{found.shape}."
            )
        if not np.isfinite(found).all():
            raise ValueError("jacobians must return finite products.")
        return found

    return products
