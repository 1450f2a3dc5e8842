"""
Evidence has no peak, cold posteriors do
========================================

A Bayesian head says how sure it is. Does the width that misleads a minimum-norm head
mislead it, too? That depends on the temperature. At 1 the posterior is what the model
says. Below 1 it trusts the labels more than the model does.
"""

# %%
# Along the width
# ---------------
# At every width `BayesianHead` chooses the variances of its prior and of the noise by
# the evidence, the probability of the training labels. The dashed line is the evidence
# with its sign changed. The others are the negative log predictive density of new
# labels, for posteriors of the same two variances at three temperatures. Lower is
# better. On the left a hidden Markov model with a known truth and 100 labels, on the
# right the syllables of 200 words, from the beliefs of frozen models of their spelling.
# At the dotted line the features interpolate the labels.

import joblib
import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import (
    BaumWelch,
    BayesianHead,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
    make_hmm_regression,
)

X, y, truth = make_hmm_regression(3000, noise=0.5, random_state=0)
Z = HMMFeatureTransformer(truth.hmm, 800, random_state=0).fit_transform(X)

words, syllables = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:7000])


def features(seed):
    """Beliefs of one frozen model, summed over the letters."""
    model = BaumWelch(32, max_iter=10, tol=0, random_state=seed).fit(spellings[:4000])
    readout = HMMFeatureTransformer(model.hmm_, 31, readout="identity", pooling="sum")
    return readout.fit_transform(spellings[4000:])


spelled = np.hstack(
    joblib.Parallel(n_jobs=2)(joblib.delayed(features)(seed) for seed in range(16))
)
counted = syllables[order][4000:7000].astype(float)


def split(n_samples, n_train, seed):
    order = np.random.RandomState(seed).permutation(n_samples)
    return order[:n_train], order[n_train : n_train + 500]


def measure(Z, y, width, n_train, seed):
    """Evidence of one width, and densities of new labels at each temperature."""
    train, test = split(len(Z), n_train, seed)
    Z = Z[:, :width]
    head = BayesianHead().fit(Z[train], y[train])
    found = [-head.log_evidence_ / (n_train - 1)]
    for temperature in temperatures:
        head.set_params(
            alpha=head.alpha_, noise_var=head.noise_var_, temperature=temperature
        ).fit(Z[train], y[train])
        found.append(-head.predict_log_density(Z[test], y[test]).mean())
    return found


temperatures = (1.0, 1e-2, 1e-4)
colours = ("#0072B2", "#E69F00", "#D55E00")
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for ax, (name, features_of, target, n_train) in zip(
    axes,
    (
        ("beliefs of a known model, 100 labels", Z, y, 100),
        ("spellings, 200 labels", spelled, counted, 200),
    ),
    strict=True,
):
    widths = np.unique(np.geomspace(2, features_of.shape[1], 14).round().astype(int))
    near = np.array([0.8, 0.9, 0.99, 1.06, 1.2, 1.4]) * n_train
    widths = np.union1d(widths, [20, *near.astype(int)])
    jobs = [(width, n_train, seed) for width in widths for seed in range(16)]
    found = joblib.Parallel(n_jobs=2, batch_size=32)(
        joblib.delayed(measure)(features_of, target, *job) for job in jobs
    )
    found = np.median(np.reshape(found, (len(widths), 16, -1)), axis=1)
    ax.plot(widths, found[:, 0], "--", color="0.3", lw=2, label="−log evidence")
    rises = np.diff(found[:, 0]).max()
    print(
        f"{name}: −log evidence {found[0, 0]:.2f} to {found[-1, 0]:.2f}, "
        f"at most {max(rises, 0):.3f} up from one width to the next"
    )
    for temperature, colour, line in zip(
        temperatures, colours, found.T[1:], strict=True
    ):
        ax.plot(
            widths, line, color=colour, lw=2, label=f"new labels, T = {temperature:g}"
        )
        worst = widths[line.argmax()]
        print(
            f"    T = {temperature:g}: {line[0]:.2f} at width {widths[0]}, "
            f"{line.max():.2f} at {worst}, {line[-1]:.2f} at {widths[-1]}"
        )
    ax.axvline(n_train - 1, color="0.5", ls=":", lw=1)
    ax.set(title=name, xlabel="width of the features", xscale="log", yscale="log")
    ticks = [tick for tick in (0.5, 1, 2, 5, 10) if tick < 1.1 * found.max()]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_tick_params(which="minor", labelleft=False)
axes[0].set_ylabel("nats per label")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.show()

# %%
# What the head says of single labels
# -----------------------------------
# At the threshold, of the known model. Bars are two standard deviations, which should
# reach the diagonal for 95 of 100 new labels.

train, test = split(len(Z), 100, seed=0)
test = test[:80]
figure, axes = plt.subplots(
    1, 2, figsize=(10, 4.6), layout="constrained", sharex=True, sharey=True
)
for ax, temperature, colour in zip(
    axes, (1.0, 1e-4), (colours[0], colours[2]), strict=True
):
    head = BayesianHead(temperature=temperature).fit(Z[train, :99], y[train])
    mean, std = head.predict(Z[test, :99], return_std=True)
    reached = np.abs(y[test] - mean) < 2 * std
    bars = {"fmt": "o", "color": colour, "ms": 4, "elinewidth": 1}
    ax.errorbar(y[test], mean, 2 * std, **bars)
    ends = [y[test].min(), y[test].max()]
    ax.plot(ends, ends, color="0.3", ls="--", lw=1)
    ax.set(
        title=f"T = {temperature:g}: {reached.mean():.0%} of the bars reach the label",
        xlabel="label",
    )
axes[0].set_ylabel("prediction ± 2 standard deviations")
plt.show()

# %%
# The cold head has the mean of the minimum-norm head and nearly its peak, but bars that
# are no wider than the noise: where it is most wrong it is as sure as elsewhere. At
# temperature 1 the same variances give bars that are, if anything, too long.
#
# What the paper claims, and what transfers
# -----------------------------------------
# Hodgkinson, van der Heide, Roosta and Mahoney (arXiv:2210.07612) prove for Gaussian
# processes that the evidence, once it chooses the variances, improves with every
# further input dimension, while the predictive loss has double descent, which cold
# posteriors make worse. All three transfer to beliefs of a hidden Markov model: the
# evidence has no peak, nor has the predictive density at temperature 1, and the colder
# the posterior, the higher the peak at the threshold.
#
# What does not transfer: they fix the variance of the noise at a tiny value, and the
# squared loss of their predictive distribution then falls again beyond the threshold.
# With these features it does not, because they are not scaled by their number: the
# prior variance of a prediction grows with every column. And it is the mean that peaks.
# A temperature that only makes the bars shorter, and leaves the mean of ridge as it is,
# has no peak at any width.
