"""The curve predicted from training data alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions

from skhmmdd._base import validate_params
from skhmmdd._parallel import map_jobs, single_blas_thread
from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, Ints
from skhmmdd.curve._certainty import twice, weigh_evidence
from skhmmdd.curve._choice import (
    BestPoint,
    Choice,
    choose_point,
    find_plateau,
    mean_over_blocks,
    risk_of_choice,
)
from skhmmdd.curve._landmarks_of_forecast import (
    blind_widths,
    independent_columns,
    landmarks_of_forecast,
)
from skhmmdd.curve._left_out_rows import arrange_rows
from skhmmdd.curve._targets import CONSTRAINTS, RISK_WORDS, read_nested
from skhmmdd.curve.display._forecast_figure import (
    draw_forecast,
    draw_forecast_interactive,
)
from skhmmdd.curve.display._html import findings_html
from skhmmdd.curve.display._summary import Findings, describe
from skhmmdd.heads._validation import check_widths
from skhmmdd.heads.solvers._left_out_path import (
    left_out_along_widths,
    left_out_at_width,
    left_out_with_another,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure as PlotlyFigure

    from skhmmdd.curve.display._display import DoubleDescentDisplay

# Without `widths`: so many on a logarithmic grid, and all of this share about n.
_GRID_SIZE, _NEAR = 60, 0.05
# Blocks of samples that a choice by the others is judged on.
_N_BLOCKS = 10
# Up to so many rows each is a block of its own, and is no training row of those by
# which is chosen; only widths within so much of the lowest risk are ever chosen.
_MOST_PAIRS, _PLAUSIBLE = 300, 3.0
# Pairs are left out at so many of these widths; what is between goes by the nearest.
_MOST_WIDTHS = 40
# What blocks share, as in `compare_all`: all leave-one-outs have nearly the same
# training set. No rule is known; this was set by the audit of
# tests/properties/advice.py (seeds 11 and 12), in which 0.1 gave too much false advice.
_OVERLAP = 0.4


class RiskForecast(NamedTuple):
    """Predicted risk at several widths, and what follows from it.

    Attributes
    ----------
    widths : ndarray of int of shape (n_widths,)
        Numbers of leading columns, increasing.
    risk : ndarray of shape (n_widths,)
        The predicted test risk: that of samples left out, with their group.
    gcv : ndarray of shape (n_widths,)
        Generalised cross-validation, a smoother estimate of the squared error. It
        knows of copies, not of groups; of classes it is taken before their scores
        become probabilities.
    rank : ndarray of int of shape (n_widths,)
        Numerical rank of the centred design.
    interpolation_threshold : int or None
        Least of the widths at which the head passes through every training sample;
        None if none does.
    peak : tuple of (int, float) or None
        Width and predicted risk where the curve stands highest above the lower points
        on both its sides; None where no point stands out by a tenth and, if it is less
        than twice as high, by more than one standard error, paired over the blocks.
    best : tuple of (int, float)
        Width and predicted risk of the lowest point. Widths within 20 % of the
        threshold, counted in independent columns, are excluded: there the forecast is
        all noise.
    danger_zone : tuple of (int, int) or None
        First and last width about the peak with more than twice the lowest risk.
    n_samples : int
        Number of training samples.
    fit_intercept : bool
        Whether the head has an intercept.
    n_distinct : int
        Number of distinct rows among them, up to rounding. The threshold counts these.
    n_groups : int
        Number of groups, each of which is left out whole.
    n_copies_kept : int
        Number of samples that have a copy in another group: when they are left out it
        stays.
    risk_name : {"squared_error", "zero_one_error"}
        What `risk` is.
    risks : dict of str to ndarray of shape (n_widths,)
        All risks, by name: of classes both, of numbers the squared error.
    corrected_risk : float
        Test risk to expect at the best width. The lowest of many predictions is lower
        than what comes true; in this one every row, or beyond 300 rows and of groups
        every block, is left out of the choice in which it is judged. See the Notes of
        :func:`forecast_risk`.
    plateau : tuple of int
        Widths whose risk is within one standard error of the lowest, paired over the
        blocks, and not more than twice the lowest.
    block_risk : ndarray of shape (n_widths, n_blocks)
        The predicted risk in blocks of samples, or of groups, drawn at random: ten, or
        as many as groups. Infinite at the widths that are excluded from the best.
    risk_without : ndarray of shape (n_widths, n_distinct) or None
        The forecast without each of the distinct rows, which tells how sure it is.
        Infinite at the widths that are excluded from the best, and where the risk is
        more than three times the lowest. None beyond 300 rows, and of groups. Of more
        than 40 widths that are left, 40 are measured; one in between has the values of
        the nearest, times the ratio of their risks.
    """

    widths: Ints
    risk: Floats
    gcv: Floats
    rank: Ints
    interpolation_threshold: int | None
    peak: tuple[int, float] | None
    best: tuple[int, float]
    danger_zone: tuple[int, int] | None
    n_samples: int
    fit_intercept: bool
    n_distinct: int
    n_groups: int
    n_copies_kept: int
    risk_name: str
    risks: dict[str, Floats]
    corrected_risk: float
    plateau: tuple[int, ...]
    block_risk: Floats
    risk_without: Floats | None

    def __repr__(self) -> str:
        return short_repr(self)

    def _repr_html_(self) -> str:
        return findings_html(self)

    def labels_at_threshold(self, width: int) -> int:
        """How many labels would put this width at the threshold, where the risk peaks.

        Parameters
        ----------
        width : int
            In [1, inf).

        Returns
        -------
        int
            The number of linearly independent columns among the first `width`, plus
            one for an intercept: so many distinct samples. Columns that the training
            samples are too few to tell apart are taken to be independent.
        """
        if width < 1:
            raise ValueError(f"width must be at least 1, got {width!r}.")
        full = self.n_distinct - self.fit_intercept
        independent = independent_columns(
            self.widths, self.rank, full, np.array([width])
        )
        return int(independent[0] + self.fit_intercept)

    def summary(self) -> str:
        """Say in words what is predicted, and what to do about it.

        Returns
        -------
        str
            One line for each landmark, and advice; `print` it.
        """
        low, high = self.widths[[0, -1]]
        words = RISK_WORDS[self.risk_name]
        return describe(
            Findings(
                title=f"{words} predicted by leave-one-out for widths from {low} to "
                f"{high} ({len(self.widths)} values), {self._samples_in_words()}.",
                span=(low, high),
                threshold=self.interpolation_threshold,
                peak=self.peak,
                best=self.best,
                zone=self.danger_zone,
                n_samples=self.n_distinct,
                evidence=self._evidence(),
            )
        )

    def _evidence(self):
        width, risk = self.best
        index = int(np.searchsorted(self.widths, width))
        return weigh_evidence(
            self.widths.astype(np.float64),
            self.block_risk,
            BestPoint(width, risk, width, index, self.corrected_risk, self.plateau),
            divider=self.danger_zone or twice(self.interpolation_threshold),
            overlap=_OVERLAP,
            copied=self.n_copies_kept / self.n_samples,
            middle=mean_over_blocks,
            without=self.risk_without,
        )

    def _samples_in_words(self):
        text = f"{self.n_samples} training samples"
        if self.n_distinct < self.n_samples:
            text += f", {self.n_distinct} of them distinct"
        is_grouped = self.n_groups < self.n_distinct
        if is_grouped:
            text += f", in {self.n_groups} groups, each of which is left out whole"
        elif self.n_distinct < self.n_samples and not self.n_copies_kept:
            text += ": copies are treated as groups, and left out together"
        if self.n_copies_kept:
            text += (
                f". For {self.n_copies_kept} samples a copy stays when they are left "
                "out: new rows may fare worse"
            )
        return text

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        show_danger_zone: bool = True,
        **kwargs: Any,
    ) -> DoubleDescentDisplay:
        """Draw the predicted risk against width.

        On the axes of a measured curve it takes the next colour.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        name : str, default=None
            Put before the labels of the legend, to tell curves apart.
        show_danger_zone : bool, default=True
            Shade the danger zone, if there is one.
        **kwargs : dict
            Passed to :meth:`DoubleDescentDisplay.plot`.

        Returns
        -------
        DoubleDescentDisplay
            Drawn; it has no training risk.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from skhmmdd import forecast_risk
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((30, 60))
        >>> forecast = forecast_risk(X, X[:, 0] + rng.standard_normal(30))
        >>> forecast.plot().ax_.get_xlabel()
        'number of features'
        """
        return draw_forecast(self, ax, name, show_danger_zone, kwargs)

    def plot_interactive(self, **kwargs: Any) -> PlotlyFigure:
        """Draw the predicted risk with plotly, for a notebook or a page.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`DoubleDescentDisplay.plot_interactive`.

        Returns
        -------
        plotly.graph_objects.Figure
            A notebook shows it; ``write_html`` saves it.

        Raises
        ------
        ImportError
            If plotly is not installed.
        """
        return draw_forecast_interactive(self, kwargs)


@validate_params(
    CONSTRAINTS
    | {
        "groups": ["array-like", None],
        "choose": [StrOptions({"lowest", "one_standard_error"})],
    },
    prefer_skip_nested_validation=True,
)
def forecast_risk(
    X: ArrayLike,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    widths: ArrayLike | None = None,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
    classifier: bool | None = None,
    risk: Literal["squared_error", "zero_one_error"] = "squared_error",
    choose: Choice = "lowest",
    n_jobs: int | None = None,
) -> RiskForecast:
    r"""Predict the whole curve of test risk from the training data.

    No test set is needed: exact leave-one-out at every width tells how the risk of the
    head moves, where it peaks, and which widths to stay away from, before labels are
    spent on finding out.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Nested features: the leading columns are the narrower design.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets: numbers, or the labels of classes (see `classifier`).
    groups : array-like of shape (n_samples,), default=None
        Which samples belong together, as several of one person do: labels of at least
        two groups. A sample is left out with all its group. None: every sample is a
        group of its own, and so are the copies of a row, with a warning.
        ``np.arange(n_samples)`` leaves out one copy at a time.
    widths : array-like of int, default=None
        Widths wanted, each in [1, n_features]. None takes all up to 120, and beyond
        that some 60 on a logarithmic grid and all within 5 % of the number of distinct
        rows, constant columns not counted.
    alpha : float, default=0.0
        Penalty of the head, in [0, inf); 0 is minimum norm.
    fit_intercept : bool, default=True
        Whether the head has an intercept.
    rcond : float, default=None
        As in `HeadRegressor`.
    classifier : bool, default=None
        Whether `y` holds classes, of which the head is a `HeadClassifier`. None: if it
        holds strings or booleans, or the risk is of classes; numbers are targets.
    risk : {"squared_error", "zero_one_error"}, default="squared_error"
        The risk that is predicted, as a `DoubleDescentCurve` measures it.

        - ``"squared_error"``: mean over samples and outputs; of classes Brier's score,
          summed over the classes, of `HeadClassifier.predict_proba`.
        - ``"zero_one_error"``: fraction of samples with a wrong label.
    choose : {"lowest", "one_standard_error"}, default="lowest"
        Which width is `best`: the one of the lowest predicted risk, or the smallest
        within one standard error of it.
    n_jobs : int, default=None
        Threads over the widths that need a decomposition of their own.

    Returns
    -------
    RiskForecast
        Named tuple of `widths`, `risk`, `gcv`, `rank`, `interpolation_threshold`,
        `peak`, `best`, `danger_zone`, `n_samples`, `fit_intercept`, `n_distinct`,
        `n_groups`, `n_copies_kept`, `risk_name`, `risks`, `corrected_risk`, `plateau`,
        `block_risk`, `risk_without`, with methods `summary()`, `plot()` and
        `labels_at_threshold(width)`.

    Raises
    ------
    ValueError
        If there are fewer than three samples, fewer than two groups or classes, or an
        argument is out of its range or holds NaN or infinity. The largest absolute
        value must be 0 or in [1e-200, 1e200] for `X` and in [1e-100, 1e100] for `y`.

    Warns
    -----
    UserWarning
        If rows repeat and no `groups` are given.

    See Also
    --------
    DoubleDescentCurve : The measured curve.
    skhmmdd.theory.loo_risk : The formula, at one width.

    Notes
    -----
    Leave-one-out at penalty zero is the limit of ridge, on both sides of the threshold
    (Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560; with an intercept it is
    taken on the contrasts, derived here). It is the risk of a head trained on one
    sample less. Near the threshold the risk of any one training set is heavy-tailed,
    and so is its forecast: there it tells where, not how high.

    Of a group G that is left out together, with the residuals r and the projection H
    on the span of the design, the residuals are :math:`(I - H)_{GG}^{-1} r_G`, beyond
    the threshold :math:`[(K^{-1})_{GG}]^{-1} (K^{-1} y)_G` with the Gram matrix K; in
    between, where H keeps some combinations of the group and not others, the limit of
    ridge is taken combination by combination (derived here). The risk is that of a head
    trained on a group less: the peak stands so many widths below the threshold.
    Samples that resemble others count as new only if all of these leave with them.

    Copies of a row are one row, weighted, with the mean of their targets: the threshold
    counts distinct rows. Their own targets decide the risk.

    Of the best width ``corrected_risk`` is the nested leave-one-out: the width at which
    sample i is judged has the least mean loss of all others j, each left out together
    with i. Pairs are left out in closed form, from the same matrix I - H or
    :math:`K^{-1}` (derived here); copies of a row leave together. Beyond 300 distinct
    rows, and where several of them are grouped, ten blocks of the samples take the
    place of i, and only their losses are left out of the choice: then a part of the
    optimism stays.

    The same pairs give the forecast without each row, and so its standard error by the
    jackknife: the losses left out are no independent samples, for they share their
    training rows. With that error the summary compares the best with all other widths
    of up to three times its risk; beyond 300 rows and of groups with that of blocks,
    widened. It says "too close to call" where the best is not surely (one-sided, 90 %)
    within 1.5 times of each of them.

    All widths come from shared factorizations, for the price of a few fits. Where the
    rank is in doubt, one singular value decomposition for the width.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import forecast_risk
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 100))
    >>> y = X[:, :5].sum(axis=1) + rng.standard_normal(50)
    >>> forecast = forecast_risk(X, y)
    >>> forecast.interpolation_threshold, forecast.peak[0]
    (49, 48)
    >>> forecast.labels_at_threshold(80)
    81
    """
    X, targets, options = read_nested(
        X, y, classifier, risk, alpha=alpha, fit_intercept=fit_intercept, rcond=rcond
    )
    rows = arrange_rows(X, targets.coded, groups)
    widths = check_widths(
        _default_widths(X, rows.n_distinct, fit_intercept)
        if widths is None
        else widths,
        X.shape[1],
    )
    blocks = rows.blocks(_N_BLOCKS)
    measure = partial(rows.risks, targets, blocks)
    of_rows = rows.weights, rows.members, measure
    with single_blas_thread():
        path, in_doubt = left_out_along_widths(
            rows.X, rows.y, widths, *of_rows, **options
        )
    found = map_jobs(
        left_out_at_width,
        widths[in_doubt],
        rows.X,
        rows.y,
        *of_rows,
        *options.values(),
        n_jobs=n_jobs,
    )
    risks, gcv, rank = path
    for i, at_width in zip(in_doubt, found, strict=True):
        risks[:, i], gcv[i], rank[i] = at_width
    risks = risks.reshape(len(targets.risk_names), -1, len(widths))
    by_name = dict(zip(targets.risk_names, risks[:, 0], strict=True))
    # A penalty, or two labels for one row, keep every head off its training samples.
    can_interpolate = alpha == 0 and rows.copies_agree
    full_rank = rows.n_distinct - fit_intercept
    blind = blind_widths(widths, rank, full_rank, rows.n_left_with)
    of_blocks = risks[targets.risk_names.index(risk), 1:].T
    threshold, peak, best, zone = landmarks_of_forecast(
        widths, by_name[risk], rank, full_rank, blind, can_interpolate, of_blocks
    )
    block_risk = np.where(blind[:, None], np.inf, of_blocks)
    if choose == "one_standard_error":
        chosen = choose_point(block_risk, choose, middle=mean_over_blocks)
        best = int(widths[chosen]), float(by_name[risk][chosen])
    corrected_risk = risk_of_choice(block_risk, choose, middle=mean_over_blocks)
    risk_without = None
    if not rows.members and len(rows.X) <= _MOST_PAIRS:
        wanted = ~blind & (by_name[risk] <= _PLAUSIBLE * by_name[risk][~blind].min())
        measured = _thin(np.flatnonzero(wanted), by_name[risk])
        own, without = _leave_pairs_out(rows, targets, risk, widths[measured], options)
        chosen = without.argmin(axis=0)[rows.row_of]
        nested = own[chosen, np.arange(len(X))].mean()
        risk_without = _by_the_nearest(without, measured, wanted, by_name[risk])
        if choose == "lowest" and np.isfinite(nested):
            corrected_risk = float(nested)
    return RiskForecast(
        widths=widths,
        risk=by_name[risk],
        gcv=targets.to_risk * (gcv + rows.variance_within(targets)),
        rank=rank,
        interpolation_threshold=threshold,
        peak=peak,
        best=best,
        danger_zone=zone,
        n_samples=len(X),
        fit_intercept=fit_intercept,
        n_distinct=rows.n_distinct,
        n_groups=rows.n_groups,
        n_copies_kept=rows.n_copies_kept,
        risk_name=risk,
        risks=by_name,
        corrected_risk=best[1] if corrected_risk is None else corrected_risk,
        plateau=tuple(widths[find_plateau(block_risk, mean_over_blocks)].tolist()),
        block_risk=block_risk,
        risk_without=risk_without,
    )


def _thin(positions, risk):
    """At most `_MOST_WIDTHS` of some positions, that of the lowest risk among them."""
    if len(positions) <= _MOST_WIDTHS:
        return positions
    some = np.linspace(0, len(positions) - 1, _MOST_WIDTHS).round().astype(int)
    best = risk[positions].argmin()
    some[np.abs(some - best).argmin()] = best
    return positions[some]


def _leave_pairs_out(rows, targets, risk, widths, options):
    """Own loss of every sample, and the mean loss of the others without each row.

    Both infinite where digits would be lost.
    """
    n_rows, n = len(rows.X), len(rows.row_of)
    own, without = (
        np.full((len(widths), n), np.inf),
        np.full((len(widths), n_rows), np.inf),
    )
    kept = rows.row_of != np.arange(n_rows)[:, None]
    losses_of = partial(rows.losses, targets, targets.risk_names.index(risk))
    with single_blas_thread():
        for i, losses in left_out_with_another(
            rows.X, rows.y, widths, rows.weights, losses_of, **options
        ):
            own[i] = losses[rows.row_of, np.arange(n)]
            without[i] = (losses * kept).sum(axis=1) / kept.sum(axis=1)
    return own, without


def _by_the_nearest(without, measured, wanted, risk):
    """The same at all wanted widths: in between, that of the nearest, to its own risk.

    Infinite at the others.
    """
    filled = np.full((len(risk), without.shape[1]), np.inf)
    positions = np.flatnonzero(wanted)
    nearest = np.abs(measured - positions[:, None]).argmin(axis=1)
    its_risk = risk[measured][nearest]
    times = np.ones(len(positions))
    np.divide(risk[positions], its_risk, out=times, where=its_risk > 0)
    filled[positions] = without[nearest] * times[:, None]
    return filled


def _default_widths(X, n_distinct, fit_intercept):
    n_features = X.shape[1]
    if n_features <= 2 * _GRID_SIZE:
        return np.arange(1, n_features + 1)
    grid = np.geomspace(1, n_features, _GRID_SIZE).round().astype(int)
    # The least widths with so many columns that are not constant.
    varies = (X != X[0]).any(axis=0) if fit_intercept else X.any(axis=0)
    counts = np.cumsum(varies)
    near = np.arange(
        np.floor((1 - _NEAR) * n_distinct), np.ceil((1 + _NEAR) * n_distinct) + 1
    )
    near = near[(near >= 1) & (near <= counts[-1])]
    return np.union1d(grid, np.searchsorted(counts, near) + 1)
