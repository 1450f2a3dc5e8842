"""Baum-Welch by pomegranate's `DenseHMM.fit`, one iteration at a time.

What `BaumWelch` maximises is kept: pomegranate's statistics get the prior's
pseudo-observations before they are made into parameters, in double precision, and the
end probabilities, which frozen weights lack, stay at one and count for nothing.
"""

from functools import cache
from types import SimpleNamespace

import numpy as np

from skhmmdd._extras import import_extra
from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.models._gaussian import GaussianHMM

# Numbers in its array of transitions, (n_sequences, n_steps, n_states, n_states).
_TRANSITIONS_AT_ONCE = 2**21


class PomegranateEM:
    """EM from given weights by pomegranate, on its device.

    `center` and `scale`, mean and variance of the data, are of a Gaussian model's
    prior.
    """

    counts = None  # pomegranate keeps its own

    def __init__(self, hmm, sequences, pseudocount, center, scale, batch_size=None):
        if type(hmm) not in _EMISSIONS:
            raise ValueError(
                'engine="pomegranate" runs a CategoricalHMM or a GaussianHMM, got '
                f'{hmm!r}: engine="numpy" runs every emission.'
            )
        self._torch = import_extra("torch", "pomegranate", _USER)
        kinds = _kinds()
        self._family, self._center = type(hmm), center
        self._emission = _EMISSIONS[type(hmm)]
        values = sequences.observed()
        if (values < 0 if hmm._is_symbolic else np.isnan(values)).any():
            raise ValueError(
                'engine="pomegranate" takes no missing observations (-1 or NaN inside '
                'a sequence): engine="numpy" marginalises them out.'
            )
        device = "cuda" if self._torch.cuda.is_available() else "cpu"
        states = self._emission.states(hmm, kinds, pseudocount, center, scale)
        model = kinds.DenseHMM(
            states, hmm.transmat, hmm.startprob, np.ones(hmm.n_states), max_iter=1
        )
        model.pseudocount = pseudocount
        self._model = model.double().to(device)
        self._model.ends.frozen = True
        self._X = [
            self._torch.as_tensor(part, device=device)
            for part in self._parts(sequences, hmm.n_states, batch_size)
        ]

    def _parts(self, sequences, n_states, batch_size):
        """Arrays (n, n_steps, n_features) of sequences of one length."""
        order = np.argsort(-sequences.lengths, kind="stable")
        lengths, firsts = np.unique(-sequences.lengths[order], return_index=True)
        for n_steps, same in zip(-lengths, np.split(order, firsts[1:]), strict=True):
            size = max(1, _TRANSITIONS_AT_ONCE // (n_steps * n_states**2))
            size = min(size, batch_size or size)
            for i in range(0, len(same), size):
                values = sequences.block(same[i : i + size]).values.swapaxes(0, 1)
                yield self._emission.values(values, self._center)

    def expect(self, hmm):
        """One iteration of pomegranate; the log-likelihood before it.

        It has the weights `hmm` already, being where it stopped.
        """
        model, self._error = self._model, None
        model.seen = 0.0
        try:
            with self._torch.no_grad():
                model.fit(self._X)
        except (RuntimeError, ValueError) as error:
            # Of the M-step: it matters only if these weights are wanted.
            self._error = error
        if not np.isfinite(model.seen):
            raise ValueError(
                f"Some sequence is impossible under {hmm!r}: pomegranate gives the "
                f"log-likelihood {model.seen}."
            )
        return model.seen

    def maximise(self, hmm):
        """The weights that pomegranate came to from `hmm`."""
        if self._error is not None:
            raise ValueError(f"pomegranate: {self._error}") from self._error
        return self._weights()

    def _weights(self):
        model = self._model
        startprob = _normalised(np.exp(numbers(model.starts)))
        transmat = _normalised(np.exp(numbers(model.edges)))
        emission = self._emission.weights(model.distributions, self._center)
        return self._family(startprob, transmat, *emission)


class _Symbols:
    """States of pomegranate that emit symbols."""

    @staticmethod
    def states(hmm, kinds, pseudocount, center, scale):
        return [
            kinds.Categorical(row[None], pseudocount=pseudocount)
            for row in hmm.emissionprob
        ]

    @staticmethod
    def values(values, center):
        return values[:, :, None].astype(np.int64)

    @staticmethod
    def weights(states, center):
        rows = np.array([numbers(state.probs)[0] for state in states])
        return (_normalised(rows),)


class _Vectors:
    """States of pomegranate that emit Gaussian vectors, about the data's mean."""

    @staticmethod
    def states(hmm, kinds, pseudocount, center, scale):
        return [
            kinds.Normal(pseudocount, scale, mean, covar, hmm.covariance_type)
            for mean, covar in zip(hmm.means - center, hmm.covars, strict=True)
        ]

    @staticmethod
    def values(values, center):
        return np.ascontiguousarray(values - center)

    @staticmethod
    def weights(states, center):
        means = np.array([numbers(state.means) for state in states]) + center
        return means, np.array([numbers(state.covs) for state in states])


_EMISSIONS = {CategoricalHMM: _Symbols, GaussianHMM: _Vectors}


def numbers(tensor):
    """A tensor as an array in double precision."""
    return tensor.detach().cpu().numpy().astype(np.float64)


_USER = 'BaumWelch(engine="pomegranate")'


def _normalised(rows):
    return rows / rows.sum(axis=-1, keepdims=True)


@cache
def _kinds():
    """pomegranate's classes with the M-step of BaumWelch; made when first needed."""
    torch = import_extra("torch", "pomegranate", _USER)
    hmm = import_extra("pomegranate.hmm", "pomegranate", _USER)
    distributions = import_extra("pomegranate.distributions", "pomegranate", _USER)

    class DenseHMM(hmm.DenseHMM):
        seen = pseudocount = 0.0

        def summarize(self, X, sample_weight=None, emissions=None, priors=None):
            logps = super().summarize(X, sample_weight, emissions, priors)
            self.seen += float(logps.sum())
            return logps

        def forward_backward(self, X=None, emissions=None, priors=None):
            if emissions is None or emissions.shape[1] > 1:
                return super().forward_backward(X, emissions, priors)
            # pomegranate fails on sequences of one step, without transitions.
            n, _, k = emissions.shape
            log_joint = self.starts + emissions[:, 0] + self.ends
            logp = torch.logsumexp(log_joint, dim=1)
            log_belief = log_joint - logp[:, None]
            belief = torch.exp(log_belief)
            transitions = emissions.new_zeros(n, k, k)
            return transitions, log_belief[:, None], belief, belief, logp

        def from_summaries(self):
            # Ends are no transitions, and what has no data at all stays as it was.
            self._xw_ends_sum[:] = 0
            self._xw_sum += self.pseudocount
            self._xw_starts_sum += self.pseudocount
            unused = self._xw_sum.sum(dim=1) == 0
            self._xw_sum[unused] = torch.exp(self.edges[unused])
            super().from_summaries()

    class Categorical(distributions.Categorical):
        def _reset_cache(self):
            super()._reset_cache()
            if self._initialized:
                self._w_sum = self._w_sum.to(self.probs.dtype)
                self._xw_sum = self._xw_sum.to(self.probs.dtype)

        def from_summaries(self):
            if (self._w_sum + self.pseudocount > 0).all():
                super().from_summaries()
            else:
                self._reset_cache()

    class Normal(distributions.Normal):
        def __init__(self, pseudocount, scale, means, covs, covariance_type):
            super().__init__(means, covs, covariance_type)
            self.pseudocount = pseudocount
            scale = np.array(np.broadcast_to(scale, means.shape))
            self.register_buffer("scale", torch.as_tensor(scale))

        def from_summaries(self):
            n, pseudocount = self._w_sum[0].clone(), self.pseudocount
            if n + pseudocount == 0:
                self._reset_cache()
                return
            # As many observations more as the prior is worth, about the state's mean.
            mean = self._xw_sum / n if n > 0 else self.means.clone()
            full = self.covariance_type == "full"
            extra = torch.diag(self.scale) if full else self.scale
            extra = extra + (mean[:, None] * mean if full else mean**2)
            self._w_sum += pseudocount
            self._xw_sum += pseudocount * mean
            self._xxw_sum += pseudocount * extra
            super().from_summaries()

    return SimpleNamespace(DenseHMM=DenseHMM, Categorical=Categorical, Normal=Normal)
