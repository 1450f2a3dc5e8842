"""The hidden chain and its emissions as the recursions need them: arrays, no model."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skhmmdd._typing import Floats
from skhmmdd.hmm.inference._likelihoods import Emission
from skhmmdd.hmm.inference._log_space import LogTransmat, advance, split_transmat
from skhmmdd.hmm.inference._underflow import entered, run_length, safe_norm
from skhmmdd.hmm.sequences._blocks import Block


class ScaledTransmat(NamedTuple):
    """The transitions in the precision of a scaled recursion.

    `safe_norm` is the norm above which no underflow can matter, infinite if none is;
    `run_length` is the number of steps to scale at a time.
    """

    transmat: Floats
    safe_norm: float
    run_length: int


class LogTransmats(NamedTuple):
    """The transitions for recursions in log space; `transposed` is for the way back."""

    transmat: LogTransmat
    transposed: LogTransmat


@dataclass(frozen=True, eq=False)
class Chain:
    """What all recursions are told of the weights; derived arrays are made once.

    Parameters
    ----------
    startprob : ndarray of shape (n_states,) or (n_sequences, n_states)
        Of every sequence, or one for each of a collection.
    transmat, log_transmat : ndarray of shape (n_states, n_states)
        Rows may sum to less than one: where a sequence may end.
    emission : Emission
    name : str
        What messages call the model.
    before : ndarray of shape (n_sequences, n_states), default=None
        The beliefs that `startprob` follows, if the sequences go on.
    """

    startprob: Floats
    transmat: Floats
    log_transmat: Floats
    emission: Emission
    name: str
    before: Floats | None = None
    # What follows from the transitions alone: chains that go on share it.
    _derived: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, startprob: Floats, transmat: Floats, emission: Emission, name: str
    ) -> Self:
        """The chain of some probabilities."""
        with np.errstate(divide="ignore"):
            log_transmat = np.log(transmat)
        return cls(startprob, transmat, log_transmat, emission, name)

    def after(self, beliefs: Floats) -> Self:
        """The chain of sequences that go on from beliefs (n_sequences, n_states)."""
        return replace(self, startprob=beliefs @ self.transmat, before=beliefs)

    @property
    def n_states(self) -> int:
        """Number of hidden states."""
        return len(self.transmat)

    @cached_property
    def log_startprob(self) -> Floats:
        """Not the logarithm of what may have underflowed."""
        with np.errstate(divide="ignore"):
            if self.before is None:
                return np.log(self.startprob)
            return advance(np.log(self.before), self.in_logs.transmat)

    def first(self, block: Block) -> Floats:
        """`startprob` of the sequences of a block."""
        return self.startprob if self.before is None else self.startprob[block.index]

    def log_first(self, block: Block) -> Floats:
        """`log_startprob` of the sequences of a block."""
        logs = self.log_startprob
        return logs if self.before is None else logs[block.index]

    def possible_first(self, block: Block) -> NDArray[np.bool_]:
        """The states that the sequences of a block may begin in."""
        if self.before is None:
            return self.startprob > 0
        reachable = np.isfinite(self.log_transmat).astype(np.float32)
        return entered(self.before[block.index], reachable)

    def scaled(self, dtype: DTypeLike) -> ScaledTransmat:
        """The transitions in the precision of a recursion."""
        dtype = np.dtype(dtype)
        if dtype not in self._derived:
            safe = safe_norm(self.log_transmat, dtype)
            self._derived[dtype] = ScaledTransmat(
                self.transmat.astype(dtype, copy=False),
                safe,
                run_length(safe, self.emission.surprise, dtype),
            )
        return self._derived[dtype]

    @property
    def in_logs(self) -> LogTransmats:
        """The transitions for recursions in log space."""
        if "logs" not in self._derived:
            self._derived["logs"] = LogTransmats(
                split_transmat(self.log_transmat),
                split_transmat(np.ascontiguousarray(self.log_transmat.T)),
            )
        return self._derived["logs"]
