"""The report: its numbers are the library's, its texts are escaped, and a browser draws it without a complaint.

Oracle: the functions that the report calls, on the batches it draws; normal theory for the bootstrap; Python's HTML
parser and a browser for the page.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app
from dlntheory.networks.layer import Dense
from dlntheory.report.comparison import draw_batches
from dlntheory.report.html import charts, random_draws, report
from dlntheory.report.html.distributions import SHOWN_RULES, bootstrap_interval
from dlntheory.report.html.findings import THEOREMS
from dlntheory.report.html.random_draws import DRAWS, probability
from dlntheory.report.html.report import find, write_page

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LARGEST = 2_000_000

RNG = np.random.default_rng(0)
NET = dln.LinearNetwork.random([5, 6, 4], key=0)
X, Y = RNG.normal(size=(12, 5)), RNG.normal(size=(12, 4))


class Page(HTMLParser):
    """A page's tags with their attributes, its scripts by kind, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.text, self.inside = [], [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag
        if tag == "script":
            self.scripts.append((dict(attributes).get("type"), ""))

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        else:
            self.text += data


@pytest.fixture(scope="module", autouse=True)
def few_random_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random_draws, "DRAWS", 3)
        yield


@pytest.fixture(scope="module")
def found(few_random_networks):
    return find(NET, X, Y, seed=3)


@pytest.fixture(scope="module")
def file(found, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "page.html"
    layers = [{**each, "kind": HOSTILE} for each in found["layers"]]
    write_page(found | {"layers": layers}, path, HOSTILE, f"data of {HOSTILE}", f"dlntheory report {HOSTILE}")
    return path


@pytest.fixture(scope="module")
def page(file):
    return Page(file.read_text(encoding="utf-8"))


def test_alignments_are_those_of_the_batches(found):
    by_key = {(each["rule"], each["rescaling"], each["batch"]): each for each in found["alignment"]}
    assert {key[2] for key in by_key} == {1, 8, 12}
    assert len(by_key) == 3 * len(SHOWN_RULES)
    whole = dln.target_alignment(NET, X, Y, "pc", "decorrelated")
    assert sorted(by_key["pc", "decorrelated", 12]["values"]) == pytest.approx(np.sort(whole))
    assert by_key["pc", "decorrelated", 12]["mean"] == pytest.approx(whole.mean())
    assert by_key["pc", "decorrelated", 12]["over"] == "samples"
    [batch] = draw_batches(12, [8], seed=3)[8]
    assert by_key["bp", None, 8]["median"] == pytest.approx(
        np.median(dln.target_alignment(NET, X[batch], Y[batch], "bp"))
    )


def test_a_rule_that_is_refused_says_why():
    net = dln.LinearNetwork(
        [dln.Conv2d(RNG.normal(size=(2, 1, 2, 2))), dln.Flatten(), Dense(RNG.normal(size=(3, 8)))], (1, 3, 3)
    )
    found = find(net, RNG.normal(size=(4, 1, 3, 3)), RNG.normal(size=(4, 3)))
    assert "dense layers" in found["random"]["refused"]
    assert all(each["mean"] is not None or each["refused"] for each in found["alignment"])
    assert "random" not in charts.charts(found)


def test_other_numbers_are_the_library_s(found):
    settled, spectrum = dln.equilibrium(NET, X, Y), dln.inference_spectrum(NET)
    assert found["energy"] == pytest.approx(settled.energy.mean())
    assert found["fingerprint"] != find(NET, X, 2 * Y, seed=3)["fingerprint"]
    assert sum(each["energy"] for each in found["layers"]) == pytest.approx(found["energy"])
    assert found["inference"]["steps"][1]["plain"] == spectrum.steps_to(1e-3)
    assert max(found["inference"]["eigenvalues"]) == pytest.approx(float(spectrum.largest))
    assert sum(found["inference"]["energies"][-1]) == pytest.approx(found["energy"], rel=1e-5)
    kernel = dln.update_kernel(NET, X, Y, "pc")
    assert found["kernels"]["rows"][1]["values"] == pytest.approx(kernel.spectrum())
    for each in found["theorems"]:
        first = slice(1) if each["theorem"] == 3 else slice(None)
        assert each["holds"] == dln.verify(NET, X[first], Y[first], each["theorem"]).holds
    assert [each["theorem"] for each in found["theorems"]] == list(THEOREMS)


def test_the_random_networks_and_the_formula(found):
    rows = {(row["label"], row["batch"]): row for row in found["random"]["rows"]}
    expected = dln.expected_alignment(
        NET.widths, rule="pc", input_norm=np.sqrt((X**2).sum(1).mean()), target_norm=np.sqrt((Y**2).sum(1).mean())
    )
    assert rows["PC", 1]["expected"] == pytest.approx(float(expected.mean))
    assert rows["PC", 12]["value"] == pytest.approx(dln.target_alignment(NET, X, Y, "pc").mean())
    assert rows["BP", 12]["expected"] is None
    own = dln.LinearNetwork.random(NET.widths, key=np.random.default_rng(3))
    assert rows["BP", 12]["drawn"][0] == pytest.approx(dln.target_alignment(own, X, Y, "bp").mean())


def test_one_random_network_in_twenty_differs_from_the_others():
    drawn = [float(each) for each in range(DRAWS)]
    ranks = [probability(place - 0.5, drawn) for place in range(DRAWS + 1)]
    assert sum(each <= 0.05 for each in ranks) == (DRAWS + 1) / 20


def test_the_interval_is_the_normal_one_for_many_values():
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap_interval(values, seed=0)
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.1 * error)
    assert bootstrap_interval(values[:1], seed=0) is None


@pytest.mark.parametrize(
    ("net", "x", "y"),
    [
        pytest.param(
            *(dln.LinearNetwork.random([3, 2], key=0), X[:4, :3], Y[:4, :2]), id="one layer", marks=pytest.mark.daily
        ),
        pytest.param(
            *(dln.LinearNetwork.from_weights([np.zeros((2, 3)), np.ones((2, 2))]), X[:1, :3], Y[:1, :2]), id="singular"
        ),
        pytest.param(
            *(dln.LinearNetwork([Dense(np.ones((2, 3)), np.ones(2)), dln.Residual(np.eye(2))]), X[0, :3], Y[0, :2]),
            id="one sample",
        ),
        pytest.param(
            *(dln.LinearNetwork.from_weights([np.eye(2)]), X[:2, :2], X[:2, :2]), id="fitted", marks=pytest.mark.daily
        ),
    ],
)
def test_edges(net, x, y):
    found = find(net, x, y)
    json.dumps(found, allow_nan=False)
    defined = any(each.get("mean") is not None for each in found["alignment"])
    assert ("alignment" in charts.charts(found)) == defined


def test_hostile_names_are_only_text(page):
    assert HOSTILE in page.text
    assert "img" not in {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert [kind for kind, _ in page.scripts] == ["application/json", None, None, None]


def test_the_page_asks_for_nothing(page, file):
    assert file.stat().st_size < LARGEST
    addresses = {attributes[name] for _, attributes in page.tags for name in ("src", "href") if name in attributes}
    assert addresses <= {"data:,"}
    [policy] = [each["content"] for _, each in page.tags if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    for kind, source in page.scripts:
        if kind is None:
            digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_every_chart_of_the_page_has_a_specification_and_words(page, found):
    [(_, data), *_] = page.scripts
    drawn = [attributes for _, attributes in page.tags if attributes.get("class") == "chart"]
    assert {each["data-chart"] for each in drawn} == set(json.loads(data)) == set(charts.charts(found))
    assert all(each["data-description"] for each in drawn)


@pytest.fixture
def asked(found, monkeypatch):
    """What is asked to be measured, with findings at once."""
    questions = []
    monkeypatch.setattr(report, "find", lambda *question: questions.append(question) or found)
    return questions


def test_the_page_says_how_to_make_it_again(asked, found, tmp_path):
    dln.write_report(NET, X, Y, tmp_path / "again.html", seed=7)
    text = Page((tmp_path / "again.html").read_text(encoding="utf-8")).text
    assert "dln.write_report(net, x, y, 'again.html', seed=7)" in text
    assert asked == [(NET, X, Y, 7)]
    assert found["fingerprint"] in text
    assert dln.__version__ in text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((NET, X, Y, "page.txt"), ValueError, "ends in .html"),
        ((NET, X, Y, "missing/page.html"), FileNotFoundError, "does not exist"),
        ((NET, X, Y[:3], "page.html"), ValueError, "same number of samples"),
        (("net", X, Y, "page.html"), TypeError, "LinearNetwork"),
        ((NET, X * np.nan, Y, "page.html"), ValueError, "`x` holds NaN"),
    ],
)
def test_bad_input(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        dln.write_report(*arguments)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'dlntheory[report]'")):
        dln.write_report(NET, X, Y, tmp_path / "page.html")


def test_the_command_writes_a_page_and_says_what_it_found(asked, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dln.save_weights("weights.npz", NET)
    np.save("x.npy", X)
    np.save("y.npy", Y)
    arguments = ["report", "weights.npz", "--inputs", "x.npy", "--targets", "y.npy", "--seed", "3", "--out"]
    done = CliRunner().invoke(app, [*arguments, "page.html"])
    assert done.exit_code == 0, done.output
    [(net, x, y, seed)] = asked
    assert net == NET
    assert seed == 3
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    assert "On single samples adaptive PC is exact (Theorem 1)" in done.stdout
    text = Page((tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert " ".join(["dlntheory", *arguments, "page.html"]) in text
    record = json.loads(CliRunner().invoke(app, [*arguments, "page.html", "--json"]).stdout)
    assert record == found
    refused = CliRunner().invoke(app, [*arguments, "page.txt"])
    assert refused.exit_code == 2
    assert "--out" in refused.stderr


def browse(page, folder):
    """A page's elements once a browser has run it, and what the browser logged."""
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", "--enable-logging=stderr",
         "--virtual-time-budget=20000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return Page(done.stdout), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_draws_every_chart_without_a_complaint(file, found, tmp_path):
    drawn, log = browse(file, tmp_path)
    assert "CONSOLE" not in log
    assert sum(tag == "svg" for tag, _ in drawn.tags) == len(charts.charts(found))
    assert sum("mark-symbol" in (each.get("class") or "") for _, each in drawn.tags) >= 8


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_page_is_accessible(file, tmp_path):
    """By the rules of axe, run within the drawn page, whose policy would let no such script in."""
    axe = Path(pytest.importorskip("axe_core_python").__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    run = "setTimeout(() => axe.run().then(found => document.body.dataset.broken = found.violations.map(each => each.id)), 5000)"
    text = re.sub("<meta[^>]*Content-Security-Policy[^>]*>", "", file.read_text(encoding="utf-8"))
    page, end = tmp_path / "page.html", text.rindex("</body>")
    page.write_text(f"{text[:end]}<script>{axe}</script><script>{run}</script>{text[end:]}", encoding="utf-8")
    [body] = [attributes for tag, attributes in browse(page, tmp_path / "user")[0].tags if tag == "body"]
    assert body["data-broken"] == ""
