"""BeliefDisplay: what a frozen model believes along one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from skhmmdd._plotting import (
    draw_heatmap,
    import_pandas,
    own_axes,
    write_labels,
)
from skhmmdd._typing import Floats, Ints
from skhmmdd.features import TokenEncoder
from skhmmdd.hmm import LinearGaussianHMM, as_hmm
from skhmmdd.inspection._states import (
    StateOrder,
    check_labels,
    labels_or_numbers,
    name_states,
    name_steps,
    name_symbols,
    order_states,
)

_GIVEN = {"filtered": "steps so far", "smoothed": "the whole sequence"}
_INCHES_A_STEP = 0.32

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from pandas import DataFrame


class BeliefDisplay:
    """Beliefs about the hidden state along one sequence, as a heat map.

    Make one with :meth:`from_hmm`. It holds data only; :meth:`plot` needs matplotlib
    and :meth:`frame` needs pandas (``pip install skhmmdd[plot]``).

    Parameters
    ----------
    beliefs : ndarray of shape (n_steps, n_states)
        Probabilities of the states, in the order shown; of a linear Gaussian model
        the mean of its belief.

    missing : ndarray of bool of shape (n_steps,), default=None
        Steps that were not observed; None is none.

    path : ndarray of int of shape (n_steps,), default=None
        The most likely path, in positions of the order shown.

    representation : {"filtered", "smoothed"}, default="filtered"
        Whether a belief knows of later steps.

    signed : bool, default=False
        Whether `beliefs` are means and not probabilities.

    step_labels, state_labels : list of str, default=None
        Names of the steps and of the states; None numbers them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the heat map.

    figure_ : matplotlib Figure
        Figure with the heat map.

    image_ : matplotlib AxesImage
        The heat map.

    path_line_ : matplotlib Line2D or None
        Markers on the most likely path, if shown.

    missing_spans_ : list of matplotlib Artist
        Hatched columns of the steps that were not observed.

    See Also
    --------
    HMMDisplay : The weights of the model.
    HMMFeatureTransformer : Beliefs as features.

    Examples
    --------
    >>> from skhmmdd import BeliefDisplay, CategoricalHMM, TokenEncoder
    >>> hmm = CategoricalHMM([1, 0], [[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0, 1]])
    >>> encoder = TokenEncoder().fit(["ab"])
    >>> display = BeliefDisplay.from_hmm(hmm, "abba", encoder=encoder)
    >>> display.step_labels
    ['a', 'b', 'b', 'a']
    >>> display.beliefs.round(2)
    array([[1.  , 0.  ],
           [0.64, 0.36],
           [0.27, 0.73],
           [1.  , 0.  ]])
    """

    ax_: Axes
    figure_: Figure
    image_: Any
    path_line_: Line2D | None
    missing_spans_: list[Any]

    def __init__(
        self,
        beliefs: Floats,
        *,
        missing: NDArray[np.bool_] | None = None,
        path: Ints | None = None,
        representation: Literal["filtered", "smoothed"] = "filtered",
        signed: bool = False,
        step_labels: Sequence[str] | None = None,
        state_labels: Sequence[str] | None = None,
    ) -> None:
        self.beliefs = beliefs
        self.missing = missing
        self.path = path
        self.representation = representation
        self.signed = signed
        self.step_labels = step_labels
        self.state_labels = state_labels

    @classmethod
    def from_hmm(
        cls,
        hmm: Any,
        sequence: Any,
        *,
        encoder: TokenEncoder | None = None,
        labels: Sequence[str] | None = None,
        representation: Literal["filtered", "smoothed"] = "filtered",
        state_labels: Sequence[str] | None = None,
        order: StateOrder = "stationary",
    ) -> Self:
        """Compute the beliefs of a model along one sequence. Nothing is drawn yet.

        Parameters
        ----------
        hmm : frozen weights, or a fitted model that `as_hmm` takes
            The model; it is not changed.
        sequence : array-like of shape (n_steps,) or (n_steps, n_features), or tokens
            One sequence, as an entry of the list that `hmm.filter` takes. With
            `encoder`: its tokens, e.g. a string.
        encoder : TokenEncoder, default=None
            A fitted encoder, for sequences of tokens.
        labels : sequence of str of length n_steps, default=None
            Names of the steps. None takes the tokens, or the symbols' numbers; the
            steps of a continuous sequence are numbered.
        representation : {"filtered", "smoothed"}, default="filtered"
            "filtered" knows of the steps so far, "smoothed" of the whole sequence.
        state_labels, order : object
            As in :meth:`HMMDisplay.from_hmm`.

        Returns
        -------
        BeliefDisplay

        Raises
        ------
        ValueError
            If the sequence does not fit the model or is impossible under it, or an
            argument is out of its range.
        """
        hmm = as_hmm(hmm)
        if representation not in _GIVEN:
            raise ValueError(
                f"representation={representation!r} must be one of {list(_GIVEN)}."
            )
        linear = isinstance(hmm, LinearGaussianHMM)
        symbolic = not linear and getattr(hmm, "within", hmm)._is_symbolic
        if encoder is not None and not symbolic:
            raise ValueError(f"encoder reads tokens, but {hmm!r} emits no symbols.")
        if encoder is not None:
            (sequence,) = encoder.transform([sequence])
        sequence = np.asarray(sequence)
        if symbolic and sequence.dtype.kind == "f":
            sequence = np.where(np.isnan(sequence), -1, sequence)
        run = hmm.filter if representation == "filtered" else hmm.smooth
        (beliefs,) = run([sequence])
        sequence = sequence[: len(beliefs)]
        steps = sequence.reshape(len(sequence), -1)
        missing = (steps == -1) if symbolic else np.isnan(steps)
        missing = missing.all(axis=1)
        shown = order_states(order, hmm.n_states, None if linear else hmm._stationary())
        path = None
        if not linear:
            (states,) = hmm.decode([sequence])
            path = np.argsort(shown)[states]
        if labels is not None:
            labels = check_labels(labels, len(beliefs), "labels", "steps of sequence")
        elif symbolic:
            n_symbols = getattr(hmm, "within", hmm).n_symbols
            symbols = name_symbols(encoder, n_symbols)
            labels = name_steps(sequence.astype(int).ravel(), symbols)
        return cls(
            beliefs[:, shown],
            missing=missing,
            path=path,
            representation=representation,
            signed=linear,
            step_labels=labels,
            state_labels=name_states(state_labels, shown),
        )

    def plot(self, ax: Axes | None = None, *, show_path: bool = False) -> Self:
        """Draw the beliefs: steps from left to right, states from top to bottom.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        show_path : bool, default=False
            Mark the states of the most likely path.

        Returns
        -------
        self : BeliefDisplay
            With what was drawn as attributes.

        Raises
        ------
        ValueError
            If there is no path to show.
        """
        if show_path and self.path is None:
            raise ValueError("show_path=True needs a path, and this model has none.")
        n_steps, n_states = self.beliefs.shape
        steps, states = self._names()
        size = (
            float(np.clip(2.5 + _INCHES_A_STEP * n_steps, 5, 12)),
            float(np.clip(1.6 + 0.3 * n_states, 2.4, 7)),
        )
        self.ax_ = ax = own_axes(ax, "BeliefDisplay.plot", size)
        self.figure_ = ax.figure
        self.image_, _ = draw_heatmap(
            ax,
            self.beliefs.T,
            signed=self.signed,
            label="mean" if self.signed else "probability",
        )
        if not self.signed:
            self.image_.set_clim(0.0, 1.0)
        write_labels(ax.xaxis, steps)
        write_labels(ax.yaxis, states, most=20)
        self.missing_spans_ = [
            ax.axvspan(
                step - 0.5,
                step + 0.5,
                facecolor="none",
                edgecolor="#777777",
                hatch="///",
                linewidth=0,
            )
            for step in np.flatnonzero(() if self.missing is None else self.missing)
        ]
        self.path_line_ = None
        if show_path:
            (self.path_line_,) = ax.plot(
                np.arange(n_steps),
                self.path,
                linestyle="none",
                marker="o",
                markersize=6,
                color="#D55E00",
                markeredgecolor="white",
            )
        ax.set_xlabel("step" if self.step_labels is None else "observed")
        ax.set_ylabel("state")
        what = "Mean of the state" if self.signed else "Belief"
        title = f"{what} given {_GIVEN[self.representation]}"
        keys = ["hatched: not observed"] if self.missing_spans_ else []
        keys += ["dots: most likely path"] if show_path else []
        title += f"\n{'; '.join(keys)}" if keys else ""
        ax.set_title(title, fontsize="medium")
        return self

    def _names(self):
        """Labels of the steps and of the states."""
        n_steps, n_states = self.beliefs.shape
        return (
            labels_or_numbers(self.step_labels, n_steps),
            labels_or_numbers(self.state_labels, n_states),
        )

    def frame(self) -> DataFrame:
        """Give the beliefs as a tidy table: one row for each step and state.

        Returns
        -------
        pandas.DataFrame
            With the columns ``step``, ``observed`` (the label of the step), ``state``
            and ``belief``.
        """
        pd = import_pandas("BeliefDisplay.frame")
        n_steps, n_states = self.beliefs.shape
        steps, states = self._names()
        return pd.DataFrame(
            {
                "step": np.repeat(np.arange(n_steps), n_states),
                "observed": np.repeat(steps, n_states),
                "state": np.tile(states, n_steps),
                "belief": np.ravel(self.beliefs),
            }
        )
