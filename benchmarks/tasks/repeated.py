"""Features of the spellings: each once, and drawn as often as words occur in texts."""

import numpy as np

from skhmmdd import CategoricalHMM, HMMFeatureTransformer, TokenEncoder, load_syllables
from skhmmdd.hmm.inference import _prefixes

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
            times = measure(
                {
                    "skhmmdd": lambda run=transformer, X=X: run.transform(X),
                    "apart": lambda run=transformer, X=X: apart(run, X),
                },
                3,
            )
            yield Row(
                f"features of {len(X):,} spellings, {name}, {n_states} states",
                {"skhmmdd": times["skhmmdd"]},
                f"{times['apart'] / times['skhmmdd']:.2f} times as fast as without "
                "shared beginnings",
            )


def apart(transformer, X):
    """The features, each sequence walked from its first step."""
    least, _prefixes._LEAST_SEQUENCES = _prefixes._LEAST_SEQUENCES, np.inf
    try:
        return transformer.transform(X)
    finally:
        _prefixes._LEAST_SEQUENCES = least
