"""
Two readings of the sweet spot
==============================

Luo, Wang and Huang (arXiv:2410.00699) stand a hidden Markov model in for a pretrained
language model and train one linear head on its frozen representation to predict what
comes next. In their theory the risk has no first descent: it rises, peaks and falls,
and the "sweet spot" is a model of size zero.

Whether that is so depends on what risk means. This example draws both readings for one
model, simulation and theory side by side. The model is the paper's, a Gaussian chain
seen through a random linear map; its parameters, and the formulas with their correction
for finite samples, are ours. No figure of the paper is reproduced here.
"""

# %%
# The model
# ---------
# The hidden state has 20 dimensions and decays by 0.9 at each step. The representation
# of width p is :math:`x = zW + u`, the target the next state :math:`zA + \varepsilon`.

import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import theory, width_path

n_samples, n_states, decay, noise = 100, 20, 0.9, 0.5
widths = np.unique(np.geomspace(1, 1600, 60).round().astype(int))
widths = np.union1d(widths, [90, 95, 98, 100, 102, 105, 110])

rng = np.random.RandomState(0)
A = decay * np.linalg.qr(rng.standard_normal((n_states, n_states)))[0]
W = rng.standard_normal((n_states, widths[-1])) / np.sqrt(n_states)
moments = theory.linear_gaussian_moments(
    A, W, state_noise=1 - decay**2, feature_noise=noise**2
)


def draw(n):
    """Representation and next state of n independent sequences."""
    z = rng.standard_normal((n, n_states))
    x = z @ W + noise * rng.standard_normal((n, len(W.T)))
    y = z @ A + np.sqrt(1 - decay**2) * rng.standard_normal(z.shape)
    return x, y


# %%
# Simulation
# ----------
# For each of 60 training sets of 100 rows, one width path. The total risk is the error
# on the fixed task; the excess is what a better head *of the same width* would save.

x_test, y_test = draw(1000)
best_of_width = np.stack(
    [
        x_test[:, :p] @ np.linalg.solve(moments.cov[:p, :p], moments.cross_cov[:p])
        for p in widths
    ]
)
total, excess = [], []
for _ in range(60):
    path = width_path(
        *draw(n_samples),
        x_test,
        y_test,
        widths=widths,
        fit_intercept=False,
        return_predictions=True,
    )
    total.append(n_states * path.test_risk)
    excess.append(((path.predictions - best_of_width) ** 2).sum(axis=2).mean(axis=1))
total, excess = np.median(total, axis=0), np.median(excess, axis=0)

# %%
# Theory
# ------

risk = theory.nested_risk(
    moments.cov,
    moments.cross_cov,
    moments.target_cov,
    n_samples=n_samples,
    widths=widths,
    finite_sample=True,
)
below = widths < n_samples
for name, curve in {"excess": risk.excess, "total": risk.total}.items():
    lowest = widths[below][curve[below].argmin()]
    print(f"Lowest {name} risk below the threshold: width {lowest}")
far = np.abs(widths - n_samples) > 0.2 * n_samples
print(
    "Largest gap between simulation and theory away from the threshold: "
    f"{np.abs(total[far] / risk.total[far] - 1).max():.1%} of the total risk"
)

# %%
# For these parameters the excess starts at nothing and rises: the first descent is
# degenerate, and the best width below the threshold is the least. (It is not always so:
# with a decay of 0.999 and feature noise 0.02 the excess is lower at width 25 than at
# width 1.) The total risk has a first descent, because a wider representation can say
# more, then the peak and a second descent that ends below the first. Analyses in which
# the task changes with the width see the left picture (the point is also made by Bach,
# arXiv:2303.01372); who has one task to solve lives in the right one.

figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.3), layout="constrained")
panels = [
    ("Excess over the best head of that width", excess, risk.excess),
    ("Total risk on one fixed task", total, risk.total),
]
for ax, (title, simulated, predicted) in zip(axes, panels, strict=True):
    ax.loglog(widths, predicted, "--", color="#D55E00", lw=2, label="theory")
    ax.loglog(widths, simulated, "o", color="#0072B2", ms=3.5, label="simulation")
    ax.axvline(n_samples, color="0.5", ls=":", label="100 training sequences")
    lowest = predicted[below].argmin()
    ax.plot(widths[lowest], predicted[lowest], "*", color="black", ms=13, zorder=4)
    ax.annotate(
        f"lowest below the threshold:\nwidth {widths[lowest]}",
        (widths[lowest], predicted[lowest]),
        xytext=(24, -6) if ax is axes[0] else (-112, 38),
        textcoords="offset points",
    )
    ax.set(title=title, xlabel="width of the frozen representation")
    ax.set_ylim(0.5 * simulated.min(), 3 * simulated.max())
axes[0].set_ylabel("squared error, summed over the state")
axes[0].legend(loc="upper left")
plt.show()
