"""
Three ingredients of the peak
=============================

Schaeffer et al. (arXiv:2303.14151) name what a peak needs: small singular values in the
training features, test points that reach into their directions, and labels that the
best head of that width does not explain. Take any one away and the peak is gone.
"""

# %%
# One width path, three ablations
# -------------------------------
# The features are the nested random units of the frozen belief of a known model, 100
# labelled sequences, 20 training sets.

import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import (
    HeadRegressor,
    HMMFeatureTransformer,
    make_hmm_regression,
    width_path,
)

n_samples = 100
X, y, truth = make_hmm_regression(2000, random_state=0)
features = HMMFeatureTransformer(truth.hmm, 1000, random_state=0).fit_transform(X)
widths = np.unique(np.geomspace(1, 1000, 36).round().astype(int))
widths = np.union1d(widths, np.arange(93, 107, 2))


# What the best head of each width, trained on everything, says of each sequence.
explainable = [
    HeadRegressor().fit(features[:, :p], y).predict(features[:, :p]) for p in widths
]


def ordinary(train, test):
    """Nothing removed."""
    path = width_path(features[train], y[train], features[test], y[test], widths=widths)
    return path.test_risk


def truncated(train, test):
    """Singular values below a tenth of the largest count as zero.

    To take from the test points their part along those directions instead gives the
    very same predictions: this one curve stands for two of the ingredients.
    """
    path = width_path(
        features[train], y[train], features[test], y[test], widths=widths, rcond=0.1
    )
    return path.test_risk


def explained(train, test):
    """Labels that the best head of each width explains without residual."""
    risks = []
    for width, target in zip(widths, explainable, strict=True):
        path = width_path(
            features[train, :width],
            target[train],
            features[test, :width],
            target[test],
            widths=[width],
        )
        risks.append(path.test_risk[0])
    return np.array(risks)


ablations = {
    "as it is": (ordinary, "#000000", "-"),
    "no small singular values, or\nno test points along them": (
        truncated,
        "#0072B2",
        "--",
    ),
    "labels without residual": (explained, "#D55E00", ":"),
}
figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
near = np.abs(widths - n_samples) <= 6
for name, (risk_of, colour, style) in ablations.items():
    risks = []
    for seed in range(20):
        order = np.random.RandomState(seed).permutation(len(X))
        risks.append(risk_of(order[:n_samples], order[n_samples:]))
    median = np.median(risks, axis=0)
    print(f"{name!r}: up to {median[near].max():.3g} near the threshold")
    ax.loglog(widths, median, style, color=colour, lw=2, label=name)
ax.axvline(n_samples, color="0.6", lw=0.8)
ax.set(
    xlabel="width of the features",
    ylabel="median squared error over 20 training sets",
    title="Without any one of its ingredients there is no peak (100 labels)",
    ylim=(1e-2, None),
)
ax.legend()
plt.show()
