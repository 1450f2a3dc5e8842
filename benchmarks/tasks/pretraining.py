"""Time to the held-out likelihood that 200 iterations of full EM reach: spellings."""

import time

import numpy as np

from skhmmdd import BaumWelch, TokenEncoder, load_syllables

from .models import in_hmmlearn
from .timing import Row, one_core

N_ITER = 200


def rows(quick):
    n, sizes = (2000, [8]) if quick else (20_000, [32, 64])
    words, _ = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))[: n + n // 5]
    X = TokenEncoder().fit_transform(words[order])
    corpus, held_out = X[:n], X[n:]
    letters = sum(map(len, words[order[n:]]))

    def bits(hmm):
        return -hmm.log_likelihood(held_out).sum() / letters / np.log(2)

    with one_core():
        for n_states in sizes:
            options = {"n_states": n_states, "tol": 0, "random_state": 0}
            full, full_time = timed(BaumWelch(max_iter=N_ITER, **options), corpus)
            short, seconds = timed(
                BaumWelch(max_iter=1, algorithm="annealed", **options), corpus
            )
            peer = hmmlearn_iteration(full.hmm_, corpus)
            yield Row(
                f"pretraining to quality, {n:,} spellings, {n_states} states",
                {"skhmmdd": seconds, "hmmlearn": peer and N_ITER * peer},
                f'`algorithm="annealed"`: {bits(short.hmm_):.4f} bits a letter held '
                f"out; {N_ITER} iterations of our full EM take {full_time:.1f} s to "
                f"{bits(full.hmm_):.4f}; hmmlearn's are estimated from 2",
            )


def timed(model, *corpus):
    start = time.perf_counter()
    model.fit(*corpus)
    return model, time.perf_counter() - start


def hmmlearn_iteration(hmm, corpus):
    peer = in_hmmlearn(hmm, n_iter=2, tol=-np.inf)
    if peer is None:
        return None
    lengths = [len(sequence) for sequence in corpus]
    column = np.concatenate(list(corpus))[:, None]
    _, seconds = timed(peer, column, lengths)
    return seconds / 2
