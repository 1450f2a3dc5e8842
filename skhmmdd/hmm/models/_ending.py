r"""Frozen weights of a chain whose states may end the sequence.

In every state k the chain stops with probability :math:`e_k`, and otherwise goes on:

.. math:: P(z, x) = \pi_{z_1} b_{z_1}(x_1)
          \prod_{t>1} (1 - e_{z_{t-1}}) A_{z_{t-1} z_t} b_{z_t}(x_t) \cdot e_{z_T}

So the state emits, beside its observation, whether the sequence goes on, and the
recursions run as they are on observations with that mark as one more column. A causal
belief at step t must not see the mark of step t, only those before it: it comes out of
the recursion over :math:`(1 - e_i) A_{ij}` without marks.
"""

from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, Floats, SequencesLike, StrPath
from skhmmdd.hmm.inference._chain import Chain
from skhmmdd.hmm.inference._collectors import LastSteps, NoSteps
from skhmmdd.hmm.inference._forward_backward import filter_block
from skhmmdd.hmm.inference._likelihoods import DensityEmission
from skhmmdd.hmm.inference._recursions import block_rows
from skhmmdd.hmm.models._base import FrozenHMM, check_shape
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._reading import KeepMissing


class _Marked(FrozenHMM):
    """Weights that read the observations of `within` with a last column of marks."""

    within: FrozenHMM

    _other_names: tuple[str, ...] = ("within",)

    def __init__(self, within: FrozenHMM, **arrays: ArrayLike) -> None:
        super().__init__(startprob=within.startprob, transmat=within.transmat, **arrays)
        object.__setattr__(self, "within", within)

    @property
    def _state_means(self) -> Floats:
        return self.within._state_means

    @property
    def _state_covars(self) -> Floats | None:
        return self.within._state_covars

    def _read(
        self, X: SequencesLike, name: str = "X", keep_missing: KeepMissing = False
    ) -> Sequences:
        values, starts, lengths, width = self.within._read(X, name, keep_missing)
        values = values.reshape(len(values), -1)
        marks = np.zeros((len(values), 1))
        marks[starts + lengths - 1] = 1.0
        return Sequences(np.hstack([values, marks]), starts, lengths, width)

    @property
    def _emission(self) -> DensityEmission:
        density = partial(
            _log_unmarked,
            log_density=self.within._chain.emission.log_density,
            is_symbolic=self.within._is_symbolic,
        )
        return DensityEmission(density, self.n_states)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        return self.within._emit(states, rng)


class EndingHMM(_Marked):
    """Frozen weights whose states end the sequence with probabilities of their own.

    Made by `as_hmm`. `smooth`, `decode` and `log_likelihood` hold that a sequence ends
    after its last step; `filter` knows only that it had not ended before each.

    Parameters
    ----------
    within : EmissionFamily or EmissionHMM
        The chain as long as it goes on: its `transmat` is that of the next state,
        given that there is one.
    endprob : array-like of shape (n_states,)
        The probability that the sequence ends in each state.
    """

    endprob: Floats

    _array_names = ("startprob", "transmat", "endprob")

    def __init__(self, within: FrozenHMM, endprob: ArrayLike) -> None:
        super().__init__(within, endprob=endprob)
        check_shape(self, "endprob", ("n_states",), (self.n_states,))
        if not ((self.endprob >= 0) & (self.endprob <= 1)).all():
            raise ValueError(
                f"endprob must hold probabilities in [0, 1], got values from "
                f"{self.endprob.min()} to {self.endprob.max()}."
            )

    def __repr__(self) -> str:
        return f"EndingHMM({self.within!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.within, self.endprob)

    @property
    def _emission(self) -> DensityEmission:
        density = partial(
            _log_marked,
            log_density=super()._emission.log_density,
            endprob=self.endprob,
        )
        return DensityEmission(density, self.n_states)

    @property
    def _going(self) -> "_Going":
        return self._once("going", lambda: _Going(self))

    @property
    def _filter_chain(self) -> Chain:
        return self._going._chain

    def predict_next(self, X: SequencesLike) -> Floats:
        """What comes after the last step of each sequence, given that one comes.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays

        Returns
        -------
        ndarray of shape (n_sequences, n_symbols) or (n_sequences, n_features)

        Raises
        ------
        ValueError
            If a sequence has probability zero, or cannot go on.
        """
        sequences = self._read(X)
        # The step that comes next as one whose observation is missing: filtered as it
        # is, no state that hardly ever goes on is lost by underflow.
        longer = self._with_next(sequences)
        following = np.empty((len(sequences), self.n_states))
        possible = np.empty(len(sequences), dtype=bool)
        with single_blas_thread():
            for index in longer.blocks(block_rows(self.n_states)):
                following[index], log_likelihood = filter_block(
                    self._filter_chain, longer.block(index), LastSteps, strict=False
                )
                possible[index] = np.isfinite(log_likelihood)
        if not possible.all():
            first = int(possible.argmin())
            # Raises if the steps before are impossible themselves.
            self._filter_block(sequences.block(np.array([first])), NoSteps)
            raise ValueError(
                f"Sequence {first} cannot go on under {self!r}: nothing comes next."
            )
        return following @ self._state_means

    def _with_next(self, sequences):
        missing = -1.0 if self.within._is_symbolic else np.nan
        step = np.full(sequences.values.shape[1], missing)
        step[-1] = 0.0
        ends = sequences.starts + sequences.lengths
        return Sequences(
            np.insert(sequences.values, ends, step, axis=0),
            sequences.starts + np.arange(len(sequences)),
            sequences.lengths + 1,
            None,
        )

    def _draw(
        self, n_sequences: int, n_steps: int, rng: np.random.RandomState
    ) -> tuple[Any, Any]:
        X, states = super()._draw(n_sequences, n_steps, rng)
        ended = rng.uniform(size=states.shape) < self.endprob[states]
        ended[:, -1] = True
        lengths = ended.argmax(axis=1) + 1

        def cut(rows):
            return [row[:n] for row, n in zip(rows, lengths, strict=True)]

        return cut(X), cut(states)

    def _long_run(self, kind):
        if kind == "predictive":
            raise ValueError(
                "representation='predictive' is not linear in the belief of a chain "
                "with end probabilities: take 'belief'."
            )
        return super()._long_run(kind)

    def save(self, path: StrPath) -> NoReturn:
        """Refused: the file of weights has no place for end probabilities.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"{self!r} cannot be saved as plain arrays: save the source model "
            "with its own library and use as_hmm again."
        )


class _Going(_Marked):
    """The same chain, as long as it goes on: the transitions of each sum to 1 - e."""

    whole: EndingHMM

    def __init__(self, whole: EndingHMM) -> None:
        super().__init__(whole.within)
        object.__setattr__(self, "whole", whole)

    def __repr__(self) -> str:
        return repr(self.whole)

    def _make_chain(self):
        chain, goes_on = super()._make_chain(), 1 - self.whole.endprob
        with np.errstate(divide="ignore"):
            log_transmat = np.log(goes_on)[:, None] + chain.log_transmat
        return replace(
            chain,
            transmat=goes_on[:, None] * chain.transmat,
            # Not the logarithm of the product, which may underflow.
            log_transmat=log_transmat,
            _derived={},
        )


def _log_unmarked(values, log_density, is_symbolic):
    """The log-density of observations within, whatever the mark in the last column."""
    values = values[:, :-1]
    return log_density(values[:, 0].astype(np.intp) if is_symbolic else values)


def _log_marked(values, log_density, endprob):
    """That of observations and marks: a state emits whether the sequence goes on."""
    with np.errstate(divide="ignore"):
        log_mark = np.log([1 - endprob, endprob])
    return log_density(values) + log_mark[values[:, -1].astype(np.intp)]
