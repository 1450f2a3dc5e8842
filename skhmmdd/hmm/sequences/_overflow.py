"""Numbers that a double cannot hold, refused by name: pure functions on arrays.

Squares are what overflows: the log-density of a number 1e155 standard deviations from
the mean is below the smallest double. Cheap bounds tell that nothing can overflow;
only where they fail is anything worked out.
"""

import numpy as np

# Squares of fewer standard deviations than this, summed over 1e18 features and steps,
# are finite.
SAFE_DEVIATIONS = 1e145
# Second moments of such numbers under such weights are finite.
_MAX_VALUE, _MIN_WEIGHT, _MAX_WEIGHT = 1e120, 1e-60, 1e20


def largest(values):
    """The value farthest from zero that is not NaN; 0.0 if there is none."""
    low = np.fmin.reduce(values, axis=None, initial=0.0)
    high = np.fmax.reduce(values, axis=None, initial=0.0)
    return float(max(high, low, key=abs))


def safe_reach(means, covars):
    """How large a number may be with a finite log-density in every state.

    A lower bound, 0.0 where none is known.
    """
    least = covars.min() if covars.ndim == 2 else np.linalg.eigvalsh(covars).min()
    reach = SAFE_DEVIATIONS * np.sqrt(max(least, 0.0)) - np.abs(means).max()
    return float(max(reach, 0.0))


def check_density(sequences, log_density, reach, name="X"):
    """Refuse sequences whose log-likelihood overflows under a Gaussian model.

    That is where no state gives a step a finite log-density, or these sum to -inf;
    `reach` is what `safe_reach` gave.
    """
    if abs(largest(sequences.values)) <= reach:
        return
    ends = sequences.starts + sequences.lengths
    for i, (a, b) in enumerate(zip(sequences.starts, ends, strict=True)):
        values = sequences.values[a:b]
        if abs(largest(values)) <= reach:
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            best = log_density(values).max(axis=1)
            if np.isfinite(best.sum()):
                continue
        wrong = values if np.isfinite(best).all() else values[~np.isfinite(best)]
        raise _too_large(name, i, largest(wrong), _BELOW)


def check_collected(collected, block, dtype, name="X"):
    """Refuse the sequences of a block for which something came out infinite.

    `collected` has shape (..., n_sequences, n_columns); the message names `dtype`.
    """
    if np.isfinite(collected).all():
        return
    bad = ~np.isfinite(collected).all(axis=-1).reshape(-1, collected.shape[-2])
    row = int(bad.any(axis=0).argmax())
    values = block.values[: block.lengths[row], row]
    outcome = f"what follows from it overflows {np.dtype(dtype)}"
    raise _too_large(name, block.index[row], largest(values), outcome)


def check_log_likelihood(values, block):
    """Refuse the sequences of a block with a log-likelihood of -inf (or NaN)."""
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        top = largest(block.values[: block.lengths[row], row])
        raise _too_large("X", block.index[row], top, _BELOW)


def check_moments(sequences):
    """Refuse observations whose variance a corpus cannot sum."""
    if abs(largest(sequences.values)) <= _MAX_VALUE:
        return
    for i in range(len(sequences)):
        values = sequences.values[sequences.starts[i] :][: sequences.lengths[i]]
        if abs(top := largest(values)) > _MAX_VALUE:
            outcome = f"pretraining takes numbers up to {_MAX_VALUE:g}"
            raise _too_large("X", i, top, outcome)


def check_weights(weights, lengths):
    """Refuse weights whose sums overflow, or vanish."""
    top = float(weights.max())
    if not _MIN_WEIGHT <= top <= _MAX_WEIGHT / float(lengths.sum()):
        raise ValueError(
            f"The largest sample_weight must be in [{_MIN_WEIGHT:g}, "
            f"{_MAX_WEIGHT:g} / n_steps], got {top:g}: sums would overflow or vanish."
        )


_BELOW = "its log-density under the model is below the smallest double"


def _too_large(name, sequence, value, outcome):
    return ValueError(
        f"{name} holds {value:g} in sequence {sequence}: {outcome}. "
        f"Rescale {name}, or drop what is no observation."
    )
