"""Frozen weights from the fitted models of other libraries."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from skhmmdd.hmm.interop._conversion import fitted
from skhmmdd.hmm.models._base import FrozenHMM
from skhmmdd.hmm.models._families import FAMILIES, Pretrained
from skhmmdd.hmm.models._frozen import FrozenValue
from skhmmdd.hmm.pretraining._baum_welch import BaumWelch

_Frozen = TypeVar("_Frozen", bound=FrozenValue)


@overload
def as_hmm(model: BaumWelch, params: None = None) -> Pretrained: ...
@overload
# Frozen weights are objects too; a checker takes the first line that fits.
def as_hmm(  # type: ignore[overload-overlap]
    model: _Frozen, params: None = None
) -> _Frozen: ...
@overload
def as_hmm(model: object, params: Any = None) -> FrozenHMM: ...
def as_hmm(model: object, params: Any = None) -> Any:
    """Frozen weights from a fitted hidden Markov model.

    Parameters
    ----------
    model : frozen weights, fitted BaumWelch, or fitted model of hmmlearn, pomegranate \
or dynamax
        Of hmmlearn: `CategoricalHMM`, `GaussianHMM` (all covariance types),
        `PoissonHMM` and `GMMHMM` with diagonal covariances become weights of this
        package; every other family (`MultinomialHMM`, `GMMHMM` with other
        covariances) keeps a copy of its emission likelihood. Of pomegranate 1.x:
        `DenseHMM` and `SparseHMM`, where states that are all `Categorical` (of one
        feature) or all `Normal` become weights of this package, and other families
        keep copies of their distributions. Of dynamax: `CategoricalHMM` with
        `emission_dim=1` and the Gaussian models (all covariance structures). Later
        changes to the source model change nothing here.
    params : parameters of dynamax, default=None
        What the `initialize`, `fit_em` or `fit_sgd` of a dynamax model returned: that
        library keeps them apart from the model. Of no other library.

    Returns
    -------
    CategoricalHMM, GaussianHMM or other frozen weights
        The very object, if it was frozen.

    Raises
    ------
    TypeError
        If the model is of a kind that is not known, or `params` is not for it.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ValueError
        If its number of states was set anew after it was fitted, or its numbers are
        no probabilities.

    Notes
    -----
    In a chain of pomegranate every state may end the sequence. Where all are as
    likely to, the end tells nothing of the state: the weights keep no ends, beliefs
    and best paths are the source model's, and `log_likelihood` is that of the
    observations given the length of the sequence. Where they differ, the weights keep
    the end probabilities. Then `smooth`, `decode` and `log_likelihood` hold, as the
    source model's do, that a sequence ends after its last step (so a prefix is not a
    sequence), while the causal beliefs of `filter` know of each step only that the
    sequence had not ended before it.

    Examples
    --------
    >>> from skhmmdd import BaumWelch, as_hmm
    >>> X = [[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0]]
    >>> as_hmm(BaumWelch(n_states=2, tol=0, max_iter=3).fit(X))
    CategoricalHMM(n_states=2, n_symbols=2)
    """
    origins = [f"{base.__module__}." for base in type(model).__mro__]

    def comes_from(library):
        return any(origin.startswith(library) for origin in origins)

    # What copies weights is imported for a model of its library.
    if comes_from("dynamax."):
        from skhmmdd.hmm.interop._dynamax import from_dynamax

        return from_dynamax(model, params)
    if params is not None:
        raise TypeError(
            "params goes with a model of dynamax, which keeps its parameters apart; "
            f"a {type(model).__name__} holds its own."
        )
    if isinstance(model, FrozenValue):
        return model
    if isinstance(model, BaumWelch):
        return fitted(model, "hmm_")
    if comes_from("hmmlearn."):
        from skhmmdd.hmm.interop._hmmlearn import from_hmmlearn

        return from_hmmlearn(model)
    if comes_from("pomegranate.hmm."):
        from skhmmdd.hmm.interop._pomegranate import from_pomegranate

        return from_pomegranate(model)
    names = ", ".join(family.__name__ for family in FAMILIES.values())
    raise TypeError(
        f"hmm must be frozen weights ({names}, LinearGaussianHMM), "
        "a fitted BaumWelch or a fitted model of hmmlearn, pomegranate or dynamax, got "
        f"{type(model).__name__}: {model!r}."
    )
