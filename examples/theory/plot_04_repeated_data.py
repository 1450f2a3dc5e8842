"""
Rows that are met again and again
=================================

A share of the training set is a few rows, repeated. How few of them do the most harm,
and where is the threshold of a training set with copies in it?
"""

# %%
# The worst pool is of medium size
# --------------------------------
# Of an endless training set a share :math:`\varphi` comes from a pool of m rows. A head
# on p = 200 features learns the noise of those rows. Lines are the closed form, dots
# are least squares on drawn data of a covariance that spans two decades.

import warnings

import joblib
import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import (
    BaumWelch,
    HeadRegressor,
    HMMFeatureTransformer,
    InterpolationWarning,
    TokenEncoder,
    load_syllables,
    make_hmm_regression,
    repeat_samples,
)
from skhmmdd.theory import repeated_data_risk

n_features = 200
pools = np.unique(np.geomspace(1, 10_000, 400).round())
drawn = [2, 7, 20, 60, 200, 600]


def simulated(n_distinct, fraction, n_draws=20):
    """Mean excess risk; the endless unique rows are their covariance."""
    rng = np.random.RandomState(n_distinct)
    cov = np.linspace(0.3, 3, n_features) ** 2
    risks = []
    for _ in range(n_draws):
        X = rng.standard_normal((n_distinct, n_features)) * np.sqrt(cov)
        noise = rng.standard_normal(n_distinct)
        gram = (1 - fraction) * np.diag(cov) + fraction / n_distinct * X.T @ X
        error = np.linalg.solve(gram, fraction / n_distinct * X.T @ noise)
        risks.append(cov @ error**2)
    return np.mean(risks)


figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
for fraction, colour, above in (
    (0.5, "#D55E00", 8),
    (0.3, "#000000", -16),
    (0.1, "#0072B2", -16),
):
    risk = repeated_data_risk(n_features, 1.0, n_distinct=pools, fraction=fraction)
    worst = n_features * fraction
    ax.loglog(pools, risk, color=colour, lw=2, label=f"{fraction:.0%} of the rows")
    ax.plot(drawn, [simulated(m, fraction) for m in drawn], "o", color=colour, ms=5)
    height = repeated_data_risk(n_features, 1.0, n_distinct=worst, fraction=fraction)
    ax.annotate(
        rf"m = p$\varphi$ = {worst:.0f}",
        (worst, height),
        xytext=(0, above),
        textcoords="offset points",
        ha="center",
        color=colour,
    )
    print(f"{fraction:.0%} from a pool: worst with {worst:.0f} rows, {height:.3f}")
ax.set(
    xlabel="distinct rows in the pool (m)",
    ylabel="excess risk (noise variance 1)",
    title="A pool of medium size does the most harm (200 features)",
    ylim=(1e-4, 0.6),
)
ax.legend(title="from the pool", loc="lower center")
plt.show()

# %%
# Very few rows span few directions; very many are hardly repeated. In between, the head
# has as many noisy directions to fit as their share of the training set has weight.
#
# The threshold counts distinct rows
# ----------------------------------
# 200 training samples, of which half are ten rows, ten times each: 110 distinct rows.
# On the left features and targets of a known model, on the right the spellings of
# English words and their syllables, seen by ten frozen models. No row is copied: the
# head takes counts for its sample weights.

n_samples, n_distinct, fraction = 200, 10, 0.5
X, y, truth = make_hmm_regression(2500, random_state=0)
generated = HMMFeatureTransformer(truth.hmm, 310, random_state=0).fit_transform(X), y

words, syllables = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:6500])


def features(seed):
    """Beliefs of one frozen model, summed over the letters."""
    model = BaumWelch(32, max_iter=10, tol=0, random_state=seed).fit(spellings[:4000])
    transformer = HMMFeatureTransformer(
        model.hmm_, 31, readout="identity", pooling="sum"
    )
    return transformer.fit_transform(spellings[4000:])


spelled = np.hstack(
    joblib.Parallel(n_jobs=2)(joblib.delayed(features)(seed) for seed in range(10))
)
real = spelled, syllables[order][4000:6500].astype(float)

widths = np.unique(np.geomspace(4, 310, 18).round().astype(int))
widths = np.union1d(widths, [100, 105, 108, 109, 110, 113, 190, 196, 199, 203, 215])
training_sets = {
    "200 rows, once each": ("#000000", "-"),
    "110 rows, ten of them ten times": ("#D55E00", "-"),
    "the same 110 rows, once each": ("#0072B2", "--"),
}


def risks(Z, y, seed):
    """Test risk of the three training sets, at all widths."""
    # Heads near the threshold are what is measured here, and in other processes.
    warnings.simplefilter("ignore", InterpolationWarning)
    order = np.random.RandomState(seed).permutation(len(Z))
    pool, test = order[:n_samples], order[n_samples:]
    some, counts = repeat_samples(n_samples, n_distinct, fraction, random_state=seed)
    found = np.empty((3, len(widths)))
    for i, (rows, weight) in enumerate(
        [(pool, None), (pool[some], counts), (pool[some], None)]
    ):
        for j, width in enumerate(widths):
            head = HeadRegressor().fit(Z[rows, :width], y[rows], sample_weight=weight)
            found[i, j] = np.mean((head.predict(Z[test, :width]) - y[test]) ** 2)
    return found


figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for ax, (Z, target), title in zip(
    axes, (generated, real), ("a known model", "spellings to syllables"), strict=True
):
    found = joblib.Parallel(n_jobs=2)(
        joblib.delayed(risks)(Z, target, seed) for seed in range(10)
    )
    medians = np.median(found, axis=0)
    for median, (name, (colour, style)) in zip(
        medians, training_sets.items(), strict=True
    ):
        ax.loglog(widths, median, style, color=colour, lw=2, label=name)
        print(f"{title}, {name}: peak at width {widths[median.argmax()]}")
    for threshold, colour in ((199, "#000000"), (109, "#D55E00")):
        ax.axvline(threshold, color=colour, ls=":", lw=1)
    ax.set(title=title, xlabel="width of the features", ylabel="median squared error")
axes[0].legend()
plt.show()

# %%
# The peak stands at the 110 distinct rows, less one for the intercept, and 90 copies do
# not move it. Past it the orange and the blue head are the same, to rounding: a head
# that passes through all of its rows passes through them however often they come.
# Before it the copies only cost: that head listens ten times as much to ten noisy
# labels, and counting each row once is better.
#
# What the paper claims, and what transfers
# -----------------------------------------
# Hernandez et al. (arXiv:2205.10487) train language models on text of which a small
# part is repeated, and find a range of repetition in the middle where the test loss is
# far worse: too few repeated rows or too many do little harm. That transfers, and here
# it has a formula: the worst pool has :math:`m = p\varphi` rows.
#
# What does not transfer: their loss *rises midway through training*, and this head is
# solved for, without a time that could pass. They trace the harm to circuits that copy
# (induction heads), which a linear head does not have. And their measure, the smaller
# model on clean data that would do as well, needs scaling laws of networks.
