"""The explorer: its answers are the library's, and its server answers this machine alone.

Oracle: the library's functions on the same network; the standard library's HTTP client.
"""

import http.client
import json
import threading
from dataclasses import replace

import pytest
from typer.testing import CliRunner

import dlntheory as dln
from dlntheory.cli import app
from dlntheory.report.html import explorer
from dlntheory.report.html.answers import CURVES, Settings, answer, as_settings

SMALL = Settings(depth=2, width=6, batch=4, step_size=0.05, steps=3, seed=1)


def energies(found, what):
    return [row["energy"] for row in found["energies"] if row["what"] == what]


def test_curves_are_the_library_s():
    net, x, y = SMALL.problem
    found = answer(SMALL)["curves"]
    assert set(found) == set(CURVES) == {"depth", "width", "batch"}
    own = {row["label"]: row["alignment"] for row in found["batch"] if row["own"]}
    assert own["PC"] == pytest.approx(dln.target_alignment(net, x, y, "pc").mean())
    assert own["PC, decorrelated"] == pytest.approx(dln.target_alignment(net, x, y, "pc", "decorrelated").mean())
    deeper = replace(SMALL, depth=4).problem
    [at_four] = [row["alignment"] for row in found["depth"] if row["value"] == 4 and row["label"] == "BP"]
    assert at_four == pytest.approx(dln.target_alignment(*deeper, "bp").mean())


def test_energies_are_the_library_s():
    net, x, y = SMALL.problem
    found = answer(SMALL)
    relaxed = dln.finite_time_activities(net, x, y, SMALL.steps, SMALL.step_size)
    assert energies(found, "after T steps") == pytest.approx(relaxed.energy_by_layer.mean(axis=0))
    assert sum(energies(found, "at equilibrium")) == pytest.approx(dln.equilibrium(net, x, y).energy.mean())
    propagated = dln.energy_propagation(net, x, y, SMALL.steps, SMALL.step_size).mean(axis=0)
    assert energies(found, "leading order") == pytest.approx(propagated)
    assert found["relaxed"] == pytest.approx(dln.relaxed_alignment(net, relaxed).mean())
    assert found["steps_to"] == dln.inference_spectrum(net).steps_to(1e-3)


def test_limits():
    assert len(energies(answer(replace(SMALL, steps=0)), "after T steps")) == 1
    settled = answer(replace(SMALL, steps=10_000))
    own = {row["label"]: row["alignment"] for row in settled["curves"]["batch"] if row["own"]}
    assert settled["relaxed"] == pytest.approx(own["PC"])
    assert energies(settled, "after T steps") == pytest.approx(energies(settled, "at equilibrium"))


def test_a_soft_output_changes_predictive_coding_alone():
    clamped, soft = answer(SMALL)["curves"]["batch"], answer(replace(SMALL, beta=0.5))["curves"]["batch"]
    for one, other in zip(clamped, soft, strict=True):
        assert (one["alignment"] == other["alignment"]) == (one["label"] == "BP")


def test_a_step_above_the_limit_diverges():
    found = answer(replace(SMALL, step_size=2.0, steps=200))
    assert found["diverges"]
    assert found["relaxed"] is None
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("init", explorer.INITS)
def test_every_initialisation(init):
    assert all(-1 <= row["alignment"] <= 1 + 1e-9 for row in answer(replace(SMALL, init=init))["curves"]["width"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"deep": "1"}, "`deep` is no setting"),
        ({"depth": "1.5"}, "`depth` is '1.5'; wanted a number"),
        ({"width": "100000"}, "wanted 4 to 40"),
        ({"step_size": "nan"}, "wanted 0.001 to 2"),
        ({"init": "zeros"}, "`init` is 'zeros'"),
    ],
)
def test_settings_that_are_none(given, message):
    with pytest.raises(ValueError, match=message):
        as_settings(given)


@pytest.fixture(scope="module")
def server():
    own = explorer.Server(0, "<!DOCTYPE html>")
    thread = threading.Thread(target=own.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield own
    own.shutdown()
    thread.join()
    own.server_close()


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection(*server.server_address, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def test_the_server_answers(server):
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/") == (200, "<!DOCTYPE html>")
    status, text = ask(server, "/answer?depth=2&width=6&batch=4&step_size=0.05&steps=3&seed=1")
    assert (status, json.loads(text)) == (200, json.loads(json.dumps(answer(SMALL))))


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/", "GET", {"Host": "evil.example"}, 403),
        ("/answer", "GET", {"Host": "127.0.0.1"}, 403),
        ("/answer?depth=99", "GET", {}, 400),
        ("/../secret", "GET", {}, 404),
        ("/", "POST", {}, 501),
    ],
)
def test_the_server_refuses(server, path, method, headers, status):
    assert ask(server, path, method, **headers)[0] == status


def test_the_page_holds_the_first_answer():
    text = explorer.page()
    assert "connect-src &#39;self&#39;" in text
    for name in ("depth", "width", "init", "batch", "beta", "step_size", "steps", "seed"):
        assert f'id="{name}"' in text
    [block] = [part.split("</script>")[0] for part in text.split('id="charts">')[1:]]
    assert json.loads(block)["depth"]["datasets"]["rows"] == answer(Settings())["curves"]["depth"]


def test_an_interrupt_ends_the_command_quietly(monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(explorer, "page", lambda: "")
    monkeypatch.setattr(explorer.Server, "serve_forever", interrupted)
    done = CliRunner().invoke(app, ["explore", "--no-browser"])
    assert done.exit_code == 0
    assert done.stdout.startswith("http://127.0.0.1:")
    assert not done.stderr


def test_a_port_that_is_taken_is_refused(server, monkeypatch):
    monkeypatch.setattr(explorer, "page", lambda: "")
    done = CliRunner().invoke(app, ["explore", "--no-browser", "--port", str(server.server_address[1])])
    assert done.exit_code == 2
    assert "--port" in done.stderr
