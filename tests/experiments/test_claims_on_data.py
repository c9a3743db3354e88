"""What data make of each claim of the paper.

Oracle: figures made up for the purpose, in which a claim is true, false, or true in one setting of the paper only.
"""

import math
from pathlib import Path

import numpy as np
import pytest

from experiments import results as saved
from experiments.sample_efficiency.claims import CLAIMS, Results
from experiments.sample_efficiency.curves import with_best

COMMITTED = Path(__file__).parents[2] / "docs/results/figures"
BY_ID = {claim.id: claim for claim in CLAIMS}


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


def falling(*curves, by=0.03):
    """A world in which these curves fall along every axis, the others not."""
    return lambda curve, value, config: 0.9 - by * math.log(value) * (curve in curves)


def rising(*curves, by=0.03):
    return falling(*curves, by=-by)


def by_init(kaiming, preserving):
    """One world for each initialisation."""
    return lambda curve, value, config: (kaiming if config["init"] == KAIMING else preserving)(curve, value, config)


def by_step(finite, limit):
    return lambda curve, value, config: (finite if config["learning_rate"] else limit)(curve, value, config)


ONE_STEP = [
    ("pc-is-better-aligned", 2, levels(pc=0.6), levels(pc=0.4)),
    ("norm-preserving-is-nearly-perfect", 2, levels(pc=0.96), levels(pc=0.94)),
    ("norm-preserving-falls-slightly-with-depth", 2, falling("pc"), falling("pc", by=0.2)),
    ("norm-preserving-is-insensitive-to-width", 2, falling("pc"), falling("pc", by=0.2)),
    ("kaiming-is-worse-aligned", 2, by_init(levels(), falling()), by_init(falling(), levels())),
    ("kaiming-pc-deteriorates-with-depth", 2, falling("pc", by=0.3), falling("pc")),
    ("kaiming-pc-varies-more", 2, by_init(falling("pc"), levels()), by_init(levels(), falling("pc"))),
    ("bp-interference-grows-with-depth", 2, falling("bp"), rising("bp")),
    ("bp-interference-grows-as-layers-narrow", 2, rising("bp"), falling("bp")),
    ("pc-does-not-depend-on-the-architecture", 2, falling("bp"), falling("pc", by=0.1)),
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
    ("printed-decorrelation-is-perfectly-aligned", 4, levels(pc_decorrelated_printed=1), levels(pc_decorrelated=1)),
    ("bp-benefits-from-decorrelation", 4, levels(bp_decorrelated=0.6), levels(bp_decorrelated=0.4)),
    ("decorrelated-bp-is-not-perfectly-aligned", 4, levels(), levels(bp_decorrelated=1)),
    ("decorrelated-bp-underperforms-pc", 4, levels(bp_decorrelated=0.4), levels(bp_decorrelated=0.6)),
    ("batches-above-the-width-break-exactness", 4, levels(), levels(pc_decorrelated=1)),
    ("learning-rate-does-not-matter", 5, levels(), by_step(levels(), falling())),
    ("resnets-are-better-aligned", 5, levels(bp=0.4, pc=0.4), levels(bp=0.6, pc=0.6)),
    ("resnets-are-only-slightly-better", 5, levels(bp=0.45, pc=0.45), levels(bp=0.3, pc=0.3)),
    ("skips-help-bp-more", 5, levels(bp=0.4), levels(pc=0.4)),
    ("pc-is-better-aligned-with-and-without-skips", 5, levels(bp=0.4, residual_bp=0.4), levels(pc=0.4, residual_pc=0.4)),
    ("advantage-grows-with-depth-despite-skips", 5, falling("bp", "residual_bp"), falling("pc", "residual_pc")),
    ("adaptive-pc-is-perfect-at-every-depth", 6, levels(pc_adaptive=1, residual_pc_adaptive=1), levels()),
    ("printed-rates-are-perfect-at-every-depth", 6, levels(pc_adaptive_printed=1, residual_pc_adaptive_printed=1), levels()),
    ("printed-rates-are-nearly-perfect", 6, levels(pc_adaptive_printed=0.96, residual_pc_adaptive_printed=0.96), levels()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "number", "true", "false"), ONE_STEP, ids=lambda each: each if isinstance(each, str) else ""
)
def test_claims_about_one_step_follow_the_data(name, number, true, false):
    claim = BY_ID[name]
    assert claim.decide(made_up(number, appendix=true, text=true)).kind == "holds"
    assert claim.decide(made_up(number, appendix=false, text=false)).kind == "fails"
    both = claim.decide(made_up(number, appendix=true, text=false))
    assert both.kind == "in part"
    linear = ("linear", f"linear targets, batch {1 if number in (3, 6) else 4}")
    for case in both.cases:
        assert case.side in ("noise", "right" if {*case.where.values()} & {*linear} else "wrong")


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
        panel = {"steps": 5 * np.arange(21), "learning_rates": np.array([0.1, 0.2, 0.4]), **with_best(errors)}
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
PLAIN = powers(bp=2, pc=2)
OBSERVED = by_batch(powers(pc=2, pc_adaptive=2), powers(pc=2, pc_decorrelated=3))
REVERSED = by_batch(powers(bp=2, bp_adaptive=4, pc_adaptive=4), powers(bp=2, bp_decorrelated=2, pc_decorrelated=0.5))
ORDER = powers(pc_decorrelated=4, pc=3, bp_decorrelated=2)
TRAINED = [
    ("pc-learns-with-fewer-samples", 2, QUICK_PC, QUICK_BP),
    ("pc-beats-bp-online", 3, QUICK_PC, QUICK_BP),
    ("online-rescaling-helps-little-at-first", 3, powers(), at_first("bp_adaptive", "pc_adaptive")),
    ("online-rescaling-helps-in-the-end", (8, 10), RESCALED, powers(bp=2, pc=2)),
    ("rescaled-pc-needs-far-fewer-steps", 4, powers(pc_decorrelated=3), powers(bp=2, pc=2)),
    ("plain-rules-start-fast-and-slow-down", 4, at_first("bp", "pc"), lambda curve, time, batch: time**2),
    ("pc-beats-bp-at-every-width", 7, QUICK_PC, QUICK_BP),
    ("pc-is-consistently-better-across-widths", 8, QUICK_PC, QUICK_BP),
    ("online-rescaling-brings-no-benefit", 8, powers(), RESCALED),
    ("rescaled-pc-is-best-in-batches", 8, powers(pc_decorrelated=2), powers(bp=2, pc=2, bp_decorrelated=2)),
    ("pc-clearly-wins-online-in-wide-networks", 8, QUICK_PC, QUICK_BP),
    ("rescaling-helps-less-online-in-deep-networks", 10, by_batch(powers(), RESCALED), by_batch(RESCALED, powers())),
    ("batch-rescaling-helps-in-deep-networks", 10, RESCALED, powers(bp=2, pc=2)),
    ("all-observations-apply-to-deep-networks", 10, OBSERVED, REVERSED),
    ("autoencoder-rescaling-helps-little-at-first", 9, powers(), at_first("bp_adaptive", "pc_adaptive")),
    ("autoencoder-order-in-batches", 9, ORDER, powers(bp=4, bp_decorrelated=3, pc=2)),
    ("autoencoder-pc-ends-lower", 9, QUICK_PC, QUICK_BP),
    ("autoencoder-rescaling-needs-batches", 9, by_batch(PLAIN, RESCALED), by_batch(RESCALED, PLAIN)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "number", "true", "false"), TRAINED, ids=lambda each: each if isinstance(each, str) else ""
)
def test_claims_about_training_follow_the_data(name, number, true, false):
    claim, numbers = BY_ID[name], number if isinstance(number, tuple) else (number,)
    right = {(each, "appendix"): trained(each, true) for each in numbers}
    wrong = {(each, "text"): trained(each, false, setting="text") for each in numbers}
    assert claim.decide(Results(right)).kind == "holds"
    assert claim.decide(Results(wrong)).kind == "fails"
    both = claim.decide(Results(right | wrong))
    assert both.kind == "in part"
    for case in both.cases:
        assert case.side in ("noise", "right" if case.where["rates"] == "appendix's rates" else "wrong")


def test_one_initialisation_is_best_in_deep_networks():
    claim = BY_ID["norm-preserving-pc-is-best-in-deep-networks"]
    verdict = claim.decide(Results({(2, "appendix"): trained(2, powers(pc=2))}))
    sides = [(case.where["rule"], case.side) for case in verdict.cases]
    assert sides == [("BP", "right"), ("PC", "noise"), ("BP", "right")]  # PC with Kaiming weights is as good


def test_what_explodes_at_first_is_no_gain_of_the_other():
    """Plain PC at the rate that is best in the end may first grow a hundredfold."""
    claim = BY_ID["online-rescaling-helps-little-at-first"]
    exploding = lambda curve, time, batch: -2.0 if curve == "pc" and 0 < time < 0.5 else time  # noqa: E731
    assert claim.decide(Results({(3, "appendix"): trained(3, exploding)})).kind == "holds"


@pytest.mark.parametrize(("rate", "verdict"), [(1, "holds"), (2, "fails")])
def test_a_sweep_shows_whether_its_best_rate_is_at_its_end(rate, verdict):
    figures = {(number, "appendix"): trained(number, powers(), rate) for number in (2, 7, 8, 10)}
    found = BY_ID["sweeps-contain-the-optimum"].decide(Results(figures))
    assert found.kind == verdict
    assert {case.where["curve"] for case in found.cases} == {"BP", "PC", "rescaled BP", "rescaled PC"}


def test_a_best_rate_at_the_end_counts_by_more_than_noise():
    """The end is better by 0.2 powers of ten, in each of two seeds, or in the mean alone."""
    panel = trained(2, powers(bp=2, pc=2))
    for steady, side in ((True, "wrong"), (False, "noise")):
        arrays = dict(panel.arrays)
        for letter, *_ in TRAININGS[2]:
            arrays[f"{letter}/final"] = np.array([[[9, 9], [1, 1], [0.6, 0.6 if steady else 0.9]]] * 2)
        results = {(number, "appendix"): trained(number, powers()) for number in (7, 8, 10)}
        found = BY_ID["sweeps-contain-the-optimum"].decide(
            Results({**results, (2, "appendix"): saved.Result(panel.config, arrays)})
        )
        sides = {case.side for case in found.cases if case.where["figure"] == "figure 2"}
        assert sides == {side}


def test_claims_are_computed_in_64_bits_wherever_they_are_asked_for():
    import jax

    with jax.enable_x64(False):
        assert BY_ID["pc-descends-the-equilibrated-energy"].decide(Results({})).kind == "holds"


def test_data_from_before_best_rates_were_kept_are_wanted_anew():
    old = trained(7, powers())
    arrays = {name: array for name, array in old.arrays.items() if not name.endswith("/best")}
    found = BY_ID["pc-beats-bp-at-every-width"].decide(Results({(7, "appendix"): saved.Result(old.config, arrays)}))
    assert found.text == "wanted: dlntheory figure 7 --full"


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
        ("neither-rule-takes-the-shortest-path", (0.3, 0), "holds in 1 of 2"),
    ],
)
def test_the_toy_model(name, bends, verdict):
    assert BY_ID[name].decide(paths(*bends)).text == verdict
