"""Any frozen encoder of sequences or texts as features of tunable width."""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import fit_context, share_columns
from skhmmdd._parallel import map_jobs
from skhmmdd._progress import Progress
from skhmmdd._tables import keep_index
from skhmmdd._typing import Array, Names, RandomState
from skhmmdd.features._as_encoder import as_encoder
from skhmmdd.features._encoding import check_width, encode, weights_key
from skhmmdd.features._encoding_store import EncodingStore, store_of
from skhmmdd.features._nested_features import (
    NestedFeatures,
    check_dtype,
    check_out,
)
from skhmmdd.features._readout import READOUTS, ReadoutName
from skhmmdd.features._representation import (
    POOLINGS,
    PoolingName,
    plain_representation,
)
from skhmmdd.features._samples import read_samples
from skhmmdd.features._shared_model import check_finite
from skhmmdd.features._transformer import HMMFeatureTransformer
from skhmmdd.hmm.models._frozen import FrozenValue


class FrozenFeatureTransformer(NestedFeatures):
    r"""Features of tunable, nested width from any frozen encoder.

    One text or one sequence becomes one row: what the encoder says of it, pooled over
    the steps and cut to, or mapped at random to, `n_components` columns. The encoder
    is never trained. Along a whole `DoubleDescentCurve` over `n_components` it is
    called once for each sample, whatever the number of widths and splits; with
    `memory`, once ever.

    Parameters
    ----------
    encoder : callable, frozen weights, or model that `as_encoder` takes
        A callable is given a batch (a list of str, a list of sequences, or an array
        with one sample a row and its axes as they are) and gives an array of shape
        (batch, width), or a list of arrays of shape (n_steps, width). Frozen weights of
        a hidden Markov model give its beliefs, as `HMMFeatureTransformer` does. Clones
        share the encoder.
    n_components : int, default=None
        Width of the features, in [1, inf); None gives the pooled encoding itself.
        Features are nested: the first k columns at width K are the columns at width k.
    pooling : {"last", "mean", "sum", "max"}, default="last"
        How the steps become one row. Without effect where the encoder gives one row a
        sample.
    readout : {"relu", "fourier", "linear", "identity"}, default="identity"
        "identity" takes the leading columns of the pooled encoding u; the others map it
        at random to column j: :math:`\max(0, w_j'u + c_j)`,
        :math:`\sqrt 2\cos(w_j'u + c_j)`, :math:`w_j'u`. Without effect when
        `n_components` is None.
    batch_size : int, default=256
        Samples given to the encoder at a time, in [1, inf).
    dtype : {"float64", "float32"} or dtype, default="float64"
        Precision of the features.
    memory : str, path-like or joblib.Memory, default=None
        A folder to keep pooled encodings in, keyed by the weights of the encoder and
        by the sample: no sample is encoded twice, in this process or another, and a job
        that was stopped goes on where it was. None keeps nothing. What hidden Markov
        models say is not kept: they are faster than a look-up.
    n_jobs : int, default=None
        Workers over batches: threads, unless a :func:`joblib.parallel_config` names
        others.
    verbose : int, default=0
        Above zero, lines on the standard error stream say how many samples are encoded
        and how long the rest will take.
    random_state : int, RandomState instance or None, default=None
        Draws the map. With None every `fit` draws another one; "identity" draws
        nothing.

    Attributes
    ----------
    encoder_ : callable or frozen weights
        The encoder in use.
    directions_ : ndarray of shape (width of the encoding, n_components) or None
        The map's directions :math:`w_j`; None when nothing is mapped.
    offsets_ : ndarray of shape (n_components,) or None
        The map's offsets :math:`c_j`.
    n_features_in_ : int
        Columns of a table seen in `fit`; features of a step for a 3-D array. Not set
        for lists and columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `fit` saw a table with names that are all strings.

    Raises
    ------
    ValueError
        If the encoder gives rows of unequal width, NaN, or another number of rows than
        samples; if `n_components` exceeds its width with `readout="identity"`; if a
        sample is missing or empty, or is a text where symbols are due; if `memory`
        cannot tell the weights of the encoder.
    TypeError
        If `encoder` is none of the above.

    See Also
    --------
    as_encoder : Encoders from the models of other libraries.
    HMMFeatureTransformer : Beliefs of a hidden Markov model, with other
        representations and with pretraining.
    LeadingColumns : The same for a matrix that exists already.

    Notes
    -----
    Nothing is standardised, since nothing may be learned from the data: a random map
    of encodings far from unit norm is one of another scale, so scale them in the
    encoder. Directions and offsets are drawn as in `HMMFeatureTransformer`.

    The key of `memory` is the encoder's `weights_key`, a string or a method that gives
    one (encoders from `as_encoder` have it), or a hash of the pickled encoder. A plain
    function is refused, unless it has that attribute: nothing tells what it reads.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import FrozenFeatureTransformer
    >>> def encode(texts):
    ...     return [np.array([[ord(c), 1.0] for c in text]) for text in texts]
    >>> features = FrozenFeatureTransformer(encode, pooling="sum")
    >>> features.fit_transform(["ab", "c"])
    array([[195.,   2.],
           [ 99.,   1.]])
    >>> FrozenFeatureTransformer(encode, n_components=1).fit_transform(["ab", "c"])
    array([[98.],
           [99.]])
    """

    encoder_: Any
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints = {  # noqa: RUF012
        "encoder": "no_validation",
        "n_components": [None, Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions(set(POOLINGS))],
        "readout": [StrOptions(set(READOUTS))],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "dtype": "no_validation",
        "memory": [None, str, PathLike, HasMethods(["cache"])],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # Where the features go is no metadata to be routed.
    __metadata_request__transform = {"out": UNUSED}  # noqa: RUF012

    __skhmmdd_frozen__ = True
    _frozen_model = "encoder"

    def __init__(
        self,
        encoder: Any,
        n_components: int | None = None,
        *,
        pooling: PoolingName = "last",
        readout: ReadoutName = "identity",
        batch_size: int = 256,
        dtype: DTypeLike = "float64",
        memory: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.encoder = encoder
        self.n_components = n_components
        self.pooling = pooling
        self.readout = readout
        self.batch_size = batch_size
        self.dtype = dtype
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: object = None) -> Self:
        """Ask the encoder for the first sample, and draw the map.

        Parameters
        ----------
        X : list of str, list of sequences, column, or array with one sample a row
            Samples: texts, sequences of symbols or of numbers, or rows. Columns may be
            of pandas, polars or pyarrow.
        y : None
            Ignored.

        Returns
        -------
        self : FrozenFeatureTransformer
            With its map drawn.
        """
        if not self._begin(X):
            samples = read_samples(self, X, reset=True)
            self._end(self._pooled(samples, [0]))
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: object = None) -> Array:
        """Fit, and transform the same samples: each is encoded once.

        Parameters
        ----------
        X : list of str, list of sequences, column, or array with one sample a row
            Samples, as `fit` takes them.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In `dtype`. A DataFrame under `set_output`.
        """
        if self._begin(X):
            return keep_index(self._beliefs.transform(X), X, self)
        samples = read_samples(self, X, reset=True)
        pooled = self._pooled(samples, range(len(samples)))
        self._end(pooled)
        return keep_index(self._mapped(pooled, None), X, self)

    def transform(self, X: Any, *, out: Array | None = None) -> Array:
        """One row of features for each sample.

        Parameters
        ----------
        X : list of str, list of sequences, column, or array with one sample a row
            Samples, as `fit` takes them.
        out : ndarray of shape (n_samples, n_components), default=None
            Where to write the features: an array of type `dtype`. None makes one.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In `dtype`: `out`, if it is given. A DataFrame under `set_output`.
        """
        check_is_fitted(self)
        if self._beliefs is not None:
            return keep_index(self._beliefs.transform(X, out=out), X, self)
        samples = read_samples(self, X, reset=False)
        if out is not None:  # not after hours of encoding
            check_out(
                out, (len(samples), self._n_features_out), check_dtype(self.dtype)
            )
        pooled = self._pooled(samples, range(len(samples)))
        return keep_index(self._mapped(pooled, out), X, self)

    def transform_steps(self, X: Any) -> list[Array] | Array:
        """The features of every step, unpooled: for labelling and for plots.

        Parameters
        ----------
        X : list of str, list of sequences, column, or array with one sample a row
            Samples, as `fit` takes them. `memory` is not asked.

        Returns
        -------
        list of ndarray of shape (n_steps_i, n_components), or ndarray of shape \
(n_samples, n_steps, n_components)
            An array for an array whose samples have equally many steps.
        """
        check_is_fitted(self)
        if self._beliefs is not None:
            return self._beliefs.transform_steps(X)
        samples = read_samples(self, X, reset=False)
        dtype, found = check_dtype(self.dtype), []
        for _, encoded in self._batches(samples, range(len(samples))):
            if encoded.steps is None:
                raise ValueError(
                    "encoder gives one row for each sample, and no steps: use "
                    "transform."
                )
            for steps in encoded.steps:
                self._check_width(steps.shape[1])
                columns = self._columns(steps.astype(dtype, copy=False), "last")
                check_finite(columns, "the encodings")
                found.append(columns)
        if samples.kind == "rows" and len({len(steps) for steps in found}) == 1:
            return np.stack(found)
        return found

    def _begin(self, X):
        """Resolve the encoder; whether it is a hidden Markov model."""
        check_dtype(self.dtype)
        store_of(self.memory)
        self.encoder_ = as_encoder(self.encoder)
        self._beliefs = None
        if not isinstance(self.encoder_, FrozenValue):
            return False
        self._beliefs = HMMFeatureTransformer(
            self.encoder_,
            self.n_components,
            pooling=self.pooling,
            readout=self.readout,
            dtype=self.dtype,
            batch_size=self.batch_size,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        )
        self._beliefs.set_output(transform="default").fit(X)
        share_columns(self._beliefs, self)
        self._map = self._beliefs._map
        self._n_features_out = self._beliefs._n_features_out
        return True

    def _end(self, pooled):
        self._representation = plain_representation(pooled.shape[1])
        self._draw_map("encoding", check_dtype(self.dtype))

    def _check_width(self, width):
        representation = getattr(self, "_representation", None)
        if representation is not None:
            check_width(width, representation.width, "X", "the samples of fit")

    def _batches(self, samples, index):
        """Encode samples in batches: the places of each batch, and what was given."""
        index = np.asarray(index, dtype=np.intp)
        pieces = [
            index[a : a + self.batch_size]
            for a in range(0, len(index), self.batch_size)
        ]
        progress = Progress(
            len(index), self.verbose, "samples", who=type(self).__name__
        )
        done = 0
        jobs = ((samples.batch(piece), piece) for piece in pieces)
        found = map_jobs(_encode, jobs, self.encoder_, n_jobs=self.n_jobs)
        for piece, encoded in zip(pieces, found, strict=True):
            yield piece, encoded
            done += len(piece)
            progress.update(done)

    def _pooled(self, samples, index):
        """The pooled encodings of the samples at `index`, shape (n, width)."""
        dtype = check_dtype(self.dtype)
        path = store_of(self.memory)
        if path is None:
            rows = _Rows(len(index))
            for piece, encoded in self._batches(samples, index):
                rows.put(piece, self._pool(encoded, dtype))
            return rows.array
        prefix = f"{weights_key(self.encoder_)}:{self.pooling}"
        store = EncodingStore(path, prefix, dtype)
        keys = [store.key(samples.as_bytes(i)) for i in index]
        known = store.get(list(set(keys)))
        missing = {key: i for i, key in enumerate(keys) if key not in known}
        for piece, encoded in self._batches(samples, list(missing.values())):
            pooled = self._pool(encoded, dtype)
            of_piece = [keys[i] for i in piece]
            store.put(of_piece, pooled)
            known.update(zip(of_piece, pooled, strict=True))
        for i, key in enumerate(keys):
            width = len(known[keys[0]])
            check_width(len(known[key]), width, f"X[{i}]", "X[0]")
        return np.stack([known[key] for key in keys])

    def _pool(self, encoded, dtype):
        with np.errstate(over="ignore", invalid="ignore"):
            pooled = encoded.pooled(self.pooling, dtype)
        check_finite(pooled, "the encodings")
        return pooled

    def _mapped(self, pooled, out):
        self._check_width(pooled.shape[1])
        columns = self._columns(pooled, self.pooling)
        check_finite(columns, "the encodings")
        if out is None:
            return columns
        out = check_out(out, columns.shape, columns.dtype)
        out[:] = columns
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.allow_nan = isinstance(self.encoder, FrozenValue)
        return tags


class _Rows:
    """An array that is made when the first of its rows is known."""

    def __init__(self, n_rows):
        self._n_rows, self.array = n_rows, None

    def put(self, places, rows):
        if self.array is None:
            self.array = np.empty((self._n_rows, rows.shape[1]), rows.dtype)
        check_width(rows.shape[1], self.array.shape[1], f"X[{places[0]}]", "X[0]")
        self.array[places] = rows


def _encode(job, encoder):
    batch, numbers = job
    return encode(encoder, batch, numbers)
