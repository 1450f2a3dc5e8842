"""
How many columns of an embedding to keep
========================================

64, 128, 256 or 384? Embeddings are cut to their leading columns to save memory and
time. How many to keep for a head depends on the labels: without a penalty each width
has a number of labels at which it fails, and with one the widest is the best at every
number. Unit length after the cut is a trap, and here it is measured.
"""

# %%
# The same four widths, at every number of labels
# -----------------------------------------------
# 4,000 words and their valence, embedded by all-MiniLM-L6-v2, ship with the package.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, normalize

from skhmmdd import (
    DoubleDescentCurve,
    HeadRegressor,
    LeadingColumns,
    forecast_risk,
    load_valence,
)

X, y = load_valence(return_X_y=True, embeddings=True)
widths = [64, 128, 256, 384]
colors = ["#E69F00", "#009E73", "#56B4E9", "#0072B2"]


def draw(n_samples):
    """10 training sets, each with 1,000 other words to test on."""
    return ShuffleSplit(10, train_size=n_samples, test_size=1000, random_state=0)


def risks_at(n_samples, alpha):
    """The risk at the four widths: median of 10 training sets."""
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor(alpha)),
        "leadingcolumns__n_components",
        widths,
        cv=draw(n_samples),
    ).fit(X, y)
    return np.median(curve.test_risk_, axis=1)


labels = {
    0.0: np.unique([25, 40, 65, 90, 129, 170, 210, 257, 310, 385, 480, 700, 1000]),
    "loo": np.array([25, 50, 100, 200, 400, 1000]),
}
risk = {a: np.array([risks_at(n, a) for n in sizes]) for a, sizes in labels.items()}

figure, axes = plt.subplots(
    2, 1, figsize=(7.5, 6.6), sharex=True, height_ratios=(3, 2), layout="constrained"
)
for ax, (alpha, sizes) in zip(axes, labels.items(), strict=True):
    for i, (width, color) in enumerate(zip(widths, colors, strict=True)):
        ax.loglog(sizes, risk[alpha][:, i], color=color, lw=2, label=f"{width} columns")
    ax.axhline(y.var(), color="black", ls="--", lw=1.2, label="no head: the mean")
    ax.set_ylabel("squared error (valence²)")
axes[0].set_title("Without a penalty each width fails at as many labels")
axes[0].set_ylim(1, 100)
axes[0].set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
axes[1].set_title("Ridge, penalty by leave-one-out: the more columns the better")
axes[1].set_ylim(1, 3.2)
axes[1].set_yticks([1, 1.5, 2, 3], ["1", "1.5", "2", "3"])
axes[1].set_xticks(
    [25, 65, 129, 257, 385, 1000], ["25", "65", "129", "257", "385", "1,000"]
)
axes[1].set_xlabel("labels")
for ax in axes:
    ax.minorticks_off()
figure.legend(
    *axes[0].get_legend_handles_labels(),
    loc="outside lower center",
    ncols=5,
    columnspacing=1.2,
    handlelength=1.6,
    frameon=False,
)

for alpha, sizes in labels.items():
    print("no penalty" if alpha == 0 else "ridge")
    for n, row in zip(sizes, risk[alpha], strict=True):
        print(f"  {n:5d} labels: keep {widths[row.argmin()]}", row.round(2))

# %%
# No width serves a number of labels close to its own. Without a penalty, keep all 384
# columns while they are three times the labels or more, and from 170 labels on the
# width that is nearest to a fifth of the labels. With a penalty the rule is shorter:
# keep all. What a cut saves is memory, and the lower panel is its price.

# %%
# Cut first, then scale: what unit length does
# --------------------------------------------
# These embeddings have length 1 over all 384 columns. Cut to 64 they are shorter, and
# many scale them to unit length again, as is the habit for cosine similarities. That is
# another matrix at every width: its leading columns are not those of the widest.

short = X[:, :64]
print(f"Length of the first 64 columns: {np.linalg.norm(short, axis=1).mean():.2f}")
rescaled = normalize(X[:, :128])[:, :64]
print(f"Leading 64 of 128, rescaled: {np.linalg.norm(rescaled, axis=1).mean():.2f}")

ways = {
    "not rescaled": (False, False),
    "rescaled in both": (True, True),
    "rescaled for training only": (True, False),
    "rescaled for prediction only": (False, True),
}
table = {way: [] for way in ways}
for width in widths[:3]:
    matrix = (X[:, :width], normalize(X[:, :width]))
    for way, (in_training, in_test) in ways.items():
        errors = []
        for train, test in draw(300).split(X):
            head = HeadRegressor("loo").fit(matrix[in_training][train], y[train])
            difference = head.predict(matrix[in_test][test]) - y[test]
            errors.append(np.mean(difference**2))
        table[way].append(np.median(errors))

figure, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
styles = zip(
    ("o", "D", "s", "^"), ("#0072B2", "black", "#56B4E9", "#D55E00"), strict=True
)
for (way, values), (marker, color) in zip(table.items(), styles, strict=True):
    filled = "none" if way == "rescaled in both" else color
    size = 13 if way == "rescaled in both" else 8
    ax.plot(
        range(3), values, marker, color=color, mfc=filled, ms=size, mew=1.8, label=way
    )
    print(f"{way}: {np.round(values, 2)}")
ax.axhline(y.var(), color="black", ls="--", lw=1.2, label="no head: the mean")
ax.set(
    ylabel="squared error (valence²)",
    xlabel="columns that are kept",
    title="Rescale in both or in neither (ridge, 300 labels)",
    xlim=(-0.4, 2.4),
)
ax.set_xticks(range(3), widths[:3])
ax.legend(loc="upper right")

# %%
# Done alike in training and in prediction, unit length changes the risk by about a
# hundredth. Done in one place only, the columns differ by a factor of 2.5 at 64
# columns, and so do the predictions. A penalty that was *fixed* means something else as
# well, as it is compared with columns of another size:

for alpha in (1.0, 10.0):
    pair = [
        DoubleDescentCurve(
            make_pipeline(*steps, HeadRegressor(alpha)),
            "leadingcolumns__n_components",
            [64],
            cv=draw(300),
        ).fit(X, y)
        for steps in ([LeadingColumns()], [LeadingColumns(), Normalizer()])
    ]
    plain, unit = (np.median(curve.test_risk_[0]) for curve in pair)
    print(f"penalty {alpha:4.0f}, 64 columns: {plain:.2f} plain, {unit:.2f} rescaled")

# %%
# A path needs the columns as they come
# -------------------------------------
# All widths at once, as `width_path` and `forecast_risk` have it, rest on the first
# k columns being those of every narrower width. Put the scaling after the cut, and the
# curve measures what it should, but refits at each. Before it, the path is back.

for steps in (
    [LeadingColumns()],
    [Normalizer(), LeadingColumns()],
    [LeadingColumns(), Normalizer()],
):
    curve = DoubleDescentCurve(
        make_pipeline(*steps, HeadRegressor()),
        "leadingcolumns__n_components",
        widths,
        cv=draw(300),
    ).fit(X, y)
    print([type(step).__name__ for step in steps], curve.strategy_)

# %%
# A forecast has no pipeline to look into: it takes the matrix for what it is. Given the
# plain columns it serves a head on plain columns. For a head that rescales at 64, give
# it the 64 rescaled columns and read it at 64 alone.

chosen = np.random.RandomState(0).permutation(len(X))[:300]
for name, columns in (("plain", X[:, :64]), ("rescaled", normalize(X[:, :64]))):
    forecast = forecast_risk(columns[chosen], y[chosen], widths=[64])
    print(f"{name}: {forecast.risk[0]:.2f} at 64 columns")

# %%
# Is the order worth anything?
# ----------------------------
# Matryoshka training puts what matters most into the leading columns. all-MiniLM-L6-v2
# was *not* trained so. Its columns come in no order, and other 64 do about as well:

for start in range(0, 384, 64):
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor("loo")),
        "leadingcolumns__n_components",
        [64],
        cv=draw(300),
    ).fit(X[:, start : start + 64], y)
    print(f"columns {start:3d} to {start + 63}: {np.median(curve.test_risk_):.2f}")
plt.show()

# %%
# What transfers, and what does not
# ---------------------------------
# The threshold is a matter of counting and holds for any embedding, and so does the
# trap. How much a cut costs does not transfer. A model with Matryoshka training should
# lose less by the cut to 64 than this one: measure it with your own columns in place of
# `X`. The rest is one task, single words, and one model.
