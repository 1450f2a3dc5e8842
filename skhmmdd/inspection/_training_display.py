"""TrainingCurveDisplay: how pretraining went, start by start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skhmmdd._plotting import COLOURS, import_pandas, own_axes
from skhmmdd._typing import Floats
from skhmmdd.hmm import BaumWelch

_OTHERS = "#999999"

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from pandas import DataFrame


class TrainingCurveDisplay:
    """Log-likelihood against EM iteration, of every start, in bits a step.

    Make one with :meth:`from_estimator`. It holds data only; :meth:`plot` needs
    matplotlib and :meth:`frame` needs pandas (``pip install skhmmdd[plot]``).

    Parameters
    ----------
    train : list of ndarray of shape (n_iter + 1,)
        For each start the log-likelihood of an observed step, in bits, at the start
        and after each iteration.

    held_out : list of ndarray of shape (n_iter + 1,), default=None
        The same of sequences held out; None without.

    converged : list of bool, default=None
        Whether each start reached its tolerance or stopped early; None is not told.

    best : int, default=0
        The start that was kept.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.

    figure_ : matplotlib Figure
        Figure with the curves.

    lines_ : list of matplotlib Line2D
        Training curves: that of the best start, then the others in order.

    held_out_lines_ : list of matplotlib Line2D
        Curves of the sequences held out, if there are any, in the same order.

    kept_marker_ : matplotlib Line2D
        Where the weights that were kept stand.

    end_line_ : matplotlib Line2D
        Vertical line where the best start ended.

    See Also
    --------
    BaumWelch : Pretrains the model.
    HMMDisplay : The weights that came of it.

    Examples
    --------
    >>> from skhmmdd import BaumWelch, CategoricalHMM, TrainingCurveDisplay
    >>> rows = [[0.9, 0.1], [0.1, 0.9]]
    >>> X, _ = CategoricalHMM([1, 0], rows, rows).sample(50, 20, random_state=0)
    >>> pretrained = BaumWelch(2, n_init=3, max_iter=5, tol=0, random_state=0).fit(X)
    >>> display = TrainingCurveDisplay.from_estimator(pretrained)
    >>> len(display.train), display.train[0].shape
    (3, (6,))
    """

    ax_: Axes
    figure_: Figure
    lines_: list[Line2D]
    held_out_lines_: list[Line2D]
    kept_marker_: Line2D
    end_line_: Line2D

    def __init__(
        self,
        train: Sequence[Floats],
        *,
        held_out: Sequence[Floats] | None = None,
        converged: Sequence[bool] | None = None,
        best: int = 0,
    ) -> None:
        self.train = train
        self.held_out = held_out
        self.converged = converged
        self.best = best

    @classmethod
    def from_estimator(cls, estimator: BaumWelch) -> Self:
        """Take the curves of a fitted estimator. Nothing is drawn yet.

        Parameters
        ----------
        estimator : BaumWelch
            Fitted by `fit`; `partial_fit` keeps no curve.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(estimator, "starts_")
        bits = 1 / np.log(2)
        starts, n_steps = estimator.starts_, estimator.n_observed_
        held_out = None
        if starts[0].validation_log_likelihoods is not None:
            held_out = [bits * start.validation_log_likelihoods for start in starts]
        return cls(
            [bits * start.log_likelihoods / n_steps for start in starts],
            held_out=held_out,
            converged=[start.converged for start in starts],
            best=[start.kept for start in starts].index(True),
        )

    def plot(self, ax: Axes | None = None, *, show_others: bool = True) -> Self:
        """Draw the curves: the start that was kept in colour, the others in grey.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        show_others : bool, default=True
            Draw the starts that were not kept.

        Returns
        -------
        self : TrainingCurveDisplay
            With what was drawn as attributes.
        """
        self.ax_ = ax = own_axes(ax, "TrainingCurveDisplay.plot")
        self.figure_ = ax.figure
        self.lines_, self.held_out_lines_ = [], []
        others = [i for i in range(len(self.train)) if i != self.best and show_others]
        for i in [self.best, *others]:
            self._draw_start(i, named=i in (self.best, *others[:1]))
        self._mark_end()
        ax.set_xlabel("EM iteration")
        ax.set_ylabel("log-likelihood (bits a step)")
        n = len(self.train)
        ax.set_title("1 start" if n == 1 else f"{n} starts", fontsize="medium")
        ax.legend(loc="lower right")
        return self

    def _draw_start(self, i, named):
        is_best = i == self.best
        whose = "" if len(self.train) == 1 else ", best start"
        if not is_best:
            whose = ", other starts"
        curves = [("training", self.train[i], COLOURS[0], "-", self.lines_)]
        if self.held_out is not None:
            held_out = self.held_out[i]
            curves.append(
                ("held out", held_out, COLOURS[1], "--", self.held_out_lines_)
            )
        for name, values, colour, dashes, lines in curves:
            lines += self.ax_.plot(
                np.arange(len(values)),
                values,
                color=colour if is_best else _OTHERS,
                linestyle=dashes,
                linewidth=2.0 if is_best else 1.0,
                zorder=3 if is_best else 2,
                label=f"{name}{whose}" if named else None,
            )

    def _mark_end(self):
        """Where the best start ended, and where the weights kept stand."""
        of = self.train if self.held_out is None else self.held_out
        values = of[self.best]
        n_iter = len(values) - 1
        kept = n_iter if self.held_out is None else int(np.argmax(values))
        end = "end"
        if self.converged is not None:
            reached = "converged" if self.held_out is None else "stopped early"
            end = reached if self.converged[self.best] else "not converged"
        self.end_line_ = self.ax_.axvline(
            n_iter,
            color="#555555",
            linestyle=":",
            linewidth=1.4,
            zorder=1,
            label=f"{end} (iteration {n_iter})",
        )
        (self.kept_marker_,) = self.ax_.plot(
            [kept],
            [values[kept]],
            linestyle="none",
            marker="o",
            markersize=8,
            color="black",
            markeredgecolor="white",
            zorder=4,
            label=f"weights kept ({values[kept]:.3f} at {kept})".replace("-", "−"),
        )

    def frame(self) -> DataFrame:
        """Give the curves as a tidy table: one row for each start, set and iteration.

        Returns
        -------
        pandas.DataFrame
            With the columns ``start``, ``set`` ("train" or "held out"), ``iteration``
            and ``log_likelihood`` (bits a step).
        """
        pd = import_pandas("TrainingCurveDisplay.frame")
        sets = {"train": self.train, "held out": self.held_out or []}
        tables = [
            pd.DataFrame(
                {
                    "start": i,
                    "set": name,
                    "iteration": np.arange(len(values)),
                    "log_likelihood": values,
                }
            )
            for name, curves in sets.items()
            for i, values in enumerate(curves)
        ]
        return pd.concat(tables, ignore_index=True)
