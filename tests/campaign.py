"""Properties tried on random cases: a few in every run, thousands in a campaign.

`holds_for` makes a test of a property that hypothesis draws cases for. The normal run
tries few, the same ones every time. `pytest -m campaign` tries many, from a seed
(`--campaign-seed`, or the variable CAMPAIGN_SEED), and tells what it tried. The hooks
are those of `conftest.py`, which imports them.
"""

import os
import tempfile
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir

# Nothing of hypothesis's is to be written into the repository.
set_hypothesis_home_dir(os.path.join(tempfile.gettempdir(), "skhmmdd-hypothesis"))

_SETTINGS = {
    "deadline": None,
    "database": None,
    "print_blob": False,
    "phases": [Phase.generate, Phase.target, Phase.shrink],
    "suppress_health_check": list(HealthCheck),
}

# Cases by property, and by family and operation, of this process.
cases: Counter[str] = Counter()
tried: Counter[tuple[str, str]] = Counter()
# What the workers of pytest-xdist counted.
_others: list[tuple[Counter, Counter]] = []


def note(family, *operations):
    """Count what a case has tried of a family."""
    for operation in operations:
        tried[family, operation] += 1


def holds_for(strategy, *, quick, campaign):
    """A test of a property: a function of the case that `strategy` draws.

    Parameters
    ----------
    strategy : hypothesis strategy
    quick : int
        Cases of the normal run, the same in every run.
    campaign : int
        Cases of `pytest -m campaign`, from its seed.
    """

    def make(check):
        def counted(case):
            check(case)
            cases[check.__name__] += 1

        # What hypothesis derives the cases of the normal run from.
        counted.__name__, counted.__qualname__ = check.__name__, check.__qualname__
        counted.__doc__ = check.__doc__

        @pytest.mark.parametrize(
            "effort",
            ["quick", pytest.param("campaign", marks=pytest.mark.campaign)],
        )
        def test(effort, pytestconfig):
            drawn = given(strategy)(counted)
            if effort == "quick":
                settings(max_examples=quick, derandomize=True, **_SETTINGS)(drawn)()
                return
            drawn = seed(pytestconfig.getoption("campaign_seed"))(drawn)
            settings(max_examples=campaign, **_SETTINGS)(drawn)()

        test.__name__ = check.__name__
        test.__qualname__ = check.__qualname__
        test.__module__ = check.__module__
        test.__doc__ = check.__doc__
        return test

    return make


# Hooks -----------------------------------------------------------------------------


def pytest_addoption(parser):
    parser.addoption(
        "--campaign-seed",
        type=int,
        default=int(os.environ.get("CAMPAIGN_SEED", "0")),
        help="what the cases of `-m campaign` are drawn from (default: the variable "
        "CAMPAIGN_SEED, or 0)",
    )


def pytest_sessionfinish(session):
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["campaign"] = list(cases.items()), list(tried.items())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    done, seen = getattr(node, "workeroutput", {}).get("campaign", ((), ()))
    _others.append(
        (Counter(dict(done)), Counter({tuple(key): count for key, count in seen}))
    )


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("markexpr") != "campaign":
        return
    done, seen = Counter(cases), Counter(tried)
    for more, other in _others:
        done, seen = done + more, seen + other
    write = terminalreporter.write_line
    terminalreporter.section(f"campaign, seed {config.getoption('campaign_seed')}")
    for family in sorted({family for family, _ in seen}):
        operations = {name: n for (of, name), n in seen.items() if of == family}
        told = ", ".join(f"{name} {n}" for name, n in sorted(operations.items()))
        write(f"{family}: {told}")
    failed = terminalreporter.stats.get("failed", [])
    for report in failed:
        write(f"FAILED {report.nodeid}")
    write(
        f"{done.total()} cases that held, of {len(done)} properties; "
        f"{len(failed)} properties failed"
    )
