"""Closed forms at ten thousand points at once."""

import numpy as np

from skhmmdd.theory import repeated_data_risk

from .timing import Row, measure


def rows(quick):
    n_points = 100 if quick else 10_000
    pools = np.linspace(1, 1000, n_points)
    for n_samples in (None, 2000):

        def curve(n_samples=n_samples):
            return repeated_data_risk(
                200, 1.0, n_distinct=pools, fraction=0.5, n_samples=n_samples
            )

        kind = "an endless stream" if n_samples is None else f"{n_samples:,} samples"
        yield Row(
            f"risk of a repeated pool in {kind}, {n_points:,} points",
            measure({"skhmmdd": curve}),
        )
