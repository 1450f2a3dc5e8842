"""What summaries say, held against rows that they have not seen: see `advice`."""

import numpy as np
import pytest
from campaign import note

from properties.advice import (
    SAFETY,
    TOLERATED,
    audit,
    failures,
    judge,
    measure_tables,
    report,
    said_widths,
)
from properties.forecast_ratios import compare

WIDTHS = np.array([1, 5, 8, 12, 20, 31, 44, 90])


@pytest.mark.parametrize(
    ("text", "kind", "widths"),
    [
        ("Best: 3 at 8, below the threshold.", "best at", [8]),
        ("Choose a width above 31. Where", "choose", [44, 90]),
        ("Choose a width from 5 to 8. Where", "choose", [5, 8]),
        ("Choose a width of 8, surely within 1.5 times", "choose", [8]),
        ("Choose a width of 8 or above 31. W", "choose", [8, 44, 90]),
        ("Choose a width below 12. Too", "choose", [1, 5, 8]),
        ("Choose a large width. The", "choose", [90]),
        ("Choose a small width, or penalise", "choose", [1]),
        ("Take 12. The peak", "take", [12]),
        ("Take 12: the risk falls", "take", [12]),
        (
            "Surely within 2 times of the lowest: 5 to 8 and 31. W",
            "surely within",
            [5, 8, 31],
        ),
        (
            "Surely within 3 times of the lowest: 8, 31, 44 and others. W",
            "surely within",
            [8, 31, 44],
        ),
        ("nothing here has to be avoided.", "nothing to avoid", WIDTHS.tolist()),
    ],
)
def test_what_sentences_lead_to(text, kind, widths):
    assert WIDTHS[said_widths(text, WIDTHS)[kind]].tolist() == widths


def test_the_audit_finds_what_is_false():
    text = "Best: 3 at 8. Danger zone: none. What to do: Choose a width from 5 to 8. "
    risk = np.array([9, 3.3, 3, 4, 30, 9, 8, 7.0])
    truth = risk[:, None] * np.exp(0.01 * np.random.RandomState(0).randn(8, 8))
    assert not failures(judge("", "curve", text, WIDTHS, truth))
    truth[1] *= TOLERATED
    false = failures(judge("", "curve", text, WIDTHS, truth))
    assert [one.kind for one in false] == ["choose"]
    close = judge("", "curve", text + "Too close to call: 1 at 1.", WIDTHS, truth)
    assert not failures(close) and any(one.true is None for one in close)
    sure = (
        text
        + "Too close to call: 1 at 1. Surely within 2 times of the lowest: 5 to 12."
    )
    assert not failures(judge("", "curve", sure, WIDTHS, truth))
    false = failures(judge("", "curve", sure, WIDTHS, truth * [[1], [1.3], *[[1]] * 6]))
    assert [one.kind for one in false] == ["surely within"]


@pytest.mark.parametrize(
    ("n_tables", "effort"),
    [
        pytest.param(8, "quick", marks=pytest.mark.slow),
        pytest.param(320, "campaign", marks=pytest.mark.campaign),
    ],
)
def test_advice_comes_true(n_tables, effort, pytestconfig):
    seed = 0 if effort == "quick" else pytestconfig.getoption("campaign_seed")
    verdicts = audit(measure_tables(n_tables, seed))
    for one in verdicts:
        told = {True: "true", False: "false", None: "too close to call"}[one.true]
        note(f"advice: {one.source}, {one.kind}", told)
    claims = [one for one in verdicts if one.kind in SAFETY and one.true]
    assert claims, "everything was too close to call"
    # Of statements made at 90 and 95 % a few are wrong.
    false = failures(verdicts)
    assert len(false) <= 0.05 * (len(false) + len(claims)), "\n".join(report(verdicts))


def test_forecasts_are_compared_by_region():
    below, at, above, best, inside, flagged = compare("Gaussian", "none", 40, 0)
    assert 0.5 < below < 2 and 0.5 < above < 2 and at > 0 and 0.3 < best < 3
    assert 0 <= flagged < inside <= 1
