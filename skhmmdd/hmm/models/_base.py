"""Frozen weights with finitely many hidden states, and their public methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import (
    Array,
    Floats,
    Ints,
    SequencesLike,
)
from skhmmdd.hmm.inference._chain import Chain
from skhmmdd.hmm.inference._collectors import NoSteps
from skhmmdd.hmm.inference._forward_backward import (
    decode_block,
    filter_block,
    smooth_block,
)
from skhmmdd.hmm.inference._likelihoods import Emission
from skhmmdd.hmm.inference._recursions import block_rows
from skhmmdd.hmm.inference._sampling import sample_paths
from skhmmdd.hmm.models._frozen_model import FrozenModel
from skhmmdd.hmm.sequences._blocks import Block, Sequences

_DECODED_AT_ONCE = 256
_ROW_SUM_TOLERANCE = 1e-6


class FrozenHMM(FrozenModel[Ints, ArrayLike]):
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
    def _filter_chain(self) -> Chain:
        """The chain as a causal belief knows it."""
        return self._chain

    @property
    def _filter_block(self) -> Callable[..., Any]:
        return partial(filter_block, self._filter_chain)

    def _filter_after(
        self, belief: ArrayLike | None, n_sequences: int, name: str
    ) -> Callable[..., Any]:
        chain = self._chain_after(belief, n_sequences, name)
        return partial(filter_block, chain, carried=belief is not None)

    def _chain_after(self, belief, n_sequences, name):
        """The chain of sequences that go on from a belief; None begins them."""
        if belief is None:
            return self._filter_chain
        belief = read_belief(belief, (n_sequences, self.n_states), name)
        return self._filter_chain.after(belief)

    @property
    def _smooth_block(self) -> Callable[..., Any]:
        return partial(smooth_block, self._chain)

    # What a user asks --------------------------------------------------------------

    @property
    def n_states(self) -> int:
        """Number of hidden states."""
        return len(self.startprob)

    def update(self, belief: ArrayLike | None, observation: ArrayLike) -> Floats:
        """One step of `filter`, of every sequence: the belief once it is seen.

        Parameters
        ----------
        belief : array-like of shape (n_sequences, n_states) or None
            P(z_t | x_1..x_t) of each sequence, as this method or the last step of
            `filter` gave it. None is that nothing has been seen, which begins the
            sequences.
        observation : array-like of shape (n_sequences,) or (n_sequences, n_features)
            The next step of each sequence: symbols, or features. -1 (NaN) is missing;
            so are None, masked numbers and empty cells.

        Returns
        -------
        ndarray of shape (n_sequences, n_states)
            P(z_{t+1} | x_1..x_{t+1}); each row sums to one.

        Raises
        ------
        ValueError
            If the observation has probability zero given the belief, the belief is no
            distribution, or their numbers of sequences differ.

        See Also
        --------
        filter : Many steps at a time, with `initial_belief`.

        Notes
        -----
        The belief b is predicted through the transitions, and conditioned on the
        observation by Bayes' rule: :math:`b' \\propto (b A) \\circ b(x)`. What is
        missing is only predicted. Of a chain that may end, the belief knows that the
        sequence had not ended before this step.

        Whatever a double holds of the belief is right, also where the step itself
        would underflow. What it does not hold, a state less likely than 1e-308, is
        not carried to the next step as it is within `filter`.

        Examples
        --------
        >>> import numpy as np
        >>> from skhmmdd import CategoricalHMM
        >>> hmm = CategoricalHMM(
        ...     [0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.1, 0.9], [0.8, 0.2]]
        ... )
        >>> belief = None
        >>> for symbols in ([1, 0], [1, -1], [0, 1]):
        ...     belief = hmm.update(belief, symbols)
        >>> belief.round(3)
        array([[0.191, 0.809],
               [0.778, 0.222]])
        >>> hmm.filter(np.array([[1, 1, 0], [0, -1, 1]]))[:, -1].round(3)
        array([[0.191, 0.809],
               [0.778, 0.222]])
        """
        block = self._read_step(observation)
        chain = self._chain_after(belief, len(block.index), "belief")
        return filter_block(chain, block, carried=True)[0][0]

    def _decode(self, X: SequencesLike) -> Ints | list[Ints]:
        def run(block, out):
            out[:, :, 0], _ = decode_block(self._chain, block)

        paths = self._every_step(
            self._read(X), run, 1, fill=-1, dtype=np.intp, n_rows=_DECODED_AT_ONCE
        )
        if isinstance(paths, list):
            return [path[:, 0] for path in paths]
        return paths[:, :, 0]

    # What other modules ask --------------------------------------------------------

    def _block_rows(self, sequences: Sequences) -> int:
        return block_rows(self.n_states)

    def _log_likelihood_block(self, block: Block) -> Floats:
        _, log_likelihood = filter_block(self._chain, block, NoSteps, strict=False)
        return log_likelihood

    def _mean_of_next(self, last: Floats) -> Floats:
        return last @ self.transmat @ self._state_means

    def _draw(
        self, n_sequences: int, n_steps: int, rng: np.random.RandomState
    ) -> tuple[Array, Ints]:
        u = rng.uniform(size=(n_steps, n_sequences))
        states = sample_paths(self.startprob, self.transmat, u)
        return self._emit(states, rng), states

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
    check_shape(hmm, name, axes, shape)
    _check_rows(getattr(hmm, name), name)


def read_belief(belief, shape, name):
    """Beliefs of sequences, as an array of shape (n_sequences, n_states)."""
    belief = as_floats(belief, ("n_sequences", "n_states"), shape, name)
    _check_rows(belief, name)
    return belief


def as_floats(array, axes, shape, name):
    """An argument as doubles of the shape that its name asks for."""
    try:
        # No complex numbers, and no text.
        array = np.asarray(array).astype(np.float64, casting="same_kind", copy=False)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be numbers in an array of shape ({', '.join(axes)}) = "
            f"{shape}, got {array!r:.80}."
        ) from None
    _check_axes(array, name, axes, shape)
    return array


def _check_rows(array, name):
    # Few operations: a belief is checked at every step of a stream.
    if not ((array >= 0) & (array <= 1 + _ROW_SUM_TOLERANCE)).all():
        raise ValueError(
            f"{name} must hold probabilities in [0, 1], got values from {array.min()} "
            f"to {array.max()}."
        )
    off = np.abs(array.sum(axis=-1) - 1)
    if off.max() > _ROW_SUM_TOLERANCE:
        row = off.argmax()
        total = float(np.atleast_2d(array)[row].sum())
        where = "" if array.ndim == 1 else f" row {row}"
        raise ValueError(f"{name}{where} must sum to one, got {total!r}.")


def check_shape(hmm, name, axes, shape):
    """Raise if an array's shape is not the one its name asks for."""
    _check_axes(getattr(hmm, name), name, axes, shape)


def _check_axes(array, name, axes, shape):
    if array.shape != shape or 0 in array.shape:
        raise ValueError(
            f"{name} must have shape ({', '.join(axes)}) = {shape}, got {array.shape}."
        )
