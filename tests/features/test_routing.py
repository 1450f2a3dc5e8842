"""What `fit` is given beside the sequences reaches the pretraining inside."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    FisherScoreTransformer,
    HeadRegressor,
    HMMFeatureTransformer,
    make_hmm,
)

TRANSFORMERS = [HMMFeatureTransformer, FisherScoreTransformer]
RNG = np.random.RandomState(0)
X = make_hmm(2, 4, random_state=0).sample(40, 8, random_state=0)[0]
Y = RNG.standard_normal(40)
WEIGHTS = RNG.uniform(0, 3, 40) * (RNG.uniform(size=40) < 0.8)


def em(**options):
    return BaumWelch(2, n_symbols=4, max_iter=3, tol=0, random_state=0, **options)


def weighted(sequences=X, weights=WEIGHTS):
    return em().fit(sequences, sample_weight=weights).hmm_


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_weights_are_passed_on_without_routing(transformer):
    assert weighted() != em().fit(X).hmm_
    fitted = transformer(em()).fit(X, sample_weight=WEIGHTS)
    assert fitted.hmm_ == weighted()
    columns = transformer(em()).fit_transform(X, sample_weight=WEIGHTS)
    assert_array_equal(columns, fitted.transform(X))
    pipeline = make_pipeline(transformer(em()), HeadRegressor())
    name = transformer.__name__.lower()
    pipeline.fit(X, Y, **{f"{name}__sample_weight": WEIGHTS})
    assert pipeline[0].hmm_ == weighted()


@pytest.mark.parametrize("transformer", TRANSFORMERS)
def test_weights_are_routed(transformer, routing):
    asks = em().set_fit_request(sample_weight=True)
    assert transformer(asks).fit(X, sample_weight=WEIGHTS).hmm_ == weighted()
    alone = clone(transformer(asks))
    alone.fit_transform(X, sample_weight=WEIGHTS)
    assert alone.hmm_ == weighted()
    head = HeadRegressor(0.1).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(transformer(asks), head)
    pipeline.fit(X, Y, sample_weight=WEIGHTS)
    assert pipeline[0].hmm_ == weighted()
    columns = transformer(weighted()).fit_transform(X)
    by_hand = HeadRegressor(0.1).fit(columns, Y, sample_weight=WEIGHTS)
    assert_array_equal(pipeline[-1].coef_, by_hand.coef_)


def test_weights_under_another_name_and_known_states(routing):
    states = RNG.randint(-1, 2, X.shape)
    asks = em().set_fit_request(sample_weight="corpus_weight", states=True)
    head = HeadRegressor(0.1).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(HMMFeatureTransformer(asks), head)
    pipeline.fit(X, Y, sample_weight=Y**2, corpus_weight=WEIGHTS, states=states)
    want = em().fit(X, sample_weight=WEIGHTS, states=states)
    assert pipeline[0].hmm_ == want.hmm_


def test_weights_are_cut_by_a_search(routing):
    asks = em().set_fit_request(sample_weight=True)
    head = HeadRegressor(0.1).set_fit_request(sample_weight=False)
    search = GridSearchCV(
        make_pipeline(HMMFeatureTransformer(asks), head),
        {"hmmfeaturetransformer__hmm__max_iter": [2, 3]},
        cv=[(np.arange(30), np.arange(30, 40))],
        scoring=get_scorer("r2").set_score_request(sample_weight=False),
        error_score="raise",
        refit=False,
    )
    search.fit(X, Y, sample_weight=WEIGHTS)
    columns = HMMFeatureTransformer(weighted(X[:30], WEIGHTS[:30])).fit(X)
    Z = columns.transform(X)
    want = HeadRegressor(0.1).fit(Z[:30], Y[:30]).score(Z[30:], Y[30:])
    assert search.cv_results_["split0_test_score"][1] == pytest.approx(want, rel=1e-9)


def test_weights_are_cut_by_a_curve(routing):
    asks = em().set_fit_request(sample_weight=True)
    head = HeadRegressor().set_fit_request(sample_weight=True)
    pipeline = make_pipeline(HMMFeatureTransformer(asks, random_state=0), head)
    train, test = np.arange(30), np.arange(30, 40)
    curve = DoubleDescentCurve(
        pipeline, "hmmfeaturetransformer__n_components", [1, 2], cv=[(train, test)]
    ).fit(X, Y, sample_weight=WEIGHTS)
    pipeline.set_params(hmmfeaturetransformer__n_components=2)
    pipeline.fit(X[train], Y[train], sample_weight=WEIGHTS[train])
    assert pipeline[0].hmm_ == weighted(X[train], WEIGHTS[train])
    want = np.mean((pipeline.predict(X[test]) - Y[test]) ** 2)
    assert curve.test_risk_[1].mean() == pytest.approx(want, rel=1e-9)


def test_what_nobody_asked_for_is_no_silence(routing):
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        HMMFeatureTransformer(em()).fit(X, sample_weight=WEIGHTS)
    refuses = em().set_fit_request(sample_weight=False)
    for hmm in (refuses, None, weighted()):
        with pytest.raises(TypeError, match="sample_weight"):
            HMMFeatureTransformer(hmm).fit(X, sample_weight=WEIGHTS)
    # Where only the head asks, a frozen or an unnamed model stands aside.
    head = HeadRegressor(0.1).set_fit_request(sample_weight=True)
    for hmm in (weighted(), refuses):
        pipeline = make_pipeline(HMMFeatureTransformer(hmm), head)
        pipeline.fit(X, Y, sample_weight=WEIGHTS)
        unweighted = em().fit(X).hmm_
        assert pipeline[0].hmm_ == (weighted() if hmm is not refuses else unweighted)


def test_a_frozen_model_takes_no_weights():
    for transformer in TRANSFORMERS:
        with pytest.raises(TypeError, match=r"got sample_weight .* hmm is frozen"):
            transformer(weighted()).fit(X, sample_weight=WEIGHTS)
    with pytest.raises(TypeError, match="weight"):
        HMMFeatureTransformer(em()).fit(X, weight=WEIGHTS)
