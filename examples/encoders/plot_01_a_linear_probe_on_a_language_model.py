"""
A linear probe on a language model
==================================

How pleasant is a word? A frozen sentence encoder, all-MiniLM-L6-v2, turns 4,000 words
into embeddings of 384 columns, and a linear head is trained on 300 labels: a *probe*,
as practitioners call it. Taking all the columns is the habit. Here it is worse than
taking none, and the labels at hand tell so beforehand.
"""

# %%
# Minimum norm and ridge, at every width
# --------------------------------------
# The embeddings ship with the package, as do the mean ratings of the VADER lexicon.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadRegressor,
    LeadingColumns,
    forecast_risk,
    load_valence,
)

X, y = load_valence(return_X_y=True, embeddings=True)
widths = np.union1d([1, 4, *range(8, 385, 8)], [290, 294, 297, 299, 301, 306])


def curve_of(head, n_samples=300, widths=widths):
    """The risk of a head on the leading columns, over 20 training sets."""
    return DoubleDescentCurve(
        make_pipeline(LeadingColumns(), head),
        "leadingcolumns__n_components",
        widths,
        cv=20,
        train_size=n_samples,
        random_state=0,
    ).fit(X, y)


plain = curve_of(HeadRegressor())
ridge = curve_of(HeadRegressor("loo"), widths=range(24, 385, 24))

figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
for curve, color, name in (
    (plain, "#0072B2", "minimum norm"),
    (ridge, "#D55E00", "ridge, penalty by leave-one-out"),
):
    low, middle, high = np.quantile(curve.test_risk_, [0.25, 0.5, 0.75], axis=1)
    ax.fill_between(curve.complexity_, low, high, color=color, alpha=0.25, lw=0)
    ax.semilogy(curve.complexity_, middle, color=color, lw=2, label=name)
ax.axhline(y.var(), color="black", ls="--", lw=1.2, label="no head at all: the mean")
ax.axvline(299, color="0.4", ls=":", label="threshold: 300 labels, less the intercept")
ax.set(
    xlabel="columns of the embedding that the head sees",
    ylabel="squared error (valence²)",
    title="300 labels: all 384 columns are worse than none, unless there is a penalty",
    xlim=(0, 390),
)
ax.set_xticks([1, 100, 200, 300, 384])
ax.legend(loc="upper left")

full, best = np.median(plain.test_risk_[-1]), plain.best_
print(f"Variance of the valence: {y.var():.2f}")
print(
    f"Minimum norm: {best.risk:.2f} at width {best.complexity:.0f}, {full:.2f} at 384"
)
print(f"Ridge: {np.median(ridge.test_risk_[-1]):.2f} at {ridge.complexity_[-1]:.0f}")
print(plain.summary())

# %%
# Known before any test word is seen
# ----------------------------------
# `forecast_risk` needs the labelled words only. One set of 300 tells where the danger
# zone is, and which width to take.

chosen = np.random.RandomState(0).permutation(len(X))[:300]
forecast = forecast_risk(X[chosen], y[chosen], widths=widths)
print(forecast.summary())

figure, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
ax.axvspan(
    *forecast.danger_zone, color="#E69F00", alpha=0.15, lw=0, label="danger zone"
)
ax.semilogy(widths, forecast.risk, color="#D55E00", lw=2, label="forecast of 300 words")
ax.semilogy(
    widths,
    np.median(plain.test_risk_, axis=1),
    "--",
    color="black",
    lw=2,
    label="risk on 3,700 other words, median of 20 sets",
)
ax.set(
    xlabel="columns of the embedding that the head sees",
    ylabel="squared error (valence²)",
    title="Leave-one-out predicts the curve of the probe",
    xlim=(0, 390),
)
ax.set_xticks([1, 100, 200, 300, 384])
ax.legend(loc="upper left")

# %%
# More labels can hurt
# --------------------
# The threshold follows the labels. With 100 of them all 384 columns lie far beyond it,
# on the second descent; with 300 they lie in the zone.

figure, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
for n_samples, color in ((100, "#56B4E9"), (200, "#009E73"), (300, "#0072B2")):
    near = n_samples + np.array([-10, -6, -3, -1, 1, 6, 10])
    curve = curve_of(HeadRegressor(), n_samples, np.union1d(widths, near))
    middle = np.median(curve.test_risk_, axis=1)
    ax.semilogy(
        curve.complexity_, middle, color=color, lw=2, label=f"{n_samples} labels"
    )
    print(f"{n_samples} labels, all columns: {middle[-1]:.2f}")
ax.axhline(y.var(), color="black", ls="--", lw=1.2, label="no head at all")
ax.set(
    xlabel="columns of the embedding that the head sees",
    ylabel="squared error (valence²)",
    title="The peak stands where columns meet labels",
    xlim=(0, 390),
)
ax.set_xticks([1, 100, 200, 300, 384])
ax.legend(loc="upper left")
plt.show()

# %%
# What transfers, and what does not
# ---------------------------------
# The paper behind this package (Luo, Wang and Huang, arXiv:2410.00699) studies hidden
# Markov models in place of a language model, with one linear head on what the frozen
# model holds. The peak where width meets labels, and its cure, are the same on a real
# language model. Two things are not. Its width is the size of the model; here one model
# is cut to its leading columns, which are in no order of importance. And the paper
# finds no first descent worth having; here it is the best that the minimum norm does.
