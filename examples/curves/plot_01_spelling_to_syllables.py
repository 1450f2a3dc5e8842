"""
From spelling to syllables
==========================

How many syllables has a word? We have the spelling of many words and the answer for 200
of them. So we pretrain small hidden Markov models on bare spellings, freeze them, and
train only a linear head on what they believe. The question of the package is then how
wide the frozen representation should be.

The words are from the CMU Pronouncing Dictionary and ship with the package.
"""

# %%
# Pretrain and freeze
# -------------------
# Twenty models of 32 states see 20,000 spellings and no syllable count. `BaumWelch`
# gives frozen weights, which nothing that is fitted later will change.

import re

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    DoubleDescentDisplay,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    TokenEncoder,
    load_syllables,
)

words, counts = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
words, counts = words[order], counts[order].astype(float)
spellings = TokenEncoder().fit_transform(words)
corpus = spellings[:20_000]
labelled = slice(20_000, 24_000)


def pretrain(seed):
    """Frozen weights from one random start."""
    return BaumWelch(32, max_iter=30, tol=0, random_state=seed).fit(corpus).hmm_


hmms = joblib.Parallel(n_jobs=2)(joblib.delayed(pretrain)(seed) for seed in range(20))

# %%
# Features
# --------
# The beliefs of a model, summed over the letters of a word, count the letters that it
# reads in each of its states. One of the 32 numbers follows from the rest and from the
# length of the word, so 31 of them are kept. Side by side, the models give 620 columns.

beliefs = FeatureUnion(
    [
        (f"hmm{i}", HMMFeatureTransformer(hmm, 31, readout="identity", pooling="sum"))
        for i, hmm in enumerate(hmms)
    ]
)
model = make_pipeline(beliefs, LeadingColumns(), HeadRegressor())

# %%
# The curve
# ---------
# The head is trained on 200 words at every width from 1 to 620, on 20 random training
# sets. All widths come from shared factorizations, and the frozen models read the words
# once.

width = "leadingcolumns__n_components"
resampling = {"cv": 20, "train_size": 200, "random_state": 0, "n_jobs": 2}
X, y = spellings[labelled], counts[labelled]
minimum_norm = DoubleDescentCurve(model, width, range(1, 621), **resampling).fit(X, y)
print(f"Strategy: {minimum_norm.strategy_}. {minimum_norm.strategy_reason_}")
print(f"Interpolation threshold: {minimum_norm.interpolation_threshold_:.0f}")
for name, point in {"Peak": minimum_norm.peak_, "Best": minimum_norm.best_}.items():
    print(f"{name}: {point.risk:.3g} at width {point.complexity:.0f}")

# %%
# The same with the penalty chosen by exact leave-one-out, at a few widths.

some_widths = [1, 2, 4, 8, 16, 31, 62, 93, 124, 155, 186, 217, 248, 310, 400, 500, 620]
ridge = DoubleDescentCurve(
    model.set_params(headregressor__alpha="loo"), width, some_widths, **resampling
).fit(X, y)
print(f"Ridge at width 620: {np.median(ridge.test_risk_[-1]):.3f}")

# %%
# The honest baseline is ridge on counts of character n-grams, with the same labels, the
# same choice of the penalty and the best of several ranges.

splits = ShuffleSplit(20, train_size=200, random_state=0)
dense = FunctionTransformer(lambda X: X.toarray().astype(float), accept_sparse=True)
baseline = {}
for analyzer in ("char", "char_wb"):
    for longest in (1, 2, 3):
        ngrams = make_pipeline(
            CountVectorizer(analyzer=analyzer, ngram_range=(1, longest)),
            dense,
            HeadRegressor("loo"),
        )
        errors = -cross_val_score(
            ngrams,
            words[labelled],
            y,
            cv=splits,
            scoring="neg_mean_squared_error",
        )
        baseline[analyzer, longest] = np.median(errors)
        print(f"Ridge on {analyzer} 1- to {longest}-grams: {np.median(errors):.3f}")
best_ngrams = min(baseline.values())
gain = 1 - np.median(ridge.test_risk_[-1]) / best_ngrams
print(f"Frozen beliefs beat the best n-grams by {gain:.0%}")

# %%
# Someone who knows English spelling needs no pretraining. Seven patterns, each counted
# in the word, take the same ridge further than any generic features.

rules = [
    r"[aeiouy]+",  # a group of vowels is a syllable,
    r"[^aeiouyl]e$",  # but a final e is silent,
    r"[^aeiouy]le$",  # except in -ble, -tle, ...
    r"[^aeiouytd]ed$",  # so is that of -ed after most consonants
    r"[^aeiouyszxcgh]es$",  # and of -es
    r"[ct]i[aou]|[sg]io",  # -tion, -cial: one syllable
    r"i[aou]|eo|ua|ya|ying",  # two vowels apart
]
known = [[len(re.findall(rule, word)) for rule in rules] for word in words[labelled]]
errors = -cross_val_score(
    HeadRegressor("loo"),
    np.array(known, dtype=float),
    y,
    cv=splits,
    scoring="neg_mean_squared_error",
)
print(f"Ridge on seven spelling rules: {np.median(errors):.3f}")
print("Frozen beliefs beat every generic baseline here, and lose to knowledge.")

# %%
# The minimum-norm head has its best at some 55 columns, a peak of a few hundred times
# that where the width meets the number of labels (200, less one for the intercept), and
# a second descent. With the right penalty the peak is gone, wider is better, and the
# frozen models beat n-grams: pretraining pays, and so does a look at the curve. They do
# not beat the rules: where you know the mechanism, write it down.

figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
DoubleDescentDisplay.from_curve(minimum_norm).plot(
    ax, name="minimum norm", show_train=False
)
DoubleDescentDisplay.from_curve(ridge).plot(
    ax,
    name="ridge, leave-one-out",
    show_train=False,
    show_threshold=False,
    show_best=False,
)
ax.axhline(best_ngrams, color="0.35", ls="--", label="ridge on character n-grams")
ax.set(
    xlabel="width of the frozen representation (columns)",
    ylabel="squared error (syllables²)",
    title="Syllables from spelling, 200 labelled words",
)
ax.legend()
figure.savefig("spelling_to_syllables.png", dpi=150)
plt.show()
