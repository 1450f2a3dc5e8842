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


class FrozenHMM(FrozenModel[Ints]):
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

    def _decode(self, X: SequencesLike) -> Ints | list[Ints]:
        def run(block, out):
            out[:, :, 0], _ = decode_block(self._chain, block)

        paths = self._every_step(
            X, run, 1, fill=-1, dtype=np.intp, n_rows=_DECODED_AT_ONCE
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
