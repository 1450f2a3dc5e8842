"""The kinds of frozen weights, one for each family of emissions."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Array, CovarianceType, Floats, SequencesLike
from skhmmdd.hmm.inference._likelihoods import (
    TableLikelihood,
    log_gaussian_diag,
    log_gaussian_full,
)
from skhmmdd.hmm.inference._sampling import draw
from skhmmdd.hmm.models._base import FrozenHMM, _check_law, check_shape, law_scale
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._overflow import check_density, safe_reach
from skhmmdd.hmm.sequences._reading import read_observations, read_symbols


class CategoricalHMM(FrozenHMM):
    r"""Frozen hidden Markov model that emits symbols 0..n_symbols - 1.

    The joint law of a hidden path z and a sequence x is

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

    def __init__(
        self, startprob: ArrayLike, transmat: ArrayLike, emissionprob: ArrayLike
    ) -> None:
        super().__init__(
            startprob=startprob, transmat=transmat, emissionprob=emissionprob
        )
        shape = (self.n_states, *self.emissionprob.shape[-1:])
        _check_law(self, "emissionprob", ("n_states", "n_symbols"), shape)

    def __repr__(self) -> str:
        return f"CategoricalHMM(n_states={self.n_states}, n_symbols={self.n_symbols})"

    @property
    def n_symbols(self) -> int:
        """Size of the alphabet."""
        return self.emissionprob.shape[1]

    @property
    def _state_means(self) -> Floats:
        return self.emissionprob

    def _long_run(self, kind):
        if kind == "predictive":
            return self.transmat @ self.emissionprob, *law_scale(self.n_symbols)
        return super()._long_run(kind)

    def _read(self, X: SequencesLike, name: str = "X") -> Sequences:
        return read_symbols(X, self.n_symbols, name)

    def _table(self, dtype):
        """Emission probabilities of each symbol, shape (n_symbols + 1, n_states)."""
        # A last row of ones is what the symbol -1 picks: a missing observation
        # tells nothing.
        dtype, ones = np.dtype(dtype), np.ones((1, self.n_states))
        return self._once(
            ("table", dtype),
            lambda: np.vstack([self.emissionprob.T, ones]).astype(dtype, copy=False),
        )

    def _log_emission_of(self, values: Array) -> Floats:
        with np.errstate(divide="ignore"):
            table = self._once("log table", lambda: np.log(self._table(np.float64)))
        return np.take(table, values, axis=0, mode="wrap")

    def _step_likelihood(self, block, dtype):
        exact = self._table(np.float64)
        least = self._once("least emission", lambda: float(exact[exact > 0].min()))
        return TableLikelihood(self._table(dtype), block, exact, least)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        return draw(self.emissionprob, states, rng.uniform(size=states.shape))


class GaussianHMM(FrozenHMM):
    r"""Frozen hidden Markov model that emits vectors with Gaussian noise.

    In state k an observation follows :math:`N(\mu_k, \Sigma_k)`.

    The weights are an immutable value: arrays are read-only copies, `clone` returns
    the same object, equal weights compare and hash equal.

    Parameters
    ----------
    startprob : array-like of shape (n_states,)
        Law of the first state; sums to one.
    transmat : array-like of shape (n_states, n_states)
        Each row sums to one.
    means : array-like of shape (n_states, n_features) or (n_states,)
        :math:`\mu`; one number a state is a model of one feature.
    covars : array-like
        Of shape (n_states, n_features), (n_states, n_features, n_features) or
        (n_states,). :math:`\Sigma`: variances of independent features, or full
        covariance matrices, symmetric and positive definite.

    Attributes
    ----------
    n_states : int
        Number of hidden states.
    n_features : int
        Number of features of an observation.
    covariance_type : {"diag", "full"}
        Which of the two `covars` holds.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, a law does not sum to one, or a
        covariance is not symmetric and positive definite.

    See Also
    --------
    CategoricalHMM : Discrete observations.
    BaumWelch : Estimates weights from sequences.

    Examples
    --------
    >>> from skhmmdd import GaussianHMM
    >>> hmm = GaussianHMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [-1.0, 1.0], [1.0, 1.0])
    >>> hmm
    GaussianHMM(n_states=2, n_features=1, covariance_type='diag')
    >>> hmm.filter([[-1.2, float("nan"), 0.9]])[0].round(3)
    array([[0.917, 0.083],
           [0.833, 0.167],
           [0.352, 0.648]])
    """

    means: Floats
    covars: Floats

    _array_names = ("startprob", "transmat", "means", "covars")

    def __init__(
        self,
        startprob: ArrayLike,
        transmat: ArrayLike,
        means: ArrayLike,
        covars: ArrayLike,
    ) -> None:
        means, covars = np.asarray(means), np.asarray(covars)
        super().__init__(
            startprob=startprob,
            transmat=transmat,
            means=means[:, None] if means.ndim == 1 else means,
            covars=covars[:, None] if covars.ndim == 1 else covars,
        )
        shape = (self.n_states, *self.means.shape[1:2])
        check_shape(self, "means", ("n_states", "n_features"), shape)
        if self.covariance_type == "full":
            shape += shape[1:]
        check_shape(
            self,
            "covars",
            ("n_states", "n_features", "n_features")[: len(shape)],
            shape,
        )
        if not (np.isfinite(self.means).all() and np.isfinite(self.covars).all()):
            raise ValueError("means and covars must be finite, got NaN or infinity.")
        _check_positive_definite(self.covars)

    def __repr__(self) -> str:
        return (
            f"GaussianHMM(n_states={self.n_states}, n_features={self.n_features}, "
            f"covariance_type={self.covariance_type!r})"
        )

    @property
    def n_features(self) -> int:
        """Number of features of an observation."""
        return self.means.shape[1]

    @property
    def covariance_type(self) -> CovarianceType:
        """ "diag" or "full"."""
        return "full" if self.covars.ndim == 3 else "diag"

    @property
    def _state_means(self) -> Floats:
        return self.means

    def _read(self, X: SequencesLike, name: str = "X") -> Sequences:
        sequences = read_observations(X, self.n_features, name)
        self._check_density(sequences, name)
        return sequences

    def _check_density(self, sequences: Sequences, name: str = "X") -> None:
        """Refuse what has no log-density that a double holds."""
        reach = self._once("reach", lambda: safe_reach(self.means, self.covars))
        check_density(sequences, self._log_emission_of, reach, name)

    def _log_emission_of(self, values: Array) -> Floats:
        density = (
            log_gaussian_full if self.covariance_type == "full" else log_gaussian_diag
        )
        # -inf where it is too small for a double: then another state is likelier.
        with np.errstate(over="ignore"):
            return density(values, self.means, self.covars)

    def _emit(self, states: Array, rng: np.random.RandomState) -> Array:
        noise = rng.standard_normal((*states.shape, self.n_features))
        if self.covariance_type == "full":
            noise = np.einsum("...ij,...j->...i", self._factors[states], noise)
        else:
            noise *= np.sqrt(self.covars)[states]
        return self.means[states] + noise

    @property
    def _factors(self) -> Array:
        return np.linalg.cholesky(self.covars)


# What pretraining makes.
Pretrained: TypeAlias = CategoricalHMM | GaussianHMM


def _check_positive_definite(covars):
    if covars.ndim == 2:
        if covars.min() <= 0:
            raise ValueError(f"covars must be positive, got {covars.min()}.")
        return
    for k, covar in enumerate(covars):
        if not np.allclose(covar, covar.T):
            raise ValueError(f"covars[{k}] must be symmetric.")
        # Unlike eigenvalues, the factor is as exact for features in different units.
        try:
            np.linalg.cholesky(covar)
        except np.linalg.LinAlgError:
            least = np.linalg.eigvalsh(covar).min()
            raise ValueError(
                f"covars[{k}] must be positive definite; its least eigenvalue is "
                f"{least}."
            ) from None
