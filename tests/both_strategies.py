"""A curve by the path of its head beside the curve of refits."""

from numpy.testing import assert_allclose

from skhmmdd import DoubleDescentCurve
from skhmmdd.heads.solvers import _spectrum


def count_decompositions(monkeypatch):
    """A list that grows by one whenever a design is decomposed."""
    real, calls = _spectrum.decompose_problem, []
    monkeypatch.setattr(
        _spectrum, "decompose_problem", lambda *args: calls.append(args) or real(*args)
    )
    return calls


def both_strategies(estimator, name, values, X, y, *, atol=1e-10, **options):
    """Curves of a path and of refits, which must agree in all that is measured."""
    options = {"diagnostics": True, **options}
    path, refit = (
        DoubleDescentCurve(estimator, name, values, strategy=strategy, **options).fit(
            X, y
        )
        for strategy in ("auto", "refit")
    )
    assert (path.strategy_, refit.strategy_) == ("path", "refit")
    close = {"rtol": 1e-8, "atol": atol}
    for risk, expected in refit.test_risks_.items():
        assert_allclose(path.test_risks_[risk], expected, **close)
        assert_allclose(path.train_risks_[risk], refit.train_risks_[risk], **close)
    assert path.interpolation_threshold_ == refit.interpolation_threshold_
    assert_allclose(path.coef_norm_, refit.coef_norm_, rtol=1e-8)
    assert (path.bias_ is None) == (refit.bias_ is None)
    if refit.bias_ is not None:
        assert_allclose(path.bias_, refit.bias_, **close)
        assert_allclose(path.variance_, refit.variance_, **close)
    counts = path.effective_parameters_, refit.effective_parameters_
    assert (counts[0] is None) == (counts[1] is None)
    if counts[0] is not None:
        for ours, theirs in zip(*counts, strict=True):
            assert_allclose(ours, theirs, rtol=1e-8)
    assert list(path.results_) == list(refit.results_)
    return path
