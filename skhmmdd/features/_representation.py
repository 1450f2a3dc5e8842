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

    @property
    def merge(self):
        """How two steps become one."""
        return np.maximum if self.pooling == "max" else np.add

    @property
    def inside(self):
        """Whether the representation is taken at every step, and not once."""
        return self.pooling == "max" or (
            self.representation.logarithm and self.pooling != "last"
        )

    def width(self, n_states):
        """Of what is merged."""
        return self.representation.width if self.inside else n_states

    def at_step(self, beliefs):
        """What is merged of the beliefs (..., n_states) of a step."""
        return self.representation.of(beliefs) if self.inside else beliefs

    def finish(self, merged, lengths):
        """The rows of sequences, of all their steps merged or of the last one."""
        if self.pooling == "mean":
            merged /= lengths[:, None].astype(merged.dtype)
        return merged if self.inside else self.representation.of(merged)

    def __call__(self, counts, n_states, dtype):
        if self.pooling == "last":
            return _PooledLast(self, counts, n_states, dtype)
        return _Pooled(self, counts, n_states, dtype)


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
    def __init__(self, pooler, counts, n_states, dtype):
        super().__init__(counts, n_states, dtype)
        self._pooler = pooler

    @property
    def merged(self):
        return super().finish()

    def finish(self):
        return self._pooler.finish(self.merged, None)


class _Pooled:
    def __init__(self, pooler, counts, n_states, dtype):
        fill = -np.inf if pooler.pooling == "max" else 0.0
        self._pooler, self._counts = pooler, counts
        self.merged = np.full((counts[0], pooler.width(n_states)), fill, dtype)

    def add(self, steps, beliefs):
        values, merge = self._pooler.at_step(beliefs), self._pooler.merge
        values = merge.reduce(values, axis=0) if len(values) > 1 else values[0]
        merged = self.merged[: len(values)]
        merge(merged, values, out=merged)

    def finish(self):
        counts = self._counts
        lengths = np.searchsorted(-counts, -np.arange(counts[0]), side="left")
        return self._pooler.finish(self.merged, lengths)
