"""In which order states are shown, and how states and symbols are called."""

from numbers import Integral
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

StateOrder: TypeAlias = Literal["stationary", "index"] | ArrayLike

_MISSING, _UNKNOWN = "?", "unknown"


def order_states(order, n_states, stationary):
    """The states in the order in which they are shown.

    Parameters
    ----------
    order : {"stationary", "index"} or array-like of int of shape (n_states,)
    n_states : int
    stationary : ndarray of shape (n_states,) or None
        How often each is visited; None keeps the index where "stationary" is asked.

    Returns
    -------
    ndarray of int of shape (n_states,)

    Examples
    --------
    >>> order_states("stationary", 3, np.array([0.2, 0.5, 0.3]))
    array([1, 2, 0])
    """
    if isinstance(order, str):
        if order not in ("stationary", "index"):
            raise ValueError(
                "order must be 'stationary', 'index' or the states in the order "
                f"wanted, got {order!r}."
            )
        if order == "index" or stationary is None:
            return np.arange(n_states)
        return np.argsort(-stationary, kind="stable")
    given = np.asarray(order)
    if not np.array_equal(np.sort(given), np.arange(n_states)):
        raise ValueError(
            f"order must hold each of the states 0 to {n_states - 1} once, got "
            f"{order!r}."
        )
    return given


def name_states(state_labels, order):
    """Labels of the states, which are given by index, in the order shown."""
    if state_labels is None:
        return [str(state) for state in order]
    labels = check_labels(state_labels, len(order), "state_labels", "states")
    return [labels[state] for state in order]


def check_labels(labels, n, name, what):
    """`n` labels as strings."""
    labels = [str(label) for label in labels]
    if len(labels) != n:
        raise ValueError(
            f"{name} must have one entry for each of the {n} {what}, got {len(labels)}."
        )
    return labels


def name_symbols(encoder, n_symbols):
    """The tokens of a fitted encoder as labels, or the symbols' numbers without one."""
    if encoder is None:
        return [str(symbol) for symbol in range(n_symbols)]
    labels = [str(token) for token in encoder.vocabulary_]
    labels += [_UNKNOWN] * (encoder.n_symbols_ - len(labels))
    return check_labels(labels, n_symbols, "encoder", "symbols of hmm")


def name_steps(sequence, symbols):
    """What was seen at each step, as a label; -1 is a missing step."""
    return [symbols[symbol] if symbol >= 0 else _MISSING for symbol in sequence]


def labels_or_numbers(labels, n):
    """Labels as a list, the numbers 0 to n - 1 where there are none."""
    return [str(i) for i in range(n)] if labels is None else list(labels)


def check_count(name, value):
    """Raise ValueError unless `value` is a whole number of at least one."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer in [1, inf), got {value!r}.")
