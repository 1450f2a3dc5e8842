"""Frozen HMM beliefs as features of tunable width."""

from __future__ import annotations

from copy import copy
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import fit_context
from skhmmdd._parallel import map_jobs, single_blas_thread
from skhmmdd._tables import keep_index
from skhmmdd._typing import (
    Array,
    Names,
    RandomState,
    SequenceList,
    SequencesLike,
    SequenceTable,
)
from skhmmdd.features._jacobians import ReadoutJacobians
from skhmmdd.features._model_transformer import ModelTransformer
from skhmmdd.features._nested_features import NestedFeatures, check_dtype, check_out
from skhmmdd.features._readout import IDENTITY, READOUTS, ReadoutName
from skhmmdd.features._representation import (
    POOLINGS,
    REPRESENTATIONS,
    Pooler,
    PoolingName,
    RepresentationName,
    make_representation,
)
from skhmmdd.features._shared_model import check_finite
from skhmmdd.hmm.inference._collectors import AllSteps
from skhmmdd.hmm.inference._prefixes import share_beginnings
from skhmmdd.hmm.models._base import FrozenHMM
from skhmmdd.hmm.sequences._blocks import Piece
from skhmmdd.hmm.sequences._repeats import find_repeats

if TYPE_CHECKING:
    from skhmmdd.hmm import LinearGaussianHMM


class HMMFeatureTransformer(NestedFeatures, ModelTransformer):
    r"""Features of sequences from the beliefs of a frozen hidden Markov model.

    One sequence becomes one row: the model's belief about its hidden state, pooled
    over the steps and mapped at random to `n_components` columns. The model is never
    refitted, whatever is fitted around it, so its beliefs stand for the frozen
    representation of a pretrained sequence model and `n_components` for its width.

    Parameters
    ----------
    hmm : frozen weights, fitted model or unfitted BaumWelch, default=None
        `CategoricalHMM`, `GaussianHMM`, `LinearGaussianHMM` or a fitted model that
        `as_hmm` takes: frozen.
        An unfitted `BaumWelch`: a clone of it is pretrained on what `fit` sees. None
        is `BaumWelch()`. As a value in a grid over `hmm` itself, give frozen weights
        (`as_hmm`): scikit-learn un-fits the estimators that a grid holds.
    n_components : int, default=None
        Width of the features, in [1, inf); None gives the representation itself,
        unmapped. Features are nested: the first k columns at width K are the columns at
        width k (for one `random_state`).
    representation : str, default="belief"
        What is read at a step, one of:

        - "belief": the filtered belief P(z_t | x_1..x_t). Causal. Of a
          `LinearGaussianHMM`, here and below, the mean of the belief.
        - "log_belief": its logarithm, from log(1e-12) up. Causal. Not for a
          `LinearGaussianHMM`.
        - "predictive": what the model expects next, the distribution of the next symbol
          or the mean of the next observation. Causal.
        - "smoothed": P(z_t | x_1..x_T). Looks ahead: step t has seen all the steps.
    pooling : {"last", "mean", "sum", "max"}, default="last"
        How the steps become one row. The sum of beliefs is the expected number of
        visits to each state.
    readout : {"relu", "fourier", "linear", "identity"}, default="relu"
        The nested map from the standardised representation u to column j:
        :math:`\max(0, w_j'u + c_j)`, :math:`\sqrt 2\cos(w_j'u + c_j)`,
        :math:`w_j'u`, or the leading coordinates of the representation as they are,
        not standardised. Without effect when `n_components` is None.
    dtype : {"float64", "float32"} or dtype, default="float64"
        Precision of the recursions and of the features.
    handle_empty : {"error", "prior"}, default="error"
        What becomes of a sequence in which nothing is observed:

        - "error": a ``ValueError`` that names it;
        - "prior": it counts as one step that is missing, of which the belief is the
          start distribution. A `BaumWelch` does not learn from it.
    channels_first : bool, default=False
        Whether arrays of X have shape (n_sequences, n_channels, n_steps), and members
        of a list (n_channels, n_steps), as those of aeon and sktime do. Sequences
        without channels, and panels whose cells are series, are read as ever. A
        warning of `fit` says where features look like steps.
        Implied where `hmm` is a `BaumWelch` that says so.
    batch_size : int, default=1024
        Sequences worked on at a time, in [1, inf); bounds the working memory.
    n_jobs : int, default=None
        Workers over batches of `transform`: threads, unless a
        :func:`joblib.parallel_config` names others, such as those of Dask. The
        features do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the map, and the starts of pretraining if the `BaumWelch` leaves its
        own at None. With None every `fit` draws another map.

    Attributes
    ----------
    hmm_ : frozen weights
        The model in use; the very object passed in if that was frozen.
    directions_ : ndarray of shape (width of the representation, n_components) or None
        The map's directions :math:`w_j`; None when nothing is mapped.
    offsets_ : ndarray of shape (n_components,) or None
        The map's offsets :math:`c_j`.
    n_features_in_ : int
        Columns of a table seen in `fit`; features of a step for a 3-D array. Not set
        for a list of sequences.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `fit` saw a table with names that are all strings.

    Raises
    ------
    ValueError
        If `n_components` exceeds the representation's width with
        `readout="identity"`, the model has no such representation, a symbol lies
        outside the alphabet, a sequence is empty or impossible under the model, or
        `fit` and `transform` see tables of different widths.
    TypeError
        If `hmm` is none of the above.

    See Also
    --------
    BaumWelch : Pretraining.
    FrozenFeatureTransformer : The same for any other frozen model.
    TokenEncoder : Turns strings and lists of tokens into symbols.
    HeadRegressor : The exact head on top.
    DoubleDescentCurve : Risk against `n_components`.

    Notes
    -----
    A distribution b over m outcomes is standardised as :math:`u = \sqrt m (b - 1/m)`
    before it is mapped (pooled by "sum": :math:`\sqrt m\, b`, which keeps the length);
    log-beliefs are centred at :math:`-\log m`. Means are standardised by the mean and
    deviation of the model's own long run. Directions have independent :math:`N(0, 1)`
    entries; offsets are standard normal for "relu" and uniform on :math:`[0, 2\pi)`
    for "fourier" (Rahimi and Recht, 2007).

    Beliefs sum to one, so the unmapped ones are collinear with an intercept.

    References
    ----------
    A. Rahimi and B. Recht, "Random features for large-scale kernel machines",
    Advances in Neural Information Processing Systems 20, 2007.

    Examples
    --------
    >>> from skhmmdd import CategoricalHMM, HMMFeatureTransformer
    >>> hmm = CategoricalHMM(
    ...     [0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.1, 0.9], [0.8, 0.2]]
    ... )
    >>> X = [[1, 1, 0, 1], [0, 0], [1, -1, 1]]
    >>> HMMFeatureTransformer(hmm).fit_transform(X).round(3)
    array([[0.731, 0.269],
           [0.062, 0.938],
           [0.847, 0.153]])
    >>> narrow = HMMFeatureTransformer(hmm, n_components=3, random_state=0)
    >>> wide = HMMFeatureTransformer(hmm, n_components=500, random_state=0)
    >>> bool((narrow.fit_transform(X) == wide.fit_transform(X)[:, :3]).all())
    True
    """

    hmm_: FrozenHMM | LinearGaussianHMM
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints = {  # noqa: RUF012
        "hmm": "no_validation",
        "n_components": [None, Interval(Integral, 1, None, closed="left")],
        "representation": [StrOptions(set(REPRESENTATIONS))],
        "pooling": [StrOptions(set(POOLINGS))],
        "readout": [StrOptions(set(READOUTS))],
        "dtype": "no_validation",
        "handle_empty": [StrOptions({"error", "prior"})],
        "channels_first": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
    }

    # Where the features go is no metadata to be routed.
    __metadata_request__transform = {"out": UNUSED}  # noqa: RUF012

    def __init__(
        self,
        hmm: Any = None,
        n_components: int | None = None,
        *,
        representation: RepresentationName = "belief",
        pooling: PoolingName = "last",
        readout: ReadoutName = "relu",
        dtype: DTypeLike = "float64",
        handle_empty: Literal["error", "prior"] = "error",
        channels_first: bool = False,
        batch_size: int = 1024,
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.hmm = hmm
        self.n_components = n_components
        self.representation = representation
        self.pooling = pooling
        self.readout = readout
        self.dtype = dtype
        self.handle_empty = handle_empty
        self.channels_first = channels_first
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    # `hmm` may be an unfitted estimator, to be cloned: its parameters are checked by
    # its own fit.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: SequencesLike, y: object = None, **fit_params: Any) -> Self:
        """Draw the map; pretrain, if `hmm` is an unfitted `BaumWelch`.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences. Trailing -1 (NaN) is padding, an inner one missing.
        y : None
            Ignored.
        **fit_params
            What `BaumWelch.fit` takes, such as `sample_weight`, where `hmm` is
            pretrained. Under scikit-learn's metadata routing it gets what it asks for:
            ``BaumWelch().set_fit_request(sample_weight=True)``; and nothing, if `hmm`
            is None.

        Returns
        -------
        self : HMMFeatureTransformer
            With its map drawn.
        """
        dtype = check_dtype(self.dtype)
        self._fit_model(X, fit_params, self.random_state)
        self._representation = make_representation(self.hmm_, self.representation)
        self._draw_map(f"{self.representation!r} representation", dtype)
        return self

    def transform(self, X: SequencesLike, *, out: Array | None = None) -> Array:
        """One row of features for each sequence.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, as `fit` takes them.
        out : ndarray of shape (n_sequences, n_components), default=None
            Where to write the features: an array of type `dtype`, for instance a
            `numpy.memmap` of features that do not fit in memory. None makes one.

        Returns
        -------
        ndarray of shape (n_sequences, n_components)
            In `dtype`: `out`, if it is given. A DataFrame under `set_output`.
        """
        sequences = self._sequences(X)
        dtype = check_dtype(self.dtype)
        out = check_out(out, (len(sequences), self._n_features_out), dtype)
        # A worker needs the frozen weights and the map, not where they are from.
        worker = copy(self)
        worker.hmm = None
        repeats = find_repeats(sequences, self.hmm_.n_states)
        blocks = sequences.blocks(self.batch_size, repeats)
        walked = self._shared_beginnings(sequences, dtype, repeats)
        if walked is not None:
            lengths = sequences.lengths
            blocks = [part for index in blocks for part in walked.split(index, lengths)]
        pieces = (
            (Piece(sequences, index), walked and walked.before(index, lengths))
            for index in blocks
        )
        found = map_jobs(_pooled_columns, pieces, worker, dtype, n_jobs=self.n_jobs)
        for index, columns in zip(blocks, found, strict=True):
            out[index] = columns
        if repeats is not None:
            repeats.fill(out)
        return keep_index(out, X, self)

    def readout_jacobians(self, X: SequencesLike) -> ReadoutJacobians:
        r"""How the features of sequences change with the beliefs that they are made of.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ReadoutJacobians
            Of the map from the pooled and standardised representation u, with its
            slopes, the operator norm of its weights, and products with coefficients.
            For a belief b over m states, last in its sequence, :math:`u = \sqrt m (b -
            1/m)`: a change of b is :math:`\sqrt m` times one of u.

        Examples
        --------
        >>> from skhmmdd import HeadRegressor, HMMFeatureTransformer, lipschitz_bounds
        >>> from skhmmdd import make_hmm_regression
        >>> X, y, truth = make_hmm_regression(100, random_state=0)
        >>> features = HMMFeatureTransformer(truth.hmm, 400, random_state=0)
        >>> head = HeadRegressor().fit(features.fit_transform(X), y)
        >>> jacobians = features.readout_jacobians(X)
        >>> bounds = lipschitz_bounds(head.coef_, jacobians, jacobians.operator_norm)
        >>> bounds.lower < bounds.upper
        True
        """
        unmapped = copy(self)
        check_is_fitted(unmapped)
        unmapped._map = IDENTITY
        unmapped._n_features_out = self._representation.width
        # Whatever container the user had set for the features.
        values = np.asarray(unmapped.transform(X))
        if self._map.directions is not None:
            values = self._representation.standardise(values, self.pooling)
        return ReadoutJacobians(values, self._map)

    @overload
    def transform_steps(self, X: SequenceTable) -> Array: ...
    @overload
    def transform_steps(self, X: SequenceList) -> list[Array]: ...
    def transform_steps(self, X: SequencesLike) -> Array | list[Array]:
        """The features of every step, unpooled: for labelling and for plots.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n_sequences, n_steps, n_components), or list of ndarrays of \
shape (n_steps_i, n_components)
            A list for a list. In an array the rows of padding are zero.
        """
        sequences = self._sequences(X)
        dtype = check_dtype(self.dtype)

        repeats = find_repeats(sequences, self.hmm_.n_states)
        collect = partial(_MappedSteps, self)

        def fill_block(block, out):
            with np.errstate(over="ignore", invalid="ignore"):
                self._walk(block, collect, dtype=dtype, out=out)
            # Not before: what underflowed is walked again, and put in its place.
            check_finite(out)

        return sequences.every_step(
            fill_block,
            sequences.blocks(self.batch_size, repeats),
            self._n_features_out,
            dtype,
            n_jobs=self.n_jobs,
            repeats=repeats,
        )

    def update(self, belief: Any, observation: ArrayLike) -> tuple[Any, Array]:
        """The features of the next step of each sequence, one step at a time.

        They are those that `transform` gives of the sequences up to this step, for a
        price that does not grow with them.

        Parameters
        ----------
        belief : array-like of shape (n_sequences, n_states) or None
            What this method gave at the step before. None is that nothing has been
            seen, which begins the sequences. Of a `LinearGaussianHMM` a
            `GaussianBelief`.
        observation : array-like of shape (n_sequences,) or (n_sequences, n_features)
            The next step of each sequence: symbols, or features. -1 (NaN) is missing.
            Symbols are encoded as those of `fit` were: a `TokenEncoder` gives sequences
            of one step, which are taken as they are.

        Returns
        -------
        belief : ndarray of shape (n_sequences, n_states), or GaussianBelief
            To go on from: that of ``hmm_.update``, in float64 whatever `dtype` is.
        features : ndarray of shape (n_sequences, n_components)
            In `dtype`; an array, whatever `set_output` says.

        Raises
        ------
        ValueError
            If `pooling` is not "last" or `representation` is "smoothed"; else as
            ``hmm_.update``.

        See Also
        --------
        transform_steps : The features of every step of whole sequences.

        Notes
        -----
        Only `pooling="last"` is known from the belief alone: a mean, sum or maximum
        needs the steps before, and "smoothed" those to come.

        Examples
        --------
        >>> from skhmmdd import CategoricalHMM, HMMFeatureTransformer
        >>> hmm = CategoricalHMM(
        ...     [0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.1, 0.9], [0.8, 0.2]]
        ... )
        >>> features = HMMFeatureTransformer(hmm, 3, random_state=0).fit([[0, 1]])
        >>> belief = None
        >>> for symbols in ([1, 0], [1, -1], [0, 1]):
        ...     belief, columns = features.update(belief, symbols)
        >>> whole = features.transform([[1, 1, 0], [0, -1, 1]])
        >>> bool(abs(columns - whole).max() < 1e-12)
        True
        """
        check_is_fitted(self)
        if self.pooling != "last":
            raise ValueError(
                f"update gives features of the last step: pooling must be 'last', got "
                f"{self.pooling!r}, which needs the steps before it."
            )
        if self._representation.smoothed:
            raise ValueError(
                "representation='smoothed' looks ahead, which no update can: use "
                "'belief', 'log_belief' or 'predictive'."
            )
        belief = self.hmm_.update(belief, observation)
        state = belief if isinstance(belief, np.ndarray) else belief.mean
        with np.errstate(over="ignore", invalid="ignore"):
            values = self._representation.of(state.astype(check_dtype(self.dtype)))
            columns = self._columns(values, "last")
        check_finite(columns, "observation and hmm")
        return belief, columns

    def _shared_beginnings(self, sequences, dtype, repeats):
        """What sequences share that begin alike; None where that does not pay."""
        symbolic = getattr(self.hmm_, "_is_symbolic", False)
        if self._representation.smoothed or not symbolic:
            return None
        pooler, chain = (
            Pooler(self._representation, self.pooling),
            self.hmm_._filter_chain,
        )
        with single_blas_thread():
            return share_beginnings(chain, sequences, pooler, dtype, repeats)

    @property
    def _walk(self):
        """Walks a block for a collector."""
        smoothed = self._representation.smoothed
        return self.hmm_._smooth_block if smoothed else self.hmm_._filter_block


class _MappedSteps(AllSteps):
    """Collects the features of every step."""

    def __init__(self, transformer, counts, n_states, dtype, out=None):
        super().__init__(counts, transformer._n_features_out, dtype, out)
        self._transformer = transformer

    def add(self, steps, beliefs):
        values = self._transformer._representation.of(beliefs)
        *shape, width = values.shape
        columns = self._transformer._columns(values.reshape(-1, width), "last")
        super().add(steps, columns.reshape(*shape, -1))


def _pooled_columns(item, transformer, dtype):
    """The features of a few sequences, and of what they may go on from."""
    piece, reached = item
    options = {} if reached is None else {"reached": reached}
    pooling = transformer.pooling
    collect = Pooler(transformer._representation, pooling)
    with np.errstate(over="ignore", invalid="ignore"):
        pooled, _ = transformer._walk(piece.block, collect, dtype=dtype, **options)
    columns = transformer._columns(pooled, pooling)
    check_finite(columns)
    return columns
