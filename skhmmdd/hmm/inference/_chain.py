"""The hidden chain and its emissions as the recursions need them: arrays, no model."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from skhmmdd._typing import Floats
from skhmmdd.hmm.inference._likelihoods import Emission
from skhmmdd.hmm.inference._log_space import LogTransmat, split_transmat
from skhmmdd.hmm.inference._underflow import safe_norm


class ScaledChain(NamedTuple):
    """The chain in the precision of a scaled recursion.

    `safe_norm` is the norm above which no underflow can matter, infinite if none is.
    """

    startprob: Floats
    transmat: Floats
    safe_norm: float


class LogChain(NamedTuple):
    """The chain for recursions in log space; `transposed` is for the way back."""

    startprob: Floats
    transmat: LogTransmat
    transposed: LogTransmat


@dataclass(frozen=True, eq=False)
class Chain:
    """What all recursions are told of the weights; derived arrays are made once.

    Parameters
    ----------
    startprob, log_startprob : ndarray of shape (n_states,)
    transmat, log_transmat : ndarray of shape (n_states, n_states)
        Rows may sum to less than one: where a sequence may end.
    emission : Emission
    name : str
        What messages call the model.
    """

    startprob: Floats
    transmat: Floats
    log_startprob: Floats
    log_transmat: Floats
    emission: Emission
    name: str
    _scaled: dict[Any, ScaledChain] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, startprob: Floats, transmat: Floats, emission: Emission, name: str
    ) -> Self:
        """The chain of some probabilities."""
        with np.errstate(divide="ignore"):
            logs = np.log(startprob), np.log(transmat)
        return cls(startprob, transmat, *logs, emission, name)

    @property
    def n_states(self) -> int:
        """Number of hidden states."""
        return len(self.startprob)

    def scaled(self, dtype: DTypeLike) -> ScaledChain:
        """The chain in the precision of a recursion."""
        dtype = np.dtype(dtype)
        if dtype not in self._scaled:
            self._scaled[dtype] = ScaledChain(
                self.startprob.astype(dtype, copy=False),
                self.transmat.astype(dtype, copy=False),
                safe_norm(self.log_transmat, dtype),
            )
        return self._scaled[dtype]

    @cached_property
    def in_logs(self) -> LogChain:
        """The chain for recursions in log space."""
        return LogChain(
            self.log_startprob,
            split_transmat(self.log_transmat),
            split_transmat(np.ascontiguousarray(self.log_transmat.T)),
        )
