"""The table of claims: what is computed on the spot, the committed verdicts, and the command that prints them.

Oracle: the pages on the theorems and the errata, from which the verdicts follow; the committed record.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from test_claims_on_data import ONE_STEP, TRAINED, figure, levels
from typer.testing import CliRunner

from dlntheory.cli import app
from dlntheory.report import claims as report
from dlntheory.training.comparison import ROUNDING
from experiments import results as saved
from experiments.sample_efficiency.claims import CLAIMS, Results, by_formula, grid, page, theory

COMMITTED = Path(__file__).parents[2] / "docs/results/figures"
BY_ID = {claim.id: claim for claim in CLAIMS}


# What is computed on the spot. The verdicts follow from docs/errata.md, docs/theorem-1.md and docs/theorem-2.md.

COMPUTED = {
    "norm-preserving-keeps-the-norm": "holds",
    "norm-preserving-keeps-the-variance": "holds in 1 of 3",  # square layers
    "kaiming-norms-decay-by-three": "holds in 1 of 2",  # squared norms; norms by √3
    "conditioning-changes-nothing-else": "holds",
    "the-teacher-is-low-rank": "fails",
    "pc-descends-the-equilibrated-energy": "holds",
    "theorem-1": "holds",
    "theorem-1-needs-nothing-of-the-activities": "holds in 1 of 2",  # x*ᵀx̂ ≠ 0
    "theorem-2-as-printed": "fails",
    "batches-below-the-width-suffice": "holds in 2 of 3",  # distinct inputs
    "pseudoinverses-are-stable": "holds in 6 of 8",  # not with large cut-offs beside the width
    "decorrelation-is-exact-in-resnets": "holds in 3 of 4",  # not beyond the width, with independent targets
    "printed-rates-are-exact-in-resnets": "fails",
    "rescaled-pc-is-a-natural-gradient": "holds in 1 of 2",  # predictions change alike, weights do not
    # By formula, with the numbers that docs/random-networks.md derives.
    "expected-pc-is-better-aligned": "holds in 49 of 54",  # not in deep Kaiming networks: from 7, 9 and 35 layers on
    "expected-pc-by-architecture": "holds in 1 of 4",  # the width of norm-preserving networks
    "expected-pc-is-nearly-perfect": "holds in 3 of 11",  # 0.9480 with four hidden layers
    "expected-pc-falls-slightly": "holds in 6 of 10",  # 0.9935 − 0.8907 with eight
    "expected-pc-by-width": "holds",
    "expected-kaiming-varies-more": "holds",
    "expected-kaiming-is-worse": "holds in 29 of 30",  # BP with 1024 units: 0.973 against 0.919
    "expected-bp-by-depth": "holds",
    "expected-bp-without-end": "holds in 1 of 2",  # at gain one it ends at √(3/8)
    "expected-bp-by-width": "holds in 5 of 8",  # norm-preserving networks are worst where square
    "expected-advantage-by-depth": "holds in 2 of 4",  # with norm-preserving weights
    "expected-by-conditioning": "holds",
    "expected-bp-by-batch": "holds in 7 of 8",  # linear targets, B ≫ n
    "expected-skips-align": "holds",
    "expected-rates-are-positive": "holds in 6 of 12",  # 10 % are negative with nine Kaiming layers of 64
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
    assert record["counts"]["no data"] == 0
    for each in record["claims"]:
        sides = [case["side"] for case in each["cases"]]
        assert [each[side] for side in ("right", "wrong", "noise")] == [
            sides.count(s) for s in ("right", "wrong", "noise")
        ]
        assert (each["kind"] == "holds") == (each["right"] > 0 and not each["wrong"])
    assert len({each["id"] for each in record["claims"]}) == len(CLAIMS)


def test_verdicts_are_those_that_were_committed(run):
    """They were computed elsewhere, with other numbers of threads."""
    committed = json.loads((COMMITTED.parent / "claims.json").read_text(encoding="utf-8"))
    verdicts = {each["id"]: (each["verdict"], [case["side"] for case in each["cases"]]) for each in committed["claims"]}
    assert {
        each["id"]: (each["verdict"], [case["side"] for case in each["cases"]]) for each in run[0]["claims"]
    } == verdicts


@pytest.mark.parametrize("seed", [0, 1])
def test_no_verdict_hangs_on_rounding(seed):
    """All data are changed by 1e-12 of themselves, and errors below rounding are drawn anew: no case changes sides."""
    results, draw = Results.load(COMMITTED), np.random.default_rng(seed)

    def shaken(result):
        arrays = {}
        for name, array in result.arrays.items():
            panel, _, kind = name.rpartition("/")
            if array.dtype.kind == "f":
                array = array * (1 + 1e-12 * draw.choice([-1, 1], array.shape))
            if f"{panel}/best" in result.arrays and kind in ("errors", "final"):
                least = ROUNDING * result.arrays[f"{panel}/errors"][..., 0].min()
                array = np.where(array < least, least * 10 ** draw.uniform(-18, -0.1, array.shape), array)
            arrays[name] = array
        return saved.Result(result.config, arrays)

    other = Results({key: shaken(result) for key, result in results.found.items()})
    for claim in CLAIMS:
        if claim not in (*theory.CLAIMS, *by_formula.CLAIMS):
            sides = [[case.side for case in claim.decide(each).cases] for each in (results, other)]
            assert sides[0] == sides[1], claim.id


def printed(parts):
    from rich.console import Console

    console = Console(width=100, record=True, file=io.StringIO(), highlight=False)
    for part in parts:
        console.print(part)
    return console.export_text().rstrip().splitlines()


def test_all_claims_fit_two_screens(run):
    lines = printed(report.claims_report(run[0]["claims"], page.summary(run[0]["claims"]), grid))
    assert len(lines) <= 110
    assert max(map(cell_len, lines)) <= 100
    for claim in CLAIMS:
        assert sum(line.split()[:1] == [claim.id] for line in lines) == 1
    assert not any("…" in line for line in lines)


def test_every_claim_fits_a_screen(run):
    for record in run[0]["claims"]:
        lines = printed(report.cases_report(record, grid))
        assert len(lines) <= 60, record["id"]
        assert max(map(cell_len, lines)) <= 100
        assert not any("…" in line for line in lines)


def test_a_claim_is_shown_by_its_name():
    done = dlntheory("claims", "kaiming-pc-varies-more")
    assert done.exit_code == 0, done.output
    assert "With Kaiming weights PC's alignment varies more between architectures." in done.stdout
    done = dlntheory("claims", "kaiming-varies")
    assert done.exit_code == 2
    assert "'kaiming-varies' is no claim" in done.stderr
    assert "kaiming-pc-varies-more" in done.stderr


@pytest.mark.parametrize(("name", "verdict"), COMPUTED.items())
def test_what_is_computed(run, name, verdict):
    assert {each["id"]: each["verdict"] for each in run[0]["claims"]}[name] == verdict


def test_it_writes_a_page_a_record_and_a_section(run):
    record, folder = run
    written = json.loads((folder / "new/claims.json").read_text(encoding="utf-8"))
    assert written == {"counts": record["counts"], "claims": record["claims"]}
    text = (folder / "new/claims.md").read_text(encoding="utf-8")
    for claim in CLAIMS:
        assert f"](#{claim.id})" in text
        assert text.count(f"### {claim.id}\n") == 1
    section = (folder / "page.md").read_text(encoding="utf-8")
    assert section.startswith("Before.\n")
    assert section.endswith("\nAfter.\n")
    assert "what was here" not in section
    assert "](new/claims.md#theorem-1)" in section
    assert page.filled(section, record["claims"], "new/claims.md") == section


def test_every_claim_is_tested(run):
    """Nobody adds a claim without made-up data that make it true and false, or a reason for its verdict."""
    tested = {name for name, *_ in [*ONE_STEP, *TRAINED]} | COMPUTED.keys()
    tested |= {"pc-goes-more-directly-in-the-toy-model", "neither-rule-takes-the-shortest-path"}
    tested |= {"norm-preserving-pc-is-best-in-deep-networks", "sweeps-contain-the-optimum"}
    assert BY_ID.keys() - tested <= MEASURED


MEASURED = {
    "ten-thousand-steps-reach-equilibrium",
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
    assert BY_ID["batches-below-the-width-suffice"].decide(Results({})).kind == "fails"


def test_without_data_the_verdict_is_the_command_that_makes_them():
    nothing = Results({})
    assert BY_ID["pc-is-better-aligned"].decide(nothing).text == "wanted: dlntheory figure 2 --full --setting appendix"
    assert BY_ID["pc-beats-bp-at-every-width"].decide(nothing).text == "wanted: dlntheory figure 7 --full"
    verdict = BY_ID["autoencoder-pc-ends-lower"].decide(nothing)
    assert verdict == ("no data", "wanted: dlntheory figure 9 --full --data-dir MNIST", ())
    half = Results({(2, "appendix"): figure(2, "appendix", levels())})
    assert BY_ID["pc-is-better-aligned"].decide(half).text == "wanted: dlntheory figure 2 --full --setting text"
    assert BY_ID["pc-learns-with-fewer-samples"].decide(half).text == "wanted: dlntheory figure 2 --full"


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
