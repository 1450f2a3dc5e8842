"""The page that moves the closed forms: its formulas, and its sliders in a browser."""

import json
import shutil
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate

from skhmmdd.theory import misspecified_risk

STATIC = Path(__file__).parents[1] / "docs" / "_static"
WIDTHS = [1, 7, 50, 98, 99, 100, 101, 250, 1000]

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js here")


def risks_of_page(settings):
    """Risk at each of the widths, for each setting, as the page computes it."""
    script = f"""
        const {{ risk }} = require({str(STATIC / "explore_risk.js")!r});
        const settings = {json.dumps(settings)};
        const rows = settings.map((s) => {json.dumps(WIDTHS)}.map((p) => {{
            const value = risk(p, {{ ...s, steps: s.steps ?? Infinity }});
            return value === Infinity ? 1e999 : value;
        }}));
        console.log(JSON.stringify(rows, (k, v) => (v === Infinity ? "inf" : v)));
    """
    run = subprocess.run(["node", "-e", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return np.array(json.loads(run.stdout), dtype=object).astype(float)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moves", "peak"),
    [
        ({}, 99),
        ({"labels": 240}, 249),  # a position of the slider: 10, 11, ...
        ({"labels": 40, "noise": 0}, 49),
        ({"steps": 0}, 1),  # one step: no peak, worst where nothing is seen yet
    ],
)
def test_sliders_move_the_peak(moves, peak, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    page = (STATIC.parent / "_templates" / "explore.html").read_text("utf-8")
    page = page.replace("_static/", f"{STATIC.as_uri()}/")
    script = f"""
        for (const [name, value] of Object.entries({json.dumps(moves)})) {{
            const slider = document.getElementById(`explore-${{name}}`);
            slider.value = value;
            slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
        }}
    """
    (tmp_path / "page.html").write_text(f"{page}<script>{script}</script>", "utf-8")
    quiet = ["disable-gpu", "no-first-run", "disable-background-networking"]
    command = [
        *(browser, "--headless", "--no-sandbox", "--dump-dom"),
        *(f"--{name}" for name in [*quiet, "disable-component-update", "disable-sync"]),
        f"--user-data-dir={tmp_path / 'profile'}",
        (tmp_path / "page.html").as_uri(),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert f'data-peak="{peak}"' in run.stdout, run.stdout[-2000:] + run.stderr[-500:]
    assert f'data-width="{moves.get("labels", 90) + 9}"' in run.stdout


def setting(labels, signal, noise, alpha, total, steps=None, reach=20.0):
    return {
        **{"labels": labels, "signal": signal, "noise": noise, "alpha": alpha},
        **{"total": total, "steps": steps, "reach": reach},
    }


@needs_node
def test_converged_heads_are_those_of_the_theory():
    grid = list(
        product([11, 100, 101, 400], [0.5, 4.0], [0.0, 0.3], [0.0, 0.1, 30.0], [0, 1])
    )
    settings = [setting(*point) for point in grid]
    widths = np.array(WIDTHS, float)
    for (labels, signal, noise, alpha, total), row in zip(
        grid, risks_of_page(settings), strict=True
    ):
        expected = misspecified_risk(
            widths,
            signal,
            signal / (1 + widths / 20.0),
            noise,
            n_samples=labels - 1,
            alpha=alpha,
        )
        assert_allclose(row, expected.total if total else expected.excess, rtol=1e-9)
    assert np.isinf(risks_of_page(settings[:1])[0]).sum() == 0  # n - 1 = 10 is no width


@needs_node
@pytest.mark.parametrize("labels", [51, 100, 102])
def test_descent_is_the_integral_over_the_spectrum(labels):
    n, signal, noise, reach = labels - 1, 0.8, 0.2, 20.0
    points = list(product([0.0, 5.0], [0, 10, 1000, 100_000]))
    settings = [setting(labels, signal, noise, a, 0, t, reach) for a, t in points]
    for (alpha, steps), row in zip(points, risks_of_page(settings), strict=True):
        expected = [
            by_quadrature(p, n, signal, noise, reach, alpha, steps) for p in WIDTHS
        ]
        assert_allclose(row, expected, rtol=1e-6)


def by_quadrature(p, n, signal, noise, reach, alpha, steps):
    """Excess by adaptive integration over the singular values."""
    gamma = p / n
    low, high = abs(1 - np.sqrt(gamma)), 1 + np.sqrt(gamma)
    rate = 1 / (n * high**2 + alpha)
    unseen = signal / (1 + p / reach)

    def kept(s):
        q = n * s**2 + alpha
        return n * s**2 / q * (1 - (1 - rate * q) ** steps)

    def density(s):
        return np.sqrt(max(0.0, (high**2 - s**2) * (s**2 - low**2))) / (
            np.pi * gamma * s
        )

    def part(function):
        cuts = [c for c in low + np.geomspace(1e-4, 0.5, 12) if c < high]
        return integrate.quad(
            lambda s: function(s) * density(s), low, high, points=cuts, limit=500
        )[0]

    missed = part(lambda s: (1 - kept(s)) ** 2) + max(0.0, 1 - 1 / gamma)
    amplified = part(lambda s: kept(s) ** 2 / (n * s**2)) if steps else 0.0
    return unseen + (signal - unseen) * missed + (noise + unseen) * p * amplified
