"""HMMDisplay: the weights of a frozen model as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np

from skhmmdd._plotting import import_pandas, own_axes_pair
from skhmmdd._typing import Array, Floats
from skhmmdd.features import TokenEncoder
from skhmmdd.hmm import LinearGaussianHMM, as_hmm
from skhmmdd.hmm.models._ending import EndingHMM
from skhmmdd.inspection._hmm_figure import (
    END,
    all_transitions,
    check_features,
    column_names,
    draw_features,
    draw_symbols,
    draw_transition_graph,
    draw_transitions,
    state_names,
)
from skhmmdd.inspection._panels import draw_eigenvalues
from skhmmdd.inspection._states import (
    StateOrder,
    check_count,
    check_labels,
    name_states,
    name_symbols,
    order_states,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

Family: TypeAlias = Literal["categorical", "gaussian", "linear_gaussian"]


class HMMDisplay:
    """Transitions of a frozen model, beside what its states emit.

    Make one with :meth:`from_hmm`. It holds data only; :meth:`plot` needs matplotlib
    and :meth:`frame` needs pandas (``pip install skhmmdd[plot]``).

    Parameters
    ----------
    transition : ndarray of shape (n_states, n_states)
        States in the order shown, here and below.

    emission : ndarray of shape (n_states, n_columns)
        Of a categorical model the probability of each symbol, of a linear Gaussian
        one its emission matrix, of any other the mean observation of each state.

    family : {"categorical", "gaussian", "linear_gaussian"}, default="categorical"
        What the two are; "gaussian" is any other, such as a Poisson one.

    covars : ndarray of shape (n_states, n_features, n_features), default=None
        Covariances of what the states emit, where they are known.

    endprob : ndarray of shape (n_states,), default=None
        Probability that a sequence ends in each state.

    stationary : ndarray of shape (n_states,), default=None
        How often each state is visited in the long run.

    state_labels, column_labels : list of str, default=None
        Names of the states, and of the symbols or features; None numbers them.

    Attributes
    ----------
    ax_ : ndarray of two matplotlib Axes
        Transitions, then emissions.

    figure_ : matplotlib Figure
        Figure with both.

    images_ : list of matplotlib AxesImage
        Heat maps, from left to right.

    texts_ : list of matplotlib Text
        Numbers in their cells.

    artists_ : list of matplotlib Artist
        Discs and arrows of the graph, eigenvalues, intervals and ellipses.

    See Also
    --------
    BeliefDisplay : What a model believes along one sequence.
    TrainingCurveDisplay : How pretraining went.

    Examples
    --------
    >>> from skhmmdd import CategoricalHMM, HMMDisplay
    >>> hmm = CategoricalHMM(
    ...     [0.5, 0.5], [[0.5, 0.5], [0.2, 0.8]], [[0.1, 0.9], [0.8, 0.2]]
    ... )
    >>> display = HMMDisplay.from_hmm(hmm)
    >>> display.state_labels
    ['1', '0']
    >>> display.transition
    array([[0.8, 0.2],
           [0.5, 0.5]])
    """

    ax_: Array
    figure_: Figure
    images_: list[Any]
    texts_: list[Any]
    artists_: list[Any]

    def __init__(
        self,
        transition: Floats,
        emission: Floats,
        *,
        family: Family = "categorical",
        covars: Floats | None = None,
        endprob: Floats | None = None,
        stationary: Floats | None = None,
        state_labels: Sequence[str] | None = None,
        column_labels: Sequence[str] | None = None,
    ) -> None:
        self.transition = transition
        self.emission = emission
        self.family = family
        self.covars = covars
        self.endprob = endprob
        self.stationary = stationary
        self.state_labels = state_labels
        self.column_labels = column_labels

    @classmethod
    def from_hmm(
        cls,
        hmm: Any,
        *,
        encoder: TokenEncoder | None = None,
        feature_names: Sequence[str] | None = None,
        state_labels: Sequence[str] | None = None,
        order: StateOrder = "stationary",
    ) -> Self:
        """Take the weights of a model. Nothing is drawn yet.

        Parameters
        ----------
        hmm : frozen weights, or a fitted model that `as_hmm` takes
            The model; it is not changed.
        encoder : TokenEncoder, default=None
            A fitted encoder, whose tokens name the symbols of a categorical model.
        feature_names : sequence of str of length n_features, default=None
            Names of the features of a continuous model.
        state_labels : sequence of str of length n_states, default=None
            Names of the states, by index; None is the index.
        order : {"stationary", "index"} or array-like of int of shape (n_states,), \
                default="stationary"
            Which states come first: those visited most in the long run, those of the
            least index, or in the order given. The axes of a linear Gaussian model are
            visited all alike, and stay in their order.

        Returns
        -------
        HMMDisplay

        Raises
        ------
        TypeError
            If `as_hmm` does not know the model, or its states have no known mean.
        ValueError
            If labels or `order` are not of the model's sizes.
        """
        hmm = as_hmm(hmm)
        linear = isinstance(hmm, LinearGaussianHMM)
        inner = getattr(hmm, "within", hmm)
        symbolic = not linear and inner._is_symbolic
        if encoder is not None and not symbolic:
            raise ValueError(f"encoder names symbols, but {hmm!r} emits none.")
        if feature_names is not None and symbolic:
            raise ValueError(f"feature_names names features, but {hmm!r} has none.")
        stationary = None if linear else hmm._stationary()
        shown = order_states(order, hmm.n_states, stationary)
        if symbolic:
            columns = name_symbols(encoder, inner.n_symbols)
        else:
            names = range(inner.n_features) if feature_names is None else feature_names
            columns = check_labels(
                names, inner.n_features, "feature_names", "features of hmm"
            )
        transition = hmm.transition if linear else hmm.transmat
        emission = hmm.emission if linear else hmm._state_means
        covars = None if linear else hmm._state_covars
        family: Family = "categorical" if symbolic else "gaussian"
        return cls(
            transition[np.ix_(shown, shown)],
            emission[shown],
            family="linear_gaussian" if linear else family,
            covars=None if covars is None else covars[shown],
            endprob=hmm.endprob[shown] if isinstance(hmm, EndingHMM) else None,
            stationary=None if stationary is None else stationary[shown],
            state_labels=name_states(state_labels, shown),
            column_labels=columns,
        )

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        kind: Literal["heatmap", "graph", "eigenvalues"] = "heatmap",
        min_probability: float = 0.1,
        max_symbols: int = 40,
        features: Sequence[int] | None = None,
    ) -> Self:
        """Draw transitions on the left and emissions on the right.

        Emissions are a heat map of probabilities for symbols; for one or two
        features intervals or ellipses of two standard deviations about the means; for
        more a heat map of the means, in standard deviations between the states.

        Parameters
        ----------
        ax : matplotlib Axes, or two of them, default=None
            Two axes, or one in a grid of subplots, whose place is split. None makes a
            new figure.
        kind : {"heatmap", "graph", "eigenvalues"}, default="heatmap"
            How the transitions are drawn. "graph" has the states as discs, with an
            area by how often they are visited, and the transitions as arrows: for few
            states. "eigenvalues" is for a linear Gaussian model.
        min_probability : float, default=0.1
            Least probability of a transition that the graph shows, in [0, 1].
        max_symbols : int, default=40
            Of a larger alphabet the most frequent so many symbols are shown.
        features : sequence of int, default=None
            The features of a Gaussian model that are shown; None is all.

        Returns
        -------
        self : HMMDisplay
            With what was drawn as attributes.

        Raises
        ------
        ValueError
            If `kind` is not for this model, or an argument is out of its range.
        """
        linear = self.family == "linear_gaussian"
        kinds = ["heatmap", "eigenvalues" if linear else "graph"]
        if kind not in kinds:
            raise ValueError(f"kind={kind!r} must be one of {kinds} for this model.")
        if not 0 <= min_probability <= 1:
            raise ValueError(
                f"min_probability must be in [0, 1], got {min_probability!r}."
            )
        check_count("max_symbols", max_symbols)
        features = check_features(features, self.emission.shape[1])
        ratios = (1, 1.5) if self.family == "categorical" else (1, 1)
        size = (11, 4.5)
        if kind == "graph":
            ratios, size = (1.2, 1), (11, 3.2 if len(self.transition) == 2 else 5.2)
        self.ax_ = own_axes_pair(ax, "HMMDisplay.plot", size, ratios)
        self.figure_ = self.ax_[0].figure
        self.images_, self.texts_, self.artists_ = [], [], []
        left, right = self.ax_
        if kind == "graph":
            draw_transition_graph(self, left, min_probability)
        elif kind == "eigenvalues":
            self.artists_ += draw_eigenvalues(left, self.transition)
        else:
            draw_transitions(self, left)
        if self.family == "categorical":
            draw_symbols(self, right, max_symbols)
        else:
            draw_features(self, right, features)
        return self

    def frame(self) -> DataFrame:
        """Give the weights as a tidy table: one row for each number.

        Returns
        -------
        pandas.DataFrame
            With the columns ``table`` ("transition" or "emission"), ``state``, ``to``
            (a state, "end", a symbol or a feature) and ``value``. Covariances are
            left out.
        """
        pd = import_pandas("HMMDisplay.frame")
        states = state_names(self)
        ends = [] if self.endprob is None else [END]
        tables = {
            "transition": (all_transitions(self), [*states, *ends]),
            "emission": (self.emission, column_names(self)),
        }
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "table": name,
                        "state": np.repeat(states, len(names)),
                        "to": np.tile(names, len(states)),
                        "value": np.ravel(values),
                    }
                )
                for name, (values, names) in tables.items()
            ],
            ignore_index=True,
        )
