"""A curve in words: its landmarks, and what follows from them."""

from textwrap import fill
from typing import NamedTuple

import numpy as np

from skhmmdd.curve._certainty import SAFE, Evidence
from skhmmdd.curve._landmarks import DANGER
from skhmmdd.curve.display._words import WIDTH_WORDS, AxisWords

_LINE_LENGTH = 80
# So many stretches of a plateau are named.
_MOST_RUNS = 3


class Findings(NamedTuple):
    """What a summary is drawn from.

    Attributes
    ----------
    title : str
        What was looked at, in one sentence.
    span : tuple of (float, float)
        The least and the greatest complexity looked at.
    threshold : float or None
        Where interpolation begins.
    peak : tuple of (float, float) or None
        Complexity and risk.
    best : tuple of (float, float)
        Complexity and risk.
    zone : tuple of (float, float) or None
        The danger zone.
    n_samples : int
        Number of training samples.
    interpolated : str
        What interpolation is here, as a clause.
    interpolation_ends : bool
        Whether the threshold is where interpolation ends, and not where it begins.
    axis : AxisWords
        What complexity is here.
    evidence : Evidence or None
        How sure the best is.
    """

    title: str
    span: tuple
    threshold: float | None
    peak: tuple | None
    best: tuple
    zone: tuple | None
    n_samples: int
    interpolated: str = "the training data are interpolated"
    interpolation_ends: bool = False
    axis: AxisWords = WIDTH_WORDS
    evidence: Evidence | None = None


def describe(found):
    """Put findings into words, one line for each.

    Parameters
    ----------
    found : Findings

    Returns
    -------
    str

    Examples
    --------
    >>> found = Findings("A curve.", (1, 90), 20, (20, 9.0), (90, 0.5), (12, 31), 20)
    >>> print(describe(found))
    A curve.
    Threshold: 20. From there on the training data are interpolated.
    Peak: 9 at 20, 18 times the lowest.
    Best: 0.5 at 90, beyond the threshold, where the range ends.
    Danger zone: 12 to 31, with more than 2 times the lowest risk.
    What to do: Choose a width above 31. The risk is lowest where the range ends:
      look further. Where that is not possible, penalise the head (alpha="loo" finds
      the ridge of the heads of skhmmdd) or train on another number of labels: more of
      them move the peak up, fewer down; with 20 it is at 20.
    """
    lines = [
        found.title,
        _threshold(found),
        _peak(found),
        _best(found),
        _zone(found),
        f"What to do: {' '.join(_advice(found))}",
    ]
    return "\n".join(
        fill(line, _LINE_LENGTH, subsequent_indent="  ", break_on_hyphens=False)
        for line in lines
    )


def describe_family(members):
    """Put the findings of several curves into words, one line for each.

    Parameters
    ----------
    members : dict of str to Findings
        By name; of one measurement.

    Returns
    -------
    str

    Examples
    --------
    >>> one = Findings("A curve.", (1, 90), 20, (20, 9.0), (90, 0.5), (12, 31), 20)
    >>> none = one._replace(peak=None, threshold=None)
    >>> print(describe_family({"10 gradient steps": none, "∞ gradient steps": one}))
    A curve. 2 curves:
    10 gradient steps: no peak, lowest 0.5 at 90, no threshold
    ∞ gradient steps: peak 9 at 20, lowest 0.5 at 90, threshold 20
    """
    title = next(iter(members.values())).title
    count = "1 curve" if len(members) == 1 else f"{len(members)} curves"
    lines = [f"{title} {count}:"]
    for name, found in members.items():
        peak = "no peak"
        if found.peak is not None:
            at, risk = found.peak
            peak = f"peak {'infinite' if np.isinf(risk) else _number(risk)} at {at:g}"
        at, risk = found.best
        threshold = "no threshold"
        if found.threshold is not None:
            threshold = f"threshold {found.threshold:g}"
        lines.append(f"{name}: {peak}, lowest {_number(risk)} at {at:g}, {threshold}")
    return "\n".join(
        fill(line, _LINE_LENGTH, subsequent_indent="  ", break_on_hyphens=False)
        for line in lines
    )


def _number(value):
    """Three significant digits, and no exponent below a million."""
    return f"{float(f'{value:.3g}'):g}"


def _threshold(found):
    if found.threshold is None:
        return f"Threshold: none. Nowhere in this range {_is(found.interpolated)}."
    where = "Up to there" if found.interpolation_ends else "From there on"
    return f"Threshold: {found.threshold:g}. {where} {found.interpolated}."


def _is(clause):
    """ "the data are read" as it stands after a negative: "are the data read"."""
    subject, verb, rest = clause.partition(" are ")
    return f"are {subject} {rest}" if verb else clause


def _peak(found):
    if found.peak is None:
        return "Peak: none. No point stands clearly above lower ones on both its sides."
    (at, risk), lowest = found.peak, found.best[1]
    if np.isinf(risk):
        return f"Peak: infinite, at {at:g}."
    if lowest > 0:
        height = f"{_number(risk / lowest)} times"
    else:
        height = f"{_number(risk - lowest)} above"
    return f"Peak: {_number(risk)} at {at:g}, {height} the lowest."


def _best(found):
    at, risk = found.best
    place = ""
    if found.threshold is not None:
        side = np.sign(at - found.threshold)
        place = {-1: ", below", 0: ", at", 1: ", beyond"}[int(side)] + " the threshold"
    if at in found.span:
        place += f", where the range {'begins' if at == found.span[0] else 'ends'}"
    line = f"Best: {_number(risk)} at {at:g}{place}."
    evidence = found.evidence
    if evidence is None:
        return line
    expected = evidence.corrected_risk
    if expected is not None and _number(expected) != _number(risk):
        line += f" Allowing for the choice, expect {_number(expected)}."
    if any(one.first < one.last for one in evidence.plateau):
        line += f" Within one standard error of it: {_runs(evidence.plateau)}."
    return line


def _runs(points):
    """Stretches in prose: "8 to 14, 20 and others"."""
    runs = [_run(one) for one in points[:_MOST_RUNS]]
    return _listed(runs + ["others"] * (len(points) > _MOST_RUNS))


def _run(stretch):
    """A stretch as a range: "8 to 14"."""
    if stretch.first == stretch.last:
        return f"{stretch.first:g}"
    return f"{stretch.first:g} to {stretch.last:g}"


def _listed(parts):
    """Parts as a list in prose: "8, 12 to 14 and others"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)


def _zone(found):
    if found.zone is None:
        return "Danger zone: none."
    low, high = found.zone
    return (
        f"Danger zone: {low:g} to {high:g}, with more than {DANGER:g} times the lowest "
        "risk."
    )


def _advice(found):
    """Sentences, the most important first."""
    if found.span[0] == found.span[1]:
        return ["Look at more than one complexity: one point is no curve."]
    if found.peak is None:
        return _advice_without_peak(found)
    if found.zone is None:
        return [_low_peak(found), *_doubt(found), *_look_further(found)]
    sentences = [_choose(found), *_doubt(found)]
    sentences += _look_further(found)
    if found.axis.kind == "penalty":
        return sentences
    sentences.append(
        'Where that is not possible, penalise the head (alpha="loo" finds the ridge of '
        "the heads of skhmmdd)"
    )
    # Only the size of a model meets the number of labels.
    if found.threshold is None or found.axis.kind != "size":
        sentences[-1] += "."
    else:
        sentences[-1] += (
            " or train on another number of labels: more of them move the peak up, "
            f"fewer down; with {found.n_samples} it is at {found.peak[0]:g}."
        )
    return sentences


def _choose(found):
    """Which complexities are advised, on both sides where neither is surely better."""
    choice, (low, high) = found.axis.choice, found.zone
    evidence = found.evidence
    if evidence is None or (evidence.doubt == "rival" and not evidence.is_beyond):
        # No more is sure than what is to be avoided.
        beyond = found.best[0] > high
        return f"Choose {choice} {f'above {high:g}' if beyond else f'below {low:g}'}."
    where = " or ".join(_where(one) for one in evidence.advised)
    if evidence.doubt is not None:
        return f"Choose {choice} {where}."
    # Told beside what is within one standard error of the best, which is narrower.
    return f"Choose {choice} {where}, surely within {SAFE:g} times of the lowest."


def _where(stretch):
    """A stretch as what to choose: "above 31", "from 8 to 14"."""
    if stretch.after is None and stretch.before is not None:
        return f"above {stretch.before:g}"
    if stretch.before is None and stretch.after is not None:
        return f"below {stretch.after:g}"
    if stretch.first == stretch.last:
        return f"of {stretch.first:g}"
    return f"from {stretch.first:g} to {stretch.last:g}"


def _doubt(found):
    """What may be better than the best, if anything may."""
    evidence = found.evidence
    if evidence is None or evidence.doubt is None:
        return []
    if evidence.rival is None:
        why = {
            "one split": "one split does not tell how sure this is",
            "copies": "with copies in both sets this says little of new samples; keep "
            "them together (groups=, and a cv such as GroupKFold)",
        }[evidence.doubt]
        return [f"Too close to call: {why}."]
    at, risk = evidence.rival
    where = " on the other side" if evidence.is_beyond else ""
    sentences = [
        f"Too close to call: {_number(risk)} at {at:g}{where} may be far better."
    ]
    if evidence.sure is not None:
        times, points = evidence.sure
        sentences.append(
            f"Surely within {times:g} times of the lowest: {_runs(points)}."
        )
    return sentences


def _low_peak(found):
    """What to take where there is a peak and no danger zone."""
    (at, top), (best, lowest) = found.peak, found.best
    take = f"Take {best:g}"
    if lowest <= 0:
        return f"{take}, away from the peak at {at:g}."
    whole = found.evidence and found.evidence.advised[0]
    if whole and whole.before is None and whole.after is None:
        return f"{take}. The peak is low: nothing here has to be avoided."
    return f"{take}. The peak is low, {_number(top / lowest)} times the lowest."


def _advice_without_peak(found):
    # Without a peak the risk only falls up to the best, and only rises from there.
    start, end = found.span
    is_size = found.axis.kind == "size"
    if is_size and found.threshold == start and not found.interpolation_ends:
        return [
            "Look at lower complexities too: all of these are at the threshold or "
            "beyond, and the peak lies about it."
        ]
    if is_size and found.threshold == end:
        return [
            "Look further: the range ends at the threshold, and the risk may fall "
            "again beyond."
        ]
    doubt = _doubt(found)
    if found.best[0] == end:
        choose = f"Choose {_with('large', found.axis)}."
        return [choose, *doubt, *_look_further(found)]
    if found.best[0] == start:
        or_else = "" if found.axis.kind == "penalty" else ", or penalise the head"
        return [
            f"Choose {_with('small', found.axis)}{or_else}: more of it only adds risk.",
            *doubt,
            *_look_further(found),
        ]
    take = f"Take {found.best[0]:g}: the risk falls up to there and rises from there."
    return [take, *doubt]


def _with(adjective, axis):
    """What one chooses, with an adjective: "a width" as "a small width"."""
    article, _, noun = axis.choice.partition(" ")
    return f"{article} {adjective} {noun}"


def _look_further(found):
    if found.best[0] == found.span[1]:
        return ["The risk is lowest where the range ends: look further."]
    at_start = found.best[0] == found.span[0]
    if at_start and (found.axis.least is None or found.span[0] > found.axis.least):
        return ["The risk is lowest where the range begins: look below it too."]
    return []
