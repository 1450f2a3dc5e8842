"""Continue sequences under a frozen model and a head."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval

from skhmmdd._base import refuse_bool, validate_params
from skhmmdd._typing import Floats, Ints, RandomState, SequencesLike
from skhmmdd.hmm.sequences._reading import MISSING, read_symbols


@validate_params(
    {
        "transformer": [HasMethods(["transform"])],
        "head": [HasMethods(["predict_proba"])],
        "X": "no_validation",
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, np.inf, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def generate(
    transformer: Any,
    head: Any,
    X: SequencesLike,
    n_steps: int,
    *,
    temperature: float = 0.0,
    random_state: RandomState = None,
) -> Ints:
    r"""Continue sequences of symbols, one predicted symbol at a time.

    The transformer turns each sequence into features, the head those into
    probabilities of the next symbol, and the symbol that is chosen joins the sequence.

    Parameters
    ----------
    transformer : fitted transformer
        From sequences to features, as :class:`~skhmmdd.HMMFeatureTransformer`; also a
        pipeline of transformers. It is given an array of integers, -1 where shorter
        sequences end.
    head : fitted classifier
        With `predict_proba`; its classes are symbols.
    X : array of shape (n_sequences, n_steps_so_far) or list of arrays
        Sequences of symbols to continue. A trailing -1 is padding.
    n_steps : int
        Symbols to add to each, in [1, inf).
    temperature : float, default=0.0
        In [0, inf). At 0 the most probable symbol is taken (the first of equals).
        Above, symbols are drawn with probabilities in proportion to
        :math:`p^{1/\text{temperature}}`.
    random_state : int, RandomState instance or None, default=None
        Draws the symbols.

    Returns
    -------
    ndarray of int of shape (n_sequences, n_steps)
        The continuations alone.

    Raises
    ------
    ValueError
        If an argument is out of its range, or a class of the head is no symbol.

    See Also
    --------
    SoftmaxHead : A head whose probabilities come from the log loss.
    prediction_statistics : Entropy of predictions, and agreement with true ones.
    type_token_ratio : How varied the continuations are.

    Notes
    -----
    The features of the whole sequence are computed anew at each step, which holds for
    any transformer and any pooling. So the time grows as the square of the length.

    Examples
    --------
    >>> from skhmmdd import HMMFeatureTransformer, SoftmaxHead, generate, make_hmm
    >>> hmm = make_hmm(4, n_symbols=3, random_state=0)
    >>> X, _ = hmm.sample(50, 9, random_state=0)
    >>> transformer = HMMFeatureTransformer(hmm, 20, random_state=0)
    >>> features = transformer.fit_transform(X[:, :8])
    >>> head = SoftmaxHead(alpha=1.0).fit(features, X[:, 8])
    >>> generate(transformer, head, X[:2], 4).shape
    (2, 4)
    >>> drawn = generate(transformer, head, X, 30, temperature=1.0, random_state=0)
    >>> sorted(set(drawn.ravel().tolist()))
    [0, 1, 2]
    """
    refuse_bool(n_steps, "n_steps", "an int in [1, inf)")
    classes = _symbols_of(head)
    rng = check_random_state(random_state)
    # 1. One row a sequence, with room for what is to come.
    contexts = read_symbols(X)
    lengths = np.asarray(contexts.lengths)
    rows = np.arange(len(lengths))
    longest = int(lengths.max(initial=0))
    table = np.full((len(lengths), longest + n_steps), MISSING, dtype=np.intp)
    for row, start, length in zip(rows, contexts.starts, lengths, strict=True):
        table[row, :length] = contexts.values[start : start + length]
    # 2. Features, probabilities, a symbol.
    for t in range(n_steps):
        features = transformer.transform(table[:, : longest + t])
        probabilities = np.asarray(head.predict_proba(features), dtype=np.float64)
        chosen = _choose(probabilities, temperature, rng)
        table[rows, lengths + t] = classes[chosen]
    return table[rows[:, None], lengths[:, None] + np.arange(n_steps)]


def _symbols_of(head):
    classes = np.asarray(head.classes_)
    if classes.ndim != 1 or classes.dtype.kind not in "iu" or classes.min() < 0:
        raise ValueError(
            "The classes of head must be symbols, integers of at least 0; got "
            f"{classes!r}."
        )
    return classes


def _choose(
    probabilities: Floats, temperature: float, rng: np.random.RandomState
) -> Ints:
    """The most probable columns, or drawn ones."""
    if temperature == 0:
        return probabilities.argmax(axis=1)
    # In logarithms, less the largest: powers of a low temperature vanish.
    with np.errstate(divide="ignore", over="ignore"):
        logs = np.log(probabilities / probabilities.max(axis=1, keepdims=True))
        weights = np.exp(logs / temperature)
    cumulative = np.cumsum(weights, axis=1)
    below = rng.uniform(size=(len(weights), 1)) * cumulative[:, -1:]
    return (cumulative <= below).sum(axis=1)
