"""
Low-rank adapters: two kinds of rank, one peak
==============================================

An adapter keeps the coefficients W0 of a trained head and learns a correction AB of low
rank. Does its risk peak along the rank, as along the width, and does noise on the
weights while they are learned remove the peak?
"""

# %%
# A frozen down-projection peaks where its rank meets the samples
# ----------------------------------------------------------------
# With A drawn once and B learned the adapter is a head on random projections of the
# features. On the left 100 labelled sequences of a known model, on the right 200
# labelled spellings, 600 features each. Without noise the head interpolates from a
# rank of 99, or 199, on, and there its risk is highest. Noise on B in proportion to its
# size, standard deviation s relative to its root mean square, removes the peak: what
# such noise costs is exactly a ridge penalty, so no noise is drawn. In black that
# penalty is zero.

import joblib
import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import (
    BaumWelch,
    HeadRegressor,
    HMMFeatureTransformer,
    LowRankHead,
    TokenEncoder,
    load_syllables,
    make_hmm_regression,
)

X, y, truth = make_hmm_regression(3000, n_targets=12, random_state=0)
transformer = HMMFeatureTransformer(truth.hmm, 600, random_state=0)
generated = transformer.fit_transform(X)

words, syllables = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:7000])
hmm = BaumWelch(32, max_iter=10, tol=0, random_state=0).fit(spellings[:4000]).hmm_
readout = HMMFeatureTransformer(hmm, 600, pooling="sum", random_state=0)
spelled = readout.fit_transform(spellings[4000:])
counts = syllables[order][4000:7000, None].astype(float)


def frozen_risks(Z, y, target, n_samples, ranks, perturbation, seed):
    """Squared error of frozen adapters on rows that they were not fitted to."""
    order = np.random.RandomState(seed).permutation(len(Z))
    train, test = order[:n_samples], order[n_samples:]
    risks = []
    for rank in ranks:
        head = LowRankHead(
            rank, adapter="frozen", perturbation=perturbation, random_state=seed
        )
        predicted = head.fit(Z[train], y[train]).predict(Z[test])
        risks.append(np.mean((predicted - target[test]) ** 2))
    return risks


def median_over_splits(function, *arguments, n_splits=8):
    jobs = (joblib.delayed(function)(*arguments, seed) for seed in range(n_splits))
    return np.median(joblib.Parallel(n_jobs=2)(jobs), axis=0)


figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
levels = ((0.0, "#000000"), (0.03, "#0072B2"), (0.3, "#D55E00"))
for ax, name, n_samples, data in (
    (axes[0], "known model, 100 labels", 100, (generated, y[:, :4], truth.mean[:, :4])),
    (axes[1], "spellings, 200 labels", 200, (spelled, counts, counts)),
):
    edge = n_samples - 1
    ranks = np.unique(np.geomspace(5, 600, 8).round().astype(int))
    ranks = np.union1d(ranks, [edge - 15, edge - 5, edge, edge + 6, edge + 20])
    for s, colour in levels:
        risk = median_over_splits(frozen_risks, *data, n_samples, ranks, s)
        label = f"noise s = {s:g}" if s else "no noise"
        ax.loglog(ranks, risk, color=colour, lw=2, marker="o", ms=3, label=label)
        print(f"{name}, {label}: {risk[ranks == edge][0]:.2f} at rank {edge}, ", end="")
        print(f"{risk[-1]:.2f} at rank 600")
    ax.axvline(edge, color="0.5", ls=":", lw=1, label="samples less one")
    ax.set(title=f"{name}, frozen A", xlabel="rank of the adapter")
axes[0].set_ylabel("median squared error")
axes[0].legend()
plt.show()

# %%
# A trained adapter has no peak along its rank
# --------------------------------------------
# With A and B learned there is a best correction of every rank, from one decomposition:
# reduced-rank regression. Here a head was trained on 2,000 sequences with 12 targets.
# Then the targets change: by a matrix of rank 2, and there are only 100 labels of the
# new kind.
#
# On the left the risk against the rank, on all 600 features. On top of W0 a rank of 2
# is best, the rank of the change, and learning everything anew is worse at every rank.
# On the right the risk against the number of features, on top of W0: the peak is where
# it always is, at every rank. The rank of a trained adapter is no cure, for even
# rank 1 is fitted by what the features explain of 100 labels, which at 99 features is
# all of them.

rng = np.random.RandomState(5)
change = rng.standard_normal((12, 2)) @ rng.standard_normal((2, 12)) / np.sqrt(24)
new_mean = truth.mean @ (np.eye(12) + change)
new_y = new_mean + 0.2 * rng.standard_normal(new_mean.shape)
all_ranks = range(1, 13)


def trained_risks(width, base_coef, ranks, seed):
    order = 2000 + np.random.RandomState(seed).permutation(1000)
    Z, train, test = generated[:, :width], order[:100], order[100:]
    risks = []
    for rank in ranks:
        head = LowRankHead(rank, base_coef=base_coef).fit(Z[train], new_y[train])
        risks.append(np.mean((head.predict(Z[test]) - new_mean[test]) ** 2))
    return risks


def base_head(width):
    return HeadRegressor("loo").fit(generated[:2000, :width], y[:2000])


figure, axes = plt.subplots(
    1, 2, figsize=(10, 4.6), layout="constrained", width_ratios=(2, 3)
)
base = base_head(600)
unchanged = np.mean((base.predict(generated[2000:]) - new_mean[2000:]) ** 2)
anew = median_over_splits(trained_risks, 600, None, all_ranks)
adapted = median_over_splits(trained_risks, 600, base.coef_, all_ranks)
axes[0].axhline(unchanged, color="0.5", ls="--", label="W0 as it was")
axes[0].semilogy(all_ranks, anew, "o-", color="#000000", lw=2, label="learned anew")
axes[0].semilogy(all_ranks, adapted, "o-", color="#0072B2", lw=2, label="W0 + AB")
axes[0].set(title="600 features, 100 labels", xlabel="rank of the adapter")
axes[0].set_ylabel("median squared error")
axes[0].set_xticks([1, 2, 4, 6, 8, 10, 12])
axes[0].legend()
print(
    f"W0 as it was {unchanged:.3f}; adapted at rank 2 {adapted[1]:.3f}, at rank 12 "
    f"{adapted[-1]:.3f}; learned anew at rank 12 {anew[-1]:.3f}"
)

widths = [20, 40, 60, 80, 92, 99, 106, 120, 150, 250, 600]
shown = (1, 2, 12)
along = np.array(
    [
        median_over_splits(trained_risks, width, base_head(width).coef_, shown)
        for width in widths
    ]
)
for rank, colour, risk in zip(
    shown, ("#E69F00", "#0072B2", "#000000"), along.T, strict=True
):
    axes[1].loglog(
        widths, risk, color=colour, lw=2, marker="o", ms=3, label=f"rank {rank}"
    )
    print(f"rank {rank}: {risk[widths.index(99)]:.1f} at 99 features")
axes[1].axvline(99, color="0.5", ls=":", lw=1, label="samples less one")
axes[1].set(title="W0 + AB on 100 labels", xlabel="number of features")
axes[1].set_xticks([20, 40, 100, 200, 600], ["20", "40", "100", "200", "600"])
axes[1].minorticks_off()
axes[1].legend()
plt.show()

# %%
# What the paper claims, and what transfers
# -----------------------------------------
# LoRA-GGPO (arXiv:2502.14538) sees double descent when low-rank adapters of language
# models are fine-tuned, and counters it with random perturbations of the weights, in
# proportion to the norms of weights and gradients. What transfers: a frozen
# down-projection has a peak along the rank, and perturbations in proportion to the
# weights remove it. For a linear head that is ridge, exactly.
#
# What does not transfer: their double descent is of the *training* loss along the steps
# of stochastic gradient descent, which a solved head does not have; weighting by
# gradient norms has no closed form. And noise that does not grow with the weights adds
# the same constant to the loss of every head: it changes nothing.
