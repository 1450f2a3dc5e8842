"""The public methods of frozen weights, whatever their hidden state is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

import numpy as np
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
from skhmmdd.hmm.inference._collectors import LastSteps
from skhmmdd.hmm.models._frozen import FrozenValue
from skhmmdd.hmm.sequences._blocks import Block, Sequences
from skhmmdd.hmm.sequences._reading import KeepMissing, as_steps
from skhmmdd.hmm.sequences._repeats import find_repeats

# Hidden paths: states 0 to n_states - 1, or vectors.
Path = TypeVar("Path", Ints, Floats)
# What a user hands as a belief: probabilities, or means and covariances.
Belief = TypeVar("Belief")


class FrozenModel(FrozenValue, ABC, Generic[Path, Belief]):
    """Reads sequences in blocks of work, which the kernels of inference walk.

    The belief about the hidden state is a row of `n_states` numbers: the probabilities
    of finitely many states, or the mean of a state in R^d.
    """

    @property
    @abstractmethod
    def n_states(self) -> int:
        """Number of hidden states, or dimension of the hidden state."""

    # What a subclass says of itself -------------------------------------------------

    @abstractmethod
    def _read(
        self, X: SequencesLike, name: str = "X", keep_missing: KeepMissing = False
    ) -> Sequences:
        """`X` as Sequences, checked against this model.

        With `keep_missing` nothing is padding; "first" as `read_symbols` has it.
        """

    @abstractmethod
    def _block_rows(self, sequences: Sequences) -> int:
        """The number of sequences to walk side by side."""

    @property
    @abstractmethod
    def _filter_block(self) -> Callable[..., Any]:
        """Kernel of a block and a collector: what it kept, and log-likelihoods."""

    @abstractmethod
    def _filter_after(
        self, belief: Belief | None, n_sequences: int, name: str
    ) -> Callable[..., Any]:
        """`_filter_block` of sequences that go on from a belief, as does another.

        None begins them. An error calls the belief `name`.
        """

    @property
    @abstractmethod
    def _smooth_block(self) -> Callable[..., Any]:
        """As `_filter_block`."""

    @abstractmethod
    def _log_likelihood_block(self, block: Block) -> Floats:
        """log P(x_1..x_T) of each sequence of a block."""

    @abstractmethod
    def _mean_of_next(self, last: Floats) -> Floats:
        """What follows filtered beliefs (n, n_states), shape (n, n_outputs)."""

    @abstractmethod
    def _draw(
        self, n_sequences: int, n_steps: int, rng: np.random.RandomState
    ) -> tuple[Array, Path]:
        """Observations and hidden paths."""

    @abstractmethod
    def _decode(self, X: SequencesLike) -> Path | list[Path]:
        """What `decode` gives."""

    # What a user asks ---------------------------------------------------------------

    @overload
    def filter(
        self, X: SequenceTable, *, initial_belief: Belief | None = None
    ) -> Floats: ...
    @overload
    def filter(
        self, X: SequenceList, *, initial_belief: Belief | None = None
    ) -> list[Floats]: ...
    def filter(
        self, X: SequencesLike, *, initial_belief: Belief | None = None
    ) -> Floats | list[Floats]:
        """Filtered beliefs P(z_t | x_1..x_t): causal, no look-ahead.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, or a table of a dataframe library with one in each row, or a
            column of lists. Trailing -1 (NaN) is padding, inner ones are missing
            observations and are marginalised out; so are None, masked numbers and
            empty cells.
        initial_belief : array-like of shape (n_sequences, n_states), default=None
            The belief after the last step already seen of each sequence, of which X
            holds the steps that follow; each row sums to one. None is that nothing has
            been seen: the first step's state has the distribution `startprob`.

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
            double does not hold its logarithm; if `initial_belief` does not fit X, or
            is no distribution.

        See Also
        --------
        update : One step.

        Notes
        -----
        Of a chain that may end, step t knows that the sequence had not ended before t,
        and not whether it ends there.

        What is missing at the end of X is padding, whatever follows elsewhere: where
        a sequence goes on, a missing step at the end is one for `update`.

        Within a call no state is lost, however improbable it becomes. A belief that
        goes from one call to the next is made of doubles: a state less likely than
        1e-308 arrives with fewer digits, or as zero, and is impossible then until
        others lead to it. All calls together are as one wherever no such state alone
        explains what follows. The call without `initial_belief` may also round a state
        less likely than 1e-28 to zero, if that cannot matter to X: let
        ``update(None, ...)`` begin a stream that can turn so far.
        """
        sequences = self._read(X)
        walk = self._filter_after(initial_belief, len(sequences), "initial_belief")
        return self._every_step(sequences, walk, self.n_states)

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
            As in `filter`. Of a linear-Gaussian model the means E[z_t | x_1..x_T].

        Raises
        ------
        ValueError
            If a sequence has probability zero under the model.
        """
        return self._every_step(self._read(X), self._smooth_block, self.n_states)

    @overload
    def decode(self, X: SequenceTable) -> Path: ...
    @overload
    def decode(self, X: SequenceList) -> list[Path]: ...
    def decode(self, X: SequencesLike) -> Path | list[Path]:
        """The most likely hidden path of each sequence.

        Found by Viterbi's recursion. The path of a linear-Gaussian model is Gaussian
        given the observations, so its mode is its mean: what `smooth` gives.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            As in `filter`.

        Returns
        -------
        ndarray of int of shape (n_sequences, n_steps), or list of ndarrays of int
            States 0 to n_states - 1; -1 at padding. Of a linear-Gaussian model as in
            `smooth`.

        Raises
        ------
        ValueError
            If a sequence has probability zero under the model.
        """
        return self._decode(X)

    def log_likelihood(self, X: SequencesLike) -> Floats:
        """Logarithm of P(x_1..x_T), or of its density, for each sequence, in nats.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            As in `filter`.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Of what is observed; -inf for a sequence that is impossible under the model.
        """
        return self._each_block(X, (), self._log_likelihood_block)

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
        walk = self._filter_block
        last = self._each_block(
            X, (self.n_states,), lambda block: walk(block, LastSteps)[0]
        )
        return self._mean_of_next(last)

    def sample(
        self,
        n_sequences: int = 1,
        n_steps: int = 20,
        *,
        random_state: RandomState = None,
    ) -> tuple[Array, Path]:
        """Draw sequences.

        Parameters
        ----------
        n_sequences : int, default=1
            How many, in [1, inf).
        n_steps : int, default=20
            Length of each, in [1, inf). Of a chain that may end: the most steps, what
            has not ended by then is cut.
        random_state : int, RandomState instance or None, default=None
            Draws them.

        Returns
        -------
        X : ndarray of shape (n_sequences, n_steps) or (n_sequences, n_steps, \
n_features)
            Observations. Of a chain that may end: a list of arrays.
        states : ndarray of shape (n_sequences, n_steps) or (n_sequences, n_steps, \
n_states)
            The hidden path that made them: states 0 to n_states - 1, or vectors of a
            linear-Gaussian model. Of a chain that may end: a list of arrays.
        """
        for name, value in {"n_sequences": n_sequences, "n_steps": n_steps}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}.")
        return self._draw(n_sequences, n_steps, check_random_state(random_state))

    # The work, block by block -------------------------------------------------------

    def _every_step(
        self, sequences, run, n_columns, fill=0, dtype=np.float64, n_rows=None
    ):
        """What the kernel `run(block, out=out)` writes, in the layout they came in."""

        def fill_block(block, out):
            run(block, out=out)

        repeats = find_repeats(sequences, self.n_states)
        blocks = sequences.blocks(n_rows or self._block_rows(sequences), repeats)
        return sequences.every_step(
            fill_block, blocks, n_columns, dtype, fill, repeats=repeats
        )

    def _read_step(self, observation):
        """A step of each sequence, which may be missing, as one block."""
        steps = as_steps(observation, "observation")
        n_features = getattr(self, "n_features", 1)
        if n_features > 1 and steps.shape == (n_features, 1):
            raise ValueError(
                f"observation holds steps of 1 features, but the HMM was made for "
                f"{n_features}. The step of a single sequence is passed as "
                "[observation]."
            )
        sequences = self._read(steps, "observation", keep_missing=True)
        return sequences.block(np.arange(len(sequences)))

    def _each_block(self, X, shape, run):
        """What `run(block)` gives of each sequence, in their order."""
        sequences = self._read(X)
        repeats = find_repeats(sequences, self.n_states)
        out = np.empty((len(sequences), *shape))
        with single_blas_thread():
            for index in sequences.blocks(self._block_rows(sequences), repeats):
                out[index] = run(sequences.block(index))
        if repeats is not None:
            repeats.fill(out)
        return out
