"""What is given to `fit` beside the data: who gets it, estimator, splitter or risks."""

from typing import Any, NamedTuple

from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import _check_method_params

from skhmmdd.curve.measurement._risks import scorers_among


class Routed(NamedTuple):
    """Who gets what.

    Attributes
    ----------
    fit : dict
        Of the estimator.
    split : dict
        Of the splitter.
    risks : dict of str to dict
        Of the risks by name.
    sample_weight : array-like of shape (n_samples,) or None
        Of the samples to fit: those of weight zero need not be interpolated.
    """

    fit: dict
    split: dict
    risks: dict
    sample_weight: Any

    def of_risks(self, X, indices):
        """Arguments of the risks by name, on some samples; of all others under None."""
        return {
            name: _check_method_params(X, params, indices)
            for name, params in self.risks.items()
        }

    def of_threshold(self, X, indices):
        """Arguments of the risk that tells interpolation, on a training set."""
        if self.sample_weight is None:
            return {}
        weights = {"sample_weight": self.sample_weight}
        return _check_method_params(X, weights, indices)


def route(curve: Any, groups: Any, params: dict[str, Any]) -> Routed:
    """Send the arguments of `fit` to those that asked for them.

    Parameters
    ----------
    curve : DoubleDescentCurve
    groups : array-like of shape (n_samples,) or None
    params : dict
        With metadata routing whatever is requested; without, `sample_weight` and what
        the `fit` of the estimator takes.

    Returns
    -------
    Routed
    """
    sample_weight = params.get("sample_weight")
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    weighted = weights if curve.weight_risks else {}
    scorers = scorers_among(curve.risk)
    if get_config().get("enable_metadata_routing", False):
        given = params if groups is None else {**params, "groups": groups}
        routed = process_routing(curve, "fit", **given)
        fit, split = dict(routed.estimator.fit), dict(routed.splitter.split)
        risks = {name: dict(routed[_key(name)].score) for name in scorers}
    else:
        fit = {key: value for key, value in params.items() if key != "sample_weight"}
        fit.update({weight_name(curve.estimator): sample_weight} if weights else {})
        split = {} if groups is None else {"groups": groups}
        risks = dict.fromkeys(scorers, weighted)
    own = fit.get(weight_name(curve.estimator), fit.get("sample_weight"))
    return Routed(fit, split, {None: weighted, **risks}, own)


def router_of(curve: Any) -> MetadataRouter:
    """Who may ask a curve for what, for `get_metadata_routing`."""
    to_score = MethodMapping().add(caller="fit", callee="score")
    router = MetadataRouter(owner=curve)
    if curve.weight_risks:
        own = MetadataRequest(owner=curve)
        own.fit.add_request(param="sample_weight", alias=True)
        router.add_self_request(own)
    router.add(
        estimator=curve.estimator,
        method_mapping=MethodMapping().add(caller="fit", callee="fit"),
    )
    router.add(
        splitter=curve.cv,
        method_mapping=MethodMapping().add(caller="fit", callee="split"),
    )
    for name, scorer in scorers_among(curve.risk).items():
        router.add(method_mapping=to_score, **{_key(name): scorer})
    return router


def _key(name):
    """A name among the router's members that is nobody else's."""
    return f"risk {name}"


def weight_name(estimator: Any) -> str:
    """What the `fit` of the whole estimator calls the weights of its last step."""
    if isinstance(estimator, Pipeline):
        return f"{estimator.steps[-1][0]}__sample_weight"
    return "sample_weight"
