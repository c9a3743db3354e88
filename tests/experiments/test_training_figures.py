"""The training panels at toy size, against a NumPy loop; killed and resumed; shared between figures; and what is drawn.

Oracle: the slow loop over samples, layers and steps, on the panel's own task.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
import slow_training

from experiments import parts, provenance
from experiments.figures import load_figure
from experiments.results import deviation
from experiments.sample_efficiency import training
from experiments.sample_efficiency.curves import with_best
from experiments.sample_efficiency.training import CURVES, Training, plain

TOY = {"square": 3, "steps": 6, "chunk": 2, "error_every": 2, "seeds": 2}
BATCH = Training(("bp", "pc", "bp_decorrelated", "pc_decorrelated"), 5, {"appendix": (-2, -0.5, 3)}, (4,))
ONLINE = Training(
    ("bp", "pc", "bp_adaptive", "pc_adaptive", "pc_adaptive_positive"), 1, {"appendix": (-2, -1, 3)}, (4,)
)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setattr(training, "QUICK", TOY)
    monkeypatch.setattr(training, "QUICK_WIDTHS", {4: 4, 15: 4, 20: 3, 40: 5})
    monkeypatch.setattr(training, "QUICK_RATES", 3)


@pytest.mark.parametrize("study", [BATCH, replace(ONLINE, curves=ONLINE.curves[2:])], ids=["batch", "online"])
def test_its_curves_are_the_slow_loop(study, monkeypatch):
    config = study.configure(True, "appendix", 3)
    config["regularisation"] = 1e-2  # what is inverted is then well conditioned
    arrays = study.run(config)
    assert arrays["final"].shape == (len(study.curves), 3, 2)
    assert arrays["errors"].shape == (len(study.curves), 2, 4)
    assert arrays["steps"].tolist() == [0, 2, 4, 6]
    nets, x, y, maps = training.task(config)
    assert config["seeds"] == [3, 4]
    np.testing.assert_allclose(y, x @ np.swapaxes(maps, 1, 2)[:, None])
    for c, name in enumerate(config["curves"]):
        rule, rescaling = CURVES[name].rule, CURVES[name].rescaling
        expected = np.array([
            [slow_training.train(net.weights, x[s], y[s], rate, rule, rescaling, maps[s], 1e-2)[1]
             for s, net in enumerate(nets)]
            for rate in config["learning_rates"]
        ])  # fmt: skip
        np.testing.assert_allclose(arrays["final"][c], expected[:, :, -1], rtol=1e-7)
        best = int(np.argmin(expected[:, :, -1].mean(axis=1)))
        np.testing.assert_allclose(arrays["errors"][c], expected[best][:, ::2], rtol=1e-7)


def test_killed_it_resumes_with_the_same_arrays(tmp_path):
    config = BATCH.configure(True, "appendix", 0) | {"regularisation": 1e-2}  # the program of the slow loop's test
    alone = BATCH.run(config)

    def killed(steps):
        for step in steps:
            if step == 2:
                raise KeyboardInterrupt
            yield step

    with pytest.raises(KeyboardInterrupt):
        BATCH.run(config, killed, tmp_path / "store")
    assert (tmp_path / "store" / "sweep.npz").exists()
    again = BATCH.run(config, iter, tmp_path / "store")
    for name in alone:
        np.testing.assert_array_equal(again[name], alone[name])


def test_progress_goes_over_all_chunks_even_where_all_runs_diverge():
    seen = []

    def track(steps):
        for step in steps:
            seen.append(step)
            yield step

    wild = Training(("bp",), 5, {"appendix": (6, 7, 2)}, (4,))
    arrays = wild.run(wild.configure(True, "appendix", 0), track)
    assert seen == [0, 1, 2]
    assert np.isinf(arrays["final"]).all()


def test_the_paper_s_settings():
    assert load_figure(2).panels["E"].study == plain((20,), "kaiming_uniform")
    full = {(n, letter): load_figure(n).panels[letter].study for n, letters in
            {2: "EFGH", 3: "BC", 4: "BC", 7: "ABCDEF", 8: "ABCDEF", 10: "AB"}.items() for letter in letters}  # fmt: skip
    configs = {where: study.configure(False, "appendix", 0) for where, study in full.items()}
    assert all(each["steps"] == 500 and each["square"] == 20 and len(each["seeds"]) == 10 for each in configs.values())
    assert {len(each["learning_rates"]) for (n, _), each in configs.items() if n not in {3, 4, 10}} == {100}
    assert configs[2, "G"] == configs[7, "D"]  # computed once
    assert configs[2, "E"] == configs[7, "C"]
    assert configs[3, "B"] == configs[8, "C"]
    assert configs[4, "B"] == configs[8, "D"]
    assert configs[3, "C"] == configs[10, "A"]
    assert configs[4, "C"] == configs[10, "B"]
    ends = {where: np.log10([each["learning_rates"][0], each["learning_rates"][-1]]) for where, each in configs.items()}
    np.testing.assert_allclose(ends[7, "A"], [-3.5, 0.5])
    np.testing.assert_allclose(ends[3, "B"], [-3.5, -0.04])
    np.testing.assert_allclose(ends[4, "B"], [-3.5, 0.4])
    np.testing.assert_allclose(ends[10, "A"], [-5, 0])
    assert len(configs[10, "A"]["learning_rates"]) == 10
    text = load_figure(2).panels["E"].study.configure(False, "text", 0)
    np.testing.assert_allclose(np.log10(text["learning_rates"][-1]), 0.3)
    deep = load_figure(4).panels["C"].study.configure(False, "text", 0)
    assert (len(deep["learning_rates"]), deep["regularisation"], configs[4, "B"]["regularisation"]) == (100, 1e-4, 1e-5)


def test_figures_share_what_they_have_in_common(tmp_path, monkeypatch):
    runs = []

    def run(study, config, track=iter, folder=None):
        runs.append(study)
        return {"errors": np.zeros(1)}

    monkeypatch.setattr(Training, "run", run)
    for number in (10, 3, 4):
        figure = load_figure(number)
        config = figure.configure(True, "appendix", 0)
        deep = {letter: each for letter, each in config["panels"].items() if number == 10 or letter == "C"}
        parts.compute(figure, {**config, "panels": deep}, store=tmp_path)
    assert [study.batch for study in runs] == [1, 64]


def test_it_draws_the_best_rate_and_what_did_not_diverge():
    from matplotlib.figure import Figure

    config = ONLINE.configure(True, "appendix", 0)
    errors = np.full((5, 3, 2, 7), 2.0)
    errors[0, 1] = 1.0  # the best
    errors[1, 2, 0] = np.inf  # one seed diverged
    arrays = {"steps": np.arange(7), "learning_rates": np.array([0.01, 0.1, 1.0]), **with_best(errors)}
    left, right = Figure().subplots(1, 2)
    ONLINE.draw(left, config, arrays)
    ONLINE.draw_sweep(right, config, arrays)
    assert left.lines[0].get_ydata().tolist() == [1.0] * 7
    assert left.lines[0].get_label() == "BP"
    curves = [each for each in right.lines if each.get_label() == "PC"]
    assert curves[0].get_xdata().tolist() == [0.01, 0.1]
    ring = next(each for each in right.lines if each.get_marker() == "o")
    assert ring.get_xydata().tolist() == [[0.1, 1.0]]  # BP's best, and its error at the end
    assert left.get_yscale() == right.get_xscale() == "log"
    summary = ONLINE.summarise(config, arrays)
    assert summary[0] == {"curve": "bp", "learning_rate": 0.1, "mean": 1.0, "std": 0.0, "diverged": 0.0}
    assert summary[1]["diverged"] == pytest.approx(1 / 6)


def course(*powers):
    """Two seeds whose errors fall to these powers of ten, from one."""
    return [[1.0, *(10.0**power for power in powers)]] * 2


def test_what_is_best_is_kept():
    errors = np.array([[course(-1, -2), course(-2, -3)], [course(-3, -4), course(0, 0)]])
    found = with_best(errors)
    assert found["best"].tolist() == [1, 0]
    np.testing.assert_array_equal(found["errors"], [errors[0, 1], errors[1, 0]])


def test_results_say_which_code_made_them():
    config = provenance.configuration("command", chosen=1)
    assert config["commit"] is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", config["commit"])
    assert provenance.choices(config) == {"chosen": 1}


def test_a_deviation_is_the_sample_s():
    assert deviation(np.array([1.0, 2.0, 6.0])) == pytest.approx(np.sqrt((4 + 1 + 9) / 2))
    assert np.isnan(deviation(np.array([1.0])))
