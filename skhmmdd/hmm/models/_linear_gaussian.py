"""Frozen weights with a hidden state in R^d, moved linearly with Gaussian noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import (
    CovarianceType,
    Floats,
    SequenceList,
    SequencesLike,
    SequenceTable,
)
from skhmmdd.hmm.inference import _kalman
from skhmmdd.hmm.inference._whitening import reduce_emission
from skhmmdd.hmm.models._base import check_shape
from skhmmdd.hmm.models._covariances import (
    MAX_WEIGHT,
    as_matrix,
    check_finite,
    check_noise,
    check_semi_definite,
    covariance_root,
    radius,
    stationary_cov,
)
from skhmmdd.hmm.models._frozen_model import FrozenModel
from skhmmdd.hmm.models._gaussian_belief import GaussianBelief, read_gaussian_belief
from skhmmdd.hmm.sequences._blocks import Block, Sequences
from skhmmdd.hmm.sequences._overflow import check_log_likelihood
from skhmmdd.hmm.sequences._reading import read_observations

BeliefLike: TypeAlias = GaussianBelief | tuple[ArrayLike, ArrayLike]

_BATCH_SIZE = 256
_BATCH_VALUES = 2**23


class LinearGaussianHMM(FrozenModel[Floats, BeliefLike]):
    r"""Frozen hidden Markov model with a linear-Gaussian state (state-space model).

    States and observations are rows, as samples are:

    .. math:: z_1 \sim N(\mu, P_1), \qquad z_i = z_{i-1} A + \varepsilon_i, \qquad
              x_i = z_i W + u_i,

    with :math:`\varepsilon_i \sim N(0, Q)` and :math:`u_i \sim N(0, R)`. (Texts that
    write columns transpose A and W.) The belief about the state is Gaussian; its
    mean is what the Kalman filter gives.

    The weights are an immutable value: arrays are read-only copies, `clone` returns
    the same object, equal weights compare and hash equal.

    Parameters
    ----------
    transition : array-like of shape (n_states, n_states)
        :math:`A`.
    transition_cov : float or array-like of shape (n_states, n_states)
        :math:`Q`, symmetric and positive semi-definite; a number is a multiple of
        the identity.
    emission : array-like of shape (n_states, n_features)
        :math:`W`.
    emission_cov : float or array-like
        Of shape (n_features,) or (n_features, n_features). :math:`R`: one variance,
        one for each feature, or a covariance matrix, symmetric and positive definite.
    start_mean : array-like of shape (n_states,), default=None
        :math:`\mu`; None is zero.
    start_cov : float or array-like of shape (n_states, n_states), default=None
        :math:`P_1`, symmetric and positive semi-definite. None is the stationary
        covariance, :math:`P = A'PA + Q`, for which every eigenvalue of A must lie
        inside the unit circle.

    Attributes
    ----------
    n_states : int
        Dimension d of the hidden state.
    n_features : int
        Number of features p of an observation.
    covariance_type : {"diag", "full"}
        Whether `emission_cov` holds variances or a matrix.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite or above 1e100, a covariance is not
        symmetric or not positive (semi-)definite, or there is no stationary start.

    See Also
    --------
    GaussianHMM : Finitely many hidden states.
    make_linear_gaussian_hmm : Data from such a model, with the truth.

    Notes
    -----
    The p features of a step are reduced to min(d, p) readings that tell as much of
    the state, so the recursions cost the same for every p. Covariances are carried
    as factors (the square-root array form). They depend only on what was missing,
    not on the data: sequences with the same history share them, and once they
    repeat to 1e-14 the steady state is used.

    References
    ----------
    R. E. Kalman, "A new approach to linear filtering and prediction problems",
    Journal of Basic Engineering 82(1), 1960.

    T. Kailath, A. H. Sayed and B. Hassibi, "Linear Estimation", Prentice Hall, 2000
    (array algorithms; the smoother of Bryson and Frazier).

    Luo, Wang and Huang, arXiv:2410.00699 (this model under a linear head).

    Examples
    --------
    A level that wanders and is seen through noise:

    >>> from skhmmdd import LinearGaussianHMM
    >>> hmm = LinearGaussianHMM([[0.9]], 0.19, [[1.0]], 0.5)
    >>> hmm
    LinearGaussianHMM(n_states=1, n_features=1, covariance_type='diag')
    >>> X = [[1.0, 2.0, float("nan"), 1.0]]
    >>> hmm.filter(X)[0].round(3).ravel()
    array([0.667, 1.271, 1.144, 1.015])
    >>> hmm.smooth(X)[0].round(3).ravel()
    array([1.1  , 1.265, 1.134, 1.015])
    >>> hmm.log_likelihood(X).round(3)
    array([-4.294])
    """

    transition: Floats
    transition_cov: Floats
    emission: Floats
    emission_cov: Floats
    start_mean: Floats
    start_cov: Floats

    _array_names = (
        "transition",
        "transition_cov",
        "emission",
        "emission_cov",
        "start_mean",
        "start_cov",
    )

    def __init__(
        self,
        transition: ArrayLike,
        transition_cov: ArrayLike,
        emission: ArrayLike,
        emission_cov: ArrayLike,
        start_mean: ArrayLike | None = None,
        start_cov: ArrayLike | None = None,
    ) -> None:
        super().__init__(transition=transition, emission=emission)
        states, features = ("n_states",), ("n_features",)
        n = self.transition.shape[:1] or (1,)
        p = self.emission.shape[1:2] or (1,)
        check_shape(self, "transition", 2 * states, n + n)
        check_shape(self, "emission", states + features, n + p)
        emission_cov = np.asarray(emission_cov)
        if emission_cov.ndim == 0:
            emission_cov = np.broadcast_to(emission_cov, p)
        super().__init__(
            transition_cov=as_matrix(transition_cov, n),
            emission_cov=emission_cov,
            start_mean=np.zeros(n) if start_mean is None else start_mean,
        )
        full = self.emission_cov.ndim == 2
        check_shape(self, "emission_cov", features * (1 + full), p * (1 + full))
        check_shape(self, "start_mean", states, n)
        check_shape(self, "transition_cov", 2 * states, n + n)
        for name in self._array_names[:-1]:
            check_finite(self, name)
        check_semi_definite(self, "transition_cov")
        check_noise(self)
        if start_cov is None:
            start_cov = stationary_cov(self.transition, self.transition_cov)
            if start_cov is None:
                raise ValueError(
                    "start_cov=None is the stationary covariance, but transition has a "
                    f"spectral radius of {radius(self.transition):.6g}, not below 1: "
                    "give start_cov."
                )
        super().__init__(start_cov=as_matrix(start_cov, n))
        check_shape(self, "start_cov", 2 * states, n + n)
        check_finite(self, "start_cov")
        check_semi_definite(self, "start_cov")

    def __repr__(self) -> str:
        return (
            f"LinearGaussianHMM(n_states={self.n_states}, "
            f"n_features={self.n_features}, covariance_type={self.covariance_type!r})"
        )

    @property
    def n_states(self) -> int:
        """Dimension of the hidden state."""
        return len(self.transition)

    @property
    def n_features(self) -> int:
        """Number of features of an observation."""
        return self.emission.shape[1]

    @property
    def covariance_type(self) -> CovarianceType:
        """ "diag" or "full": the noise of the observations."""
        return "full" if self.emission_cov.ndim == 2 else "diag"

    @overload
    def filter(
        self,
        X: SequenceTable,
        *,
        initial_belief: BeliefLike | None = None,
        return_cov: Literal[False] = False,
    ) -> Floats: ...
    @overload
    def filter(
        self,
        X: SequenceList,
        *,
        initial_belief: BeliefLike | None = None,
        return_cov: Literal[False] = False,
    ) -> list[Floats]: ...
    @overload
    def filter(
        self,
        X: SequenceTable,
        *,
        initial_belief: BeliefLike | None = None,
        return_cov: Literal[True],
    ) -> tuple[Floats, Floats]: ...
    @overload
    def filter(
        self,
        X: SequenceList,
        *,
        initial_belief: BeliefLike | None = None,
        return_cov: Literal[True],
    ) -> tuple[list[Floats], list[Floats]]: ...
    def filter(
        self,
        X: SequencesLike,
        *,
        initial_belief: BeliefLike | None = None,
        return_cov: bool = False,
    ) -> Any:
        """Filtered means E[z_t | x_1..x_t]: causal, no look-ahead (Kalman filter).

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, or a table of a dataframe library with one in each row, or a
            column of lists. Trailing NaN steps are padding, inner NaN (of a whole
            step, or of single features) are missing and are marginalised out; so are
            None, masked numbers and empty cells.
        initial_belief : pair (mean, cov) of array-likes, default=None
            The belief after the last step already seen of each sequence, of which X
            holds the steps that follow: means (n_sequences, n_states) and covariances
            (n_sequences, n_states, n_states). None is that nothing has been seen: the
            first state is N(`start_mean`, `start_cov`).
        return_cov : bool, default=False
            Whether to give the covariances of z_t, too.

        Returns
        -------
        means : ndarray of shape (n_sequences, n_steps, n_states), or list of ndarrays \
of shape (n_steps_i, n_states)
            A list for a list. In an array the rows of padding are zero.
        covs : ndarray of shape (n_sequences, n_steps, n_states, n_states), or list
            Only if `return_cov`.

        Raises
        ------
        ValueError
            If `initial_belief` does not fit X, or a covariance is none.

        See Also
        --------
        update : One step.

        Notes
        -----
        What is missing at the end of X is padding, whatever follows elsewhere: where a
        sequence goes on, a missing step at the end is one for `update`.
        """
        sequences = self._read(X)
        system = self._system_after(initial_belief, len(sequences), "initial_belief")
        walk = partial(_kalman.filter_block, system)
        means = self._every_step(sequences, walk, self.n_states)
        if not return_cov:
            return means
        walk = partial(_kalman.filtered_covariances, system)
        covs = self._every_step(sequences, walk, self.n_states**2)
        shape = self.transition.shape
        if isinstance(covs, list):
            return means, [cov.reshape(-1, *shape) for cov in covs]
        return means, covs.reshape(*covs.shape[:2], *shape)

    def update(
        self, belief: BeliefLike | None, observation: ArrayLike
    ) -> GaussianBelief:
        """One step of the Kalman filter, of every sequence.

        Parameters
        ----------
        belief : GaussianBelief, pair (mean, cov) of array-likes, or None
            The belief about each sequence's state, as this method or the last step of
            `filter(..., return_cov=True)` gave it. None is that nothing has been seen,
            which begins the sequences.
        observation : array-like of shape (n_sequences,) or (n_sequences, n_features)
            The next step of each sequence. NaN, of a step or of single features, is
            missing; so are None, masked numbers and empty cells.

        Returns
        -------
        GaussianBelief
            Mean and covariance of each state once the step is seen.

        Raises
        ------
        ValueError
            If a covariance is not symmetric or not positive semi-definite, a number is
            not finite, or the numbers of sequences differ.

        See Also
        --------
        filter : Many steps at a time, with `initial_belief`.

        Notes
        -----
        The belief is predicted, :math:`m A` and :math:`A' P A + Q`, and conditioned on
        the observation. Sequences of equal covariance share the work.

        Examples
        --------
        >>> from skhmmdd import LinearGaussianHMM
        >>> hmm = LinearGaussianHMM([[0.9]], 0.19, [[1.0]], 0.5)
        >>> belief = None
        >>> for x in (1.0, 2.0, float("nan"), 1.0):
        ...     belief = hmm.update(belief, [x])
        ...     print(belief.mean.round(3), belief.cov.round(3).ravel())
        [[0.667]] [0.333]
        [[1.271]] [0.24]
        [[1.144]] [0.384]
        [[1.015]] [0.25]
        """
        block = self._read_step(observation)
        system = self._system_after(belief, len(block.index), "belief")
        return GaussianBelief(*_kalman.filter_step(system, block, "observation"))

    # What other modules ask --------------------------------------------------------

    def _read(
        self, X: SequencesLike, name: str = "X", keep_missing: bool = False
    ) -> Sequences:
        return read_observations(X, self.n_features, name, keep_missing)

    def _block_rows(self, sequences: Sequences) -> int:
        size = _BATCH_VALUES // (int(sequences.lengths.max()) * self.n_features)
        return min(max(size, 1), _BATCH_SIZE)

    @property
    def _filter_block(self) -> Callable[..., Any]:
        return partial(_kalman.filter_block, self._system)

    def _filter_after(
        self, belief: BeliefLike | None, n_sequences: int, name: str
    ) -> Callable[..., Any]:
        system = self._system_after(belief, n_sequences, name)
        return partial(_kalman.filter_block, system)

    def _system_after(self, belief, n_sequences, name):
        if belief is None:
            return self._system
        moments = read_gaussian_belief(belief, n_sequences, self.n_states, name)
        return self._system.after(*moments)

    @property
    def _smooth_block(self) -> Callable[..., Any]:
        return partial(_kalman.smooth_block, self._system)

    def _log_likelihood_block(self, block: Block) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            values = _kalman.log_likelihood_block(self._system, block)
        check_log_likelihood(values, block)
        return values

    def _decode(self, X: SequencesLike) -> Floats | list[Floats]:
        return self.smooth(X)

    def _mean_of_next(self, last: Floats) -> Floats:
        return last @ self.transition @ self.emission

    def _draw(
        self, n_sequences: int, n_steps: int, rng: np.random.RandomState
    ) -> tuple[Floats, Floats]:
        noise = rng.standard_normal((n_steps, n_sequences, self.n_states))
        states = noise @ self._system.noise_root
        states[0] = self.start_mean + noise[0] @ self._system.start_roots[0]
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(1, n_steps):
                states[t] += states[t - 1] @ self.transition
            top = np.abs(states).max()
        if not top < MAX_WEIGHT**2:
            raise ValueError(
                f"n_steps={n_steps} is too long for a transition of spectral radius "
                f"{radius(self.transition):.6g}: the states overflow."
            )
        states = np.ascontiguousarray(states.transpose(1, 0, 2))
        noise = rng.standard_normal((n_sequences, n_steps, self.n_features))
        factor = self._system.whole.factor
        noise = noise * factor if factor.ndim == 1 else noise @ factor.T
        return states @ self.emission + noise, states

    def _long_run(self, kind):
        """How the representation `kind` is read off a mean, and its mean and spread.

        Those of the stationary distribution or, if there is none, of the first step.
        """
        if kind == "log_belief":
            raise ValueError(
                "representation='log_belief' needs probabilities, but the belief of a "
                f"{type(self).__name__} is the mean of its state: use 'belief', "
                "'predictive' or 'smoothed'."
            )
        mean = np.zeros(self.n_states)
        cov = stationary_cov(self.transition, self.transition_cov)
        if cov is None:
            mean, cov = self.start_mean, self.start_cov
        if kind != "predictive":
            return None, mean, np.sqrt(np.diag(cov))
        noise = self.emission_cov
        noise = np.diag(noise) if noise.ndim == 2 else noise
        variance = ((cov @ self.emission) * self.emission).sum(axis=0) + noise
        return self.transition @ self.emission, mean @ self.emission, np.sqrt(variance)

    @cached_property
    def _system(self):
        return _kalman.System(
            self.start_mean,
            [covariance_root(self.start_cov)],
            self.transition,
            covariance_root(self.transition_cov),
            self.emission,
            self.emission_cov,
            reduce_emission(self.emission, self.emission_cov),
        )
