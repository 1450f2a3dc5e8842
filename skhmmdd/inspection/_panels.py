"""What the states emit, and where a linear state moves: one panel each."""

import numpy as np

from skhmmdd._plotting import COLOURS, draw_heatmap, write_labels

# Numbers stand in the cells of tables up to this size.
_WRITTEN_ROWS, _WRITTEN_COLUMNS = 10, 12
_MOST_STATES = 20  # that are named on an axis
_SPREAD = 2.0  # standard deviations that intervals and ellipses reach


def digits_for(shape):
    """Decimals to write into the cells of a table, or None if it is too large."""
    small = shape[0] <= _WRITTEN_ROWS and shape[1] <= _WRITTEN_COLUMNS
    return 2 if small else None


def draw_table(ax, values, rows, columns, *, label, signed=False, turned=False):
    """A matrix with named rows and columns: its image and the texts in the cells.

    `label` stands beside the colour bar. `turned` labels of the columns stand upright.
    """
    digits = digits_for(values.shape)
    image, texts = draw_heatmap(ax, values, signed=signed, label=label, digits=digits)
    most = 40 if turned or max(map(len, columns)) == 1 else _MOST_STATES
    write_labels(ax.xaxis, columns, most=most, rotation=90 if turned else 0)
    write_labels(ax.yaxis, rows, most=_MOST_STATES)
    return image, texts


def draw_intervals(ax, means, variances, rows, name):
    """One feature: mean and two standard deviations of each state, one under another.

    `variances` may be None.
    """
    half = None if variances is None else _SPREAD * np.sqrt(variances)
    bars = ax.errorbar(
        means,
        np.arange(len(means)),
        xerr=half,
        fmt="o",
        color=COLOURS[0],
        capsize=3,
    )
    ax.set_ylim(len(means) - 0.5, -0.5)
    write_labels(ax.yaxis, rows, most=_MOST_STATES)
    spread = "" if half is None else f" ± {_SPREAD:g} standard deviations"
    ax.set_xlabel(f"feature {name}: mean{spread}")
    ax.set_ylabel("state")
    return [bars]


def draw_ellipses(ax, means, covars, rows, columns):
    """Two features: mean and an ellipse of two standard deviations of each state."""
    from matplotlib.patches import Ellipse

    ellipses = []
    for k, (mean, covar, name) in enumerate(zip(means, covars, rows, strict=True)):
        variances, axes = np.linalg.eigh(covar)
        width, height = 2 * _SPREAD * np.sqrt(variances)
        angle = np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))
        colour = COLOURS[k % len(COLOURS)]
        style = {"facecolor": "none", "edgecolor": colour, "linewidth": 1.8}
        ellipses.append(
            ax.add_patch(Ellipse(mean, width, height, angle=angle, **style))
        )
        ax.text(*mean, name, ha="center", va="center", fontweight="bold", color=colour)
    ax.autoscale_view()
    ax.set_xlabel(f"feature {columns[0]}")
    ax.set_ylabel(f"feature {columns[1]}")
    return ellipses


def draw_eigenvalues(ax, transition):
    """The eigenvalues of a linear transition beside the unit circle."""
    from matplotlib.patches import Circle

    values = np.linalg.eigvals(transition)
    circle = ax.add_patch(Circle((0, 0), 1, fill=False, linestyle="--", color="grey"))
    (points,) = ax.plot(values.real, values.imag, "o", color=COLOURS[0], alpha=0.8)
    for draw in (ax.axhline, ax.axvline):
        draw(0, color="grey", linewidth=0.6, zorder=0)
    far = 1.1 * max(1.0, np.abs(values).max())
    ax.set_xlim(-far, far)
    ax.set_ylim(-far, far)
    ax.set_aspect("equal")
    ax.locator_params(nbins=5)
    ax.set_title("Eigenvalues of the transition", fontsize="medium")
    ax.set_xlabel("real part")
    ax.set_ylabel("imaginary part")
    return [circle, points]
