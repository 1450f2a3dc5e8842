"""Features of the spellings: each once, and drawn as often as words occur in texts."""

import numpy as np

from skhmmdd import CategoricalHMM, HMMFeatureTransformer, TokenEncoder, load_syllables

from .timing import Row, measure


def rows(quick):
    words, _ = load_syllables(return_X_y=True)
    words = words[:: 5 if quick else 1]
    spellings = TokenEncoder().fit_transform(words)
    rng = np.random.RandomState(0)
    drawn = np.minimum(rng.zipf(1.2, len(words)), len(words)) - 1
    n_symbols = max(max(word) for word in spellings) + 1
    for n_states in (32,) if quick else (32, 64, 128):
        hmm = CategoricalHMM(
            rng.dirichlet(np.ones(n_states)),
            rng.dirichlet(np.ones(n_states), n_states),
            rng.dirichlet(np.ones(n_symbols), n_states),
        )
        transformer = HMMFeatureTransformer(hmm).fit(spellings[:2])
        for name, X in {
            "once each": spellings,
            "as often as words": [spellings[i] for i in drawn],
        }.items():
            yield Row(
                f"features of {len(X):,} spellings, {name}, {n_states} states",
                measure({"skhmmdd": lambda run=transformer, X=X: run.transform(X)}, 3),
            )
