"""
Hyperfitting: a softmax head driven to zero loss
================================================

A head that predicts the next symbol is trained on very few sequences, on and on, until
its training loss is nearly nothing. What becomes of its probabilities, and of what it
writes?
"""

# %%
# Surer and surer, and more and more wrong
# ----------------------------------------
# Left, a known model: 100 contexts of twelve symbols, means over five samples. Expected
# loss is under the true probabilities of the next symbol, so nothing can be below the
# dotted line. Right, spellings: 400 beginnings of words, and the letter that follows.
# Below, whether the most probable symbol is the one that should be, and how many
# different symbols a greedy continuation holds.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss

from skhmmdd import (
    BaumWelch,
    HMMFeatureTransformer,
    SoftmaxHead,
    TokenEncoder,
    generate,
    load_syllables,
    make_hmm,
    prediction_statistics,
    type_token_ratio,
)

steps = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]


def course(transformer, contexts, following, n_symbols, measure, seeds):
    """Measures of heads after several numbers of steps, (n_steps, n_measures)."""
    F = transformer.transform(contexts)
    # A row of zeros for each symbol: a head without intercept knows of it, and its
    # coefficients are the same.
    F = np.vstack([F, np.zeros((n_symbols, F.shape[1]))])
    y = np.append(following, np.arange(n_symbols))
    rows = []
    for n_steps in steps:
        head = SoftmaxHead(n_steps=n_steps, fit_intercept=False).fit(F, y)
        log_p = head.predict_log_proba(F)[np.arange(len(contexts)), following]
        written = generate(transformer, head, seeds, 64)
        diversity = type_token_ratio(written).mean()
        rows.append([-log_p.mean(), *measure(head), diversity])
    return np.array(rows)


def known_model(seed):
    sequences, _ = hmm.sample(1300, 13, random_state=seed)
    contexts, following = sequences[:, :12], sequences[:, 12]
    transformer = HMMFeatureTransformer(hmm, 300, random_state=seed).fit(contexts)
    test, truth = transformer.transform(contexts[100:]), Truth().transform(contexts)

    def measure(head):
        found = prediction_statistics(head.predict_proba(test), truth[100:])
        return found.cross_entropy, found.entropy, found.agreement

    return course(
        transformer, contexts[:100], following[:100], 15, measure, contexts[100:140]
    )


class Truth:
    """The true probabilities of the next symbol, as a transformer and as a head."""

    classes_ = np.arange(15)

    def transform(self, X):
        return hmm.predict_next(X)

    def predict_proba(self, probabilities):
        return probabilities


hmm = make_hmm(
    20,
    n_symbols=15,
    transition_temperature=0.05,
    emission_temperature=0.05,
    random_state=0,
)
known = np.mean([known_model(seed) for seed in range(5)], axis=0)
sequences, _ = hmm.sample(1300, 12, random_state=4)
bayes = prediction_statistics(Truth().transform(sequences)).entropy
written = generate(Truth(), Truth(), sequences[100:140], 64)
bayes_diversity = type_token_ratio(written).mean()

words, syllables = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
words, syllables = words[order][:8000], np.minimum(syllables[order][:8000], 4)
spelled = TokenEncoder().fit_transform(words)
language = BaumWelch(48, max_iter=15, tol=0, random_state=0).fit(spelled[:4000]).hmm_

# Beginnings of at least two letters, and the letter that follows.
rng = np.random.RandomState(0)
long_enough = [word for word in spelled[4000:] if len(word) > 2]
cuts = [rng.randint(2, len(word)) for word in long_enough]
beginnings = [word[:cut] for word, cut in zip(long_enough, cuts, strict=True)]
following = np.array([word[cut] for word, cut in zip(long_enough, cuts, strict=True)])
transformer = HMMFeatureTransformer(language, 1000, random_state=0).fit(beginnings)
test = slice(400, 2400)
F_test, y_test = transformer.transform(beginnings[test]), following[test]


def on_spellings(head):
    probabilities = head.predict_proba(F_test)
    loss = log_loss(y_test, probabilities, labels=head.classes_)
    right = head.predict(F_test) == y_test
    return loss, prediction_statistics(probabilities).entropy, right.mean()


n_letters = language.n_symbols
real = course(
    transformer,
    beginnings[:400],
    following[:400],
    n_letters,
    on_spellings,
    beginnings[400:440],
)

blue, orange, green, grey = "#0072B2", "#D55E00", "#009E73", "0.45"
figure, axes = plt.subplots(
    2,
    2,
    figsize=(10, 6.6),
    layout="constrained",
    sharex=True,
    height_ratios=(1.5, 1),
)
for column, (found, title) in enumerate(
    [(known, "a known model"), (real, "spellings")]
):
    above, below = axes[:, column]
    above.semilogx(steps, found[:, 1], "o-", color=orange, label="loss on new contexts")
    above.semilogx(steps, found[:, 0], "o-", color=blue, label="loss in training")
    above.semilogx(steps, found[:, 2], "o-", color=green, label="entropy")
    name = "is the true model's" if column == 0 else "is what follows"
    below.semilogx(steps, found[:, 3], "o-", color=orange, label=f"best guess {name}")
    below.semilogx(
        steps, found[:, 4], "s-", color=grey, label="different among 64 written symbols"
    )
    above.set(title=title, ylim=(0, None))
    below.set(xlabel="steps of gradient descent", ylim=(0, 0.55))
    below.legend(loc="upper left", fontsize="small")
    for t, row in zip(steps, found, strict=True):
        if t in (10, 100, 1000, 10_000):
            print(
                f"{title}, {t} steps: training loss {row[0]:.2f}, new contexts "
                f"{row[1]:.2f}, entropy {row[2]:.2f}, best guess {row[3]:.2f}, "
                f"different symbols {row[4]:.3f}"
            )
axes[0, 0].axhline(bayes, color="k", ls=":", lw=1)
axes[0, 0].annotate("true entropy", (1, bayes), (0, -12), textcoords="offset points")
axes[1, 0].axhline(bayes_diversity, color=grey, ls=":", lw=1)
axes[1, 0].annotate(
    "of the true model",
    (1e4, bayes_diversity),
    (0, -11),
    textcoords="offset points",
    ha="right",
    fontsize="small",
    color=grey,
)
axes[0, 0].set_ylabel("nats")
axes[1, 0].set_ylabel("share")
axes[0, 0].legend(loc="upper left")
print(f"true entropy {bayes:.2f}, different symbols of the truth {bayes_diversity:.3f}")
plt.show()

# %%
# The cure is a penalty, and a sweep of penalties is one fit
# ----------------------------------------------------------
# The same head with a penalty is the logistic probe of frozen embeddings: here of
# syllables (one, two, three, more) from beliefs summed over the letters. One
# decomposition serves all penalties, and approximate leave-one-out says from the
# training words alone what each would cost on others. Lines and dots are means over
# four training sets; dots are the loss on 2,000 other words. From right to left, as the
# penalty goes, the probabilities are fitted harder. With so many features the classes
# can be separated: toward no penalty the head tends to the one of maximum margin, and
# its norm to infinity. Where the line of 100 labels is too low, so are refits that
# leave one word out: 400 words are few.

summed = HMMFeatureTransformer(language, 1000, pooling="sum", random_state=0)
G = summed.fit_transform(spelled[4000:])
counts = syllables[4000:]
others = slice(2000, 4000)


def sweep(n_labels, start):
    """Penalties, their leave-one-out loss, that on other words, and the best alpha."""
    labelled = slice(start, start + n_labels)
    probe = SoftmaxHead(alpha="loo").fit(G[labelled], counts[labelled])
    losses = np.full(len(probe.alphas_), np.nan)
    for i, alpha in enumerate(probe.alphas_):
        if i % 3 == 0:
            refit = SoftmaxHead(alpha).fit(G[labelled], counts[labelled])
            log_p = refit.predict_log_proba(G[others])
            which = np.searchsorted(refit.classes_, counts[others])
            losses[i] = -log_p[np.arange(len(log_p)), which].mean()
    return probe.alphas_, probe.loo_risks_, losses, np.full(31, probe.alpha_)


figure, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
for n_labels, colour in ((100, orange), (300, blue)):
    found = [sweep(n_labels, start) for start in range(0, 4 * n_labels, n_labels)]
    alphas, estimated, losses, chosen = np.mean(found, axis=0)
    ax.loglog(alphas, estimated, color=colour, lw=2, label=f"{n_labels} labels")
    ax.plot(alphas, losses, "o", color=colour, ms=6)
    best = np.nanargmin(losses)
    print(
        f"{n_labels} labels: chosen alpha {chosen[0]:.3g}, best of the dots "
        f"{losses[best]:.2f} at {alphas[best]:.3g}, at the smallest {losses[0]:.2f}"
    )
ax.set(
    xlabel="penalty alpha",
    ylabel="log loss (nats)",
    title="Leave-one-out from the training words (lines), loss on others (dots)",
)
ax.set_yticks([0.6, 1, 2, 4], labels=["0.6", "1", "2", "4"])
ax.minorticks_off()
ax.legend(loc="upper center")
plt.show()

# %%
# What the paper claims, and what transfers
# -----------------------------------------
# Carlsson, Liu, Ward, Kurfali and Nivre (arXiv:2412.04318) train large language models
# on a few texts until the training loss is near zero. Their loss on held-out text grows
# far beyond that of the start, their predictions become very sharp, and yet people
# prefer what they write: greedy continuations repeat themselves less.
#
# What transfers is the course of the numbers: training loss to zero, loss on new
# contexts up, entropy far below the true one, and greedy continuations that are
# somewhat more varied, more so than those of the true model.
#
# What does not transfer: nothing here can be preferred by anybody, and variety is not
# quality. The paper explains its finding by the most probable symbols, which stay good
# ones while the probabilities go wrong. In the known model they do *not*: agreement
# with the true model rises for some hundred steps, and then falls. On spellings they
# are as good, or as poor, at the end as at the start. A frozen model with a linear head
# has less to lose, and less to gain, than a whole network that is trained.
