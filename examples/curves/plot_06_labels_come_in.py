"""
Labels come in
==============

The danger zone is no fixed range of widths: it moves as labels come in. A width that
was safe with few labels can be the worst of all with more.
"""

# %%
# Frozen features of spellings
# ----------------------------
# Ten small models, pretrained on bare spellings, side by side: 310 columns.

import joblib
import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import (
    BaumWelch,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
    risk_surface,
)

words, counts = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:7000])
y = counts[order][5000:7000].astype(float)


def features(seed):
    """Beliefs of one frozen model, summed over the letters."""
    hmm = (
        BaumWelch(32, max_iter=15, tol=0, random_state=seed).fit(spellings[:5000]).hmm_
    )
    transformer = HMMFeatureTransformer(hmm, 31, readout="identity", pooling="sum")
    return transformer.fit_transform(spellings[5000:])


X = np.hstack(
    joblib.Parallel(n_jobs=2)(joblib.delayed(features)(seed) for seed in range(10))
)

# %%
# Width and labels
# ----------------
# Darker is worse. On the dashed line there are as many columns as labels, less one for
# the intercept: from there to the right the head interpolates. Read along a row to
# choose a width for the labels you have. Read upwards to see what more labels do to the
# width you have.

train_sizes = np.geomspace(20, 600, 17).round().astype(int)
train_sizes = np.union1d(train_sizes, [31, 101, 311])
surface = risk_surface(X, y, train_sizes=train_sizes, n_splits=10, random_state=0)
surface.plot(xlabel="width of the frozen representation (columns)")
plt.show()

# %%
# With some 40 labels or fewer the widest head is best: it stands far beyond the
# threshold. With more, some 20 to 100 columns are, and the widest has its own peak to
# cross before it catches up.

print(surface.summary())

# %%
# Three columns of the map
# ------------------------
# At one width the risk hardly moves, or rises, up to a peak where labels meet columns,
# and falls for good after it. A head on 310 columns gains nothing from the labels
# between 20 and 170, and loses by those up to 311. A penalty
# (`HeadRegressor(alpha="loo")`) takes the peak away.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for width, colour in ((30, "#0072B2"), (100, "#D55E00"), (310, "#009E73")):
    ax.loglog(
        surface.train_sizes,
        surface.risk[:, surface.widths == width],
        color=colour,
        lw=2,
        label=f"{width} columns",
    )
    ax.axvline(width + 1, color=colour, ls=":", lw=1.4)
ticks = [20, 50, 100, 200, 500]
ax.set_xticks(ticks, ticks)
ax.set_xticks([], minor=True)
ax.set(
    xlabel="number of labels (dotted: as many as columns, and one for the intercept)",
    ylabel="squared error (syllables²)",
    title="More labels can hurt: median of 10 splits",
)
ax.legend()
plt.show()
