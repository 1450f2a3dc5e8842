"""
Label noise and the neighbors of a sample
=========================================

Some training labels are wrong. Does the frozen representation still keep those samples
among their own class, and does that tell where the head's accuracy falls?
"""

# %%
# The neighbors know, the head does not
# -------------------------------------
# A share of 200 training labels is flipped to another class. From its threshold on the
# head fits them all, and its accuracy on other samples is lowest there. Dashed is the
# share of the flipped samples to which their five nearest neighbors with a correct
# label give the clean label. On the left three classes of a known model, on the right
# words of one, two, three and more syllables.

import warnings

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    HeadClassifier,
    HeadRegressor,
    HMMFeatureTransformer,
    InterpolationWarning,
    LeadingColumns,
    TokenEncoder,
    flip_labels,
    load_syllables,
    make_hmm_classification,
    make_hmm_regression,
    neighbor_recovery,
    width_path,
)

n_samples = 200
X, y, truth = make_hmm_classification(
    3000, n_classes=3, random_state=1, target_step="last", preset="first_minimum"
)
transformer = HMMFeatureTransformer(truth.hmm, 1000, random_state=0)
generated = transformer.fit_transform(X), y

words, syllables = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:7000])


def features(seed):
    """Beliefs of one frozen model, summed over the letters."""
    model = BaumWelch(32, max_iter=10, tol=0, random_state=seed).fit(spellings[:4000])
    readout = HMMFeatureTransformer(model.hmm_, 31, readout="identity", pooling="sum")
    return readout.fit_transform(spellings[4000:])


spelled = np.hstack(
    joblib.Parallel(n_jobs=2)(joblib.delayed(features)(seed) for seed in range(12))
)
real = spelled, np.minimum(syllables[order][4000:7000], 4)


def measure(Z, y, widths, fraction, seed):
    """Share of flipped labels recovered, and accuracy of the head on clean labels."""
    # Heads near the threshold are what is measured here, and in other processes.
    warnings.simplefilter("ignore", InterpolationWarning)
    order = np.random.RandomState(seed).permutation(len(Z))
    train, test = order[:n_samples], order[n_samples:]
    noisy, _ = flip_labels(y[train], fraction, random_state=seed)
    accuracy = []
    for width in widths:
        head = HeadClassifier().fit(Z[train, :width], noisy)
        accuracy.append(head.score(Z[test, :width], y[test]))
    if not fraction:
        return np.full(len(widths), np.nan), accuracy
    return neighbor_recovery(Z[train], noisy, y[train], widths=widths), accuracy


figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained", sharey=True)
for ax, (Z, target), title in zip(
    axes,
    (generated, real),
    ("three classes of a known model", "spellings"),
    strict=True,
):
    widths = np.unique(np.geomspace(6, Z.shape[1], 16).round().astype(int))
    widths = np.union1d(widths, [170, 190, 199, 210, 240])
    for fraction, colour in ((0.0, "#000000"), (0.1, "#0072B2"), (0.3, "#D55E00")):
        found = joblib.Parallel(n_jobs=2)(
            joblib.delayed(measure)(Z, target, widths, fraction, seed)
            for seed in range(8)
        )
        recovery, accuracy = np.median(found, axis=0)
        ax.semilogx(
            widths, accuracy, color=colour, lw=2, label=f"head, {fraction:.0%} flipped"
        )
        if fraction:
            ax.semilogx(
                widths,
                recovery,
                "--",
                color=colour,
                lw=2,
                label=f"recovered by neighbors, {fraction:.0%}",
            )
        told = f"head {accuracy.min():.2f} at width {widths[accuracy.argmin()]}"
        if fraction:
            told += f", recovery {recovery.min():.2f} to {recovery.max():.2f}"
        print(f"{title}, {fraction:.0%} flipped: {told}")
    ax.axvline(199, color="0.5", ls=":", lw=1)
    ax.set(title=title, xlabel="width of the features", ylim=(0.25, 1))
axes[0].set_ylabel("share of samples")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()

# %%
# One fit serves every noise level
# --------------------------------
# A regression head is linear in its labels. Averaged over noise e and -e, its risk is
# exactly the risk without noise, and the variance of the noise times the effective
# parameters per sample. So a curve that was measured once, with its diagnostics, says
# what it would be at any noise: lines. Dots are heads that were fitted again, each to
# twenty draws of noise and their opposites.

X, y, truth = make_hmm_regression(1000, noise=0, random_state=0)
Z = HMMFeatureTransformer(truth.hmm, 800, random_state=0).fit_transform(X)
widths = np.unique(np.geomspace(5, 800, 24).round().astype(int))
dotted = [5, 10, 20, 40, 70, 95, 99, 115, 160, 300, 800]
widths = np.union1d(widths, [*dotted, 85, 104])
splits = []
for seed in range(8):
    order = np.random.RandomState(seed).permutation(len(Z))
    splits.append((order[:100], order[100:]))
curve = DoubleDescentCurve(
    make_pipeline(LeadingColumns(), HeadRegressor()),
    "leadingcolumns__n_components",
    widths,
    cv=splits,
    diagnostics=True,
).fit(Z, y)


def refitted(noise_var, seed, train, test, n_draws=20):
    """Mean test risk of heads that are fitted to noisy labels."""
    rng = np.random.RandomState(seed)
    noise = np.sqrt(noise_var) * rng.standard_normal((len(train), n_draws))
    noise = np.hstack([noise, -noise])
    path = width_path(
        Z[train],
        y[train, None] + noise,
        Z[test],
        np.tile(y[test, None], noise.shape[1]),
        widths=dotted,
    )
    return path.test_risk


figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
noise_vars = [0.0, 0.04, 1.0]
for noise_var, risk, colour in zip(
    noise_vars,
    curve.risk_at_noise(noise_vars),
    ("#000000", "#0072B2", "#D55E00"),
    strict=True,
):
    ax.loglog(
        widths,
        np.median(risk, axis=1),
        color=colour,
        lw=2,
        label=f"noise variance {noise_var:g}",
    )
    again = [refitted(noise_var, seed, *split) for seed, split in enumerate(splits)]
    ax.plot(dotted, np.median(again, axis=0), "o", color=colour, ms=5)
ax.axvline(99, color="0.5", ls=":", lw=1)
ax.set(
    xlabel="width of the features",
    ylabel="median squared error to the noiseless target",
    title="One fit serves every noise level (100 labels, dots fitted again)",
)
ax.legend()
plt.show()

# %%
# The black curve has a peak too: without any noise the head cannot explain all of its
# labels until the features are wide, and what it cannot explain acts as noise does.
#
# What the paper claims, and what transfers
# -----------------------------------------
# Gu, Zheng and Aste (arXiv:2310.13572) say that double descent comes with noisy labels,
# and that wide networks do well because they keep the mislabeled samples among
# neighbors of their true class: that share of recovered labels falls and rises with
# the test accuracy. What transfers is that label noise raises the peak, in proportion
# to its variance, and that the representation may know better than the labels.
#
# What does not transfer: the share does *not* follow the accuracy. Frozen features do
# not learn from the labels, so they cannot be bent by them, and the dashed lines have
# no dip at the threshold, where the head falls lowest. And a clean sample still peaks.
