"""What a frozen model holds at a step, and how steps become one row: pure functions."""

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from skhmmdd.hmm.inference._collectors import LastSteps

RepresentationName: TypeAlias = Literal[
    "belief", "log_belief", "predictive", "smoothed"
]
PoolingName: TypeAlias = Literal["last", "mean", "sum", "max"]
REPRESENTATIONS = get_args(RepresentationName)
POOLINGS = get_args(PoolingName)

# A belief of zero has no logarithm; below this one it tells no more.
LOG_FLOOR = 1e-12


class Representation(NamedTuple):
    """A map of the belief: elementwise logarithm or not, then a linear one or not."""

    smoothed: bool
    logarithm: bool
    weights: np.ndarray | None
    center: np.ndarray
    scale: np.ndarray

    @property
    def width(self):
        return len(self.center)

    def of(self, beliefs):
        """The representation of beliefs (..., n_states), shape (..., width)."""
        if self.logarithm:
            beliefs = np.log(np.maximum(beliefs, beliefs.dtype.type(LOG_FLOOR)))
        if self.weights is not None:
            beliefs = beliefs @ self.weights.astype(beliefs.dtype, copy=False)
        return beliefs

    def standardise(self, values, pooling):
        """Put values on a scale of order one that depends on the weights alone."""
        # A sum grows with the length of its sequence; centring would hide that.
        center = 0.0 if pooling == "sum" else self.center.astype(values.dtype)
        return (values - center) * self.scale.astype(values.dtype)


def make_representation(hmm, kind):
    r"""The representation `kind` of a frozen model.

    Distributions over m outcomes are standardised as :math:`\sqrt m (b - 1/m)`; means
    of a state or of an observation by the mean and spread of the model's own long run.

    Parameters
    ----------
    hmm : frozen weights
    kind : {"belief", "log_belief", "predictive", "smoothed"}

    Returns
    -------
    Representation
    """
    with np.errstate(over="ignore", invalid="ignore"):
        weights, center, spread = hmm._long_run(kind)
    if not (np.isfinite(center).all() and np.isfinite(spread).all()):
        raise ValueError(
            f"representation={kind!r} of hmm is standardised by the spread of its "
            "means, which overflows: rescale the observations of hmm."
        )
    scale = 1 / np.where(spread > 0, spread, 1.0)
    return Representation(
        kind == "smoothed", kind == "log_belief", weights, center, scale
    )


def plain_representation(width):
    """The representation of a model that gives it as it is meant to be read."""
    return Representation(False, False, None, np.zeros(width), np.ones(width))


class Pooler(NamedTuple):
    """Makes collectors of one pooled row for each sequence, (n_sequences, width).

    Pooling commutes with a linear map, which is then applied once to the pooled rows;
    a logarithm and a maximum do not, and are taken at every step.
    """

    representation: Representation
    pooling: PoolingName

    @property
    def ends_only(self):
        """What the recursion may then leave out."""
        return self.pooling == "last"

    def __call__(self, counts, n_states, dtype):
        if self.pooling == "last":
            return _PooledLast(self.representation, counts, n_states, dtype)
        return _Pooled(*self, counts, n_states, dtype)


def pool_steps(sequences, pooling, dtype):
    """One row for each sequence, from all of its steps at hand.

    Parameters
    ----------
    sequences : list of ndarray of shape (n_steps, width)
        None of them empty.
    pooling : {"last", "mean", "sum", "max"}
    dtype : dtype

    Returns
    -------
    ndarray of shape (n_sequences, width)
    """
    width = sequences[0].shape[1]
    pooler = Pooler(plain_representation(width), pooling)
    out = np.empty((len(sequences), width), dtype)
    for row, steps in zip(out, sequences, strict=True):
        # As a recursion gives a long sequence alone: steps, one sequence, columns.
        collector = pooler(np.ones(len(steps), dtype=np.intp), width, dtype)
        if pooler.ends_only:
            collector.add(slice(len(steps) - 1, len(steps)), steps[-1:, None])
        else:
            collector.add(slice(0, len(steps)), steps[:, None])
        row[:] = collector.finish()
    return out


class _PooledLast(LastSteps):
    def __init__(self, representation, counts, n_states, dtype):
        super().__init__(counts, n_states, dtype)
        self._representation = representation

    def finish(self):
        return self._representation.of(super().finish())


class _Pooled:
    def __init__(self, representation, pooling, counts, n_states, dtype):
        self._representation, self._pooling = representation, pooling
        self._inside = pooling == "max" or representation.logarithm
        self._merge = np.maximum if pooling == "max" else np.add
        width = representation.width if self._inside else n_states
        fill = -np.inf if pooling == "max" else 0.0
        self._counts, self._pooled = counts, np.full((counts[0], width), fill, dtype)

    def add(self, steps, beliefs):
        values = self._representation.of(beliefs) if self._inside else beliefs
        values = self._merge.reduce(values, axis=0) if len(values) > 1 else values[0]
        pooled = self._pooled[: len(values)]
        self._merge(pooled, values, out=pooled)

    def finish(self):
        pooled, counts = self._pooled, self._counts
        if self._pooling == "mean":
            lengths = np.searchsorted(-counts, -np.arange(counts[0]), side="left")
            pooled /= lengths[:, None].astype(pooled.dtype)
        return pooled if self._inside else self._representation.of(pooled)
