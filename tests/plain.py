"""The recursions as the textbook has them: one sequence, one step at a time."""

import numpy as np


def emission(hmm, x):
    """b_k(x_t), each step up to a factor, and the logarithms of those factors."""
    logs = hmm._chain.emission.log_density(hmm._read([x]).values)
    top = logs.max(axis=1, keepdims=True)
    return np.exp(logs - top), top[:, 0]


def plain_filter(hmm, x):
    """Filtered beliefs (n_steps, n_states), their norms and the log-likelihood."""
    likelihood, logs = emission(hmm, x)
    distribution, beliefs, norms = hmm.startprob, [], []
    for b in likelihood:
        joint = distribution * b
        norms.append(joint.sum())
        beliefs.append(joint / norms[-1])
        distribution = beliefs[-1] @ hmm.transmat
    return np.array(beliefs), np.array(norms), np.log(norms).sum() + logs.sum()


def plain_smooth(hmm, x):
    """Smoothed beliefs (n_steps, n_states) and expected transitions between states."""
    likelihood, _ = emission(hmm, x)
    filtered, norms, _ = plain_filter(hmm, x)
    beta, smoothed, transitions = np.ones(hmm.n_states), [filtered[-1]], 0.0
    for t in range(len(x) - 1, 0, -1):
        ahead = likelihood[t] * beta / norms[t]
        joint = filtered[t - 1][:, None] * hmm.transmat * ahead
        transitions = transitions + joint / joint.sum()
        beta = hmm.transmat @ ahead
        both = filtered[t - 1] * beta
        beta /= both.sum()
        smoothed.append(both / both.sum())
    return np.array(smoothed[::-1]), transitions
