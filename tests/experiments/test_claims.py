"""The claims table: where a claim holds, what data make of each claim, and the command that prints it.

Oracle: figures made up for the purpose, in which a claim is true, false, or true in one setting of the paper only.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments import results as saved
from experiments.sample_efficiency.claims import CLAIMS, Results, conditions, page, theory, verdicts
from experiments.sample_efficiency.claims.verdicts import Case, above, below, verdict_of
from experiments.sample_efficiency.curves import kept

COMMITTED = Path(__file__).parents[2] / "docs/results/figures"
BY_ID = {claim.id: claim for claim in CLAIMS}


# Conditions


PLACES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 4), st.sampled_from(["x", "y"])), min_size=1, unique=True
)


@given(PLACES, st.data())
def test_a_condition_says_where_it_holds_and_nothing_else(found, data):
    places = [({"letter": a, "size": n, "end": z}, data.draw(st.booleans())) for a, n, z in found]
    tree = conditions.where_it_holds(places)
    for where, holds in places:
        assert holds == (tree is not None and tree.covers(where))


@given(PLACES, st.data())
def test_nothing_holds_outside_the_box(found, data):
    places = [({"letter": a, "size": n, "end": z}, data.draw(st.booleans())) for a, n, z in found]
    if any(holds for _, holds in places):
        inside, _ = conditions.bounding_box(places)
        assert not any(holds for index, (_, holds) in enumerate(places) if index not in inside)


def grid(rule):
    return [({"kind": kind, "size": size}, rule(kind, size)) for kind in ("plain", "residual") for size in (1, 2, 4, 8)]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (lambda kind, size: kind == "plain", "kind = plain"),
        (lambda kind, size: size <= 4, "size ≤ 4"),
        (lambda kind, size: size >= 4, "size ≥ 4"),
        (lambda kind, size: size in (2, 4), "size 2 to 4"),
        (lambda kind, size: size in (1, 8), "size = 1; or size = 8"),
        (lambda kind, size: kind == "plain" and size < 8, "kind = plain and size ≤ 4"),
        (lambda kind, size: kind == "plain" or size < 4, "size ≤ 2; or size ≥ 4 and kind = plain"),
        (lambda kind, size: True, ""),
    ],
)  # fmt: skip
def test_conditions_are_short(rule, text):
    assert str(conditions.where_it_holds(grid(rule))) == text


def test_cases_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match=r"both holds and does not; wanted factors that tell the cases apart"):
        conditions.where_it_holds([({"size": 1}, True), ({"size": 1}, False)])


# Verdicts


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        ([above({"size": 1}, 1), above({"size": 2}, 0.1)], "holds"),
        ([above({"size": 1}, 0), below({"size": 2}, 1, 1)], "fails"),
        ([above({"size": 1}, 1), above({"size": 2}, -1), above({"size": 3}, -1)], "holds only if size = 1"),
        ([above({"size": 1}, -1), above({"size": 2}, 1), above({"size": 3}, 1)], "holds only if size ≥ 2"),
        ([above({"size": 1}, [-1, 1.1])], "undecided"),  # 0.05 ± 1.05
        ([above({"size": 1}, [-1, 1.1]), above({"size": 2}, [1, 1.1])], "holds"),
        ([above({"size": 1}, [-1, 1.1]), above({"size": 2}, [-1, -1.1])], "fails"),
        ([above({"a": i % 2, "b": i // 2}, 1 if i != 5 else -1) for i in range(8)], "holds only if not (a = 1 and b = 2)"),
    ],
)  # fmt: skip
def test_verdicts(cases, verdict):
    assert verdict_of(cases).verdict == verdict


def test_the_noise_is_the_standard_error_of_the_mean():
    case = above({}, [1.0, 2.0, 3.0, 6.0], 0.5)
    spread = math.sqrt((4 + 1 + 0 + 9) / 3) / 2  # mean 3
    assert (case.value, case.threshold, case.error) == pytest.approx((3, 0.5, spread))
    assert case.clear
    assert not above({}, [1.0, 2.0, 3.0, 6.0], 3 - 1.9 * spread).clear


def test_a_long_condition_is_given_roughly_with_its_success():
    cases = [above({"a": a, "b": b}, 1 if (a * b) % 3 == 1 or a == 8 else -1) for a in range(9) for b in range(5)]
    verdict = verdict_of(cases).verdict
    assert verdict.startswith("holds only if ")
    assert " of 45 cases" in verdict or " cases" in verdict


@pytest.mark.parametrize(("cases", "message"), [([], "no cases"), ([Case({"size": 1}, math.nan)], "compares nan")])
def test_what_is_no_number_decides_nothing(cases, message):
    with pytest.raises(ValueError, match=message):
        verdict_of(cases)


# Claims on made-up figures. A world gives the alignment of a curve at a place.

SETTINGS = ("appendix", "text")
VALUES = {"depth": [1, 2, 3], "width": [4, 8, 16], "condition_number": [1, 10, 100], "batch_size": [1, 4, 16, 32]}
BOTH = ("bp", "pc")
SKIPS = (*BOTH, "residual_bp", "residual_pc")
DECORRELATED = (*BOTH, "bp_decorrelated", "pc_decorrelated", "pc_decorrelated_printed")
ADAPTIVE = (*BOTH, "bp_adaptive", "pc_adaptive")
RATES = tuple(f"{skip}pc_adaptive{printed}" for printed in ("", "_printed") for skip in ("", "residual_"))
KAIMING, PRESERVING = "kaiming_uniform", "norm_preserving"
FIGURES = {
    2: [("A", "depth", BOTH, KAIMING), ("B", "width", BOTH, KAIMING), ("C", "depth", BOTH, PRESERVING), ("D", "width", BOTH, PRESERVING)],
    3: [("A", "condition_number", ADAPTIVE, KAIMING)],
    4: [("A", "batch_size", DECORRELATED, KAIMING)],
    5: [(letter, "depth", SKIPS, init) for letter, init in zip("ABCD", [KAIMING, PRESERVING] * 2, strict=True)],
    6: [("A", "depth", RATES, KAIMING), ("B", "depth", RATES, PRESERVING)],
}  # fmt: skip


def figure(number, setting, world):
    """A figure in which the alignment of every curve is what the world says, in two seeds."""
    configs, arrays = {}, {}
    for letter, axis, curves, init in FIGURES[number]:
        config = {
            "axis": axis,
            "curves": list(curves),
            "init": init,
            "square": 8,
            "batch": 1 if number in (3, 6) or setting == "text" else 4,
            "linear_targets": setting == "appendix",
            "learning_rate": None if number == 5 and letter in "CD" else 1e-4,
        }
        configs[letter] = config
        arrays[f"{letter}/values"] = np.array(VALUES[axis])
        alignment = [[[world(curve, value, config)] * 2 for value in VALUES[axis]] for curve in curves]
        arrays[f"{letter}/alignment"] = np.array(alignment, float)
    return saved.Result({"command": "", "figure": number, "setting": setting, "panels": configs}, arrays)


def made_up(number, **worlds):
    """A figure in both settings, each with its world."""
    return Results({(number, setting): figure(number, setting, worlds[setting]) for setting in SETTINGS})


def levels(**alignment):
    """A world in which every curve is the same everywhere."""
    return lambda curve, value, config: alignment.get(curve, 0.5)


def falling(*curves, by=0.01):
    """A world in which these curves fall along every axis, the others not."""
    return lambda curve, value, config: 0.9 - by * math.log(value) * (curve in curves)


def rising(*curves, by=0.01):
    return falling(*curves, by=-by)


def by_init(kaiming, preserving):
    """One world for each initialisation."""
    return lambda curve, value, config: (kaiming if config["init"] == KAIMING else preserving)(curve, value, config)


def by_step(finite, limit):
    return lambda curve, value, config: (finite if config["learning_rate"] else limit)(curve, value, config)


ONE_STEP = [
    ("pc-is-better-aligned", 2, levels(pc=0.6), levels(pc=0.4)),
    ("norm-preserving-is-nearly-perfect", 2, levels(pc=0.96), levels(pc=0.94)),
    ("norm-preserving-decreases-slightly-with-depth", 2, falling("pc"), falling("pc", by=0.2)),
    ("norm-preserving-is-insensitive-to-width", 2, falling("pc"), falling("pc", by=0.2)),
    ("kaiming-is-worse-aligned", 2, by_init(levels(), falling()), by_init(falling(), levels())),
    ("kaiming-pc-deteriorates-with-depth", 2, falling("pc", by=0.3), falling("pc")),
    ("kaiming-pc-varies-more", 2, by_init(falling("pc"), levels()), by_init(levels(), falling("pc"))),
    ("bp-interference-grows-with-depth", 2, falling("bp"), rising("bp")),
    ("bp-interference-grows-as-layers-narrow", 2, rising("bp"), falling("bp")),
    ("pc-interference-is-independent-of-architecture", 2, falling("bp"), falling("pc", by=0.1)),
    ("advantage-is-pronounced-in-deep-networks", 2, falling("bp"), falling("pc")),
    ("advantage-is-pronounced-in-narrow-networks", 2, rising("bp"), rising("pc")),
    ("advantage-grows-with-the-condition-number", 3, falling("bp"), falling("pc")),
    ("adaptive-pc-is-perfectly-aligned", 3, levels(pc_adaptive=1), levels(pc_adaptive=0.99)),
    ("bp-benefits-from-adaptive-rates", 3, levels(bp_adaptive=0.6), levels(bp_adaptive=0.4)),
    ("adaptive-bp-is-not-perfectly-aligned", 3, levels(), levels(bp_adaptive=1)),
    ("poor-conditioning-lowers-alignment", 3, falling("bp", "pc", "bp_adaptive"), rising("bp", "pc", "bp_adaptive")),
    ("plain-alignment-falls-with-the-batch", 4, falling(*BOTH), rising(*BOTH)),
    ("plain-pc-beats-bp-at-every-batch-size", 4, levels(pc=0.6), levels(pc=0.4)),
    ("decorrelated-pc-is-perfectly-aligned", 4, levels(pc_decorrelated=1), levels()),
    ("decorrelated-pc-as-printed-is-perfectly-aligned", 4, levels(pc_decorrelated_printed=1), levels(pc_decorrelated=1)),
    ("bp-benefits-from-decorrelation", 4, levels(bp_decorrelated=0.6), levels(bp_decorrelated=0.4)),
    ("decorrelated-bp-is-not-perfectly-aligned", 4, levels(), levels(bp_decorrelated=1)),
    ("decorrelated-bp-underperforms-pc", 4, levels(bp_decorrelated=0.4), levels(bp_decorrelated=0.6)),
    ("batches-above-the-width-break-exactness", 4, levels(), levels(pc_decorrelated=1)),
    ("learning-rate-does-not-matter", 5, levels(), by_step(levels(), falling())),
    ("resnets-are-better-aligned", 5, levels(bp=0.4, pc=0.4), levels(bp=0.6, pc=0.6)),
    ("resnets-are-only-slightly-better", 5, levels(bp=0.45, pc=0.45), levels(bp=0.3, pc=0.3)),
    ("skips-help-bp-more", 5, levels(bp=0.4), levels(pc=0.4)),
    ("pc-is-better-aligned-with-and-without-skips", 5, levels(bp=0.4, residual_bp=0.4), levels(pc=0.4, residual_pc=0.4)),
    ("advantage-grows-with-depth-with-and-without-skips", 5, falling("bp", "residual_bp"), falling("pc", "residual_pc")),
    ("adaptive-pc-is-perfect-at-every-depth", 6, levels(pc_adaptive=1, residual_pc_adaptive=1), levels()),
    ("adaptive-pc-as-printed-is-perfect-at-every-depth", 6, levels(pc_adaptive_printed=1, residual_pc_adaptive_printed=1), levels()),
    ("adaptive-pc-as-printed-is-nearly-perfect", 6, levels(pc_adaptive_printed=0.96, residual_pc_adaptive_printed=0.96), levels()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "number", "true", "false"), ONE_STEP, ids=lambda each: each if isinstance(each, str) else ""
)
def test_claims_about_one_step_follow_the_data(name, number, true, false):
    claim = BY_ID[name]
    assert claim.decide(made_up(number, appendix=true, text=true)).verdict == "holds"
    assert claim.decide(made_up(number, appendix=false, text=false)).verdict == "fails"
    batch = 1 if number in (3, 6) else 4
    condition = "targets = linear" if number == 4 else f"data = linear targets in batches of {batch}"
    assert claim.decide(made_up(number, appendix=true, text=false)).verdict == f"holds only if {condition}"


# Claims on made-up trainings. A world gives the error of a curve after some time, from 0 to 1.

ONLINE = ("bp", "pc", "bp_adaptive", "pc_adaptive", "pc_adaptive_positive")
BATCH = ("bp", "pc", "bp_decorrelated", "pc_decorrelated")
TRAININGS = {
    2: [(letter, BOTH, 64, (6,) * (1 if letter in "EG" else 8), KAIMING if letter in "EF" else PRESERVING) for letter in "EFGH"],
    3: [("B", ONLINE, 1, (6,), PRESERVING), ("C", ONLINE, 1, (6,) * 8, PRESERVING)],
    4: [("B", BATCH, 64, (6,), PRESERVING), ("C", BATCH, 64, (6,) * 8, PRESERVING)],
    7: [("A", BOTH, 64, (6,), KAIMING), ("B", BOTH, 64, (40,), PRESERVING)],
    8: [("A", ONLINE, 1, (40,), PRESERVING), ("B", BATCH, 64, (40,), PRESERVING)],
    9: [("A", ONLINE[:-1], 1, (8, 4, 8), "lecun_normal"), ("B", BATCH, 64, (8, 4, 8), "lecun_normal")],
    10: [("A", ONLINE, 1, (6,) * 8, PRESERVING), ("B", BATCH, 64, (6,) * 8, PRESERVING)],
}  # fmt: skip
TIMES = np.linspace(0, 1, 21)


def trained(number, world, rate=1, setting="appendix"):
    """A figure of trainings at three learning rates, one of which is best; two seeds, and one that diverged."""
    configs, arrays = {}, {}
    for letter, curves, batch, hidden, init in TRAININGS[number]:
        configs[letter] = {
            "curves": list(curves),
            "learning_rates": [0.1, 0.2, 0.4],
            "hidden": list(hidden),
            "init": init,
            "batch": batch,
        }
        errors = np.full((len(curves), 3, 2, len(TIMES)), np.inf)
        for index, curve in enumerate(curves):
            errors[index, rate] = [[10 ** -world(curve, time, batch) for time in TIMES]] * 2
            errors[index, rate - 1] = 100.0
        panel = {"learning_rates": np.array([0.1, 0.2, 0.4]), **kept(errors)}
        arrays |= {f"{letter}/{name}": array for name, array in panel.items()}
    return saved.Result({"command": "", "figure": number, "setting": setting, "panels": configs}, arrays)


def powers(**speeds):
    """A world in which a curve's error falls by so many powers of ten, one if it is not named."""
    return lambda curve, time, batch: speeds.get(curve, 1) * time


def at_first(*curves):
    """A world in which these curves have done everything in the beginning."""
    return lambda curve, time, batch: 1.0 * (time > 0) if curve in curves else time


def by_batch(online, batches):
    return lambda curve, time, batch: (online if batch == 1 else batches)(curve, time, batch)


QUICK_PC, QUICK_BP = powers(pc=2, pc_adaptive=2, pc_decorrelated=2), powers(bp=2, bp_adaptive=2, bp_decorrelated=2)
RESCALED = powers(bp_adaptive=2, pc_adaptive=2, bp_decorrelated=2, pc_decorrelated=2)
ORDER = powers(pc_decorrelated=4, pc=3, bp_decorrelated=2)
TRAINED = [
    ("pc-learns-with-fewer-samples", 2, QUICK_PC, QUICK_BP),
    ("pc-beats-bp-online", 3, QUICK_PC, QUICK_BP),
    ("online-rescaling-helps-little-at-first", 3, powers(), at_first("bp_adaptive", "pc_adaptive")),
    ("online-rescaling-helps-in-the-end", 3, RESCALED, powers(pc=2)),
    ("rescaled-pc-needs-far-fewer-steps", 4, powers(pc_decorrelated=3), powers(bp=2, pc=2)),
    ("plain-rules-start-fast-and-slow-down", 4, at_first("bp", "pc"), lambda curve, time, batch: time**2),
    ("pc-beats-bp-at-every-width", 7, QUICK_PC, QUICK_BP),
    ("online-rescaling-brings-no-benefit", 8, powers(), RESCALED),
    ("rescaled-pc-is-best-in-batches", 8, powers(pc_decorrelated=2), powers(bp=2, pc=2, bp_decorrelated=2)),
    ("pc-clearly-wins-online-in-wide-networks", 8, QUICK_PC, QUICK_BP),
    ("online-rescaling-brings-no-benefit-in-deep-networks", 10, powers(), RESCALED),
    ("batch-rescaling-helps-in-deep-networks", 10, RESCALED, powers()),
    ("rescaled-pc-is-best-in-deep-networks", 10, powers(pc_decorrelated=2), powers(bp=2, pc=2, bp_decorrelated=2)),
    ("autoencoder-gains-little-from-rescaling-at-first", 9, powers(), at_first("bp_adaptive", "pc_adaptive")),
    ("autoencoder-order-in-batches", 9, ORDER, powers(bp=4, bp_decorrelated=3, pc=2)),
    ("autoencoder-pc-ends-lower", 9, QUICK_PC, QUICK_BP),
    ("autoencoder-rescaling-needs-batches", 9, by_batch(powers(), RESCALED), by_batch(RESCALED, powers())),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "number", "true", "false"), TRAINED, ids=lambda each: each if isinstance(each, str) else ""
)
def test_claims_about_training_follow_the_data(name, number, true, false):
    claim = BY_ID[name]
    right, wrong = trained(number, true), trained(number, false, setting="text")
    assert claim.decide(Results({(number, "appendix"): right})).verdict == "holds"
    assert claim.decide(Results({(number, "text"): wrong})).verdict == "fails"
    both = Results({(number, "appendix"): right, (number, "text"): wrong})
    assert claim.decide(both).verdict == "holds only if rates = of the appendix"


def test_one_initialisation_is_best_in_deep_networks():
    claim = BY_ID["norm-preserving-pc-is-best-in-deep-networks"]
    verdict = claim.decide(Results({(2, "appendix"): trained(2, powers(pc=2))}))
    assert verdict.verdict == "holds only if rule = BP"  # PC with Kaiming weights is as good
    assert {case.where["rule"] for case in verdict.cases} == {"BP", "PC"}
    assert len(verdict.cases) == 3


@pytest.mark.parametrize(("rate", "verdict"), [(1, "holds"), (2, "fails")])
def test_a_sweep_shows_whether_its_best_rate_is_at_its_end(rate, verdict):
    figures = {(number, "appendix"): trained(number, powers(), rate) for number in (7, 8, 10)}
    assert BY_ID["sweeps-contain-the-optimum"].decide(Results(figures)).verdict == verdict


# The toy model


def paths(bp, pc):
    steps = np.linspace(0, 1, 11)
    predictions = np.array([[1 - 2 * steps, 1 + bend * np.sin(np.pi * steps)] for bend in (bp, pc)]).transpose(0, 2, 1)
    panels = {"B": {"rules": ["BP", "PC"]}}
    return Results(
        {(1, "appendix"): saved.Result({"setting": "appendix", "panels": panels}, {"B/predictions": predictions})}
    )


@pytest.mark.parametrize(
    ("name", "bends", "verdict"),
    [
        ("pc-goes-more-directly-in-the-toy-model", (-0.3, -0.2), "holds"),
        ("pc-goes-more-directly-in-the-toy-model", (-0.2, -0.3), "fails"),
        ("neither-rule-takes-the-shortest-path", (-0.3, 0.2), "holds"),
        ("neither-rule-takes-the-shortest-path", (0, 0), "fails"),
        ("neither-rule-takes-the-shortest-path", (0.3, 0), "holds only if rule = BP"),
    ],
)
def test_the_toy_model(name, bends, verdict):
    assert BY_ID[name].decide(paths(*bends)).verdict == verdict


# What is computed on the spot. The verdicts follow from docs/errata.md, docs/theorem-1.md and docs/theorem-2.md.

COMPUTED = {
    "norm-preserving-weights-preserve-the-norm": "holds",
    "norm-preserving-weights-preserve-the-variance": "holds only if layer = square",
    "kaiming-norms-decay-by-three": "holds only if measured = squared norm",  # the norm, by √3
    "conditioning-changes-nothing-else": "holds",
    "the-teacher-is-low-rank": "fails",
    "pc-descends-the-equilibrated-energy": "holds",
    "theorem-1": "holds",
    "theorem-1-needs-nothing-of-the-activities": "holds only if activities = x*ᵀx̂ ≠ 0",
    "adaptive-rates-are-exact-for-a-batch": "holds only if batch = 1",
    "theorem-2-as-printed": "fails",
    "batches-below-the-width-suffice": "holds only if inputs = distinct",
    "decorrelation-is-exact-in-resnets": "holds only if batch = 8; or batch = 64 and targets = linear",
    "printed-rates-are-exact-in-resnets": "fails",
    "rescaled-pc-is-the-natural-gradient-in-batches": "holds only if compared = prediction changes",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The command on the committed data, with everything that it writes."""
    folder = tmp_path_factory.mktemp("claims")
    (folder / "page.md").write_text(f"Before.\n{page.BEGIN}\nwhat was here\n{page.END}\nAfter.\n", encoding="utf-8")
    done = dlntheory("claims", "--json", "--write", folder / "new", "--page", folder / "page.md")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), folder


def dlntheory(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_committed_data_decide(run):
    record, _ = run
    assert len(record["claims"]) == len(CLAIMS) >= 25
    assert sum(record["counts"].values()) == len(CLAIMS)
    decided = [each for each in record["claims"] if each["kind"] != "no data"]
    assert len(decided) >= 25
    assert {each["kind"] for each in decided} >= {"holds", "holds only if", "fails"}
    for each in decided:
        assert each["cases"]
        assert (each["kind"] == "holds") == all(case["holds"] for case in each["cases"] if case["clear"])
    assert len({each["id"] for each in record["claims"]}) == len(CLAIMS)


@pytest.mark.parametrize(("name", "verdict"), COMPUTED.items())
def test_what_is_computed(run, name, verdict):
    assert {each["id"]: each["verdict"] for each in run[0]["claims"]}[name] == verdict


def test_it_writes_a_page_a_record_and_a_section(run):
    record, folder = run
    written = json.loads((folder / "new/claims.json").read_text(encoding="utf-8"))
    assert written == {"counts": record["counts"], "claims": record["claims"]}
    text = (folder / "new/claims.md").read_text(encoding="utf-8")
    assert text.count("\n| ") == len(CLAIMS) + 1
    section = (folder / "page.md").read_text(encoding="utf-8")
    assert section.startswith("Before.\n")
    assert section.endswith("\nAfter.\n")
    assert "what was here" not in section
    assert page.filled(section, record["claims"]) == section


def test_every_claim_is_tested(run):
    """Nobody adds a claim without made-up data that make it true and false, or a reason for its verdict."""
    tested = {name for name, *_ in [*ONE_STEP, *TRAINED]} | COMPUTED.keys()
    tested |= {"pc-goes-more-directly-in-the-toy-model", "neither-rule-takes-the-shortest-path"}
    tested |= {"norm-preserving-pc-is-best-in-deep-networks", "sweeps-contain-the-optimum"}
    assert BY_ID.keys() - tested <= MEASURED


MEASURED = {
    "ten-thousand-inference-steps-reach-equilibrium",
    "adaptive-rates-are-learning-rates",
    "batches-must-be-below-the-width",
    "skips-keep-singular-values-larger",
    "skips-improve-conditioning",
    "natural-gradient-is-perfectly-aligned",
}
"""Computed, and known from the computation alone."""


def test_a_theorem_that_broke_would_fail(monkeypatch):
    verify = theory.dln.verify
    monkeypatch.setattr(theory.dln, "verify", lambda *problem, **options: verify(*problem, theorem="printed-2"))
    assert BY_ID["batches-below-the-width-suffice"].decide(Results({})).verdict == "fails"


def test_without_data_the_verdict_is_the_command_that_makes_them():
    nothing = Results({})
    assert (
        BY_ID["pc-is-better-aligned"].decide(nothing).numbers == "wanted: dlntheory figure 2 --full --setting appendix"
    )
    assert BY_ID["pc-beats-bp-at-every-width"].decide(nothing).numbers == "wanted: dlntheory figure 7 --full"
    verdict = BY_ID["autoencoder-pc-ends-lower"].decide(nothing)
    assert verdict == verdicts.Verdict("no data", "wanted: dlntheory figure 9 --full --data-dir MNIST")
    half = Results({(2, "appendix"): figure(2, "appendix", levels())})
    assert BY_ID["pc-is-better-aligned"].decide(half).numbers == "wanted: dlntheory figure 2 --full --setting text"
    assert BY_ID["pc-learns-with-fewer-samples"].decide(half).numbers == "wanted: dlntheory figure 2 --full"


def test_it_refuses_what_it_cannot_read_or_write(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, message in ((tmp_path / "none", "is no folder"), (tmp_path / "empty", "holds no figure of the paper")):
        done = dlntheory("claims", "--results", folder)
        assert done.exit_code == 2
        assert f"--results: {folder} {message}" in done.stderr
    broken = tmp_path / "broken/figure2"
    broken.mkdir(parents=True)
    (broken / "config.json").write_text("{}")
    (broken / "arrays.npz").write_bytes(b"PK")
    done = dlntheory("claims", "--results", broken.parent)
    assert done.exit_code == 2
    assert "arrays.npz" in done.stderr


def test_a_page_without_a_place_for_the_table_is_refused():
    with pytest.raises(ValueError, match="wanted a place for the table"):
        page.filled("nothing", [])
