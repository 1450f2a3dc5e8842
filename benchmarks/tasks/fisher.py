"""Fisher scores against one pass of expected counts, and finite differences."""

import numpy as np
from scipy.special import softmax

from skhmmdd import CategoricalHMM, FisherScoreTransformer
from skhmmdd.hmm.pretraining._em_step import expected_counts

from .models import random_hmm, random_symbols
from .timing import Row, measure


def rows(quick):
    n_sequences, n_steps = (200, 50) if quick else (1000, 100)
    for n_states in (8,) if quick else (8, 32):
        hmm = random_hmm(n_states)
        X = random_symbols(n_sequences, n_steps)
        transformer = FisherScoreTransformer(hmm).fit(X[:2])
        sequences = hmm._read(X)
        block = sequences.block(np.arange(n_sequences))
        # A few of them, and two evaluations for each.
        n_parameters = len(transformer.get_feature_names_out())
        few = np.linspace(0, n_parameters - 1, 10).astype(int)
        scores = transformer.transform(X)
        gap = np.abs(differences(hmm, X, few) - scores[:, few]).max()
        seconds = measure(
            {
                "skhmmdd": lambda run=transformer, X=X: run.transform(X),
                "expected counts": lambda hmm=hmm, b=block: expected_counts(hmm, b),
                "finite differences": lambda hmm=hmm, X=X, few=few: differences(
                    hmm, X, few
                ),
            }
        )
        seconds["finite differences"] *= n_parameters / len(few)
        ratio = seconds["skhmmdd"] / seconds["expected counts"]
        yield Row(
            f"Fisher scores {n_sequences:,} x {n_steps}, {n_states} states, "
            f"{n_parameters:,} parameters",
            seconds,
            f"{ratio:.2f} times expected counts; differences estimated from {len(few)} "
            f"parameters, largest gap {gap:.0e}",
        )


def differences(hmm, X, which, h=1e-6):
    """Central differences of the log-likelihood in some logits."""
    arrays = list(hmm._arrays().values())
    theta = np.concatenate([np.log(array).ravel() for array in arrays])
    ends = np.cumsum([array.size for array in arrays])[:-1]
    columns = []
    for i in which:
        values = []
        for step in (h, -h):
            moved = theta.copy()
            moved[i] += step
            parts = np.split(moved, ends)
            weights = CategoricalHMM(
                *(
                    softmax(part.reshape(array.shape), axis=-1)
                    for part, array in zip(parts, arrays, strict=True)
                )
            )
            values.append(weights.log_likelihood(X))
        columns.append((values[0] - values[1]) / (2 * h))
    return np.transpose(columns)
