"""The public API as users call it, for a type checker: mypy reads it, nothing runs it.

What is wrong on purpose bears an `ignore`; mypy reports those that hide no error, so
each of them shows that the annotation bites.
"""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

import skhmmdd as dd
from skhmmdd import theory
from skhmmdd.hmm.models._base import FrozenHMM

Floats = NDArray[np.float64]
Pretrained = dd.CategoricalHMM | dd.GaussianHMM | dd.GaussianMixtureHMM | dd.PoissonHMM

table = np.zeros((10, 5), dtype=np.int64)
ragged = [[0, 1, 1], [1, 0]]
X, y = np.zeros((20, 8)), np.zeros(20)


def values() -> None:
    Z, rewards, Z_next, truth = dd.make_markov_reward_process(random_state=0)
    head = dd.LSTDHead(0.1, discount=0.95).fit(Z, rewards, Z_next)
    assert_type(head, dd.LSTDHead)
    assert_type(head.predict(truth.features), Floats)
    assert_type(head.predict_widths(Z, rewards, Z_next, widths=[1, 2]), Floats)
    dd.LSTDHead(0.1, 0.9)  # type: ignore[call-arg]
    dd.LSTDHead(discount="0.9")  # type: ignore[arg-type]


def frozen_weights() -> None:
    hmm = dd.CategoricalHMM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], np.eye(2))
    assert_type(hmm.emissionprob, Floats)
    assert_type(hmm.n_states, int)
    assert_type(hmm.filter(table), Floats)
    assert_type(hmm.filter(ragged), list[Floats])
    belief = hmm.update(None, [0, 1])
    assert_type(belief, Floats)
    assert_type(hmm.filter(ragged, initial_belief=belief), list[Floats])
    assert_type(hmm.smooth([np.array([0, 1]), np.array([1])]), list[Floats])
    assert_type(hmm.decode(table), NDArray[np.integer[Any]])
    assert_type(hmm.log_likelihood(ragged), Floats)
    states = hmm.sample(3, 4, random_state=np.random.RandomState(0))[1]
    assert_type(states, NDArray[np.integer[Any]])
    assert_type(dd.CategoricalHMM.load("weights"), dd.CategoricalHMM)
    assert_type(dd.as_hmm(hmm), dd.CategoricalHMM)
    assert_type(dd.as_hmm(object()), FrozenHMM)
    hmm.update([0, 1])  # type: ignore[call-arg]
    hmm.filter(3)  # type: ignore[call-overload]
    hmm.sample(n_steps="4")  # type: ignore[arg-type]
    dd.CategoricalHMM([1.0], [[1.0]])  # type: ignore[call-arg]

    gaussian = dd.GaussianHMM([1.0], [[1.0]], [0.0], [1.0])
    assert gaussian.covariance_type != "none"  # type: ignore[comparison-overlap]

    level = dd.LinearGaussianHMM([[0.9]], 0.19, [[1.0]], 0.5)
    assert_type(level.filter(X), Floats)
    assert_type(level.filter([[1.0, 2.0]]), list[Floats])
    assert_type(level.filter(X, return_cov=True), tuple[Floats, Floats])
    assert_type(level.start_cov, Floats)
    moments = level.update(None, [1.0, 2.0])
    assert_type(moments, dd.GaussianBelief)
    assert_type(level.update(moments, [1.0, 2.0]).cov, Floats)
    assert_type(level.filter(X, initial_belief=moments), Floats)
    level.update([[0.5], [0.5]], [1.0, 2.0])  # type: ignore[arg-type]


def pretraining() -> None:
    model = dd.BaumWelch(2, emission="categorical", random_state=0).fit(ragged)
    assert_type(model, dd.BaumWelch)
    assert_type(model.hmm_, Pretrained)
    assert_type(model.log_likelihoods_, Floats)
    assert_type(model.partial_fit(table), dd.BaumWelch)
    assert_type(model.bits_per_step(table), float)
    assert_type(dd.as_hmm(model), Pretrained)
    banded = dd.BaumWelch(2, fixed=("transmat",), structural_zeros=True)
    assert_type(banded.fit(ragged, states=[[0, -1, -1], [1, 0]]), dd.BaumWelch)
    dd.BaumWelch(fixed="transmat")  # type: ignore[arg-type]
    dd.BaumWelch(emission="binomial")  # type: ignore[arg-type]
    dd.BaumWelch(8, "gaussian")  # type: ignore[call-arg]

    family = dd.pretrain_family(ragged, [1, 2, 4], max_iter=3)
    assert_type(family, dd.HMMFamily)
    assert_type(family[0], Pretrained)
    assert_type(family[1:], dd.HMMFamily)
    assert_type(family.n_states, tuple[int, ...])


def fine_tuning() -> None:
    hmm = dd.make_hmm(5, 3)
    gradients = dd.FisherScoreTransformer(hmm, symbols=(0, 1)).fit(ragged)
    assert_type(gradients, dd.FisherScoreTransformer)
    assert_type(gradients.transform(ragged), Floats)
    tuner = dd.HMMFineTuner(hmm, (0, 1), n_steps=3).fit(ragged, [1.0, 0.0])
    assert_type(tuner, dd.HMMFineTuner)
    assert_type(tuner.hmm_, dd.CategoricalHMM)
    assert_type(tuner.staged_predict(ragged, [0, 3]), Floats)
    dd.HMMFineTuner(hmm)  # type: ignore[call-arg]
    dd.FisherScoreTransformer(hmm, pooling="max")  # type: ignore[arg-type]


def features() -> None:
    encoder = dd.TokenEncoder(handle_unknown="missing").fit(["so", "it", "goes"])
    assert_type(encoder, dd.TokenEncoder)
    assert_type(encoder.n_symbols_, int)
    transformer = dd.HMMFeatureTransformer(n_components=8, pooling="mean").fit(ragged)
    assert_type(transformer, dd.HMMFeatureTransformer)
    assert_type(transformer.transform(ragged), NDArray[Any])
    assert_type(transformer.transform_steps(ragged), list[NDArray[Any]])
    assert_type(dd.LeadingColumns(3).fit(X).transform(X), NDArray[Any])
    dd.HMMFeatureTransformer(pooling="median")  # type: ignore[arg-type]
    dd.TokenEncoder(handle_unknown="ignore")  # type: ignore[arg-type]


def heads() -> None:
    head = dd.HeadRegressor("loo").fit(X, y, sample_weight=np.ones(20))
    assert_type(head, dd.HeadRegressor)
    assert_type(head.coef_, Floats)
    assert_type(head.alpha_, float)
    assert_type(head.predict(X), Floats)
    classifier = dd.HeadClassifier(alpha=1.0).fit(X, ["a", "b"] * 10)
    assert_type(classifier, dd.HeadClassifier)
    assert_type(classifier.predict_proba(X), Floats)
    descent = dd.GradientDescentHead(n_steps=np.inf, preconditioner=np.eye(8))
    assert_type(descent.fit(X, y).staged_predict(X, [1, 10]), Floats)
    dd.GradientDescentHead(preconditioner=None).fit(X, y)
    dd.GradientDescentClassifier(learning_rate="fast")  # type: ignore[arg-type]
    bayes = dd.BayesianHead(alpha="evidence", noise_var=0.5).fit(X, y)
    assert_type(bayes.predict(X), Floats)
    assert_type(bayes.predict(X, return_std=True), tuple[Floats, Floats])
    assert_type(bayes.predict_log_density(X, y), Floats)
    assert_type(bayes.log_evidence_, float)
    dd.BayesianHead(noise_var="loo")  # type: ignore[arg-type]
    adapter = dd.LowRankHead(1, adapter="frozen", base_coef=np.ones(3)).fit(X, y)
    assert_type(adapter, dd.LowRankHead)
    pruned = dd.PrunedHead(0.5, n_rounds="auto").fit(X, y)
    assert_type(pruned, dd.PrunedHead)
    dd.LowRankHead(adapter="lora")  # type: ignore[arg-type]
    dd.PrunedHead(criterion="size")  # type: ignore[arg-type]
    dd.HeadRegressor("gcv")  # type: ignore[arg-type]


def curves() -> None:
    path = dd.width_path(X, y, X, y, widths=[1, 2, 4])
    assert_type(path, dd.WidthPath)
    assert_type(path.test_risk, Floats | None)
    model = make_pipeline(dd.LeadingColumns(), dd.HeadRegressor())
    names = ["squared_error", "absolute_error"]
    curve = dd.DoubleDescentCurve(
        model, "leadingcolumns__n_components", range(1, 9), cv=5, risk=names
    ).fit(X, y)
    assert_type(curve, dd.DoubleDescentCurve)
    assert_type(curve.test_risk_, Floats)
    assert_type(curve.peak_, dd.CurvePoint | None)
    assert_type(curve.best_.index, int)
    assert_type(curve.plot(), dd.DoubleDescentDisplay)
    assert_type(dd.DoubleDescentDisplay.from_curve(curve), dd.DoubleDescentDisplay)
    print(curve.peak_.risk)  # type: ignore[union-attr]
    curve.plot().plot(x="norm")  # type: ignore[arg-type]
    dd.DoubleDescentCurve(model, "alpha", [1.0], strategy="fast")  # type: ignore[arg-type]
    family = dd.DoubleDescentFamily(curve, "head__alpha", [0.0, 1.0], label=str)
    assert_type(family.curves_, list[dd.DoubleDescentCurve])
    assert_type(family.plot(), list[dd.DoubleDescentDisplay])

    assert_type(dd.neighbor_recovery(X, y > 0, y > 1), Floats)
    dd.neighbor_recovery(X, y, y, metric="l1")  # type: ignore[arg-type]
    forecast = dd.forecast_risk(X, y)
    assert_type(forecast, dd.RiskForecast)
    assert_type(forecast.labels_at_threshold(10), int)
    assert_type(forecast.interpolation_threshold, int | None)
    assert_type(forecast.best, tuple[int, float])
    named = dd.forecast_risk(X, y > 0, groups=[0, 1] * 5, risk="zero_one_error")
    assert_type(named.plot(), dd.DoubleDescentDisplay)
    dd.forecast_risk(X, y, risk="r2")  # type: ignore[arg-type]
    surface = dd.risk_surface(X, y, train_sizes=[3, 5], random_state=0)
    assert_type(surface, dd.RiskSurface)
    assert_type(surface.plot(), dd.RiskSurfaceDisplay)


def displays() -> None:
    hmm = dd.make_hmm(5, 3)
    assert_type(dd.HMMDisplay.from_hmm(hmm), dd.HMMDisplay)
    assert_type(dd.HMMDisplay.from_hmm(hmm).plot(kind="graph"), dd.HMMDisplay)
    beliefs = dd.BeliefDisplay.from_hmm(hmm, [0, 1, 2], order=[4, 3, 2, 1, 0])
    assert_type(beliefs.plot(show_path=True), dd.BeliefDisplay)
    starts = dd.TrainingCurveDisplay.from_estimator(dd.BaumWelch(2).fit(ragged))
    assert_type(starts.train[0], Floats)
    dd.BeliefDisplay.from_hmm(hmm, [0], representation="log")  # type: ignore[arg-type]


def closed_forms() -> None:
    risk = theory.ridge_risk(np.eye(3), np.ones(3), 0.5, n_samples=[10, 20])
    assert_type(risk, theory.RiskResult)
    assert_type(risk.total.round(2), Any)  # a float or an array: no checker can tell
    moments = theory.linear_gaussian_moments(
        np.eye(2), np.eye(2), state_noise=1.0, feature_noise=0.1, state_cov=np.eye(2)
    )
    assert_type(moments, theory.LinearGaussianMoments)
    theory.ridge_risk(np.eye(3), np.ones(3), 0.5)  # type: ignore[call-arg]
    theory.repeated_data_risk(9, 1.0, n_distinct=[1, 2], fraction=0.5)
    theory.repeated_data_risk(9, 1.0)  # type: ignore[call-arg]


def data() -> None:
    words, counts = dd.load_syllables(return_X_y=True)
    assert_type(words, NDArray[np.object_])
    assert_type(counts, NDArray[np.integer[Any]])
    sequences, targets, _ = dd.make_hmm_regression(50, preset="first_minimum")
    assert_type(sequences, NDArray[np.integer[Any]])
    assert_type(targets, Floats)
    assert_type(dd.make_hmm(5, 3), dd.CategoricalHMM)
    _, weight = dd.repeat_samples(50, 5, 0.5, random_state=0)
    assert_type(weight, NDArray[np.integer[Any]])
    _, flipped = dd.flip_labels(counts, 0.1)
    assert_type(flipped, NDArray[np.bool_])
    dd.repeat_samples(50, 5)  # type: ignore[call-arg]
    dd.make_hmm_regression(50, preset="third_descent")  # type: ignore[arg-type]
