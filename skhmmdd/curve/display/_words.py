"""The parameter of a curve in words: what stands on the axis, and what one chooses."""

from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

# What more of a parameter is: a larger model, a longer descent, a heavier penalty, or
# something that the name does not tell.
AxisKind: TypeAlias = Literal["size", "steps", "penalty", "other"]

# Letters of a value in a legend; whole numbers of five digits are grouped.
_LONGEST, _LONG_NUMBER = 30, 10_000


class AxisWords(NamedTuple):
    """How a parameter is called.

    Attributes
    ----------
    label : str
        What stands on an axis.
    choice : str
        What one chooses, with its article.
    things : str or None
        What is counted, in the plural; None where nothing is.
    kind : {"size", "steps", "penalty", "other"}
        What more of it is.
    least : float or None
        Smallest value there can be, if it is known.
    """

    label: str
    choice: str = "a value"
    things: str | None = None
    kind: AxisKind = "other"
    least: float | None = None


WIDTH_WORDS = AxisWords("number of features", "a width", "features", "size", 1)

# By the last part of a parameter's name.
_KNOWN = {
    "n_components": WIDTH_WORDS,
    "n_states": AxisWords(
        "number of hidden states", "a number of states", "hidden states", "size", 1
    ),
    "n_kept": AxisWords(
        "kept weights", "a number of kept weights", "kept weights", "size"
    ),
    "rank": AxisWords("rank", "a rank", None, "size", 1),
    "n_steps": AxisWords(
        "gradient steps", "a number of gradient steps", "gradient steps", "steps", 0
    ),
    "alpha": AxisWords("ridge penalty", "a ridge penalty", None, "penalty", 0),
    "temperature": AxisWords("temperature", "a temperature", None, "penalty", 0),
}


def axis_words(
    param_name: str, estimator: Any = None, complexity: Any = None
) -> AxisWords:
    """Put the parameter of an estimator into words.

    Parameters
    ----------
    param_name : str
        As in ``estimator.set_params``.
    estimator : estimator, default=None
        Tells whose parameter it is. What is not known to bear its usual meaning there
        keeps its name: the `alpha` of a Lasso is no ridge penalty.
    complexity : str or callable, default=None
        As in :class:`~skhmmdd.DoubleDescentCurve`.

    Returns
    -------
    AxisWords

    Examples
    --------
    >>> axis_words("hmmfeaturetransformer__n_components").label
    'number of features'
    >>> axis_words("tree__max_leaf_nodes").label
    'max leaf nodes'
    >>> axis_words("features__hmm", complexity="n_states").label
    'number of hidden states of hmm'
    """
    owner_name, _, name = param_name.rpartition("__")
    plain = AxisWords(name.replace("_", " "))
    words = _KNOWN.get(name, plain)
    if estimator is not None and not _is_usual(name, _owner(estimator, owner_name)):
        words = plain
    if complexity is None:
        return words
    if not isinstance(complexity, str):
        kind = "size" if words.kind == "other" else words.kind
        return AxisWords(f"complexity of {words.label}", "a complexity", kind=kind)
    attribute = complexity.replace("_", " ")
    unknown = AxisWords(attribute, f"a value of {attribute}", kind="size")
    found = _KNOWN.get(complexity, unknown)
    return found._replace(label=f"{found.label} of {words.label}")


def value_in_words(words: AxisWords, value: Any) -> str:
    """One value of a parameter, as a legend names it.

    Parameters
    ----------
    words : AxisWords
    value : object

    Returns
    -------
    str

    Examples
    --------
    >>> steps = axis_words("head__n_steps")
    >>> [value_in_words(steps, value) for value in (1, 10**6, float("inf"))]
    ['1 gradient step', '1,000,000 gradient steps', '∞ gradient steps']
    >>> value_in_words(axis_words("head__alpha"), 0.1)
    'ridge penalty 0.1'
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if words.things and is_number and (isinstance(value, Integral) or np.isinf(value)):
        things = words.things.removesuffix("s") if value == 1 else words.things
        return f"{_number(value)} {things}"
    if is_number:
        return f"{words.label} {_number(value)}"
    text = value if isinstance(value, str) else repr(value)
    return f"{words.label} {text if len(text) <= _LONGEST else f'{text[:_LONGEST]}…'}"


def _number(value):
    if np.isinf(value):
        return "∞" if value > 0 else "-∞"
    if not isinstance(value, Integral):
        return f"{value:g}"
    return str(value) if abs(value) < _LONG_NUMBER else f"{value:,}"


def _owner(estimator, name):
    """The part of an estimator that a parameter belongs to; None if not to be found."""
    return estimator.get_params().get(name) if name else estimator


def _is_usual(name, owner):
    if name == "n_components":
        return hasattr(owner, "transform")
    if name == "alpha":
        # scikit-learn penalises, smooths and trims by parameters of this name.
        cls = type(owner)
        return not cls.__module__.startswith("sklearn.") or "Ridge" in cls.__name__
    return True
