"""A head of low rank on top of coefficients that stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skhmmdd._base import forget, refuse_bool
from skhmmdd._typing import Array, Floats, RandomState
from skhmmdd.heads._base import TrainAndTest
from skhmmdd.heads._regression import RegressionHead
from skhmmdd.heads._ridge_head import ridge_along_widths
from skhmmdd.heads._validation import (
    check_alpha,
    check_base_coef,
    check_design,
    check_float,
    is_count,
)
from skhmmdd.heads.solvers._effective_parameters import EffectiveParameters
from skhmmdd.heads.solvers._filters import RidgeFilter, ridge_filter
from skhmmdd.heads.solvers._head_path import HeadPath, refuse_overflow
from skhmmdd.heads.solvers._magnitude import TARGET_RANGE, check_magnitude
from skhmmdd.heads.solvers._reduced_rank import heads_along_ranks, reduce_rank
from skhmmdd.heads.solvers._ridge import Head, shrink
from skhmmdd.heads.solvers._spectrum import Spectrum, centre


class LowRankHead(RegressionHead):
    r"""Low-rank adapter of a linear head: W = W0 + AB, solved exactly.

    Parameter-efficient fine-tuning (LoRA) keeps coefficients W0 as they are and learns
    a correction AB of low rank. Here W0 are those of a linear head, and the correction
    is the best one: by a decomposition, and not by gradient descent.

    Parameters
    ----------
    rank : int, default=8
        Columns r of A, rows of B. Must be in [1, inf) if the adapter is frozen, and in
        [1, min(n_features, n_outputs)] if it is trained: one output takes rank 1.

    adapter : {"trained", "frozen"}, default="trained"
        With "trained" both A and B are learned: reduced-rank regression. With "frozen"
        A has standard normal entries, drawn once, and B alone is learned: a head on r
        random projections of the features.

    base_coef : array-like, default=None
        The coefficients W0 that stay, of shape (n_outputs, n_features), or
        (n_features,) if there is one output: in the form of `coef_`. None means zeros.

    alpha : float, default=0.0
        Penalty on the squared norm of what is learned, AB or B, unnormalised; must be
        in [0, inf).

    perturbation : float, default=0.0
        Standard deviation of noise on B while it is learned, relative to the root mean
        square of B; must be in [0, inf), and 0 for a trained adapter. See Notes.

    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.

    rcond : float or None, default=None
        Singular values up to ``rcond`` times the largest count as zero; must be in
        [0, 1). None means ``max(n_samples, n_features)`` times the float64 epsilon,
        with `rank` for ``n_features`` if the adapter is frozen.

    random_state : int, RandomState instance or None, default=None
        Draws A of a frozen adapter. With an int A at a lower rank is the first columns
        of A at a higher one.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients W0 + AB, transposed.

    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept; 0 if ``fit_intercept=False``.

    down_ : ndarray of shape (n_features, rank)
        The down-projection A.

    up_ : ndarray of shape (rank, n_outputs)
        The up-projection B. Of a trained adapter its rows are orthonormal directions
        of the outputs, the strongest first, with their largest entry positive. Where
        the fitted values have a lower rank, the last rows, and the last columns of
        `down_`, are zero.

    alpha_ : float
        The penalty used, that of the perturbation included.

    rank_ : int
        Number of singular values above the cut-off, of the design if the adapter is
        trained, of the design times A if it is frozen.

    threshold_ratio_ : float
        The rank over the rank that interpolates: the number of distinct rows, less one
        for an intercept. Beyond that, where the rank stays, distinct columns are
        counted. The risk of a head without a penalty peaks at 1.

    fitted_singular_values_ : ndarray of shape (n_values,)
        Of a trained adapter: the singular values of the fitted values at full rank, in
        decreasing order; see Notes. As many as `rank_` or ``n_outputs``, whichever is
        less.

    coef_norm_ : float
        Frobenius norm of the coefficients, W0 included.

    effective_dof_ : float
        Effective degrees of freedom of an output, 1 for the intercept included: the
        trace of the hat matrix of a frozen adapter. A trained one is not linear in the
        targets; this is the divergence of its fitted values by them, over the number
        of outputs, and infinite where two singular values `rank` and `rank` + 1 of the
        fitted values are equal.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    HeadRegressor : The head of full rank.
    skhmmdd.theory.random_projection_risk : Theory of the frozen adapter.
    sklearn.cross_decomposition.PLSRegression : Low rank by covariance, not by error.

    Notes
    -----
    **Trained.** On centred, weighted data, with
    :math:`\hat B = (X'X + \alpha I)^{-1}X'(Y - XW_0)` the ridge head of full rank, the
    minimiser of the penalised squared error among the corrections of rank r is [2]_

    .. math:: AB = \hat B V_r V_r',

    V the right singular vectors of the fitted values, those of the penalty's rows
    included: of :math:`\mathrm{diag}(\sqrt k) U'(Y - XW_0)`, with
    :math:`k_i = s_i^2/(s_i^2+\alpha)`. Without a penalty these are those of
    :math:`X\hat B`, and the squared error is

    .. math:: \mathrm{RSS}_r = \mathrm{RSS} + \sum_{j > r} t_j^2,

    t their singular values. Every rank comes from one decomposition. Where
    :math:`t_r = t_{r+1}` the minimiser is not unique, and one of them is taken.
    With :math:`p_j` the left singular vectors, :math:`w_j = \sum_i k_i p_{ij}^2` and m
    the smaller of the rank of the design and the number q of outputs, the divergence is

    .. math:: r \Big(\sum_i k_i - \sum_{m \ge j > r} w_j\Big) + (q - m)
        \sum_{j \le r} w_j + \sum_{i \le r < j \le m} (w_i + w_j)
        \frac{t_i^2}{t_i^2 - t_j^2},

    derived here; without a penalty it is that of [3]_.

    **Frozen.** B is the head on :math:`Z = XA`, and the risk against the rank peaks
    where the rank meets the number of samples.

    **Perturbation.** With noise :math:`\varepsilon` of mean zero on B, of variance
    :math:`s^2 \lVert b \rVert^2 / r` per entry for the column b of an output,

    .. math:: E \lVert y - Z(b + \varepsilon) \rVert^2 = \lVert y - Zb \rVert^2 +
        \frac{s^2\,\mathrm{tr}(Z'Z)}{r} \lVert b \rVert^2,

    with Z centred if there is an intercept, and weighted. Its minimiser is ridge with
    the penalty :math:`s^2\,\mathrm{tr}(Z'Z)/r`, which is added to `alpha`. Noise whose
    variance does not depend on b would add a constant, and change nothing.

    References
    ----------
    .. [1] Hu, E. J. et al. "LoRA: low-rank adaptation of large language models." ICLR
       (2022). arXiv:2106.09685.
    .. [2] Mukherjee, A. and Zhu, J. "Reduced rank ridge regression and its kernel
       extensions." Statistical Analysis and Data Mining 4 (2011).
    .. [3] Mukherjee, A., Chen, K., Wang, N. and Zhu, J. "On the degrees of freedom of
       reduced-rank estimators in multivariate regression." Biometrika 102 (2015).
    .. [4] Chang, Y. et al. "LoRA-GGPO: mitigating double descent in LoRA fine-tuning
       via gradient-guided perturbation optimization." (2025). arXiv:2502.14538.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.heads import LowRankHead
    >>> rng = np.random.RandomState(0)
    >>> X = rng.randn(60, 30)
    >>> Y = X @ rng.randn(30, 3) @ rng.randn(3, 12) + rng.randn(60, 12)
    >>> head = LowRankHead(rank=3).fit(X, Y)
    >>> int(np.linalg.matrix_rank(head.coef_))
    3
    >>> bool(np.allclose(head.coef_.T, head.down_ @ head.up_))
    True
    >>> head.fitted_singular_values_[:5].round()
    array([165., 115.,  84.,   7.,   7.])
    """

    down_: Floats
    up_: Floats
    alpha_: float
    fitted_singular_values_: Floats

    _paths = ("rank",)

    _parameter_constraints = {  # noqa: RUF012
        "rank": [Interval(Integral, 1, None, closed="left")],
        "adapter": [StrOptions({"trained", "frozen"})],
        "base_coef": ["array-like", None],
        "alpha": [Interval(Real, 0, np.inf, closed="left")],
        "perturbation": [Interval(Real, 0, np.inf, closed="left")],
        "fit_intercept": ["boolean"],
        "rcond": [Interval(Real, 0, 1, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        rank: int = 8,
        *,
        adapter: Literal["trained", "frozen"] = "trained",
        base_coef: ArrayLike | None = None,
        alpha: float = 0.0,
        perturbation: float = 0.0,
        fit_intercept: bool = True,
        rcond: float | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.rank = rank
        self.adapter = adapter
        self.base_coef = base_coef
        self.alpha = alpha
        self.perturbation = perturbation
        self.fit_intercept = fit_intercept
        self.rcond = rcond
        self.random_state = random_state

    def _solve(self, X: Floats, targets: Floats, weights: Array) -> Head:
        shape = X.shape[1], targets.shape[1]
        self._check_rank(self.rank, *shape)
        base = check_base_coef(self.base_coef, *shape)
        targets = _less_base(X, targets, base)
        if self.adapter == "frozen":
            head = self._solve_frozen(X, targets, weights)
        else:
            head = self._solve_trained(self._decompose(X, targets, weights))
        return head._replace(coef=base + head.coef)

    def _solve_trained(self, spectrum):
        self.alpha_ = check_alpha(self.alpha)
        reduced = reduce_rank(spectrum, self.alpha_)
        self.rank_ = len(spectrum.values)
        self.fitted_singular_values_ = reduced.values
        found = min(self.rank, len(reduced.values))
        self.down_ = np.zeros((len(spectrum.x_mean), self.rank))
        self.up_ = np.zeros((self.rank, len(spectrum.y_mean)))
        self.down_[:, :found] = reduced.down[:, :found]
        self.up_[:found] = reduced.up[:found]
        coef = self.down_ @ self.up_
        return Head(
            coef,
            spectrum.y_mean - spectrum.x_mean @ coef,
            reduced.effective_dof(self.rank) + self.fit_intercept,
        )

    def _solve_frozen(self, X, targets, weights):
        forget(self, "fitted_singular_values_")
        self.down_ = self._draw(self.rank, X.shape[1])
        X, x_mean = self._centred(X, weights)
        projected = X @ self.down_
        spectrum = self._decompose(projected, targets, weights)
        self.alpha_ = check_alpha(self.alpha) + self._penalty(projected, weights)
        if not np.isfinite(self.alpha_):
            raise ValueError(
                "alpha and the penalty of the perturbation exceed the largest float: "
                f"alpha={self.alpha!r}, perturbation={self.perturbation!r}."
            )
        head = shrink(spectrum, self.alpha_)
        self.rank_ = len(spectrum.values)
        self.up_ = head.coef
        coef = self.down_ @ self.up_
        return Head(coef, head.intercept - x_mean @ coef, head.effective_dof)

    def _threshold_ratio(self, X: Floats) -> float:
        if self.adapter == "frozen":
            X = self._centred(X)[0] @ self.down_
        return super()._threshold_ratio(X)

    def _penalty(self, projected, weights):
        """What the perturbation amounts to: s^2 tr(Z'Z) / r, Z centred and weighted."""
        if not self.perturbation:
            return 0.0
        check_magnitude(projected, "X @ A", TARGET_RANGE)
        projected = projected.copy()
        if self.fit_intercept:
            centre(projected, weights)
        size = linalg.norm(np.sqrt(weights)[:, None] * projected)
        return (check_float(self.perturbation, "perturbation") * size) ** 2 / self.rank

    def _draw(self, rank, n_features):
        # By rows, so that the columns of A nest.
        rng = check_random_state(self.random_state)
        return np.ascontiguousarray(rng.standard_normal((rank, n_features)).T)

    def _centred(self, X, weights=None):
        """X less its mean, lest a large offset be rounded by the projections."""
        if not self.fit_intercept:
            return X, np.zeros(X.shape[1])
        X = X.copy()
        return X, centre(X, np.ones(len(X)) if weights is None else weights)

    def _check_rank(self, rank, n_features, n_outputs):
        refuse_bool(rank, "rank", "an integer in [1, inf)")
        if self.adapter == "frozen":
            return
        if self.perturbation:
            raise ValueError(
                "perturbation must be 0 with adapter='trained'; "
                f"got {self.perturbation!r}. It is for adapter='frozen'."
            )
        highest = min(n_features, n_outputs)
        if rank > highest:
            raise ValueError(
                f"rank must be in [1, {highest}] with adapter='trained', the smaller of"
                f" the numbers of features ({n_features}) and of outputs ({n_outputs});"
                f" got {rank}."
            )

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        if not all(map(is_count, values)):
            return "some values of rank are no ranks"
        if self.adapter == "frozen":
            if self.perturbation:
                return "the perturbation is another penalty at every rank"
            if not isinstance(self.random_state, Integral):
                return (
                    "the adapter draws something else at every fit: give it a "
                    "random_state"
                )
        return None

    def _along(
        self, name: str, values: Sequence[Any], data: TrainAndTest, **options: Any
    ) -> HeadPath:
        X, y, X_test, y_test = data
        shape = X.shape[1], y.shape[1]
        ranks = np.array([int(value) for value in values])
        self._check_rank(int(ranks.max()), *shape)
        base = check_base_coef(self.base_coef, *shape)
        y = _less_base(X, y, base)
        with np.errstate(over="ignore", invalid="ignore"):
            offset = X_test @ base
            if y_test is not None:
                y_test = y_test - offset
        along = self._along_frozen if self.adapter == "frozen" else self._along_trained
        path = along(X, y, X_test, y_test, ranks, base, **options)
        if path.predictions is None:
            return path
        with np.errstate(over="ignore", invalid="ignore"):
            path = path._replace(
                predictions=path.predictions + offset,
                train_predictions=path.train_predictions + X @ base,
            )
        refuse_overflow(path, name, ranks)
        return path

    def _along_trained(
        self, X, y, X_test, y_test, ranks, base, *, keep_predictions, **_
    ):
        return heads_along_ranks(
            self._decompose(X, y),
            y,
            X_test,
            y_test,
            ranks,
            base,
            alpha=check_alpha(self.alpha),
            keep_predictions=keep_predictions,
        )

    def _along_frozen(self, X, y, X_test, y_test, ranks, base, **options):
        down = self._draw(int(ranks.max()), X.shape[1])
        X, x_mean = self._centred(X)
        projected = X @ down
        same = {
            "alpha": check_alpha(self.alpha),
            "fit_intercept": self.fit_intercept,
            "rcond": self.rcond,
        }
        data = projected, y, (X_test - x_mean) @ down, y_test
        path = ridge_along_widths(ranks, data, **same, **options)
        # The norm of W0 + AB: what the rows of A are predicted to be, less the mean,
        # are the rows of AB. At the size of the data, lest the mean's rounding matter.
        y = y - y.mean(axis=0) if self.fit_intercept else y
        size = np.abs(projected).max() / np.abs(down).max()
        size = size or 1.0 / (np.abs(base).max() or 1.0)
        data = projected, y, size * down, -size * base
        rows = ridge_along_widths(ranks, data, **same)
        return path._replace(coef_norm=np.sqrt(rows.test_risk * base.size) / size)

    def _fitted_filter(self, spectrum: Spectrum) -> RidgeFilter | None:
        return ridge_filter(spectrum.values, np.array([self.alpha_]))

    def _effective_parameters(
        self, X: ArrayLike, X_test: ArrayLike
    ) -> EffectiveParameters | None:
        if self.adapter != "frozen":
            return None  # the directions of the outputs depend on the targets
        X, x_mean = self._centred(check_design(X))
        X_test = check_design(X_test, "X_test", low=0.0) - x_mean
        return super()._effective_parameters(X @ self.down_, X_test @ self.down_)


def _less_base(X, targets, base):
    """What the coefficients that stay leave of the targets."""
    if not base.any():
        return targets
    with np.errstate(over="ignore", invalid="ignore"):
        left = targets - X @ base
    check_magnitude(left, "y - X @ base_coef", TARGET_RANGE)
    return left
