"""The figure of an HMMDisplay: functions of the display that is drawn.

They add what they draw to its `images_`, `texts_` and `artists_`.
"""

import numpy as np

from skhmmdd.inspection._graph import draw_graph
from skhmmdd.inspection._panels import (
    draw_ellipses,
    draw_intervals,
    draw_table,
)
from skhmmdd.inspection._states import labels_or_numbers

END = "end"
_CROWD = 6  # states from which on discs are small
_NOTED, _NOTED_IN_A_CROWD = 4, 2  # symbols that are named in the disc of a state
_LEAST_NOTED = 0.05  # and their least probability
_LINE = 60  # letters that fit under the heat map of emissions


def state_names(display):
    """Labels of the states in the order shown."""
    return labels_or_numbers(display.state_labels, len(display.transition))


def column_names(display):
    """Labels of the symbols or features."""
    return labels_or_numbers(display.column_labels, display.emission.shape[1])


def all_transitions(display):
    """Transitions; the probability of the end, if there is one, in a last column."""
    if display.endprob is None:
        return display.transition
    going = (1 - display.endprob)[:, None] * display.transition
    return np.column_stack([going, display.endprob])


def _draw_table(display, ax, values, rows, columns, **options):
    image, texts = draw_table(ax, values, rows, columns, **options)
    display.images_.append(image)
    display.texts_ += texts


def draw_transitions(display, ax):
    """The transitions as a heat map."""
    states, linear = state_names(display), display.family == "linear_gaussian"
    columns = states if display.endprob is None else [*states, END]
    label = "weight" if linear else "probability"
    _draw_table(
        display,
        ax,
        all_transitions(display),
        states,
        columns,
        label=label,
        signed=linear,
    )
    ax.set_xlabel("to state")
    ax.set_ylabel("from state")
    ax.set_title("Transitions", fontsize="medium")


def draw_transition_graph(display, ax, min_probability):
    """The transitions as discs and arrows."""
    n = len(display.transition)
    weights = display.stationary
    display.artists_ += draw_graph(
        ax,
        all_transitions(display)[:, :n],
        np.full(n, 1 / n) if weights is None else weights,
        state_names(display),
        [_most_likely(display, row) for row in range(n)],
        min_probability,
    )
    least = f" of at least {min_probability:g}" if min_probability else ""
    ax.set_title(f"Transitions{least}", fontsize="medium")


def _most_likely(display, row):
    """The symbols that a state emits most, few enough for its disc."""
    if display.family != "categorical":
        return ""
    probabilities, names = display.emission[row], column_names(display)
    most = _NOTED if len(display.transition) <= _CROWD else _NOTED_IN_A_CROWD
    best = np.argsort(-probabilities, kind="stable")[:most]
    return " ".join(names[i] for i in best if probabilities[i] >= _LEAST_NOTED)


def draw_symbols(display, ax, max_symbols):
    """The probabilities of the symbols as a heat map."""
    n_states, n_symbols = display.emission.shape
    visits = np.ones(n_states) if display.stationary is None else display.stationary
    frequent = np.argsort(-(visits @ display.emission), kind="stable")[:max_symbols]
    shown = np.sort(frequent)
    names = column_names(display)
    columns = [names[i] for i in shown]
    _draw_table(
        display,
        ax,
        display.emission[:, shown],
        state_names(display),
        columns,
        label="probability",
        turned=len(" ".join(columns)) > _LINE,
    )
    ax.set_xlabel("symbol")
    ax.set_ylabel("state")
    title = "Emissions"
    if len(shown) < n_symbols:
        title += f": the {len(shown)} most frequent of {n_symbols} symbols"
    ax.set_title(title, fontsize="medium")


def check_features(features, n_features):
    """Which features are shown, as numbers; None is all of them."""
    everyone = np.arange(n_features)
    if features is None:
        return everyone
    shown = np.asarray(features)
    if shown.ndim != 1 or not shown.size or not np.isin(shown, everyone).all():
        raise ValueError(
            f"features must be numbers in [0, {n_features - 1}], got {features!r}."
        )
    return shown


def draw_features(display, ax, shown):
    """What continuous states emit, as the number of features allows."""
    names, states = column_names(display), state_names(display)
    means, columns = display.emission[:, shown], [names[i] for i in shown]
    covars = display.covars
    if covars is not None:
        covars = covars[:, shown[:, None], shown]
    ax.set_title("Emissions", fontsize="medium")
    if display.family == "linear_gaussian":
        options = {"label": "weight", "signed": True}
        _draw_table(display, ax, means, states, columns, **options)
    elif len(shown) == 1:
        variances = None if covars is None else covars[:, 0, 0]
        display.artists_ += draw_intervals(ax, means[:, 0], variances, states, *columns)
        return
    elif len(shown) == 2 and covars is not None:
        display.artists_ += draw_ellipses(ax, means, covars, states, columns)
        return
    else:
        options = {"label": "mean (in deviations between states)", "signed": True}
        scaled = _scale(means, display.stationary)
        _draw_table(display, ax, scaled, states, columns, **options)
    ax.set_ylabel("state")
    ax.set_xlabel("feature")


def _scale(means, weights):
    """Means in standard deviations between states about their common mean."""
    weights = np.full(len(means), 1 / len(means)) if weights is None else weights
    centred = means - weights @ means
    spread = np.sqrt(weights @ centred**2)
    return centred / np.where(spread > 0, spread, 1.0)
