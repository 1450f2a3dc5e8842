"""A transition matrix as a graph: states on a circle, transitions as arrows."""

import numpy as np

_EDGE, _FILL = "#333333", "#DCE9F5"
# Up to so many states arrows have their numbers, and up to so few in larger print.
_MOST_NUMBERED, _FEW = 8, 4
_BEND = 0.22  # of an arrow, as a share of its length


def draw_graph(ax, transition, weights, labels, notes, min_probability):
    """Draw states as discs and transitions as arrows.

    Parameters
    ----------
    ax : matplotlib Axes
    transition : ndarray of shape (n_states, n_states)
    weights : ndarray of shape (n_states,)
        The area of the discs.
    labels, notes : list of str of length n_states
        Written into the discs, one under the other.
    min_probability : float
        Transitions below it are left out.

    Returns
    -------
    list of matplotlib Artist
        Discs, then arrows.
    """
    from matplotlib.patches import Circle

    n = len(transition)
    centres = _places(n)
    largest = 0.42 if n == 1 else min(0.42, 0.62 * np.sin(np.pi / n))
    radii = largest * np.sqrt(weights / weights.max())
    radii = np.maximum(radii, 0.7 * largest)
    discs = [
        Circle(centre, radius, facecolor=_FILL, edgecolor=_EDGE, zorder=3)
        for centre, radius in zip(centres, radii, strict=True)
    ]
    for disc in discs:
        ax.add_patch(disc)
    _write_notes(ax, centres, labels, notes)
    arrows = []
    for (start, end), probability in np.ndenumerate(transition):
        if probability < min_probability or probability == 0:
            continue
        if start == end:
            arrow, place = _loop(centres[start], radii[start], probability, n)
        else:
            arrow, place = _arc(centres, discs, start, end, probability)
        arrows.append(ax.add_patch(arrow))
        if n > _MOST_NUMBERED:
            continue
        ax.text(
            *place,
            f"{probability:.2f}",
            ha="center",
            va="center",
            fontsize="small" if n <= _FEW else "x-small",
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    ax.set_aspect("equal")
    far = 1.8 if np.diagonal(transition).max() >= min_probability else 1.45
    ax.set_xlim(-far, far)
    ax.set_ylim(*((-0.8, 0.8) if n == 2 else (-far, far)))
    ax.set_axis_off()
    return [*discs, *arrows]


def _places(n):
    """Centres on the unit circle, clockwise; the first at the top, or at the left."""
    if n == 1:
        return np.zeros((1, 2))
    angles = (np.pi if n == 2 else np.pi / 2) - 2 * np.pi * np.arange(n) / n
    return 0.95 * np.column_stack([np.cos(angles), np.sin(angles)])


def _write_notes(ax, centres, labels, notes):
    style = {"ha": "center", "zorder": 4}
    for (x, y), label, note in zip(centres, labels, notes, strict=True):
        ax.text(
            x,
            y + (0.03 if note else 0),
            label,
            va="bottom" if note else "center",
            fontweight="bold",
            **style,
        )
        if note:
            ax.text(x, y, note, va="top", fontsize="small", **style)


def _style(probability):
    return {
        "arrowstyle": "-|>",
        "mutation_scale": 8 + 6 * probability,
        "linewidth": 0.6 + 3 * probability,
        "color": _EDGE,
        "alpha": 0.35 + 0.65 * probability,
        "zorder": 2,
    }


def _arc(centres, discs, start, end, probability):
    """An arrow that bends to its left, and where its number stands."""
    from matplotlib.patches import FancyArrowPatch

    a, b = centres[start], centres[end]
    arrow = FancyArrowPatch(
        tuple(a),
        tuple(b),
        connectionstyle=f"arc3,rad={_BEND}",
        patchA=discs[start],
        patchB=discs[end],
        shrinkA=0,
        shrinkB=1,
        **_style(probability),
    )
    # Off the middle, where arrows across the circle meet.
    t = 0.43
    along = b - a
    control = (a + b) / 2 + _BEND * np.array([along[1], -along[0]])
    place = (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b
    return arrow, place


def _loop(centre, radius, probability, n):
    """An arrow from a disc to itself, on the side away from the others."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    outward = np.pi / 2 if n == 1 else np.arctan2(centre[1], centre[0])
    feet = outward + np.array([0.45, -0.45])
    start, end = centre + radius * np.column_stack([np.cos(feet), np.sin(feet)])
    reach = radius + 0.36
    wide = outward + np.array([0.42, -0.42])
    handles = centre + reach * np.column_stack([np.cos(wide), np.sin(wide)])
    path = Path(
        [start, *handles, end], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    )
    top = centre + (radius + 0.27) * np.array([np.cos(outward), np.sin(outward)])
    return FancyArrowPatch(path=path, **_style(probability)), top
