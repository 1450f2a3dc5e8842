"""Parameter values in, numbers on the complexity axis out."""

from numbers import Real

import numpy as np

# Letters of a value in a message.
_LONGEST = 200


def list_values(param_range):
    """The values of a parameter as a list; ValueError if there are none."""
    # tolist, so that the values of an array are plain numbers again.
    is_array = isinstance(param_range, np.ndarray)
    if is_array and not param_range.ndim:
        raise ValueError(f"param_range must hold several values, got {param_range!r}.")
    values = param_range.tolist() if is_array else list(param_range)
    if not values:
        raise ValueError("param_range must hold at least one value, got none.")
    return values


def order_by_complexity(param_range, complexity):
    """Numbers for the values of a parameter, and both in increasing order.

    Parameters
    ----------
    param_range : array-like of length n_complexities
    complexity : None, str or callable
        None: the value itself, or the one number in it. A str: that attribute of the
        value. A callable: what it gives for the value.

    Returns
    -------
    complexities : ndarray of shape (n_complexities,)
        Strictly increasing floats.
    values : list of length n_complexities

    Raises
    ------
    ValueError
        If there are no values, if a complexity is not a finite number, or if two of
        them are equal.

    Examples
    --------
    >>> order_by_complexity([(64,), (8,)], None)
    (array([ 8., 64.]), [(8,), (64,)])
    >>> order_by_complexity(["abc", "a"], len)
    (array([1., 3.]), ['a', 'abc'])
    """
    values = list_values(param_range)
    complexities = np.array([_complexity_of(value, complexity) for value in values])
    order = np.argsort(complexities, kind="stable")
    complexities = complexities[order]
    equal = np.flatnonzero(np.diff(complexities) == 0)
    if equal.size:
        raise ValueError(
            "The complexities of param_range must be distinct, but "
            f"{complexities[equal[0]]:g} occurs more than once."
        )
    return complexities, [values[index] for index in order]


def _complexity_of(value, complexity):
    if complexity is None:
        is_single = isinstance(value, (tuple, list)) and len(value) == 1
        number = value[0] if is_single else value  # as in ``(64,)``
        remedy = " Give `complexity`: the name of an attribute, or a function."
    elif isinstance(complexity, str):
        if not hasattr(value, complexity):
            raise ValueError(
                f"complexity={complexity!r} must be an attribute of every value in "
                f"param_range; {value!r} has none of that name."
            )
        number, remedy = getattr(value, complexity), ""
    else:
        number, remedy = complexity(value), ""
    if isinstance(number, Real) and number == np.inf:
        raise ValueError(
            "The complexity of every value in param_range must be a finite number, to "
            f"have a place on the axis; that of {_short(value)} is inf. Give it one, "
            "e.g. by complexity=lambda value: min(value, 1e9)."
        )
    if not _is_number(number):
        raise ValueError(
            "The complexity of every value in param_range must be a finite number; "
            f"that of {_short(value)} is {_short(number)}.{remedy}"
        )
    return float(number)


def _short(value):
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return f"an {type(value).__name__} too long to write"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _is_number(number):
    is_real = isinstance(number, Real) and not isinstance(number, (bool, np.bool_))
    try:
        return is_real and bool(np.isfinite(float(number)))
    except OverflowError:  # an integer or a fraction beyond the largest float
        return False
