"""The figure of a display for plotly, which tells what is under the pointer."""

import numpy as np

from skhmmdd._plotting import COLOURS, import_plotly
from skhmmdd.curve._landmarks import median_over_splits
from skhmmdd.curve.display._artists import (
    THEORY_COLOUR,
    THEORY_DASHES,
    ZONE_COLOUR,
    band_outlines,
)
from skhmmdd.curve.display._axes import (
    FOLDING,
    horizontal_scale,
    unit_of,
    within_reach,
)
from skhmmdd.curve.display._figure import (
    PLATEAU_LABEL,
    best_label,
    is_log_y,
    limits_of,
    median_and_band,
    plateau_of,
    threshold_label,
    title_of,
)
from skhmmdd.curve.measurement._risks import risk_label

# Lines that fall to zero end so far below a logarithmic axis, as a share of its foot.
_OUT_OF_SIGHT = 1e-3
_THEORY_WIDTH = 1.5


def draw_interactive(
    display, at, x_label, *, x, theory, log_x, log_y, show_train, show_band
):
    """Draw a display with plotly, against the values `at`; see `plot_interactive`.

    `theory` is as `read_theory` gives it.
    """
    graph_objects = import_plotly("DoubleDescentDisplay.plot_interactive")
    figure = graph_objects.Figure()
    # 1. Axes, and where on them.
    limits = limits_of(
        display,
        show_train=show_train,
        show_band=show_band,
        log_y=log_y,
        others=[risk for *_, risk in theory],
    )
    is_log = is_log_y(display, log_y)
    scale, options = horizontal_scale(at, log_x)
    zero = _place_of_zero(scale, options)
    unit = unit_of(display, x)
    threshold = display.interpolation_threshold

    def across(values):
        return values if zero is None else np.where(values == 0, zero, values)

    def up(risk):
        risk = within_reach(risk, limits)
        if is_log and limits is not None:
            return np.maximum(risk, _OUT_OF_SIGHT * limits[0])
        return risk

    def add_line(complexity, at, risk, name, said=None, **style):
        figure.add_scatter(
            x=across(at),
            y=up(risk),
            name=name,
            mode="lines" if len(at) > 1 else "markers",
            text=_said_of(display, complexity, said or [f"{r:.4g}" for r in risk]),
            hovertemplate="<b>%{fullData.name}</b><br>%{text}<extra></extra>",
            **style,
        )

    # 2. What is shaded.
    if display.danger_zone is not None and x not in FOLDING:
        low, high = (across(np.array(display.danger_zone) / unit)).tolist()
        figure.add_vrect(
            low,
            high,
            name="danger zone",
            fillcolor=ZONE_COLOUR,
            opacity=0.15 if low < high else 0.5,
            line={"color": ZONE_COLOUR, "width": 2 * (low == high)},
            layer="below",
            showlegend=True,
        )
    # 3. Risks, with their bands.
    colour = COLOURS[0]
    for subset in ("test", "train") if show_train else ("test",):
        median, *edges = median_and_band(display, subset)
        if show_band:
            figure.add_scatter(
                **_corners(band_outlines(across(at), *map(up, edges))),
                mode="lines",
                line={"width": 0},
                fill="toself",
                fillcolor=colour,
                opacity=0.22 if subset == "test" else 0.12,
                legendgroup=subset,
                showlegend=False,
                hoverinfo="skip",
            )
        add_line(
            display.complexity,
            at,
            median,
            "test risk" if subset == "test" else "training risk",
            _quantiles_said(display, median, edges),
            legendgroup=subset,
            line={"color": colour, "width": 2.5}
            if subset == "test"
            else {"color": colour, "width": 1.7, "dash": "dash"},
        )
    # 4. Landmarks.
    middle = median_over_splits(display.test_risk)
    if threshold is not None:
        name = threshold_label(threshold / unit)
        if x in FOLDING:
            index = [int(np.argmin(np.abs(display.complexity - threshold)))]
            _add_points(
                figure, across(at)[index], up(middle)[index], name, "diamond", 9
            )
        else:
            figure.add_vline(
                float(across(np.array(threshold / unit))),
                name=name,
                line={"color": colour, "width": 1.5, "dash": "dot"},
                showlegend=True,
            )
    best = display.best
    if best is not None and np.isfinite(best.risk):
        plateau = plateau_of(display)
        if len(plateau) > 1:
            there = across(at)[plateau], up(middle)[plateau]
            _add_points(figure, *there, PLATEAU_LABEL, "circle-open", 6)
        there = across(at)[[best.index]], [best.risk]
        _add_points(figure, *there, best_label(display, x), "circle", 11)
    # 5. Theory.
    for index, (name, complexity, risk) in enumerate(theory):
        dashes = THEORY_DASHES[index % len(THEORY_DASHES)][1]
        dash = ",".join(f"{_THEORY_WIDTH * length:g}px" for length in dashes)
        line = {"color": THEORY_COLOUR, "width": _THEORY_WIDTH, "dash": dash}
        add_line(complexity, complexity / unit, risk, name, line=line)
    # 6. The axes themselves.
    figure.update_layout(
        template="plotly_white",
        title={"text": title_of(display), "font": {"size": 15}},
        hovermode="closest",
        legend={"orientation": "h", "yanchor": "top", "y": -0.2},
        margin={"t": 60},
        height=480,
    )
    figure.update_xaxes(title_text=x_label, **_axis(scale != "linear"))
    if zero is not None:
        ticks = _ticks_from_zero(at)
        figure.update_xaxes(tickvals=across(ticks), ticktext=[f"{t:g}" for t in ticks])
    figure.update_yaxes(
        title_text=display.risk_label or risk_label(display.risk_name), **_axis(is_log)
    )
    if limits is not None:
        figure.update_yaxes(range=np.log10(limits) if is_log else limits)
    return figure


def _said_of(display, complexity, risks):
    """What is told of points: complexity, its ratio to the threshold, risk."""
    threshold = display.interpolation_threshold
    told = []
    for value, risk in zip(complexity, risks, strict=True):
        lines = [f"{display.param_name}: {value:g}", f"risk: {risk}"]
        if threshold:
            lines.insert(1, f"ratio to the threshold: {value / threshold:.3g}")
        told.append("<br>".join(lines))
    return told


def _quantiles_said(display, median, edges):
    """Medians, and the quantiles of the band where there are several splits."""
    if display.test_risk.shape[1] == 1:
        return None
    shares = " to ".join(f"{q:g}" for q in display.quantiles)
    return [
        f"{middle:.4g}<br>quantiles {shares}: {low:.3g} to {high:.3g}"
        for middle, low, high in zip(median, *edges, strict=True)
    ]


def _add_points(figure, x, y, name, symbol, size):
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        mode="markers",
        marker={"color": COLOURS[0], "symbol": symbol, "size": size},
        hoverinfo="skip",
    )


def _corners(outlines):
    """Polygons as one closed line with gaps."""
    gap = np.full((1, 2), np.nan)
    corners = np.concatenate([part for one in outlines for part in (one, gap)][:-1])
    return {"x": corners[:, 0], "y": corners[:, 1]}


def _place_of_zero(scale, options):
    """Where zero stands, on a logarithmic axis, which plotly has no linear part for."""
    if scale != "symlog":
        return None
    return options["linthresh"] * 10.0 ** -options["linscale"]


def _ticks_from_zero(at):
    positive = np.log10(at[at > 0])
    decades = 10.0 ** np.arange(np.ceil(positive.min()), np.floor(positive.max()) + 1)
    return np.concatenate([[0.0], decades])


def _axis(is_log):
    if not is_log:
        return {}
    # 1, 10, 100 and no "1k", as in the other figure.
    return {"type": "log", "tickformat": "~g", "nticks": 8}
