"""The Bayesian head against scikit-learn's, and the evidence at many penalties."""

import numpy as np
from sklearn.linear_model import BayesianRidge

from skhmmdd import BayesianHead, HMMFeatureTransformer, make_hmm_regression
from skhmmdd.heads.solvers._evidence import log_evidence, summarize_targets
from skhmmdd.heads.solvers._spectrum import decompose

from .timing import Row, measure


def rows(quick):
    repeats = 3 if quick else 15
    for n, width in [(60, 100)] if quick else [(100, 800), (1000, 200)]:
        X, y, truth = make_hmm_regression(n, noise=0.5, random_state=0)
        Z = HMMFeatureTransformer(truth.hmm, width, random_state=0).fit_transform(X)
        priors = dict.fromkeys(["alpha_1", "alpha_2", "lambda_1", "lambda_2"], 0.0)

        def fit(Z=Z, y=y):
            return BayesianHead().fit(Z, y)

        def peer(Z=Z, y=y, priors=priors):
            return BayesianRidge(max_iter=10_000, **priors).fit(Z, y)

        alpha, noise_var = fit().alpha_, fit().noise_var_
        gap = abs(peer().lambda_ / peer().alpha_ / alpha - 1)
        yield Row(
            f"variances of highest evidence, {n:,} x {width}",
            measure({"skhmmdd": fit, "scikit-learn": peer}, repeats=repeats),
            f"`BayesianRidge` without hyperpriors, whose alpha differs by {gap:.0%}: "
            "its evidence counts the intercept, and it stops earlier",
        )
        statistics = summarize_targets(decompose(Z, y[:, None]))
        logs = np.linspace(-14.0, 14.0, 241)

        def path(statistics=statistics, logs=logs, noise_var=noise_var):
            return log_evidence(statistics, logs, noise_var)

        times = measure({"skhmmdd": path, "fit": fit}, repeats=repeats)
        share = times["skhmmdd"] / times["fit"]
        yield Row(
            f"evidence at {len(logs)} penalties, {n:,} x {width}",
            {"skhmmdd": times["skhmmdd"]},
            f"after the decomposition; {share:.2f} of a fit of the head",
        )
