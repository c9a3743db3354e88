"""The charts of a report, in Vega-Altair: each takes the findings, and is one view that fits its container.

Texts and lines take the page's colour, so that one drawing serves light, dark and paper. The parameters ``batch`` and
``rules`` are set by the page's controls.
"""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from ..style import COLOURS
from ..words import rule_name

INK = "currentColor"
DASHES = {None: [1, 0], "adaptive_positive": [6, 3], "decorrelated": [2, 2]}
LOGARITHMIC = 30
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""

Rows = list[dict[str, Any]]
Data = dict[str, Rows]
"""The rows of a chart's named data, which stay beside it: Altair copies and checks what is in it, number by number."""
Drawing = tuple[Any, Data]


def charts(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Vega-Lite's specifications by the names that the page uses; those whose findings were refused are left out."""
    drawn = {
        "energies": by_layer(found["layers"], "energy", "energy at equilibrium"),
        "conditions": by_layer(found["layers"], "condition_number", "condition number of W"),
        "kernels": kernels(found["kernels"]["rows"]),
    }
    if _shown(found["alignment"]):
        drawn |= {"alignment": alignment(found["alignment"]), "batches": by_batch(found["alignment"])}
    if "times" in found["inference"]:
        drawn |= {"course": course(found["inference"]), "eigenvalues": eigenvalues(found["inference"]["eigenvalues"])}
    if "rows" in found["random"]:
        drawn |= {"random": against_random(found["random"]["rows"])}
    return {name: specification(*each) for name, each in drawn.items()}


def specification(chart: Any, data: Data) -> dict[str, Any]:
    """The chart as JSON with its data, as wide as its container and without a background."""
    whole = chart.properties(width="container", background="transparent").configure(
        view={"stroke": None},
        axis={
            "labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK, "gridColor": INK,
            "gridOpacity": 0.15, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        },
        legend={"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "orient": "bottom"},
        font="system-ui, sans-serif",
    )  # fmt: skip
    return whole.to_dict() | {"datasets": data}


def alignment(records: Rows) -> Drawing:
    """Every sample's alignment under each rule, with median and quartiles, in batches of one size."""
    shown = _shown(records)
    samples = [
        {"label": each["label"], "batch": each["batch"], "alignment": round(value, 6)}
        for each in shown
        for value in each["values"]
    ]
    names = ("label", "batch", "lower", "median", "upper", "mean", "smallest", "batches")
    quartiles = [{name: each[name] for name in names} for each in shown]
    smallest = min(each["smallest"] for each in quartiles)
    x = alt.Scale(domain=[min(0.0, smallest), 1], nice=True)
    y = alt.Y("label:N", sort=_labels(shown), title=None, axis=alt.Axis(labelLimit=200, grid=False))
    tooltip = _tooltip(names)
    ticks = _chart("samples").mark_tick(thickness=1.2, size=18, opacity=0.5)
    boxes = _chart("quartiles")
    layers = (
        ticks.encode(
            alt.X("alignment:Q", scale=x, title="target alignment of a sample"), y, color=_colour(shown, legend=False)
        ),
        boxes.mark_rule(strokeWidth=4, color=INK).encode(alt.X("lower:Q", scale=x), y, x2="upper:Q", tooltip=tooltip),
        boxes.mark_point(size=90, filled=True, color=INK, opacity=1).encode(
            alt.X("median:Q", scale=x), y, tooltip=tooltip
        ),
    )
    chart = _of_rules([layer.transform_filter("datum.batch == batch") for layer in layers], shown)
    chart = chart.add_params(alt.param(name="batch", value=max(each["batch"] for each in shown)))
    return chart.properties(height=34 * len(_labels(shown))), {"samples": samples, "quartiles": quartiles}


def by_batch(records: Rows) -> Drawing:
    """The mean alignment against the batch size, with the bootstrap's interval."""
    shown = _shown(records)
    names = ("label", "batch", "mean", "low", "high", "batches")
    rows = [
        {**each, "low": (each["interval"] or [None] * 2)[0], "high": (each["interval"] or [None] * 2)[1]}
        for each in shown
    ]
    rows = [{name: row[name] for name in names} for row in rows]
    sizes = sorted({row["batch"] for row in rows})
    x = alt.X(
        "batch:Q", scale=alt.Scale(type="log", nice=False), axis=alt.Axis(values=sizes, grid=False), title="batch size"
    )
    scale = alt.Scale(zero=False)
    lines = _chart("means").encode(x, color=_colour(shown))
    layers = (
        lines.mark_rule(strokeWidth=2, opacity=0.6).encode(
            alt.Y("low:Q", scale=scale, title="mean alignment"), y2="high:Q"
        ),
        lines.mark_line(strokeWidth=2).encode(y=alt.Y("mean:Q", scale=scale), strokeDash=_dash(shown)),
        lines.mark_point(size=60, filled=True, opacity=1).encode(
            y=alt.Y("mean:Q", scale=scale),
            tooltip=_tooltip(names),
        ),
    )
    return _of_rules(layers, shown).properties(height=260), {"means": rows}


def by_layer(layers: Rows, name: str, title: str) -> Drawing:
    """A number of each layer."""
    rows = [{"layer": each["layer"], "value": each[name]} for each in layers]
    chart = (
        _chart("layers")
        .mark_line(point={"size": 70, "color": COLOURS["pc"]}, color=COLOURS["pc"])
        .encode(
            alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
            _y("value", title, [row["value"] for row in rows]),
            tooltip=["layer:O", alt.Tooltip("value:Q", title=title, format=".4g")],
        )
        .properties(height=200)
    )
    return chart, {"layers": rows}


def course(inference: dict[str, Any]) -> Drawing:
    """Each layer's energy as inference goes on."""
    rows = [
        {"layer": layer, "step": time, "energy": energy}
        for time, energies in zip(inference["times"], inference["energies"], strict=True)
        for layer, energy in enumerate(energies, start=1)
        if energy > 0
    ]
    chart = (
        _chart("energies")
        .mark_line(point={"size": 30})
        .encode(
            alt.X("step:Q", scale=alt.Scale(type="log"), title="steps of inference"),
            _y("energy", "mean energy", [row["energy"] for row in rows]),
            color=alt.Color("layer:O", scale=alt.Scale(range=_ramp(len(inference["energies"][0])))),
            tooltip=["layer:O", "step:Q", alt.Tooltip("energy:Q", format=".4g")],
        )
        .properties(height=260)
    )
    return chart, {"energies": rows}


def eigenvalues(values: Sequence[float]) -> Drawing:
    """The Hessian's eigenvalues in descending order."""
    rows = [{"value": each, "number": number} for number, each in enumerate(sorted(values)[::-1], start=1)]
    return _ranked(rows, "eigenvalue")


def kernels(rows: Rows) -> Drawing:
    """The singular values of each rule's update kernel."""
    shown = [row for row in rows if "refused" not in row]
    values = [
        {"label": row["label"], "number": number, "value": value}
        for row in shown
        for number, value in enumerate(row["values"], start=1)
        if value > 1e-12 * row["values"][0]
    ]
    chart, data = _ranked(values, "singular value", color=_colour(shown), strokeDash=_dash(shown))
    return _of_rules([chart], shown).properties(height=240), data


def against_random(rows: Rows) -> Drawing:
    """The alignments of random networks, the network's own, and the formula's."""
    named = [{**row, "name": f"{row['label']}, {_samples(row['batch'])}"} for row in rows]
    drawn = [{"name": row["name"], "alignment": round(value, 6)} for row in named for value in row["drawn"]]
    points = [
        {"name": row["name"], "what": what, "alignment": row[key]}
        for row in named
        for what, key in (("this network", "value"), ("formula", "expected"))
        if row[key] is not None
    ]
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200, grid=False))
    x = alt.X("alignment:Q", title="mean alignment", scale=alt.Scale(zero=False))
    what = {"domain": ["this network", "formula"]}
    marks = _chart("points").mark_point(size=110, opacity=1, filled=True)
    chart = alt.layer(
        _chart("drawn").mark_tick(thickness=1.5, size=18, opacity=0.5, color=INK).encode(x, y),
        marks.encode(
            x, y,
            shape=alt.Shape("what:N", scale=alt.Scale(**what, range=["diamond", "cross"]), title=None),
            color=alt.Color("what:N", scale=alt.Scale(**what, range=[COLOURS["pc"], COLOURS["bp"]]), title=None),
            tooltip=["name:N", "what:N", alt.Tooltip("alignment:Q", format=".4f")],
        ),
    )  # fmt: skip
    return chart.properties(height=36 * len(named)), {"drawn": drawn, "points": points}


def explorer_charts(
    curves: dict[str, tuple[str, Sequence[tuple[str, str | None]]]], rows: Data
) -> dict[str, dict[str, Any]]:
    """The explorer's charts, whose data the page replaces: alignment against settings, and energies by layer.

    Args:
        curves: by the name of a setting, the title of its axis, and the rules with their rescalings.
        rows: the first data, by chart.
    """
    drawn = {name: _curve(*each) for name, each in curves.items()} | {"energies": _energies()}
    return {name: specification(chart, {"rows": rows[name]}) for name, chart in drawn.items()}


def _curve(title: str, rules: Sequence[tuple[str, str | None]]) -> Any:
    rows = [{"label": rule_name(*each), "rule": each[0], "rescaling": each[1]} for each in rules]
    y = alt.Y("alignment:Q", title="mean alignment", scale=alt.Scale(domain=[-0.2, 1], clamp=True))
    lines = _chart("rows").encode(alt.X("value:Q", title=title, axis=alt.Axis(tickMinStep=1)), y, color=_colour(rows))
    size = alt.condition("datum.own", alt.value(140), alt.value(30))
    tooltip = ["label:N", alt.Tooltip("value:Q", title=title), alt.Tooltip("alignment:Q", format=".4f")]
    marks = (
        lines.mark_line(strokeWidth=2).encode(strokeDash=_dash(rows)),
        lines.mark_point(filled=True, opacity=1).encode(size=size, tooltip=tooltip),
    )
    return alt.layer(*marks).properties(height=220)


def _energies() -> Any:
    scale = {"domain": ["after T steps", "at equilibrium", "leading order"]}
    legend = alt.Legend(title=None, symbolType="stroke", symbolSize=400, symbolStrokeWidth=2, columns=2)
    return (
        _chart("rows")
        .mark_line(point=True, strokeWidth=2)
        .encode(
            alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
            alt.Y(
                "energy:Q", title="mean energy", scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", tickCount=5)
            ),
            color=alt.Color("what:N", scale=alt.Scale(**scale, range=list(COLOURS.values())[:3]), legend=legend),
            strokeDash=alt.StrokeDash(
                "what:N", scale=alt.Scale(**scale, range=[[1, 0], [6, 3], [2, 2]]), legend=legend
            ),
            tooltip=["what:N", "layer:O", alt.Tooltip("energy:Q", format=".4g")],
        )
        .properties(height=220)
    )


def _chart(name: str) -> Any:
    """A chart of named data."""
    return alt.Chart(alt.NamedData(name))


def _ranked(rows: Rows, title: str, **encoding: Any) -> Drawing:
    chart = (
        _chart("values")
        .mark_line(point={"size": 18}, color=COLOURS["pc"])
        .encode(
            alt.X("number:Q", title="number"),
            _y("value", title, [row["value"] for row in rows]),
            tooltip=[*(["label:N"] if encoding else []), "number:Q", alt.Tooltip("value:Q", format=".4g")],
            **encoding,
        )
        .properties(height=240)
    )
    return chart, {"values": rows}


def _shown(records: Rows) -> Rows:
    return [each for each in records if "refused" not in each and each["mean"] is not None]


def _labels(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["label"] for row in rows))


def _of_rules(layers: Sequence[Any], rows: Rows) -> Any:
    """The layers, of the rules that the page chose."""
    chosen = (layer.transform_filter("indexof(rules, datum.label) >= 0") for layer in layers)
    return alt.layer(*chosen).add_params(alt.param(name="rules", value=_labels(rows)))


def _by_label(rows: Rows, name: str, table: dict[Any, Any]) -> dict[str, list[Any]]:
    found = {row["label"]: table[row[name]] for row in rows}
    return {"domain": list(found), "range": list(found.values())}


def _colour(rows: Rows, legend: bool = True) -> Any:
    scale = alt.Scale(**_by_label(rows, "rule", COLOURS))
    return alt.Color("label:N", scale=scale, legend=_legend() if legend else None)


def _dash(rows: Rows) -> Any:
    return alt.StrokeDash("label:N", scale=alt.Scale(**_by_label(rows, "rescaling", DASHES)), legend=_legend())


def _legend() -> Any:
    """The same for colours and dashes, which Vega-Lite then shows as one."""
    return alt.Legend(title=None, symbolType="stroke", symbolSize=400, symbolStrokeWidth=2, columns=2, labelLimit=160)


def _y(name: str, title: str, values: Sequence[float | None]) -> Any:
    """An axis that is logarithmic where the values need it and allow it, with lines at powers of ten."""
    known = [value for value in values if value is not None]
    if not known or min(known) <= 0 or max(known) < LOGARITHMIC * min(known):
        return alt.Y(f"{name}:Q", title=title)
    low, high = (math.log10(value) for value in (min(known), max(known)))
    every = max(1, round((high - low) / 6))
    powers = [10.0**power for power in range(math.ceil(low), math.floor(high) + 1, every)]
    scale = alt.Scale(type="log", nice=False)
    return alt.Y(f"{name}:Q", title=title, scale=scale, axis=alt.Axis(values=powers, format=".0e"))


def _ramp(count: int) -> list[str]:
    """So many colours from orange to blue, all of which stand out from white and from black."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ramp = LinearSegmentedColormap.from_list("ramp", [COLOURS["bp"], COLOURS["evidence"], COLOURS["pc"]])
    return [to_hex(ramp(index / max(1, count - 1))) for index in range(count)]


def _tooltip(names: Sequence[str]) -> list[Any]:
    """The fields of a row that are shown under the pointer."""
    return [alt.Tooltip(f"{name}:{'N' if name == 'label' else 'Q'}", format=_format(name)) for name in names]


def _format(name: str) -> str:
    return "" if name in ("label", "batch", "batches") else ".4f"


def _samples(batch: int) -> str:
    return "one sample" if batch == 1 else f"{batch} samples"
