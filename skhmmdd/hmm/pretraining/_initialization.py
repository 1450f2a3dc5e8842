"""Where Baum-Welch starts from."""

import numpy as np

_CLUSTERED = 20_000


def draw_start(corpus, n_states, init, options, tied, rng):
    """Weights to start EM from.

    `options` are the parameters of BaumWelch that the family of the corpus takes,
    `tied` the arrays of the emission that all states share.
    """
    family, variances = corpus.family, None
    if family._is_symbolic:
        if init == "kmeans":
            raise ValueError(
                "init='kmeans' clusters continuous observations, but X holds symbols: "
                "use init=None or frozen weights."
            )
        means = np.tile(corpus.symbol_counts, (n_states, 1))
    elif init == "kmeans":
        means, variances = _clusters(corpus, n_states, rng)
    else:
        # Random observed steps, with the data's spread.
        means = _set_off(corpus.draw_steps(n_states, rng), corpus, rng)
        variances = np.broadcast_to(corpus.scale, means.shape)
    emission = family._start(means, variances, rng, **options)
    hmm = family(*_random_chain(n_states, rng), *emission)
    arrays = {
        name: np.broadcast_to(array.mean(axis=0), array.shape)
        if name in tied
        else array
        for name, array in hmm._arrays().items()
    }
    return family(**arrays) if tied else hmm


def _clusters(corpus, n_states, rng):
    """Means and variances of k-means clusters of at most 20,000 random steps."""
    n_drawn = min(_CLUSTERED, max(n_states, int(corpus.n_observed)))
    drawn = corpus.draw_steps(n_drawn, rng)
    unit = np.sqrt(corpus.scale)
    steps = np.where(np.isnan(drawn), 0.0, (drawn - corpus.center) / unit)
    n_clusters = min(n_states, len(np.unique(steps, axis=0)))
    # Half the time of importing the package, for what few starts need.
    from sklearn.cluster import KMeans

    found = KMeans(n_clusters, n_init=1, random_state=rng).fit(steps)
    sizes = np.bincount(found.labels_, minlength=n_clusters)
    squares = np.zeros((n_clusters, steps.shape[1]))
    np.add.at(
        squares, found.labels_, (steps - found.cluster_centers_[found.labels_]) ** 2
    )
    # One more observation of the data's own variance, as the prior has it.
    variances = (squares + 1.0) / (sizes[:, None] + 1.0)
    pick = np.arange(n_states) % n_clusters
    means = found.cluster_centers_[pick] * unit + corpus.center
    if n_clusters < n_states:
        means = _set_off(means, corpus, rng)
    return means, variances[pick] * corpus.scale


def _set_off(means, corpus, rng):
    # Identical means stay identical under EM: set every one off a little.
    means = np.where(np.isnan(means), corpus.center, means)
    return means + 0.1 * np.sqrt(corpus.scale) * rng.standard_normal(means.shape)


def _random_chain(n_states, rng):
    # Near to uniform: strongly random chains start EM near poor local maxima.
    rows = rng.standard_gamma(10.0, (n_states + 1, n_states))
    rows /= rows.sum(axis=1, keepdims=True)
    return rows[0], rows[1:]
