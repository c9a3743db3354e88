"""The command line: exit codes, JSON that agrees with the library, refusals, and what the tables say.

Oracle: the library, which other tests check; the counterexamples, which are worked out by hand.
"""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import sympy
from rich.console import Console
from typer.testing import CliRunner

import dlntheory as dln
import proofs
from dlntheory.cli import app
from dlntheory.cli.align import RESCALINGS_OF, compare_all, explain, measure, summary
from dlntheory.cli.verify import passed
from dlntheory.files.builtin import networks
from dlntheory.report.answers import align_report
from dlntheory.report.proofs import proofs_report
from dlntheory.report.tables import verify_report
from dlntheory.report.words import chain, fixed, number, shortly
from dlntheory.theorems.counterexamples import COUNTEREXAMPLES
from proofs.framework import Step


def dlntheory(*arguments, width=200):
    return CliRunner(env={"COLUMNS": str(width)}).invoke(app, list(map(str, arguments)))


def rendered(parts, width):
    console = Console(width=width, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(*parts)
    return capture.get()


@pytest.fixture(scope="module")
def problem():
    draw = np.random.default_rng(0)
    net = dln.LinearNetwork.random([3, 4, 2], key=0)
    return net, draw.normal(size=(2, 3)), draw.normal(size=(2, 2))


@pytest.fixture(scope="module")
def files(problem, tmp_path_factory):
    """Weights and data, and everything that can be wrong with them."""
    folder = tmp_path_factory.mktemp("files")
    net, x, y = problem
    dln.save_weights(folder / "weights.npz", net)
    np.savez(folder / "named.npz", first=net.weights[0], second=net.weights[1])
    (folder / "cut.npz").write_bytes((folder / "weights.npz").read_bytes()[:200])
    for name, array in {
        "x": x,
        "y": y,
        "one": y[:1],
        "wide": np.ones((2, 5)),
        "nan": np.full((2, 3), np.nan),
        "words": np.array([["a"] * 3]),
        "classes": np.array([0, 1, 0, 1, 0]),
        "pickled": np.array([[{}] * 3], dtype=object),
    }.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "empty.npy").touch()
    (folder / "table.csv").write_text("1.0,2.0,3.0\n")
    return folder


def given(files, inputs="x.npy", targets="y.npy"):
    return [files / "weights.npz", "--inputs", files / inputs, "--targets", files / targets]


def test_verify_agrees_with_the_library(files, problem):
    done = dlntheory("verify", *given(files), "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 0
    assert record["passed"]
    [network] = record["networks"]
    assert (network["name"], network["widths"], network["samples"]) == ("weights.npz", [3, 4, 2], 2)
    for check in network["theorems"] + network["printed"]:
        net, *data = problem
        if check["theorem"] == 3:  # one sample, whose covariances are searched
            data = [each[:1] for each in data]
        verdict = dln.verify(net, *data, theorem=check["theorem"])
        assert (check["applicable"], check["holds"]) == (verdict.applicable, verdict.holds)
        assert check["detail"] == verdict.detail
        np.testing.assert_array_equal(check["alignment"], verdict.alignment)
        assert {key: tuple(each.values()) for key, each in check["hypotheses"].items()} == verdict.hypotheses
    assert [each["theorem"] for each in record["counterexamples"]] == list(COUNTEREXAMPLES)
    assert all(each["refuted"] for each in record["counterexamples"])


def test_a_wrong_form_that_holds_on_its_counterexample_fails_the_command(files, monkeypatch):
    harmless = COUNTEREXAMPLES["printed-1"]._replace(inputs=[[1]], targets=[[-3]])  # equation 24 holds for one sample
    monkeypatch.setitem(COUNTEREXAMPLES, "printed-1", harmless)
    done = dlntheory("verify", *given(files))
    assert done.exit_code == 1
    assert "Not refuted by its counterexample: printed-1." in done.stdout


def test_a_theorem_that_applies_and_does_not_hold_fails_the_command():
    good, bad = ({"holds": holds, "applicable": True} for holds in (True, False))
    idle = {"holds": False, "applicable": False}
    assert passed([good, idle], [{"refuted": True}])
    assert not passed([good, bad], [{"refuted": True}])


def test_quick_verify_takes_a_few_networks_and_every_counterexample(files):
    record = json.loads(dlntheory("verify", "--quick", "--json").stdout)
    assert [each["name"] for each in record["networks"]] == ["single", "linear", "residual"]
    assert [each["theorem"] for each in record["counterexamples"]] == list(COUNTEREXAMPLES)
    refused = dlntheory("verify", files / "weights.npz", "--quick")
    assert refused.exit_code == 2
    assert "--quick chooses among the built-in networks" in refused.stderr


def test_verify_of_the_built_in_networks():
    done = dlntheory("verify", "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [each["name"] for each in record["networks"]] == list(networks())
    checks = [check for each in record["networks"] for check in each["theorems"]]
    unmet = [check for check in checks if not check["applicable"]]
    assert all(check["holds"] for check in checks if check["applicable"])
    text = rendered(verify_report(record), 80)
    assert text.count("Why a theorem does not apply") == bool(unmet) == 1
    assert f"({len(checks) - len(unmet)} of {len(checks)} apply)" in text
    every = rendered(verify_report(record, verbose=True), 120)
    assert every.count("≠ 0") >= sum(len(each["widths"]) - 1 for each in record["networks"])


def test_drawn_data_follow_the_seed(files):
    runs = [dlntheory("align", files / "weights.npz", "--seed", seed, "--json").stdout for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_align_agrees_with_the_library(files, problem, tmp_path):
    done = dlntheory("align", *given(files), "--json", "--plot", tmp_path / "a.png")
    record = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert [(each["rule"], each["rescaling"]) for each in record["rules"]] == [
        (rule, rescaling) for rule, rescalings in RESCALINGS_OF.items() for rescaling in rescalings
    ]
    for each in record["rules"]:
        alignment = np.asarray(dln.target_alignment(*problem, each["rule"], each["rescaling"]))
        np.testing.assert_allclose(
            [each["mean"], each["std"], each["min"]], [alignment.mean(), alignment.std(ddof=1), alignment.min()]
        )
    net, x, y = problem
    result = dln.equilibrium(net, x, y)
    assert record["solver"] == result.solver
    layers = record["layers"]
    np.testing.assert_allclose(sum(each["energy"] for each in layers), np.mean(result.energy))
    np.testing.assert_allclose(sum(each["energy_share"] for each in layers), 1)
    hidden = np.sum(np.asarray(result.activities[1]) * (x @ np.asarray(net.weights[0]).T), axis=1)
    np.testing.assert_allclose([each["product"] for each in layers], [np.mean(np.sum(x * x, axis=1)), hidden.mean()])
    np.testing.assert_allclose(layers[1]["condition_number"], np.linalg.cond(net.weights[1]))


def answered(net, x, y):
    """Everything that `dlntheory align` says, as a record."""
    record = {"name": "net", "description": "by hand", **measure(net, x, y), **compare_all(net, x, y, None, 0)}
    return record | explain(net, x, y, record, 0)


def test_align_reports_negative_rates():
    net, x, y = COUNTEREXAMPLES["printed-residual"].problem()  # x*_1 = −1, x̂_1 = 2
    record = answered(net, x, y)
    assert record["negative_rates"] == [2]
    np.testing.assert_allclose([each["product"] for each in record["layers"]], [1, -2])
    assert "The adaptive rate of layer 2 is negative" in rendered(align_report(record), 120)


def test_undefined_alignments_are_left_out():
    assert summary(np.array([np.nan, 0.5, 1.0])) == {"mean": 0.75, "std": 0.125**0.5, "min": 0.5, "undefined": 1}
    assert summary(np.array([np.nan]))["mean"] is None
    net, x, _ = COUNTEREXAMPLES["printed-residual"].problem()
    assert "undefined" in rendered(align_report(answered(net, x, net(x))), 120)


def test_the_command_computes_in_64_bits_and_keeps_stdout_clean(files):
    command = [sys.executable, "-m", "dlntheory", "align", *map(str, given(files)), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["accuracy"] < 1e-13


@pytest.mark.parametrize("command", ["verify", "align", "figure"])
def test_help_shows_an_example(command):
    done = dlntheory(command, "--help")
    assert done.exit_code == 0
    assert f"Example: dlntheory {command}" in done.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal(files, problem, width):
    for command in (["verify", "--verbose"], ["align"]):
        lines = dlntheory(command[0], *given(files), *command[1:], width=width).stdout.splitlines()
        assert max(map(len, lines)) <= width + max(line.count("\u0302") for line in lines)
        assert not any("…" in line for line in lines)


BAD = {
    "missing weights": (["align", "none.npz"], "WEIGHTS: .*none.npz"),
    "cut weights": (["align", "cut.npz"], "WEIGHTS: .*cut.npz"),
    "data as weights": (["verify", "x.npy"], "WEIGHTS: .*x.npy"),
    "unknown name": (["align", "named.npz", "--order", "first,third"], "WEIGHTS: .*third"),
    "unnamed weights": (["verify", "named.npz"], "WEIGHTS: .*first"),
    "missing inputs": (["align", "weights.npz", "--inputs", "none.npy", "--targets", "y.npy"], "--inputs: .*none"),
    "wide inputs": (["align", "weights.npz", "--inputs", "wide.npy", "--targets", "y.npy"], r"--inputs: .*\(2, 5\)"),
    "wide targets": (["verify", "weights.npz", "--inputs", "x.npy", "--targets", "wide.npy"], "--targets: .*, 2"),
    "nan": (["verify", "weights.npz", "--inputs", "nan.npy", "--targets", "y.npy"], "--inputs: .*NaN"),
    "words": (["verify", "weights.npz", "--inputs", "words.npy", "--targets", "y.npy"], "--inputs: .*real numbers"),
    "pickled": (["align", "weights.npz", "--inputs", "pickled.npy", "--targets", "y.npy"], "--inputs: .*pickle"),
    "empty": (["align", "weights.npz", "--inputs", "empty.npy", "--targets", "y.npy"], "--inputs: .*empty.npy"),
    "archive": (
        ["align", "weights.npz", "--inputs", "named.npz", "--targets", "y.npy"],
        "--inputs: .*cannot be read as .npy",
    ),
    "table": (
        ["align", "weights.npz", "--inputs", "table.csv", "--targets", "y.npy"],
        "--inputs: .*cannot be read as .npy: wanted what `np.save` writes",
    ),
    "classes": (
        ["align", "weights.npz", "--inputs", "x.npy", "--targets", "classes.npy"],
        r"--targets: .* has 5 whole numbers; .* np.eye\(\d\)\[classes\]",
    ),
    "folder": (["align", "weights.npz", "--inputs", ".", "--targets", "y.npy"], "--inputs: "),
    "one target": (["align", "weights.npz", "--inputs", "x.npy", "--targets", "one.npy"], "same number of samples"),
    "inputs alone": (["align", "weights.npz", "--inputs", "x.npy"], "--targets is missing"),
    "targets alone": (["verify", "weights.npz", "--targets", "y.npy"], "--inputs is missing"),
    "data without weights": (["verify", "--inputs", "x.npy", "--targets", "y.npy"], "needs WEIGHTS"),
    "order without weights": (["align", "--order", "W1"], "--order needs WEIGHTS"),
    "picture's format": (["align", "weights.npz", "--plot", "a.docx"], "`--plot` is a.docx; wanted"),
    "picture's folder": (["align", "weights.npz", "--plot", "none/a.png"], "`--plot` is none/a.png, in a folder"),
    "seed": (["verify", "--seed", "-1"], "seed"),
    "option": (["verify", "--sed", "1"], "sed"),
    "command": (["verfy"], "verfy"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named_and_ends_with_2(arguments, message, files, monkeypatch):
    monkeypatch.chdir(files)
    done = dlntheory(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


def test_interruption_ends_with_130(files, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dlntheory.theorems.verify.verify", interrupt)
    assert dlntheory("verify", *given(files)).exit_code == 130


def test_numbers_read_well():
    assert [number(value) for value in (None, float("nan"), 3.0, 0.123456, 1e12, float("inf"))] == [
        "—", "—", "3", "0.123", "1e+12", "inf",
    ]  # fmt: skip
    assert [fixed(value) for value in (None, 1 - 1e-12, 0.99999, -0.5)] == ["—", "1.0000", "0.9999", "-0.5000"]
    assert [fixed(value) for value in (0.13869, 0.23456, -0.12346, -1e-6)] == ["0.1387", "0.2346", "-0.1235", "0.0000"]
    assert [shortly(value) for value in (1.0, 0.9996, 0.13869, float("nan"))] == ["1.000", "0.999", "0.139", "—"]
    assert chain([3, 4, 4, 2]) == "3-4-4-2"
    assert chain([2, *[64] * 9, 3]) == "2-64 (9×)-3"


def proved(*arguments):
    done = dlntheory("prove", *arguments, "--json")
    return json.loads(done.stdout), done.exit_code


def test_prove_runs_every_tier(monkeypatch):
    """Of a few statements; test_proofs.py has all."""
    few = {name: proofs.PROOFS[name] for name in ("equilibrium-clamp", "theorem-1", "theorem-2", "biases")}
    monkeypatch.setattr(proofs, "PROOFS", few)
    record, code = proved("--quick")
    assert code == 0
    assert record["passed"]
    assert {each["name"] for each in record["statements"]} == set(proofs.PROOFS)
    for each in record["statements"]:
        for tier in ("numbers", "fixed depth", "induction"):
            assert each["tiers"][tier]["holds"] is True
            assert each["tiers"][tier]["steps"] > 0
        assert each["tiers"]["formal"]["holds"] is None
    assert all(each["refuted"] for each in record["refutations"])
    assert "Every statement holds in every tier" in rendered(proofs_report(record), 100)


def test_prove_ends_with_1_where_a_step_fails(monkeypatch):
    wrong = proofs.PROOFS["biases"]._replace(step=lambda: [Step("one is two", sympy.Integer(1), sympy.Integer(2))])
    monkeypatch.setattr(proofs, "PROOFS", {"biases": wrong})
    record, code = proved("--quick")
    assert code == 1
    assert record["statements"][0]["tiers"]["induction"]["failed"] == ["step: one is two"]
    assert "one is two" in rendered(proofs_report(record), 100)
    assert proved("biases")[1] == 1


@pytest.mark.parametrize("name", ["theorem-2", "erratum-11"])
def test_prove_prints_a_derivation(name):
    record, code = proved(name, "--latex")
    assert code == 0
    assert all(step["holds"] for part in record["parts"] for step in part["steps"])
    printed = dlntheory("prove", name).stdout
    assert all(step["text"][:20] in printed for part in record["parts"] for step in part["steps"])


def test_prove_refuses_what_is_not_there():
    done = dlntheory("prove", "theorem-99")
    assert done.exit_code == 2
    assert "wanted one of covariance-recursion" in done.stderr
