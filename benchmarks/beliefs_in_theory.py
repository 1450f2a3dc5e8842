"""How far each deterministic equivalent is from the risk of heads on beliefs.

    python benchmarks/beliefs_in_theory.py          the table of docs/theory.rst
    python benchmarks/beliefs_in_theory.py A B      of some tasks

Tasks are the presets (A, B), a Gaussian HMM (gaussian) and spellings (words).

Compared is the excess risk of ridge and minimum-norm heads with an intercept, on n
labels and ReLU maps of the last belief (of the summed ones for words). Moments and rows
are measured on 6,000 samples; training sets are drawn from others. Columns are in
percent of the mean: "usual" is `ridge_risk`, "both" is `measured_risk`, "next order"
that with `finite_sample`.
"""

import sys

import numpy as np

from skhmmdd import (
    BaumWelch,
    GaussianHMM,
    HeadRegressor,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
    make_hmm_regression,
)
from skhmmdd.datasets import make_hmm
from skhmmdd.theory import measured_risk, ridge_risk, solve_kappa

N_POOL, N_OTHERS, N_DRAWS = 6_000, 20_000, 600
N_LABELS = 100
RATIOS = (0.3, 0.7, 1.3, 2.0)
ALPHAS = (0.0, 0.1)
COLUMNS = ("usual", "sandwich", "energies", "both", "next order")


def load(task):
    """Features and targets of N_POOL + N_OTHERS samples."""
    n, width = N_POOL + N_OTHERS, int(max(RATIOS) * N_LABELS)
    pooling = "last"
    if task in ("A", "B"):
        preset = {"A": "second_descent", "B": "first_minimum"}[task]
        X, y, truth = make_hmm_regression(n, preset=preset, random_state=0)
        hmm = truth.hmm
    elif task == "gaussian":
        rng = np.random.RandomState(0)
        chain = make_hmm(30, 1, random_state=0)
        means = 1.5 * rng.standard_normal((30, 3))
        hmm = GaussianHMM(chain.startprob, chain.transmat, means, np.ones((30, 3)))
        X, _ = hmm.sample(n, 20, random_state=rng)
        mean = hmm.filter(X)[:, -1] @ rng.standard_normal(30)
        y = mean / mean.std() + 0.3 * rng.standard_normal(n)
    else:
        words, y = load_syllables(return_X_y=True)
        chosen = np.random.RandomState(0).permutation(len(words))
        X = TokenEncoder().fit_transform(words[chosen])
        y = y[chosen][:n].astype(float)
        hmm = BaumWelch(64, max_iter=30, random_state=0).fit(X[n : n + 5000]).hmm_
        X, pooling = X[:n], "sum"
    features = HMMFeatureTransformer(hmm, width, pooling=pooling, random_state=0)
    return features.fit_transform(X), y


def simulate(X, y, cov, coef, alpha):
    """Excess risk over `coef` of heads on drawn training sets."""
    rng = np.random.RandomState(1)
    risks = np.empty(N_DRAWS)
    head = HeadRegressor(alpha=alpha)
    for draw in range(N_DRAWS):
        chosen = rng.choice(len(y), N_LABELS, replace=False)
        head.fit(X[chosen], y[chosen])
        error = np.append(head.coef_, head.intercept_) - coef
        risks[draw] = error @ cov @ error
    return risks


def candidates(X, y, coef, residual, alpha):
    """Excess risk by each of the equivalents."""
    options = {"n_samples": N_LABELS, "alpha": alpha, "fit_intercept": True}
    cov = np.cov(X.T, bias=True)
    usual = ridge_risk(cov, coef, np.mean(residual**2), **options)
    # the noise in the direction of each eigenvector
    values, vectors = np.linalg.eigh(cov)
    keep = values > 1e-13 * values[-1]
    values, turned = values[keep], (X - X.mean(axis=0)) @ vectors[:, keep]
    kappa = solve_kappa(values, n_samples=N_LABELS - 1, alpha=alpha)
    noise = np.mean((residual[:, None] * turned) ** 2, axis=0)
    lost = 1.0 - np.sum((values / (values + kappa)) ** 2) / (N_LABELS - 1)
    sandwich = np.sum(noise * values / (values + kappa) ** 2) / (N_LABELS - 1) / lost
    # the rows as they are, and a residual that knows nothing of them
    shuffled = np.random.RandomState(0).permutation(residual)
    return (
        usual.excess,
        usual.bias + (1 + 1 / N_LABELS) * sandwich + usual.noise / N_LABELS,
        measured_risk(X, y - residual + shuffled, **options).excess,
        measured_risk(X, y, **options).excess,
        measured_risk(X, y, finite_sample=True, **options).excess,
    )


def main():
    print(
        f"{'task':9}{'p / n':>6}{'alpha':>6}{'mean':>10}{'+-':>6}{'median':>8}", end=""
    )
    print("".join(f"{name:>12}" for name in COLUMNS))
    for task in sys.argv[1:] or ("A", "B", "gaussian", "words"):
        X, y = load(task)
        for ratio in RATIOS:
            Z = X[:, : int(ratio * N_LABELS)]
            pool, others = np.split(Z, [N_POOL])
            rows = np.column_stack([pool, np.ones(N_POOL)])
            coef = np.linalg.lstsq(rows, y[:N_POOL], rcond=1e-13)[0]
            residual = y[:N_POOL] - rows @ coef
            for alpha in ALPHAS:
                cov = rows.T @ rows / N_POOL
                risks = simulate(others, y[N_POOL:], cov, coef, alpha)
                mean, error = risks.mean(), risks.std() / N_DRAWS**0.5
                found = candidates(pool, y[:N_POOL], coef[:-1], residual, alpha)
                print(
                    f"{task:9}{ratio:6}{alpha:6}{mean:10.3g}{error / mean:6.0%}"
                    f"{np.median(risks):8.3g}",
                    "".join(f"{value / mean - 1:+12.1%}" for value in found),
                    flush=True,
                )


if __name__ == "__main__":
    main()
