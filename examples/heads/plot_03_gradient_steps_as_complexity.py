"""
Training time is a complexity
=============================

The minimum-norm head is where gradient descent ends. Stopped earlier it has fewer
effective parameters, so the number of steps is an axis of its own: does the risk peak
along it, and how long does the peak over widths take to appear?
"""

# %%
# The peak takes its time
# -----------------------
# 100 labelled sequences, features of a frozen model with a known truth. On the left
# the risk along training at three widths, on the right the risk over widths after
# several numbers of steps. No step is taken: all of them come from one decomposition.

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    GradientDescentHead,
    HMMFeatureTransformer,
    LeadingColumns,
    TokenEncoder,
    load_syllables,
    make_hmm_regression,
)

X, y, truth = make_hmm_regression(3000, random_state=0)
Z = HMMFeatureTransformer(truth.hmm, 1000, random_state=0).fit_transform(X)
orders = [np.random.RandomState(k).permutation(len(Z)) for k in range(16)]
splits = [(order[:100], order[100:]) for order in orders]
n_steps = np.unique(np.geomspace(1, 1e7, 57).round())


def along_training(width, **options):
    """The curve along the number of steps at one width."""
    model = make_pipeline(LeadingColumns(width), GradientDescentHead(**options))
    return DoubleDescentCurve(
        model, "gradientdescenthead__n_steps", n_steps, cv=splits, diagnostics=True
    ).fit(Z, y)


def over_widths(Z, y, widths, stages, split, **options):
    """Test risk at every width after every number of steps, from one fit a width."""
    train, test = split
    found = []
    for width in widths:
        head = GradientDescentHead(**options).fit(Z[train, :width], y[train])
        errors = head.staged_predict(Z[test, :width], stages) - y[test]
        found.append(np.mean(errors**2, axis=1))
    return found


shades = ("#D55E00", "#000000", "#0072B2")
curves = {width: along_training(width) for width in (20, 99, 400)}
widths = np.unique(np.geomspace(5, 1000, 26).round().astype(int))
widths = np.union1d(widths, [90, 95, 99, 104, 110])
stages = [10, 100, 1000, 10**5, np.inf]
family = np.median(
    joblib.Parallel(n_jobs=2)(
        joblib.delayed(over_widths)(Z, y, widths, stages, split) for split in splits
    ),
    axis=0,
)

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained", sharey=True)
for (width, curve), colour in zip(curves.items(), shades, strict=True):
    median = np.median(curve.test_risk_, axis=1)
    axes[0].loglog(n_steps, median, color=colour, lw=2, label=f"{width} features")
    best = median.argmin()
    print(
        f"{width} features: best {median[best]:.2f} after {n_steps[best]:.0f} steps, "
        f"{median[-1]:.2f} after ten million"
    )
axes[0].set(xlabel="steps of gradient descent", ylabel="median squared error")
axes[0].set_title("along training")
axes[0].legend()
colours = plt.colormaps["viridis_r"](np.linspace(0.15, 1, len(stages)))
for risk, stage, colour in zip(family.T, stages, colours, strict=True):
    name = "minimum norm" if stage == np.inf else f"{stage:,} steps"
    axes[1].loglog(widths, risk, color=colour, lw=2, label=name)
    print(f"{name}: highest {risk.max():.2f} at width {widths[risk.argmax()]}")
axes[1].axvline(99, color="0.5", ls=":", lw=1)
axes[1].set(xlabel="width of the features", title="over widths")
axes[1].legend()
plt.show()

# %%
# At the threshold, 99 features, the smallest of the singular values is more than a
# thousand times smaller than the largest. Descent needs some million steps to get along
# such a direction, and what it finds there is noise. Far from the threshold there is no
# such direction: the black curve goes on rising when the others have long ended. So
# early stopping hides the peak, and longer training brings it forth.
#
# Another optimizer, the same road
# --------------------------------
# With 99 features: momentum and a preconditioner change how fast a direction is
# learned. Whitening learns all of them at the same pace, and has the whole peak within
# ten steps. On the right the effective parameters of plain descent, on the training set
# (dashed) and on new points.

optimizers = {
    "gradient descent": {},
    "heavy ball, 0.9": {"momentum": 0.9},
    "Nesterov, 0.99": {"momentum": 0.99, "nesterov": True},
    "diagonal": {"preconditioner": "diagonal"},
    "whitened, half steps": {"preconditioner": "whiten", "learning_rate": 0.5},
}
colours = ("#000000", "#0072B2", "#56B4E9", "#009E73", "#D55E00")
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for (name, options), colour in zip(optimizers.items(), colours, strict=True):
    median = np.median(along_training(99, **options).test_risk_, axis=1)
    axes[0].loglog(n_steps, median, color=colour, lw=2, label=name)
    after = median[n_steps == 10][0]
    print(f"{name}: {after:.2f} after 10 steps, lowest {median.min():.2f}")
axes[0].set(xlabel="steps", ylabel="median squared error", title="99 features")
axes[0].legend()
for (width, curve), colour in zip(curves.items(), shades, strict=True):
    train, test = (np.median(c, axis=1) for c in curve.effective_parameters_)
    axes[1].loglog(n_steps, test, color=colour, lw=2, label=f"{width} features")
    axes[1].loglog(n_steps, train, "--", color=colour, lw=1.5)
    early, late = (test / train)[[np.flatnonzero(n_steps == 10)[0], -1]]
    print(
        f"{width} features: {train[-1]:.0f} on training, {test[-1]:,.0f} on new points;"
        f" ratio {early:.1f} after 10 steps, {late:.1f} in the end"
    )
axes[1].set(
    xlabel="steps of gradient descent",
    ylabel="effective parameters",
    title="new points (solid), training set (dashed)",
)
axes[1].legend()
plt.show()

# %%
# On the training set no head has more effective parameters than samples. On new points
# the head at the threshold comes to behave as one of ten thousand. After ten steps the
# two counts are the same at every width; in the end their ratio is a hundred at the
# threshold and below two elsewhere. No label is needed for that.
#
# Spellings
# ---------
# 200 words and their syllables, seen by twelve frozen models that were pretrained on
# spellings alone.

words, syllables = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:6500])


def features(seed):
    """Beliefs of one frozen model, summed over the letters."""
    model = BaumWelch(32, max_iter=10, tol=0, random_state=seed).fit(spellings[:4000])
    readout = HMMFeatureTransformer(model.hmm_, 31, readout="identity", pooling="sum")
    return readout.fit_transform(spellings[4000:])


spelled = np.hstack(
    joblib.Parallel(n_jobs=2)(joblib.delayed(features)(seed) for seed in range(12))
)
counts = syllables[order][4000:6500].astype(float)
train_test = []
for seed in range(10):
    order = np.random.RandomState(seed).permutation(len(spelled))
    train_test.append((order[:200], order[200:]))
widths = np.unique(np.geomspace(8, 372, 16).round().astype(int))
widths = np.union1d(widths, [170, 185, 195, 199, 205, 215])
n_steps = np.geomspace(1, 1e7, 57).round()
stages = np.append(n_steps, np.inf)
found = np.median(
    joblib.Parallel(n_jobs=2)(
        joblib.delayed(over_widths)(spelled, counts, widths, stages, split)
        for split in train_test
    ),
    axis=0,
)

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained", sharey=True)
for width, colour in zip((29, 199, 372), shades, strict=True):
    risk = found[widths == width][0, :-1]
    axes[0].loglog(n_steps, risk, color=colour, lw=2, label=f"{width} features")
    best = risk.argmin()
    print(f"{width} features: best {risk[best]:.2f} after {n_steps[best]:,.0f} steps")
axes[0].set(xlabel="steps of gradient descent", title="along training")
axes[0].set_ylabel("median squared error (syllables²)")
axes[0].legend()
some = [10, 1000, 10**5, np.inf]
colours = plt.colormaps["viridis_r"](np.linspace(0.15, 1, len(some)))
for stage, colour in zip(some, colours, strict=True):
    risk = found[:, stages == stage][:, 0]
    name = "minimum norm" if stage == np.inf else f"{stage:,} steps"
    axes[1].loglog(widths, risk, color=colour, lw=2, label=name)
    print(
        f"{name}: lowest {risk.min():.2f} at {widths[risk.argmin()]}, highest "
        f"{risk.max():.2f} at {widths[risk.argmax()]}"
    )
axes[1].axvline(199, color="0.5", ls=":", lw=1)
axes[1].set(xlabel="width of the features", title="over widths")
axes[1].legend(loc="upper left")
plt.show()

# %%
# After a thousand steps there is no peak to be seen, and more features do no harm.
# After a hundred thousand there is a low one; only a head that is solved for, and not
# trained, has it in full.
#
# What the papers claim, and what transfers
# -----------------------------------------
# Liu and Flanigan (arXiv:2312.03951) say that double descent is a matter of
# optimization: it takes a badly conditioned problem, which is what the threshold is,
# and an optimizer that runs long enough, or is good enough, to solve it anyway. For a
# linear head that is exact, with the singular values for the condition and the filter
# for the optimizer. Jeffares, Curth and van der Schaar (arXiv:2411.00247) follow the
# effective parameters of networks along training, on training data and on new; here
# their sum over steps is no approximation.
#
# What does not transfer: training longer does *not* always raise the peak. In its first
# steps the head at the threshold still improves, down to some forty steps. There is no
# initialization whose scale could matter, because this descent starts from zero, and
# there are no layers to normalize. Momentum and a fixed preconditioner have a closed
# form; Adam, whose preconditioner follows the gradients, has not.
