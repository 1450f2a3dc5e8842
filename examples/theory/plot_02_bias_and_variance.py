"""
Bias, variance and theory on one axis
=====================================

What makes the peak? Over many training sets the error splits into what the average
head gets wrong and what one head differs from the average. `DoubleDescentCurve`
measures both beside the risk, and its display takes theory curves on the same axes.
"""

# %%
# A linear-Gaussian hidden Markov model
# -------------------------------------
# Its moments are known, so the theory knows everything.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadRegressor,
    LeadingColumns,
    make_linear_gaussian_hmm,
    theory,
)

n_train, n_latents = 100, 20
X, Y, truth = make_linear_gaussian_hmm(
    2000, n_features=800, n_latents=n_latents, random_state=0
)
widths = np.unique(np.geomspace(1, 800, 45).round().astype(int))
widths = np.union1d(widths, [90, 94, 97, 100, 103, 106, 110])

curve = DoubleDescentCurve(
    make_pipeline(LeadingColumns(), HeadRegressor(fit_intercept=False)),
    "leadingcolumns__n_components",
    widths,
    cv=40,
    train_size=n_train,
    diagnostics=True,
    random_state=0,
    n_jobs=2,
).fit(X, Y)

# %%
# Theory for the same moments
# ---------------------------
# The theory sums over the outputs, the measured risk is their mean.

risk = theory.nested_risk(
    truth.cov,
    truth.cross_cov,
    truth.target_cov,
    n_samples=n_train,
    widths=widths,
    finite_sample=True,
)
far = np.abs(widths - n_train) > 0.2 * n_train
gap = np.median(curve.test_risk_, axis=1)[far] * n_latents / risk.total[far] - 1
print(f"Measured risk within {np.abs(gap).max():.1%} of the theory")
gap = curve.variance_[far] * n_latents / risk.variance[far] - 1
print(f"Measured variance within {np.abs(gap).max():.1%} of the theory")

# %%
# Up to the threshold there is no bias beyond what a head of that width must leave: the
# rise is all variance. Past it the variance falls again. (The training sets come from
# one pool of 2,000 and overlap, so the measured variance is a few percent low.)

parts = {
    "theory: bias² and noise": (widths, (risk.bias + risk.noise) / n_latents),
    "theory: variance": (widths, risk.variance / n_latents),
}
figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
curve.plot(ax=ax, show_train=False, show_decomposition=True, theory=parts)
ax.set(
    title="Bias and variance over 40 training sets of 100",
    xlabel="width of the frozen representation",
    ylabel="squared error, mean over the state",
)
ax.legend(loc="upper left", fontsize="small")
plt.show()
