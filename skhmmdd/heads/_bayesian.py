"""The Bayesian head: ridge with error bars, and a penalty chosen by the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions

from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, Floats
from skhmmdd.heads._base import WIDTH, TrainAndTest
from skhmmdd.heads._regression import RegressionHead
from skhmmdd.heads._ridge_head import (
    is_penalty,
    ridge_along_widths,
    why_not_along_widths,
)
from skhmmdd.heads._validation import check_alpha, check_float, check_targets
from skhmmdd.heads.solvers._evidence import (
    choose_variances,
    predictive_std,
    refuse_undetermined,
    summarize_targets,
)
from skhmmdd.heads.solvers._filter_path import heads_along_filters
from skhmmdd.heads.solvers._filters import RidgeFilter, ridge_filter
from skhmmdd.heads.solvers._head_path import HeadPath
from skhmmdd.heads.solvers._ridge import Head, shrink
from skhmmdd.heads.solvers._spectrum import Spectrum


class _Posterior(NamedTuple):
    """What predictive variances ask of the training points."""

    right: Floats
    values: Floats
    x_mean: Floats
    mean_var: float
    temperature: float


class BayesianHead(RegressionHead):
    r"""Bayesian linear head: ridge with predictive variances and evidence.

    The coefficients have a Gaussian prior, the targets Gaussian noise. Both variances
    are chosen by the evidence, the probability of the targets under the model, unless
    they are given. A `temperature` other than 1 makes the posterior colder or warmer
    than the model says; at low temperatures the predictions are those of the head of
    minimum norm, and so is their peak at the interpolation threshold.

    Parameters
    ----------
    alpha : float or "evidence", default="evidence"
        Ratio of the noise to the prior variance of every coefficient: the penalty of
        ridge that gives the posterior mean at temperature 1. Must be in [0, inf]. With
        "evidence" the ratio of highest evidence in (0, inf]. At 0 the prior is flat and
        no density: there are then predictions, but no standard deviations. At infinity
        it leaves no signal.

    noise_var : float or "evidence", default="evidence"
        Variance of the noise of one output; must be in (0, inf). With "evidence" the
        variance of highest evidence at the ratio used.

    temperature : float, default=1.0
        The likelihood is raised to the power of 1 over it, before it meets the prior;
        must be in (0, inf). It changes neither the evidence nor what is chosen by it.

    fit_intercept : bool, default=True
        Whether to fit an intercept, under a flat prior. The evidence is then that of
        the contrasts of the targets, which know of no intercept.

    rcond : float or None, default=None
        Singular values up to ``rcond`` times the largest count as zero, at every
        ``alpha``; must be in [0, 1). None means ``max(n_samples, n_features)`` times
        the float64 epsilon.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Posterior mean of the coefficients.

    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept; 0 if ``fit_intercept=False``.

    alpha_ : float
        The ratio used. Infinite where the evidence is highest without any signal: the
        prior variance is then 0, the coefficients are 0, and the head predicts the
        mean of the targets with the standard deviation of the noise.

    noise_var_ : float
        The noise variance used. That of the coefficients is ``noise_var_ / alpha_``.

    log_evidence_ : float
        Log evidence at `alpha_` and `noise_var_`, in nats, summed over samples and
        outputs; -inf at ``alpha=0``.

    rank_ : int
        Number of singular values above the cut-off.

    threshold_ratio_ : float
        The rank over the rank that interpolates: the number of distinct rows, less one
        for an intercept. Beyond that, where the rank stays, distinct columns are
        counted. The risk of a head without a penalty peaks at 1.

    coef_norm_ : float
        Frobenius norm of the coefficients.

    effective_dof_ : float
        Effective degrees of freedom: the trace of the hat matrix, 1 for the intercept
        included.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    HeadRegressor : The same head with a penalty by leave-one-out.
    skhmmdd.theory.log_evidence : The evidence at many penalties and noise variances.
    sklearn.linear_model.BayesianRidge : Evidence maximised by fixed-point iteration,
        with hyperpriors.

    Notes
    -----
    For :math:`y = b_0 + B'x + e` with coefficients of variance
    :math:`\tau^2 = \sigma^2/\alpha` and noise of variance :math:`\sigma^2`, the
    posterior at temperature T is proportional to :math:`p(y | B)^{1/T} p(B)`. Its mean
    is ridge of the penalty :math:`T\alpha`, and the variance of a new target

    .. math:: \sigma^2\Big(1 + \frac1n\Big) + \tau^2 \big(\|x\|^2
              - x'X'(XX' + T\alpha I)^{-1}Xx\big),

    with x and X centred. It is computed as a sum of squares, nothing of which cancels:
    along the training points there remain :math:`\sigma^2 T z_r^2/(s_r^2 + T\alpha)`,
    and directions that no training point has keep the variance of the prior. Tempered
    is the likelihood of the contrasts; the mean of the targets keeps its variance
    :math:`\sigma^2/n`.

    The evidence is :func:`skhmmdd.theory.log_evidence`: with an intercept that of the
    n - 1 contrasts (restricted maximum likelihood [2]_), for the evidence with a fitted
    mean would be unbounded from n - 1 features on. For each :math:`\alpha` the best
    :math:`\sigma^2` has a closed form, and along :math:`\alpha` all maxima are found
    from one singular value decomposition; the highest is taken, and among equal ones
    that of the least signal. Where the features explain the targets exactly, it may be
    highest without any noise: :math:`\sigma` is kept at or above 16 units of rounding
    of the largest target. Samples that repeat, features and targets, are evidence of no
    noise to a model with more features than distinct samples.

    Several outputs are independent given one `alpha` and one `noise_var` for all of
    them; their evidence adds up. Scale them alike.

    Weights of an integer dtype are counts, and all that is fitted is that of repeated
    samples: the evidence is that of so many independent targets. Weights of a floating
    dtype are precisions: the noise of a sample of weight w has the variance
    ``noise_var / w``, and new targets have weight 1.

    References
    ----------
    .. [1] Hodgkinson, L., van der Heide, C., Roosta, F. and Mahoney, M. W.
       "Monotonicity and double descent in uncertainty estimation with Gaussian
       processes." ICML 2023. arXiv:2210.07612.
    .. [2] Patterson, H. D. and Thompson, R. "Recovery of inter-block information when
       block sizes are unequal." Biometrika 58 (1971).
    .. [3] MacKay, D. J. C. "Bayesian interpolation." Neural Computation 4 (1992).

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.heads import BayesianHead
    >>> rng = np.random.RandomState(0)
    >>> X = rng.randn(240, 39)
    >>> y = X @ rng.randn(39) + 3 * rng.randn(240)
    >>> head = BayesianHead().fit(X[:40], y[:40])
    >>> mean, std = head.predict(X[40:], return_std=True)
    >>> bool(np.mean(abs(y[40:] - mean) < 2 * std) > 0.9)
    True
    >>> cold = BayesianHead(temperature=1e-4).fit(X[:40], y[:40])  # interpolates
    >>> density = [one.predict_log_density(X[40:], y[40:]) for one in (head, cold)]
    >>> bool(np.mean(density[0]) > np.mean(density[1]))
    True
    """

    alpha_: float
    noise_var_: float
    log_evidence_: float

    _paths = ("alpha", "temperature", WIDTH)

    _parameter_constraints = {  # noqa: RUF012
        "alpha": [Interval(Real, 0, np.inf, closed="both"), StrOptions({"evidence"})],
        "noise_var": [
            Interval(Real, 0, np.inf, closed="neither"),
            StrOptions({"evidence"}),
        ],
        "temperature": [Interval(Real, 0, np.inf, closed="neither")],
        "fit_intercept": ["boolean"],
        "rcond": [Interval(Real, 0, 1, closed="left"), None],
    }

    def __init__(
        self,
        *,
        alpha: float | Literal["evidence"] = "evidence",
        noise_var: float | Literal["evidence"] = "evidence",
        temperature: float = 1.0,
        fit_intercept: bool = True,
        rcond: float | None = None,
    ) -> None:
        self.alpha = alpha
        self.noise_var = noise_var
        self.temperature = temperature
        self.fit_intercept = fit_intercept
        self.rcond = rcond

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> Floats: ...
    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[True]
    ) -> tuple[Floats, Floats]: ...
    def predict(
        self, X: ArrayLike, return_std: bool = False
    ) -> Floats | tuple[Floats, Floats]:
        """Predict the targets, with their standard deviations if asked for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        return_std : bool, default=False
            Whether to return standard deviations.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictive means, in the shape of the targets of :meth:`fit`.

        std : ndarray of the same shape
            Predictive standard deviations of targets, their noise included; only with
            ``return_std=True``. They are the same for every output.

        Raises
        ------
        ValueError
            If standard deviations are asked for at ``alpha=0``, or numbers exceed the
            largest float.
        """
        mean = self._scores(X)
        return (mean, self._std(X)) if return_std else mean

    def predict_log_density(self, X: ArrayLike, y: ArrayLike) -> Floats:
        """Log predictive density of targets: the higher, the better predicted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, in the shape of those of :meth:`fit`.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, of every sample by itself, summed over its outputs. Its mean with
            the sign reversed is the negative log predictive density.

        Raises
        ------
        ValueError
            If the shapes disagree, ``alpha=0``, or numbers exceed the largest float.
        """
        mean, std = self.predict(X, return_std=True)
        y = check_targets(y, low=0.0)
        if y.shape != mean.shape:
            raise ValueError(
                f"y must have the shape of the predictions, {mean.shape}; got shape "
                f"{y.shape}."
            )
        with np.errstate(over="ignore"):
            squares = ((y - mean) / std) ** 2
            density = -0.5 * (squares + np.log(2.0 * np.pi)) - np.log(std)
        density = density.reshape(len(y), -1).sum(axis=1)
        if not np.isfinite(density).all():
            raise ValueError(
                "The log densities exceed the largest float: the smallest standard "
                f"deviation is {std.min():g}, the largest absolute value of y "
                f"{np.abs(y).max():g}. Rescale y, or give noise_var a larger number."
            )
        return density

    def _std(self, X: ArrayLike) -> Floats:
        if self.alpha_ == 0.0:
            raise ValueError(
                "return_std needs alpha in (0, inf): alpha=0 is a flat prior, under "
                "which predictions have no variance; got alpha=0."
            )
        X = self._check_rows(X)
        posterior = self._posterior
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            std = predictive_std(
                X - posterior.x_mean,
                posterior.right,
                posterior.values,
                alpha=self.alpha_,
                noise_var=self.noise_var_,
                temperature=posterior.temperature,
                mean_var=posterior.mean_var,
            )
        if not np.isfinite(std).all():
            raise ValueError(
                "The standard deviations exceed the largest float: the largest "
                f"absolute value in X is {np.abs(X).max():g}. Rescale X."
            )
        n_outputs = np.shape(self.intercept_)
        return np.tile(std[:, None], n_outputs) if n_outputs else std

    def _solve(self, X: Floats, targets: Floats, weights: Array) -> Head:
        spectrum = self._decompose(X, targets, weights)
        chosen = choose_variances(summarize_targets(spectrum), *self._given())
        self.alpha_, self.noise_var_, self.log_evidence_ = chosen
        self.rank_ = len(spectrum.values)
        self._posterior = _Posterior(
            spectrum.right,
            spectrum.values,
            spectrum.x_mean,
            self.fit_intercept / float(spectrum.weights.sum()),
            self._temperature(),
        )
        return shrink(spectrum, self._temperature() * self.alpha_)

    def _given(self) -> tuple[float | None, float | None]:
        """`alpha` and `noise_var`; None where the evidence chooses."""
        alpha, noise_var = None, None
        if not isinstance(self.alpha, str):
            alpha = check_alpha(self.alpha)
        if not isinstance(self.noise_var, str):
            noise_var = check_float(self.noise_var, "noise_var")
        return alpha, noise_var

    def _temperature(self) -> float:
        return check_float(self.temperature, "temperature")

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        if name == WIDTH:
            return why_not_along_widths(self.alpha, values)
        if not all(map(is_penalty, values)):
            return f"some values of {name} are not penalties"
        if name == "temperature" and not all(float(value) > 0 for value in values):
            return "some values of temperature are not positive"
        return None

    def _along(
        self, name: str, values: Sequence[Any], data: TrainAndTest, **options: Any
    ) -> HeadPath:
        options.update(fit_intercept=self.fit_intercept, rcond=self.rcond)
        alpha, noise_var = self._given()
        if name == WIDTH:
            X, y = data[:2]
            bare = self._decompose(np.empty((len(X), 0)), y)
            # As refits would, at any width.
            refuse_undetermined(summarize_targets(bare), alpha, noise_var)
            penalty = self._temperature() * check_alpha(self.alpha)
            return ridge_along_widths(values, data, penalty, **options)
        settings = np.array([float(value) for value in values])

        def filters(spectrum: Spectrum) -> RidgeFilter:
            statistics = summarize_targets(spectrum)
            if name == "alpha":
                refuse_undetermined(statistics, 0.0, noise_var)
                penalties = self._temperature() * settings
            else:
                chosen = choose_variances(statistics, alpha, noise_var)
                penalties = settings * chosen.alpha
            return ridge_filter(spectrum.values, penalties)

        return heads_along_filters(*data, filters, name, settings, **options)

    def _fitted_filter(self, spectrum: Spectrum) -> RidgeFilter:
        penalty = self._posterior.temperature * self.alpha_
        return ridge_filter(spectrum.values, np.array([penalty]))
