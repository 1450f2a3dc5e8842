"""
Pruned heads: fewer columns, and a hump
=======================================

Of a wide head the columns of least magnitude are removed, the rest is fitted again, and
so on. What becomes of the risk as fewer columns are kept, and what does label noise do?
"""

# %%
# Magnitude knows which columns to keep, but not the noise in its labels
# ----------------------------------------------------------------------
# Pruning starts from 1,000 columns, where the head interpolates its labels with room to
# spare, and goes from right to left. Dashed: columns removed at random, which is the
# width curve with its peak where the columns meet the labels. Solid: columns removed by
# magnitude, in rounds that keep 70 %. On the left, with little noise, three quarters of
# the columns can go at hardly any price. With much noise the risk of the pruned head
# has a hump as well: the columns that survive are those that fit the noise.

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    HeadRegressor,
    HMMFeatureTransformer,
    PrunedHead,
    TokenEncoder,
    load_syllables,
    make_hmm_regression,
)

X, _, truth = make_hmm_regression(3000, random_state=0)
transformer = HMMFeatureTransformer(truth.hmm, 1000, random_state=0)
generated = transformer.fit_transform(X)

words, syllables = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:7000])
hmm = BaumWelch(32, max_iter=10, tol=0, random_state=0).fit(spellings[:4000]).hmm_
readout = HMMFeatureTransformer(hmm, 1000, pooling="sum", random_state=0)
spelled = readout.fit_transform(spellings[4000:])
counts = syllables[order][4000:7000].astype(float)


def split_risks(fit, Z, target, n_samples, noise, kept, seed):
    """Squared error to the clean target after training on noisy labels."""
    rng = np.random.RandomState(seed)
    order = rng.permutation(len(Z))
    train, test = order[:n_samples], order[n_samples:]
    labels = target[train] + noise * rng.standard_normal(n_samples)
    risks = []
    for n_kept in kept:
        model = fit(Z[train], labels, n_kept, seed)
        risks.append(np.mean((model.predict(Z[test]) - target[test]) ** 2))
    return risks


def median_risks(*arguments, n_splits=6):
    jobs = (joblib.delayed(split_risks)(*arguments, seed) for seed in range(n_splits))
    return np.median(joblib.Parallel(n_jobs=2)(jobs), axis=0)


def by_magnitude(X, y, n_kept, seed):
    return PrunedHead(n_kept).fit(X, y)


def at_random(X, y, n_kept, seed):
    return PrunedHead(n_kept, criterion="random", random_state=seed).fit(X, y)


tasks = {
    "known model, 100 labels": (generated, truth.mean, 100),
    "spellings, 200 labels": (spelled, counts, 200),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
for ax, (name, task) in zip(axes, tasks.items(), strict=True):
    edge = task[2] - 1
    kept = np.array([5, 10, 20, 30, 60, 80, edge, 150, 250, 500, 1000])
    kept = np.unique(np.append(kept, [edge - 14, edge + 14]))
    for noise, colour in ((0.2, "#0072B2"), (1.0, "#D55E00")):
        for kind, fit, line in (
            ("by magnitude", by_magnitude, "-"),
            ("at random", at_random, "--"),
        ):
            risk = median_risks(fit, *task, noise, kept)
            label = f"{kind}, noise {noise:g}"
            ax.loglog(kept, risk, line, color=colour, lw=2, label=label)
            told = ", ".join(
                f"{risk[kept == k][0]:.2f} of {k}" for k in (1000, edge, 60, 10)
            )
            print(f"{name}, {label}: {told}")
    ax.axvline(edge, color="0.5", ls=":", lw=1, label="labels less one")
    ax.set(title=name, xlabel="columns kept")
axes[0].set_ylabel("median squared error to the clean target")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()

# %%
# On the right some of the 1,000 units never fire, so that random removal peaks at more
# columns than labels.
#
# Prune with a penalty
# --------------------
# A pruned head selects columns for any other estimator. But a penalty chosen on those
# that are left comes too late: the columns were chosen by the same labels, and
# leave-one-out, which does not choose again, takes their fit for signal. With the
# penalty that leave-one-out finds on all columns, kept through all rounds, most columns
# can go before the risk rises. Dotted is the penalised head on all columns.

_, (Z, target, n_samples) = list(tasks.items())[1]
kept = np.array([5, 10, 20, 40, 80, 150, 250, 500, 1000])


def tuned_after(X, y, n_kept, seed):
    return make_pipeline(PrunedHead(n_kept), HeadRegressor("loo")).fit(X, y)


def tuned_before(X, y, n_kept, seed):
    alpha = HeadRegressor("loo").fit(X, y).alpha_
    return PrunedHead(n_kept, alpha=alpha).fit(X, y)


figure, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
for noise, colour in ((0.2, "#0072B2"), (1.0, "#D55E00")):
    for label, fit, line in (
        ("penalty after pruning", tuned_after, "--"),
        ("penalty while pruning", tuned_before, "-"),
    ):
        risk = median_risks(fit, Z, target, n_samples, noise, kept)
        ax.loglog(
            kept, risk, line, color=colour, lw=2, label=f"{label}, noise {noise:g}"
        )
        told = ", ".join(f"{r:.2f} of {k}" for r, k in zip(risk, kept, strict=True))
        print(f"{label}, noise {noise:g}: {told}")
    ax.axhline(risk[-1], color=colour, ls=":", lw=1)
ax.set(
    title="spellings, 200 labels",
    xlabel="columns kept",
    ylabel="median squared error to the clean target",
)
ticks = [0.2, 0.3, 0.5, 1, 2, 3]
ax.set_yticks(ticks, map(str, ticks))
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# What the papers claim, and what transfers
# -----------------------------------------
# He, Xie, Zhu and Qin (arXiv:2206.08684) prune networks that were trained on noisy
# labels: as more weights go, test error first rises and then falls, a sparse double
# descent. Arora and others (arXiv:2306.12190) find that the size of the best pruned
# networks reflects the task, and that they are less overconfident. What transfers: with
# noise there is a hump, and it is far lower than that of random removal, as magnitude
# keeps what helps. It is no peak at the number of labels, but a plateau that starts
# there and ends at a few dozen columns. With little noise the known model has none; the
# spellings, whose counts no such head explains in full, have one at any noise.
#
# What does not transfer: winning tickets and rewinding are about where training starts,
# and a head that is solved exactly starts nowhere. Calibration is a matter of
# classifiers with probabilities, and is not shown here. And pruning is no substitute
# for a penalty.
