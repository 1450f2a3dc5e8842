"""Recovery of flipped labels at every width against refits of scikit-learn."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from skhmmdd import flip_labels, neighbor_recovery

from .timing import Row, measure


def rows(quick):
    for n, n_columns in [(100, 60)] if quick else [(200, 1000), (2000, 1000)]:
        rng = np.random.RandomState(0)
        y = rng.randint(3, size=n)
        X = rng.standard_normal((n, n_columns)) + 0.3 * y[:, None]
        y_noisy, flipped = flip_labels(y, 0.1, random_state=0)
        # A loop over many rows takes minutes: every tenth width, ten times counted.
        stride = 1 if n_columns * n < 500_000 else 10
        widths = np.arange(stride, n_columns + 1, stride)

        def path(X=X, y_noisy=y_noisy, y=y):
            return neighbor_recovery(X, y_noisy, y)

        def loop(X=X, y_noisy=y_noisy, y=y, flipped=flipped, widths=widths):
            shares = []
            for width in widths:
                peer = KNeighborsClassifier(metric="cosine")
                peer.fit(X[~flipped, :width], y_noisy[~flipped])
                answers = peer.predict(X[flipped, :width])
                shares.append(np.mean(answers == y[flipped]))
            return np.array(shares)

        gap = np.abs(path()[widths - 1] - loop()).max()
        times = measure({"skhmmdd": path, "scikit-learn": loop}, repeats=3)
        times["scikit-learn"] *= stride
        note = "a loop of KNeighborsClassifier, "
        note += "at every width" if stride == 1 else f"estimated from {len(widths)}"
        yield Row(
            f"recovery of flipped labels at all {n_columns:,} widths, n = {n:,}",
            times,
            f"{note}; largest difference {gap:g}",
        )
