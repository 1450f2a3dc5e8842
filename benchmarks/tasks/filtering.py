"""Filtered beliefs at every step of many sequences, in double precision."""

import numpy as np

from .models import in_hmmlearn, in_pomegranate, random_hmm, random_symbols
from .timing import Row, measure, products

SIZES = (8, 32, 128, 512)


def rows(quick):
    n_sequences, n_steps = (200, 50) if quick else (1000, 100)
    for n_states in SIZES[:2] if quick else SIZES:
        hmm = random_hmm(n_states)
        X = random_symbols(n_sequences, n_steps)
        peers = hmmlearn_runs(hmm, X)
        if n_states > 128:
            # Minutes, for what the forward pass alone shows.
            peers.pop("hmmlearn posteriors", None)
        seconds = measure(
            {
                "floor": products(n_steps, n_sequences, n_states),
                "skhmmdd": lambda hmm=hmm, X=X: hmm.filter(X),
                **peers,
                "pomegranate": pomegranate_run(hmm, X) if n_states <= 128 else None,
            }
        )
        yield Row(
            f"filter {n_sequences:,} x {n_steps}, {n_states} states",
            seconds,
            f"{seconds['skhmmdd'] / seconds['floor']:.2f} times the floor",
        )


def hmmlearn_runs(hmm, X):
    peer = in_hmmlearn(hmm)
    if peer is None:
        return {}
    column, lengths = X.reshape(-1, 1), np.full(len(X), X.shape[1])
    return {
        "hmmlearn posteriors": lambda: peer.score_samples(column, lengths),
        "hmmlearn forward": lambda: peer.score(column, lengths),
    }


def pomegranate_run(hmm, X):
    peer = in_pomegranate(hmm)
    if peer is None:
        return None
    import torch

    tensor = torch.tensor(X[:, :, None])
    return lambda: peer.forward(tensor)
