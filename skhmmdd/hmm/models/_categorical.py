"""The categorical family: each state emits symbols with probabilities of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csc_array

from skhmmdd._typing import Array, Floats
from skhmmdd.hmm.inference._likelihoods import TableEmission
from skhmmdd.hmm.inference._sampling import draw
from skhmmdd.hmm.models._base import check_probabilities, uniform_scale
from skhmmdd.hmm.models._emission_family import (
    EmissionFamily,
    entry_names,
    estimate_rows,
    logit_score,
    tilt_rows,
)
from skhmmdd.hmm.sequences._reading import read_symbols


class CategoricalHMM(EmissionFamily):
    r"""Frozen hidden Markov model that emits symbols 0..n_symbols - 1.

    The joint distribution of a hidden path z and a sequence x is

    .. math:: P(z, x) = \pi_{z_1} \prod_{t>1} A_{z_{t-1} z_t} \prod_t B_{z_t x_t}.

    The weights are an immutable value: arrays are read-only copies, `clone` returns
    the same object, equal weights compare and hash equal.

    Parameters
    ----------
    startprob : array-like of shape (n_states,)
        :math:`\pi`, in [0, 1] and summing to one.
    transmat : array-like of shape (n_states, n_states)
        :math:`A`; each row sums to one.
    emissionprob : array-like of shape (n_states, n_symbols)
        :math:`B`; each row sums to one.

    Attributes
    ----------
    n_states : int
        Number of hidden states.
    n_symbols : int
        Size of the alphabet.

    Raises
    ------
    ValueError
        If shapes disagree, a number is negative or not finite, or a row does not
        sum to one within 1e-6.

    See Also
    --------
    GaussianHMM : Continuous observations.
    PoissonHMM : Counts.
    BaumWelch : Estimates weights from sequences.
    as_hmm : Takes weights from a fitted model of another library.

    References
    ----------
    L. R. Rabiner, "A tutorial on hidden Markov models and selected applications in
    speech recognition", Proceedings of the IEEE 77(2), 1989.

    Examples
    --------
    A caretaker sees umbrellas (1) come in, or not (0), and believes in rain or sun:

    >>> from skhmmdd import CategoricalHMM
    >>> hmm = CategoricalHMM(
    ...     [0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.1, 0.9], [0.8, 0.2]]
    ... )
    >>> hmm
    CategoricalHMM(n_states=2, n_symbols=2)
    >>> hmm.filter([[1, 1]])[0].round(3)
    array([[0.818, 0.182],
           [0.883, 0.117]])
    >>> hmm.log_likelihood([[1, 1], [1, -1, 1]]).round(4)
    array([-1.0455, -1.1329])
    """

    emissionprob: Floats

    _array_names = ("startprob", "transmat", "emissionprob")
    _is_symbolic = True
    _read_sequences = staticmethod(read_symbols)

    def __init__(
        self, startprob: ArrayLike, transmat: ArrayLike, emissionprob: ArrayLike
    ) -> None:
        super().__init__(
            startprob=startprob, transmat=transmat, emissionprob=emissionprob
        )
        shape = (self.n_states, *self.emissionprob.shape[-1:])
        check_probabilities(self, "emissionprob", ("n_states", "n_symbols"), shape)

    def __repr__(self) -> str:
        return f"CategoricalHMM(n_states={self.n_states}, n_symbols={self.n_symbols})"

    @property
    def n_symbols(self) -> int:
        """Size of the alphabet."""
        return self.emissionprob.shape[1]

    @property
    def _n_emission_parameters(self):
        return (self.n_states * (self.n_symbols - 1),)

    @property
    def _state_means(self) -> Floats:
        return self.emissionprob

    def _long_run(self, kind):
        if kind == "predictive":
            return self.transmat @ self.emissionprob, *uniform_scale(self.n_symbols)
        return super()._long_run(kind)

    @property
    def _emission(self) -> TableEmission:
        return TableEmission(self.emissionprob)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        return draw(self.emissionprob, states, rng.uniform(size=states.shape))

    @classmethod
    def _start(cls, means, variances, rng):
        # Rows of Gamma(1) weights normalise to flat Dirichlet draws; here they tilt the
        # frequencies, so rare symbols start rare in every state.
        counts = means + 1.0
        emission = rng.standard_gamma(1.0, counts.shape) * counts
        return (emission / emission.sum(axis=1, keepdims=True),)

    def _count(self, values, smoothed, center):
        return (self._count_symbols(values, 0, 1, smoothed)[0].T,)

    def _count_symbols(self, symbols, owners, n_owners, smoothed):
        """Expected number of each symbol, shape (n_owners, n_symbols, n_states)."""
        # -1 becomes the last row; a short integer type may not hold n_symbols.
        n, n_rows = len(symbols), self.n_symbols + 1
        rows = symbols.astype(np.intp) % n_rows + n_rows * owners
        one_hot = csc_array(
            (np.ones(n), rows, np.arange(n + 1)), shape=(n_owners * n_rows, n)
        )
        counts = (one_hot @ smoothed).reshape(n_owners, n_rows, -1)
        return counts[:, :-1]

    def _maximise(self, counts, pseudocount, center, scale, fixed=(), tied=()):
        return (estimate_rows(counts[0], pseudocount, self.emissionprob),)

    def _log_prior(self, center, scale):
        return (np.log(self.emissionprob).sum(),)

    @property
    def _score_names(self):
        return entry_names("emission", self.n_states, self.n_symbols)

    def _score(self, values, smoothed):
        n_steps, n = values.shape
        counts = self._count_symbols(
            values.ravel(),
            np.tile(np.arange(n), n_steps),
            n,
            smoothed.reshape(n_steps * n, -1),
        )
        return logit_score(counts.swapaxes(1, 2), self.emissionprob).reshape(n, -1)

    def _split(self, of, rng):
        return (tilt_rows(self.emissionprob[of], rng),)
