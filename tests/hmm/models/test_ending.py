import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skhmmdd import CategoricalHMM
from skhmmdd._extras import import_extra
from skhmmdd.hmm.interop._conversion import as_probabilities
from skhmmdd.hmm.models._ending import EndingHMM


def detour(q, p, endprob):
    """Symbol 1 comes from state 2 alone, and there only by way of state 1."""
    transmat = [[1 - q, q, 0], [0, 0, 1], [0, 0, 1]]
    emissionprob = [[1, 0, 0], [p, 0, 1 - p], [0, 1, 0]]
    return EndingHMM(CategoricalHMM([1, 0, 0], transmat, emissionprob), endprob)


def test_beliefs_by_enumeration():
    hmm = detour(0.4, 0.3, [0.2, 0.5, 0.1])
    startprob, transmat = hmm.startprob, (1 - hmm.endprob)[:, None] * hmm.transmat
    x = [0, 0, 1]
    joint = startprob * hmm.within.emissionprob[:, x[0]]
    beliefs = [joint]
    for symbol in x[1:]:
        joint = joint @ transmat * hmm.within.emissionprob[:, symbol]
        beliefs.append(joint)
    want = [belief / belief.sum() for belief in beliefs]
    assert_allclose(hmm.filter([x])[0], want, rtol=1e-12)
    likelihood = np.log(joint @ hmm.endprob)
    assert_allclose(hmm.log_likelihood([x]), likelihood, rtol=1e-12)


def test_underflow_is_rescued_in_log_space():
    # After (0, 0) state 1 has probability 1e-350, below the least double.
    hmm = detour(1e-200, 1e-150, [0.2, 0.5, 0.1])
    x = [0, 0, 1, 1]
    assert_allclose(hmm.filter([x])[0], np.eye(3)[[0, 0, 2, 2]], atol=1e-12)
    logs = np.log([1e-200, 1e-150, 0.8, 0.5, 0.9, 0.1])
    assert_allclose(hmm.log_likelihood([x]), logs.sum(), rtol=1e-12)


def test_is_a_value():
    hmm = detour(0.4, 0.3, [0.2, 0.5, 0.1])
    twin = detour(0.4, 0.3, [0.2, 0.5, 0.1])
    assert hmm == twin
    assert hash(hmm) == hash(twin)
    assert pickle.loads(pickle.dumps(hmm)) == hmm
    assert hmm != detour(0.4, 0.3, [0.2, 0.5, 0.2])
    assert hmm != detour(0.5, 0.3, [0.2, 0.5, 0.1])
    assert hmm != hmm.within
    with pytest.raises(TypeError, match="cannot be saved as plain arrays"):
        hmm.save("nowhere")


def test_what_has_to_end_has_no_next():
    hmm = detour(0.4, 0.3, [0.2, 0.5, 1.0])
    with pytest.raises(ValueError, match="Sequence 1 cannot go on"):
        hmm.predict_next([[0, 0], [0, 2, 1]])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"endprob must hold .* from -0.5 to 0.5"):
        detour(0.4, 0.3, [-0.5, 0.5, 0.1])
    with pytest.raises(ValueError, match=r"endprob must have shape"):
        detour(0.4, 0.3, [0.5, 0.5])


def test_numbers_of_a_donor_that_are_no_distribution():
    with pytest.raises(ValueError, match=r"of the source model .* from -1.0 to 2.0"):
        as_probabilities([[2.0, -1.0]], "transmat")
    with pytest.raises(ValueError, match=r"rows that sum to one, got 0\.5"):
        as_probabilities([[0.25, 0.25], [0.5, 0.5]], "transmat")


def test_an_extra_that_is_not_installed_is_named():
    with pytest.raises(ImportError, match=r'pip install "skhmmdd\[pomegranate\]"'):
        import_extra("skhmmdd.no_such_module", "pomegranate", "engine='pomegranate'")
