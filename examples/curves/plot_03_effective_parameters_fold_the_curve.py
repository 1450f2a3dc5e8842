"""
Effective parameters fold the curve back
========================================

Past the threshold a wider head has more columns but not more freedom: on new points it
uses fewer *effective parameters*. Curth, Jeffares and van der Schaar (arXiv:2310.18988)
draw the risk against their number, and the second descent folds back on the first. The
norm of the head tells a like story.
"""

# %%
# One curve, four axes
# --------------------
# The measurements are those of one run with `diagnostics=True`.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    DoubleDescentDisplay,
    HeadRegressor,
    HMMFeatureTransformer,
    make_hmm_regression,
)

X, y, truth = make_hmm_regression(1500, random_state=0)
widths = np.unique(np.geomspace(1, 1200, 40).round().astype(int))
widths = np.union1d(widths, [90, 93, *range(96, 106), 108, 111])
curve = DoubleDescentCurve(
    make_pipeline(HMMFeatureTransformer(truth.hmm, random_state=0), HeadRegressor()),
    "hmmfeaturetransformer__n_components",
    widths,
    cv=15,
    train_size=100,
    diagnostics=True,
    random_state=0,
    n_jobs=2,
).fit(X, y)

figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), sharey=True, layout="constrained")
titles = {
    "complexity": "Width",
    "ratio": "Width over training samples",
    "effective_parameters": "Effective parameters on new points",
    "coef_norm": "Norm of the head",
}
display = DoubleDescentDisplay.from_curve(curve)
for ax, (axis, title) in zip(axes.flat, titles.items(), strict=True):
    display.plot(ax, x=axis, show_train=False, show_best=False, show_band=False)
    ax.set(title=title, ylabel="squared error" if ax in axes[:, 0] else "")
median = np.median(curve.effective_parameters_.test, axis=1)
print(f"Effective parameters near width 20: {median[np.searchsorted(widths, 20)]:.0f}")
print(f"at width 1200: {median[-1]:.0f}")
# sphinx_gallery_thumbnail_axes = 2
plt.show()
