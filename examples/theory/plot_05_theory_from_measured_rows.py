"""
Theory for beliefs as they are
==============================

The usual theory knows the features by their covariance and takes the noise as
independent of them. Beliefs of a discrete hidden Markov model fit neither: rows
differ in energy, what the best head leaves depends on them, and they come in a few
kinds. A theory that keeps the rows follows the measured risk all the same.
"""

# %%
# Measured risk
# -------------
# 100 labelled sequences, nested random ReLU units of the last belief, and a small
# ridge penalty: without one the mean risk need not exist, for a unit that is active in
# few sequences is hardly ever learned.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadRegressor,
    HMMFeatureTransformer,
    make_hmm_regression,
    theory,
)

n_train, alpha = 100, 0.1
X, y, truth = make_hmm_regression(4000, random_state=0)
widths = [8, 16, 30, 50, 70, 85, 100, 115, 130, 160, 200, 300]
transformer = HMMFeatureTransformer(truth.hmm, random_state=0)
curve = DoubleDescentCurve(
    make_pipeline(transformer, HeadRegressor(alpha=alpha)),
    "hmmfeaturetransformer__n_components",
    widths,
    cv=200,
    train_size=n_train,
    random_state=0,
).fit(X, y)
measured = curve.test_risk_.mean(axis=1)

# %%
# Two theories
# ------------
# Both look at the 4,000 sequences: one at their moments, one at every row.

Z = transformer.set_params(n_components=widths[-1]).fit_transform(X)
options = {"n_samples": n_train, "alpha": alpha, "fit_intercept": True}
cross_cov = (Z - Z.mean(axis=0)).T @ (y - y.mean()) / len(y)
usual = theory.nested_risk(
    np.cov(Z.T, bias=True), cross_cov, y.var(), widths=widths, **options
)
rows = [
    theory.measured_risk(Z[:, :p], y, finite_sample=True, **options) for p in widths
]
noise = usual.noise
lines = {
    "theory from the covariance": (usual.excess, "#D55E00", "--", "s"),
    "theory from the rows": (np.array([r.excess for r in rows]), "#0072B2", "-", "o"),
}

# %%
# What transfers
# --------------
# The upper panel has the risk, the lower one how far each theory's excess risk, over
# the best head of that width, is from the measured one. From the covariance it is
# always too low, by up to a quarter. From the rows it is within a few percent.
#
# What does not transfer: the minimum-norm head on sharp beliefs. There a few training
# sets make the mean risk, and no theory of this kind follows.

figure, (ax, below) = plt.subplots(
    2, 1, sharex=True, figsize=(7.5, 6), height_ratios=(3, 2), layout="constrained"
)
ax.plot(widths, measured, "k.", ms=10, label="measured, mean of 200 training sets")
for name, (excess, color, style, marker) in lines.items():
    ax.plot(widths, noise + excess, style, color=color, lw=2, label=name)
    gap = 100 * (excess / (measured - noise) - 1)
    below.plot(widths, gap, style, color=color, lw=2, marker=marker, label=name)
    print(f"{name}: off by {np.abs(gap).max():.0f}% at most")
for axes in (ax, below):
    axes.axvline(n_train - 1, color="0.5", ls=":")
ax.text(n_train + 2, 0.2, "threshold", color="0.35")
ax.set(title="100 labels, ridge penalty 0.1", ylabel="squared error", xscale="log")
ax.legend(fontsize="small")
below.axhline(0, color="k", lw=0.8)
below.set(xlabel="width of the features", ylabel="theory off by (percent)")
below.set_xticks([10, 30, 100, 300], labels=["10", "30", "100", "300"])
plt.show()
