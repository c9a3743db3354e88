"""Figures as compositions: parts and their store, what a full disk leaves behind, several at once, and their page."""

import errno
import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments import page, parts, results
from experiments.sample_efficiency import panels


class Counting:
    """A study that counts; as a checkpoint it keeps how far it has come, and it may be killed on the way."""

    def __init__(self, stop=None, needs_data=False):
        self.steps, self.stop, self.needs_data = [], stop, needs_data

    def configure(self, quick, setting, seed, data_dir=None):
        return {"count": 4 if quick else 8, "seed": seed, "setting": setting, "data": data_dir and str(data_dir)}

    def run(self, config, track=iter, folder=None):
        path = folder and folder / "reached.npy"
        reached = np.load(path).tolist() if path and path.exists() else []
        for step in track(range(len(reached), config["count"])):
            if step == self.stop:
                raise KeyboardInterrupt
            self.steps.append(step)
            reached.append((config["seed"] + step) ** 2)
            if path:
                folder.mkdir(parents=True, exist_ok=True)
                np.save(path, reached)
        return {"squares": np.array(reached)}

    def summarise(self, config, arrays):
        return [{"last": int(arrays["squares"][-1])}]

    def draw(self, axes, config, arrays):
        axes.plot(arrays["squares"])

    def draw_again(self, axes, config, arrays):
        axes.plot(arrays["squares"], "o")
        axes.set_title("dots")


def composed(*studies, **options):
    row = tuple(panels.Panel(letter, f"panel {letter}", study) for letter, study in zip("ABC", studies, strict=False))
    return panels.PanelFigure("counting", rows=(row,), SETTINGS=("appendix", "text"), **options)


@pytest.fixture
def counting(monkeypatch):
    """Figure 1 is two studies that count, and the only figure."""
    figure = composed(Counting(), Counting(needs_data=True))
    use(monkeypatch, figure)
    return figure


def use(monkeypatch, figure, number=1):
    package = import_module("experiments.figures")
    known = {number: figure}
    monkeypatch.setattr(package, "FIGURES", {number: ""})
    monkeypatch.setattr(package, "load_figure", lambda each: known[each])


def dlntheory(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_panels_have_prefixes_and_views():
    study = Counting()
    row = (panels.Panel("A", "counted", study, views=(study.draw, study.draw_again)), panels.Panel("B", "too", study))
    figure = panels.PanelFigure("counting", rows=(row, row[:0]))
    config = figure.configure(True, "appendix", 2)
    arrays = figure.run(config)
    assert arrays.keys() == {"A/squares", "B/squares"}
    assert study.steps == [0, 1, 2, 3]  # the same study and configuration: once
    assert figure.summarise(config, arrays) == {"A": [{"last": 25}], "B": [{"last": 25}]}
    drawn = figure.draw(config, arrays).axes
    assert [axes.get_title(loc="left") for axes in drawn] == [r"$\bf{A}$  Counted", "Dots", r"$\bf{B}$  Too"]


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ({"A": ["three seeds", "alone"], "B": ["three seeds", "alone"]}, "three seeds; alone"),
        ({"A": ["alone", "three seeds"], "B": ["in batches", "three seeds"]}, "A: alone; B: in batches; three seeds"),
        ({"A": ["x", "y"], "B": ["x", "y"], "C": ["x", "y"], "D": []}, "A–C: x, y"),
        ({"A": ["x"], "B": ["y"], "C": ["x"]}, "A, C: x; B: y"),
    ],
)
def test_notes_say_once_what_holds_for_all(said, note):
    studies = {letter: type("Study", (), {"note": lambda self, config: config}) for letter in said}
    shown = [panels.Panel(letter, "", study()) for letter, study in studies.items()]
    assert panels.notes(shown, said) == note


def test_a_killed_part_goes_on_at_its_checkpoint(tmp_path):
    first, second = Counting(), Counting(stop=2)
    figure = composed(first, second)
    config = figure.configure(True, "appendix", 3)
    config["panels"]["B"]["seed"] = 4  # or it would be A's
    with pytest.raises(KeyboardInterrupt):
        parts.compute(figure, config, store=tmp_path)
    second.stop = None
    result = parts.compute(figure, config, store=tmp_path)
    assert (first.steps, second.steps) == ([0, 1, 2, 3], [0, 1, 2, 3])  # no step twice
    whole = composed(Counting(), Counting()).run(config)
    for name, values in whole.items():
        np.testing.assert_array_equal(result.arrays[name], values)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npz", ".npz"]  # no checkpoint is left
    assert result.config["seconds"].keys() == {"A", "B"}


def test_the_store_forgets_what_depends_on_something_else(tmp_path, monkeypatch):
    study = Counting()
    figure = composed(study)
    config = figure.configure(True, "appendix", 3)
    for changed in (config, config, {"panels": {"A": config["panels"]["A"] | {"seed": 5}}}):
        parts.compute(figure, changed, store=tmp_path)
    assert len(study.steps) == 8
    monkeypatch.setattr(parts, "source_digest", lambda: "another")
    parts.compute(figure, config, store=tmp_path)
    assert len(study.steps) == 12
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(parts.compute(figure, config, store=tmp_path).arrays["A/squares"], [9, 16, 25, 36])


def test_panels_without_their_data_are_left_out(counting, tmp_path):
    done = dlntheory("figure", 1, "--quick", "--out", tmp_path)
    assert done.exit_code == 0
    assert "figure 1: left out B, for want of --data-dir" in done.stderr
    config = results.load(tmp_path).config
    assert (list(config["panels"]), config["left_out"]) == (["A"], ["B"])
    done = dlntheory("figure", 1, "--quick", "--out", tmp_path, "--data-dir", "digits")
    assert done.exit_code == 0
    config = results.load(tmp_path).config
    assert (config["panels"]["B"]["data"], config["left_out"]) == ("digits", [])
    assert config["command"].endswith("--seed 0 --data-dir digits")


def test_a_figure_of_missing_data_alone(monkeypatch, tmp_path):
    use(monkeypatch, composed(Counting(needs_data=True)))
    done = dlntheory("figure", 1, "--quick", "--out", tmp_path / "new")
    assert done.exit_code == 2
    assert "--data-dir: every panel reads a data set" in done.stderr
    assert not (tmp_path / "new").exists()
    done = dlntheory("figures", "--all", "--quick", "--jobs", 1, "--out", tmp_path / "new")
    assert "figure 1 is left out" in done.stderr


def test_a_quick_figure_of_a_study_with_digits_needs_no_data(monkeypatch, tmp_path):
    study = Counting(needs_data=True)
    study.has_digits = True
    use(monkeypatch, composed(study))
    done = dlntheory("figure", 1, "--quick", "--out", tmp_path)
    assert done.exit_code == 0
    config = results.load(tmp_path).config
    assert (config["panels"]["A"]["data"], config["left_out"]) == (None, [])
    assert dlntheory("figure", 1, "--full", "--out", tmp_path / "full").exit_code == 2
    assert "figure 1 is left out" not in dlntheory("figures", 1, "--quick", "--jobs", 1, "--out", tmp_path).stderr
    assert "figure 1 is left out" in dlntheory("figures", 1, "--full", "--jobs", 1, "--out", tmp_path).stderr


def fill(monkeypatch, suffix):
    """A disk that is full when a file of that kind is written."""
    write = Path.write_bytes

    def fail(path, data):
        if suffix in path.name:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail)


@pytest.mark.parametrize("suffix", [".npz", "config.json", ".png"])
def test_a_full_disk_leaves_no_half_of_a_result(suffix, counting, tmp_path, monkeypatch):
    assert dlntheory("figure", 1, "--quick", "--seed", 1, "--out", tmp_path).exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        fill(patch, suffix)
        done = dlntheory("figure", 1, "--quick", "--seed", 2, "--out", tmp_path)
    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert dlntheory("figure", 1, "--quick", "--seed", 2, "--out", tmp_path).exit_code == 0
    assert results.load(tmp_path).config["seed"] == 2


def test_several_figures_and_their_page(counting, tmp_path):
    done = dlntheory("figures", "1", "--every-setting", "--quick", "--jobs", 1, "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert {Path(path).parent.name for path in record["files"]} == {"figure1", "figure1-text"}
    shown = (tmp_path / "README.md").read_text()
    assert re.findall(r"!\[.*\]\((.*)\)", shown) == ["figure1/figure1.png", "figure1-text/figure1.png"]
    assert "`dlntheory figure 1 --quick --setting text --seed 0`" in shown
    assert re.search(r"A \d+\.\d s", shown)
    assert "Left out, as their data were not given: B." in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "figure1", "figure1-text"]


def test_the_page_says_which_curves_are_younger_than_their_figure(tmp_path):
    config = {"command": "c", "date": "d", "commit": "e", "figure": 4, "setting": "text", "seconds": {}}
    younger = {"curves": {"B": ["bp", "pc"], "C": ["pc"]}, "what": "why", "date": "later", "commit": "abc"}
    config |= {"machine": {"cores": 2, "cpu": "x"}, "recomputed": younger}
    results.save(tmp_path, results.Result(config, {}))
    assert "Recomputed, later, commit abc: B bp, pc; C pc (why)." in page.section(tmp_path)


def test_figures_that_were_killed_go_on(counting, tmp_path, monkeypatch):
    study = counting.panels["A"].study
    with monkeypatch.context() as patch:
        fill(patch, ".png")
        assert dlntheory("figures", "--all", "--quick", "--jobs", 1, "--out", tmp_path).exit_code == 2
    assert study.steps == [0, 1, 2, 3]
    assert dlntheory("figures", "--all", "--quick", "--jobs", 1, "--out", tmp_path).exit_code == 0
    assert study.steps == [0, 1, 2, 3]


@pytest.mark.daily
def test_several_figures_at_once(tmp_path):
    """Two that share a panel: one process waits for the other."""
    in_turn, at_once = tmp_path / "in turn", tmp_path / "at once"
    for folder, jobs in ((in_turn, 1), (at_once, 2)):
        done = dlntheory("figures", 2, 7, 7, "--quick", "--jobs", jobs, "--out", folder)
        assert done.exit_code == 0, done.output
    files = sorted(path.relative_to(at_once) for path in at_once.rglob("*"))
    assert files == sorted(path.relative_to(in_turn) for path in in_turn.rglob("*"))
    for name in ("figure2", "figure7"):
        found, wanted = (results.load(folder / name).arrays for folder in (at_once, in_turn))
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[key], wanted[key]) for key in wanted)


def test_a_figure_refused_in_a_process_of_its_own(tmp_path, capfd):
    (tmp_path / "figure5").touch()
    done = dlntheory("figures", 5, "--quick", "--jobs", 2, "--out", tmp_path)
    assert done.exit_code == 2
    assert re.search("--out: .*figure5", capfd.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    {
        "nothing": ([], "wanted the figures' numbers and names, or --all"),
        "both": (["1", "--all"], "wanted the figures' numbers and names, or --all"),
        "unknown": (["2", "99"], "N: figure 99 is not here"),
        "a file": (["2", "--out", "file"], "--out: .*file"),
    }.values(),
)
def test_bad_figures_end_with_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    done = dlntheory("figures", *arguments)
    assert done.exit_code == 2
    assert re.search(message, done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
