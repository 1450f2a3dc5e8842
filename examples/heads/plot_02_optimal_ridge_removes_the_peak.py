"""
The right penalty removes the peak
==================================

The peak belongs to the minimum-norm head, not to the width. With the best penalty at
every width the risk of the same features falls all the way (Nakkiran, Venkat, Kakade
and Ma, arXiv:2003.01897). Leave-one-out finds such a penalty from the training data.
"""

# %%
# Simulation on a hidden Markov model with a known truth
# ------------------------------------------------------
# 100 labelled sequences; the features are nested random units of the frozen belief.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    DoubleDescentDisplay,
    HeadRegressor,
    HMMFeatureTransformer,
    make_hmm_regression,
    theory,
)

X, y, truth = make_hmm_regression(3000, random_state=0)
model = make_pipeline(HMMFeatureTransformer(truth.hmm, random_state=0), HeadRegressor())
widths = np.unique(np.geomspace(1, 2000, 40).round().astype(int))
widths = np.union1d(widths, [90, 93, *range(96, 106), 108]).tolist()

figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.3), layout="constrained")
heads = {"minimum norm": 0.0, "ridge, leave-one-out": "loo"}
for name, alpha in heads.items():
    curve = DoubleDescentCurve(
        model.set_params(headregressor__alpha=alpha),
        "hmmfeaturetransformer__n_components",
        widths,
        cv=20,
        train_size=100,
        random_state=0,
        n_jobs=2,
    ).fit(X, y)
    print(f"{name}: best {curve.best_.risk:.3f} at width {curve.best_.complexity:.0f}")
    DoubleDescentDisplay.from_curve(curve).plot(
        axes[0], name=name, show_train=False, show_threshold=alpha == 0, show_best=False
    )
axes[0].set(
    title="Measured: beliefs of 60 states",
    xlabel="width of the features",
    ylabel="squared error",
    ylim=(0.1, 600),
)

# sphinx_gallery_defer_figures

# %%
# The same in theory
# ------------------
# Features that share 20 latent variables with the target have closed forms. The best
# penalty at each width is looked up on a grid.

p = np.unique(np.geomspace(1, 2000, 300).round())
latent = {"n_latents": 20, "signal": 1.0, "noise_var": 0.1, "n_samples": 100}
plain = theory.latent_space_risk(p, **latent).total
penalties = np.append(0.0, np.geomspace(1e-3, 1e6, 400))
tuned = theory.latent_space_risk(p[:, None], alpha=penalties, **latent).total.min(
    axis=1
)
print(f"Tuned theory is monotone: {bool((np.diff(tuned) <= 1e-9).all())}")
axes[1].loglog(p, plain, color="#0072B2", lw=2, ls="--", label="minimum norm")
axes[1].loglog(p, tuned, color="#D55E00", lw=2, ls="-.", label="ridge, best penalty")
axes[1].axvline(100, color="0.5", ls=":", label="100 training samples")
axes[1].set(
    title="Theory: 20 shared latent variables",
    xlabel="width of the features",
    ylim=(0.1, 600),
)
axes[0].legend(loc="upper left", fontsize="small")
axes[1].legend(loc="upper left", fontsize="small")
plt.show()
