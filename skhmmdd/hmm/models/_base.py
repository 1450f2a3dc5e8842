"""Frozen weights with finitely many hidden states, and their public methods."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import (
    Array,
    Floats,
    Ints,
    RandomState,
    SequenceList,
    SequencesLike,
    SequenceTable,
)
from skhmmdd.hmm.inference._chain import Chain
from skhmmdd.hmm.inference._collectors import LastSteps, NoSteps
from skhmmdd.hmm.inference._forward_backward import (
    decode_block,
    filter_block,
    smooth_block,
)
from skhmmdd.hmm.inference._likelihoods import Emission
from skhmmdd.hmm.inference._recursions import block_rows
from skhmmdd.hmm.inference._sampling import sample_paths
from skhmmdd.hmm.models._frozen import FrozenValue
from skhmmdd.hmm.sequences._blocks import Sequences

_DECODED_AT_ONCE = 256
_ROW_SUM_TOLERANCE = 1e-6


class FrozenHMM(FrozenValue, ABC):
    """Base of the frozen weights with a chain of finitely many hidden states.

    Subclasses say how an observation's likelihood is computed.
    """

    startprob: Floats
    transmat: Floats

    _array_names: tuple[str, ...] = ("startprob", "transmat")
    # Whether an observation is a symbol, -1 where it is missing, and not a vector.
    _is_symbolic = False

    def __init__(self, **arrays: ArrayLike) -> None:
        object.__setattr__(self, "_derived", {})
        super().__init__(**arrays)
        check_probabilities(self, "startprob", ("n_states",), self.startprob.shape[:1])
        n_states = len(self.startprob)
        check_probabilities(
            self, "transmat", ("n_states", "n_states"), (n_states, n_states)
        )

    # What a subclass says of its observations ------------------------------------

    @abstractmethod
    def _read(self, X: SequencesLike, name: str = "X") -> Sequences:
        """`X` as Sequences, checked against this model."""

    @property
    @abstractmethod
    def _emission(self) -> Emission:
        """The emission distributions as the recursions need them.

        They hold arrays and not the model: it would keep itself in memory.
        """

    @property
    @abstractmethod
    def _state_means(self) -> Floats:
        """What each state is expected to emit, shape (n_states, n_outputs)."""

    @property
    def _state_covars(self) -> Floats | None:
        """Covariances of what each state emits, None where they are not known."""
        return None

    @abstractmethod
    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        """An observation from each state of an array of any shape."""

    # What the recursions need ------------------------------------------------------

    def _once(self, key, make):
        # Weights never change, so what follows from them is made once.
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]

    @property
    def _chain(self) -> Chain:
        return self._once("chain", self._make_chain)

    def _make_chain(self):
        return Chain.of(self.startprob, self.transmat, self._emission, repr(self))

    @property
    def _filter_block(self) -> Callable[..., Any]:
        return partial(filter_block, self._chain)

    @property
    def _smooth_block(self) -> Callable[..., Any]:
        return partial(smooth_block, self._chain)

    # What a user asks --------------------------------------------------------------

    @property
    def n_states(self) -> int:
        """Number of hidden states."""
        return len(self.startprob)

    @overload
    def filter(self, X: SequenceTable) -> Floats: ...
    @overload
    def filter(self, X: SequenceList) -> list[Floats]: ...
    def filter(self, X: SequencesLike) -> Floats | list[Floats]:
        """Filtered beliefs P(z_t | x_1..x_t): causal, no look-ahead.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, or a table of a dataframe library with one in each row, or a
            column of lists. Trailing -1 (NaN) is padding, inner ones are missing
            observations and are marginalised out; so are None, masked numbers and
            empty cells.

        Returns
        -------
        ndarray of shape (n_sequences, n_steps, n_states), or list of ndarrays of \
shape (n_steps_i, n_states)
            A list for a list. In an array the rows of padding are zero; all
            others sum to one.

        Raises
        ------
        ValueError
            If a sequence has probability zero under the model, or one so small that a
            double does not hold its logarithm.
        """
        return self._every_step(X, self._filter_block)

    @overload
    def smooth(self, X: SequenceTable) -> Floats: ...
    @overload
    def smooth(self, X: SequenceList) -> list[Floats]: ...
    def smooth(self, X: SequencesLike) -> Floats | list[Floats]:
        """Smoothed beliefs P(z_t | x_1..x_T): every step sees the whole sequence.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            As in `filter`.

        Returns
        -------
        ndarray of shape (n_sequences, n_steps, n_states), or list of ndarrays of \
shape (n_steps_i, n_states)
            As in `filter`.

        Raises
        ------
        ValueError
            If a sequence has probability zero under the model.
        """
        return self._every_step(X, self._smooth_block)

    @overload
    def decode(self, X: SequenceTable) -> Ints: ...
    @overload
    def decode(self, X: SequenceList) -> list[Ints]: ...
    def decode(self, X: SequencesLike) -> Ints | list[Ints]:
        """The most likely hidden path of each sequence (Viterbi).

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            As in `filter`.

        Returns
        -------
        ndarray of int of shape (n_sequences, n_steps), or list of ndarrays of int
            States 0 to n_states - 1; -1 at padding.

        Raises
        ------
        ValueError
            If a sequence has probability zero under the model.
        """
        sequences = self._read(X)

        def fill_block(block, out):
            out[:, :, 0], _ = decode_block(self._chain, block)

        paths = sequences.every_step(
            fill_block, sequences.blocks(_DECODED_AT_ONCE), 1, np.intp, fill=-1
        )
        if isinstance(paths, list):
            return [path[:, 0] for path in paths]
        return paths[:, :, 0]

    def log_likelihood(self, X: SequencesLike) -> Floats:
        """Logarithm of P(x_1..x_T) for each sequence, in nats.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            As in `filter`.

        Returns
        -------
        ndarray of shape (n_sequences,)
            -inf for a sequence that is impossible under the model.
        """
        sequences = self._read(X)
        out = np.empty(len(sequences))
        with single_blas_thread():
            for index in sequences.blocks(block_rows(self.n_states)):
                block = sequences.block(index)
                _, out[index] = filter_block(self._chain, block, NoSteps, strict=False)
        return out

    def predict_next(self, X: SequencesLike) -> Floats:
        """What comes after the last step of each sequence.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            As in `filter`.

        Returns
        -------
        ndarray of shape (n_sequences, n_symbols) or (n_sequences, n_features)
            Categorical: the distribution P(x_{T+1} | x_1..x_T). Otherwise: the
            mean E[x_{T+1} | x_1..x_T].

        Raises
        ------
        ValueError
            If a sequence has probability zero under the model.
        """
        sequences = self._read(X)
        last = np.empty((len(sequences), self.n_states))
        with single_blas_thread():
            for index in sequences.blocks(block_rows(self.n_states)):
                block = sequences.block(index)
                last[index], _ = filter_block(self._chain, block, LastSteps)
        return last @ self.transmat @ self._state_means

    def sample(
        self,
        n_sequences: int = 1,
        n_steps: int = 20,
        *,
        random_state: RandomState = None,
    ) -> tuple[Array, Ints]:
        """Draw sequences.

        Parameters
        ----------
        n_sequences : int, default=1
            How many, in [1, inf).
        n_steps : int, default=20
            Length of each, in [1, inf).
        random_state : int, RandomState instance or None, default=None
            Draws them.

        Returns
        -------
        X : ndarray of shape (n_sequences, n_steps) or (n_sequences, n_steps, \
n_features)
            Observations.
        states : ndarray of int of shape (n_sequences, n_steps)
            The hidden path that made them.
        """
        for name, value in {"n_sequences": n_sequences, "n_steps": n_steps}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}.")
        rng = check_random_state(random_state)
        u = rng.uniform(size=(n_steps, n_sequences))
        states = sample_paths(self.startprob, self.transmat, u)
        return self._emit(states, rng), states

    def _every_step(self, X, run):
        sequences = self._read(X)

        def fill_block(block, out):
            run(block, out=out)

        blocks = sequences.blocks(block_rows(self.n_states))
        return sequences.every_step(fill_block, blocks, self.n_states, np.float64)

    # What other modules ask --------------------------------------------------------

    def _long_run(self, kind):
        """How the representation `kind` is read off a belief; its center and spread.

        A distribution over n outcomes is centered at 1/n and spread by 1/sqrt(n),
        means by those of the model's own late steps.
        """
        if kind == "predictive":
            late, means = self._stationary(), self._state_means
            center = late @ means
            return self.transmat @ means, center, np.sqrt(late @ (means - center) ** 2)
        center, spread = uniform_scale(self.n_states)
        if kind == "log_belief":
            return None, np.log(center), np.ones(self.n_states)
        return None, center, spread

    def _stationary(self):
        """The distribution of a late step, whatever the chain's period."""
        n = self.n_states
        # The long-run average of the chain from its start solves a linear system;
        # a small restart makes it unique when the chain falls into parts.
        restart = 1e-8
        late = np.linalg.solve(
            np.eye(n) - (1 - restart) * self.transmat.T, restart * self.startprob
        )
        return late / late.sum()


def uniform_scale(n):
    """Center and spread of distributions over n outcomes."""
    return np.full(n, 1 / n), np.full(n, 1 / np.sqrt(n))


def check_probabilities(hmm, name, axes, shape):
    """Rows of non-negative numbers that sum to one."""
    array = getattr(hmm, name)
    check_shape(hmm, name, axes, shape)
    top = 1 + _ROW_SUM_TOLERANCE
    if not np.isfinite(array).all() or (array < 0).any() or (array > top).any():
        raise ValueError(
            f"{name} must hold probabilities in [0, 1], got values from {array.min()} "
            f"to {array.max()}."
        )
    off = np.abs(np.atleast_2d(array).sum(axis=1) - 1)
    if off.max() > _ROW_SUM_TOLERANCE:
        row = off.argmax()
        total = float(np.atleast_2d(array)[row].sum())
        where = "" if array.ndim == 1 else f" row {row}"
        raise ValueError(f"{name}{where} must sum to one, got {total!r}.")


def check_shape(hmm, name, axes, shape):
    """Raise if an array's shape is not the one its name asks for."""
    array = getattr(hmm, name)
    if array.shape != shape or 0 in array.shape:
        raise ValueError(
            f"{name} must have shape ({', '.join(axes)}) = {shape}, got {array.shape}."
        )
