"""The registry of studies: every table and figure has a row; its cells, and what is told of them.

Oracles: the papers' own counts of tables and figures, their numbers, and choices by hand.
"""

import dataclasses
import json
import re

import pytest
from cases import mostly_daily

from dlntheory.pcn.runs.config import TrainingConfig
from experiments.figures import FIGURES
from experiments.papers import cells, rows, table
from experiments.papers.blocks import Printed
from experiments.papers.measures import MEASURES, judged
from experiments.papers.row import TESTED
from tests.own_studies import dlntheory

REGISTRY = rows.registry()
TRAININGS = [row for row in REGISTRY.values() if row.kind == "axes"]
ITEMS = {
    "Deeper PCNs": (6, 7),
    "Benchmarking PCNs": (11, 26),
    "Better Initialization": (3, 10),
    "Sample Efficiency": (0, 10),
}
"""By paper, how many tables and figures it has."""


@pytest.mark.parametrize("paper", ITEMS)
def test_every_table_and_figure_has_a_row(paper):
    items = " ".join(row.item for row in REGISTRY.values() if row.item.startswith(paper)).replace(paper, "")
    tables = set(map(int, re.findall(r"Table (\d+)", items)))
    figures = {
        int(number) for text in re.findall(r"figures? ([\d a-z]+)", items) for number in re.findall(r"\d+", text)
    }
    assert (tables, figures) == tuple(set(range(1, 1 + count)) for count in ITEMS[paper])


def test_every_figure_of_the_figure_command_is_a_study():
    drawn = {row.figure for row in REGISTRY.values() if row.kind == "figure"}
    assert drawn == set(FIGURES)


def test_the_list_says_how_each_is_run_or_why_not():
    listed = json.loads(dlntheory("--json").stdout)
    assert [each["name"] for each in listed] == list(REGISTRY)
    for each in listed:
        assert each["title"]
        assert each["trainings"] or each["figure"] or each["see"]
    shown = dlntheory().stdout
    assert all(name in shown for name in REGISTRY)


@pytest.mark.parametrize(
    "row",
    mostly_daily(TRAININGS, [row for row in TRAININGS if row.name != "002-figure-15"]),  # figure 14's, of circles
    ids=lambda row: row.name,
)
def test_every_training_can_be_configured(row):
    assert set(row.measures) <= MEASURES.keys()
    assert row.source or row.cost
    for scale in filter(row.has, rows.SCALES):
        made = cells.make_cells(row, scale)
        assert len({cell.key for cell in made}) == len(made)
        met = set()
        for cell in made:  # every word of every axis, once
            if not cell.place.items() <= met:
                dataclasses.replace(cell.config, data_dir="there").check()
                met |= cell.place.items()


def test_published_numbers_are_those_of_the_papers():
    benchmarking = REGISTRY["002-table-1"]
    assert [len(benchmarking.printed[measure]) for measure in ("best", "top5")] == [14 * 8, 8 * 8]
    place = {"model": "VGG-5", "data": "cifar100", "algorithm": "CN"}
    assert benchmarking.published_value("best", place) == Printed(67.19, 0.24)
    assert benchmarking.published_value("top5", place) == Printed(86.60, 0.18)
    deeper = REGISTRY["000-table-1"]
    assert [len(deeper.printed[measure]) for measure in ("best", "top5")] == [7 * 12, 7 * 6]
    place = {"norm": "frozen", "data": "cifar10", "model": "VGG-10", "algorithm": "S+F"}
    assert deeper.published_value("best", place) == Printed(93.27, 0.10)
    assert deeper.published_value("best", {**place, "norm": "standard"}) is None
    place = {"norm": "none", "data": "cifar10", "model": "VGG-7", "algorithm": "S+F"}
    assert REGISTRY["000-figure-5"].published_value("first_to_last", place) == Printed(1e-6)
    assert REGISTRY["000-figure-6"].published_value("first_to_last", place | {"algorithm": "F"}) == Printed(1e-12)


def test_options_of_one_cell_reach_it_alone():
    row = REGISTRY["002-table-1"]
    place = {"model": "MLP", "data": "mnist", "algorithm": "PC-SE", "weights": "searched"}
    tuned = row.options_of(place)
    assert (tuned["inference_steps"], tuned["step_size"], tuned["momentum"]) == (8, 0.01053, 0.65)
    assert (tuned["learning_rate"], row.options_of(place | {"weights": "1e-3"})["learning_rate"]) == (2.969e-4, 1e-3)
    assert row.options_of(place | {"algorithm": "PN"})["beta"] == 0.55
    assert row.options_of({**place, "model": "VGG-7", "data": "cifar10"})["inference_steps"] == 10
    place = {**place, "model": "VGG-7", "data": "cifar100", "algorithm": "CN"}
    found = [row.options_of(place | {"data": data}) for data in ("cifar100", "tiny-imagenet")]
    assert [(each["inference_steps"], each["beta"], each["momentum"]) for each in found] == [
        (11, 0.15, 0.5),
        (12, 0.45, 0.85),
    ]


def test_options_that_the_papers_say():
    """Crops, and the signs of nudging: appendix A and section 3 of Deeper PCNs; rates: appendix D of Benchmarking PCNs.

    Fractions of the data: CIFAR-10 has 50 000 training pictures. CelebA: the authors' code.
    """
    assert {cell.config.padding for cell in cells.make_cells(REGISTRY["000-table-2"], "paper")} == {8}
    centred = [each for each in cells.make_cells(REGISTRY["000-figure-4"], "paper") if "CN" in each.place["algorithm"]]
    assert {cell.config.sign_by for cell in centred} == {"batch"}  # "across training epochs and batches"
    large = cells.make_cells(REGISTRY["002-appendix-d"], "paper")  # "large learning rates for the nodes"
    assert min(cell.config.step_size for cell in large) == 0.5
    faces = cells.make_cells(REGISTRY["002-table-2"], "paper", ["celeba-200"])
    told = {(cell.config.algorithm, cell.config.epochs, cell.config.batch_size) for cell in faces}
    assert told == {("PC-SE", 10, 2000), ("iPC", 10, 2000), ("BP-SE", 5, 500)}
    parts = cells.make_cells(REGISTRY["003-table-1"], "paper", ["cifar10,BP"])
    assert {cell.config.train_samples for cell in parts} == {None, 5000, 500}


def test_figures_of_momentum_and_rate_have_the_tables_other_options():
    table_1 = REGISTRY["002-table-1"]
    for name, models in (("002-figure-9", ["VGG-7"]), ("002-figure-10", ["VGG-5", "VGG-7"])):
        row = REGISTRY[name]
        for cell in cells.make_cells(row, "paper"):
            place = {"model": cell.config.model, "data": "cifar100", "algorithm": cell.place["algorithm"]}
            expected = cells.configured({**table_1.options_of({**place, "weights": "searched"}), "seed": cell.seed})
            assert cell.config.differences(expected) in ([], [row.x])
        assert {cell.config.model for cell in cells.make_cells(row, "paper")} == {*models}


def test_every_cell_has_a_seed_before_any_has_two():
    row = REGISTRY["003-figure-5"]
    made, count = cells.make_cells(row, "cpu"), len(row.places("cpu"))
    assert [cell.seed for cell in made] == [0] * count + [1] * count + [2] * count
    assert len({cell.key for cell in made}) == 3 * count


def test_only_names_cells_of_the_scale_and_else_of_the_paper():
    row = REGISTRY["002-table-1"]
    perceptrons = {cell.place["weights"] for cell in cells.make_cells(row, "cpu", ["MLP"])}
    assert perceptrons == {"searched", "1e-3"}  # the second is not in the paper
    both = cells.make_cells(row, "cpu", ["MLP", "VGG-9"])
    assert {cell.place["model"] for cell in both} == {"MLP", "VGG-9"}


def test_a_cells_name_leaves_out_the_options_at_their_defaults():
    """So what is finished counts on, when the library has more options than it had."""
    spelled = TrainingConfig(data="iris", epochs=25, learning_rate=3e-4)
    keys = [cells.Cell({}, config, config).key for config in (spelled, TrainingConfig(data="iris"))]
    changed = TrainingConfig(data="iris", validation=0.1)
    assert keys[0] == keys[1] != cells.Cell({}, changed, changed).key


def test_the_best_epoch_is_chosen_in_validation():
    epochs = [
        {"test_accuracy": 0.5, "test_top5": 0.9, "test_mse": 0.03},
        {"test_accuracy": 0.7, "test_top5": 0.8, "test_mse": 0.01},
        {"test_accuracy": 0.6, "test_top5": 0.95, "test_mse": 0.02},
    ]
    found = {name: MEASURES[name].value({"epochs": epochs}) for name in ("best", "top5", "error")}
    assert found == {"best": 70, "top5": 95, "error": 10}
    for epoch, (accuracy, top5, error) in zip(epochs, [(0.1, 0.9, 3), (0.0, 0.8, 2), (0.2, 0.7, 1)], strict=True):
        epoch |= {"validation_accuracy": accuracy, "validation_top5": top5, "validation_mse": error}
    found = {name: MEASURES[name].value({"epochs": epochs}) for name in ("best", "top5", "error")}
    assert found == {"best": 60, "top5": 90, "error": 20}
    assert judged({"epochs": epochs}) == 0.2


def test_of_chosen_axes_the_value_that_is_best_in_validation_is_told():
    row = rows.as_row("mine", {
        "title": "?", "choose": ["learning_rate"], "seeds": 2,
        "axes": {"learning_rate": [0.1, 0.2, 0.3], "epochs": [1, 2]}, "options": {"data": "iris"},
    }, {})  # fmt: skip
    made = cells.make_cells(row, "paper")
    # means in validation over two seeds: 0.1 → 0.4, 0.2 → 0.5, 0.3 diverges; with two epochs nothing is finished
    told = {"0.1": [(0.8, 0.1), (0.0, 0.1)], "0.2": [(0.5, 0.7), (0.5, 0.3)], "0.3": [None, None]}
    outcomes = [
        None if cell.place["epochs"] == "2" else {
            "diverged": None, "epochs": [] if told[cell.place["learning_rate"]][cell.seed] is None else [
                dict(zip(("validation_accuracy", "test_accuracy"), told[cell.place["learning_rate"]][cell.seed], strict=True))
            ],
        }
        for cell in made
    ]  # fmt: skip
    study = table.record(row, "paper", made, outcomes, [])
    lines = [(each["learning_rate"], each["epochs"], each["mean"]) for each in study["lines"]]
    assert lines == [("0.2", "1", pytest.approx(50)), ("0.1", "2", None)]
    assert "Of learning_rate only the value with the best accuracy" in table.as_page(study, None)


def test_backpropagation_leaves_the_inference_of_its_model():
    config = cells.configured({"model": "VGG-5", "inference_steps": 7, "algorithm": "BP-CE", "momentum": 0.5})
    assert config == TrainingConfig(model="VGG-5", algorithm="BP-CE")


def test_what_differs_from_the_paper_is_said():
    row = REGISTRY["002-table-1"]
    found = table.differences(row, "quick", cells.make_cells(row, "quick"))
    assert "seeds: 1 (paper: 5)" in found
    assert "epochs: 1 (paper: 25, 50)" in found
    assert "train_samples: 64 (paper: all); 8 (paper: all)" in found
    assert "data: digits (paper: mnist); digits-32 (paper: cifar10)" in found
    assert table.differences(row, "paper", cells.make_cells(row, "paper")) == []
    assert "weights: searched, 1e-3 (paper: searched)" in table.differences(row, "cpu", [])
    widths = "width: 32, 64, 128, 256, 512, 1024 (paper: 32, 64, 128, 256, 512, 1024, 2048, 4096)"
    assert widths in table.differences(REGISTRY["002-figure-16"], "cpu", [])
    assert not [each for each in found if each.startswith("model: ")]


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("002-figure-6c", {"width": "2048", "activation": "leaky_relu"}, 2 * 6 * 7 * 3),  # figure 13
        ("002-figure-14", {"width": "1024", "optimiser": "sgd-0.9"}, 2 * 6 * 7 * 10),
        ("002-figure-15", {"width": "256", "optimiser": "adamw"}, 2 * 6 * 7 * 10),
        ("003-figure-6", {"model": "AlexNet"}, 3 * 3),
    ],
)
def test_what_a_figure_shows_can_be_run(name, values, count):
    """By the texts of appendix D.1, and of section 5.1 of Better Initialization."""
    assert len(cells.make_cells(REGISTRY[name], "paper", [",".join(values.values())])) == count


@pytest.mark.parametrize("name", [row.name for row in TRAININGS if TESTED in row.axes])
def test_a_table_tells_of_the_trainings_of_its_scale(name):
    """A scale tests with fewer numbers of steps than the paper, and its trainings are others for that."""
    row = REGISTRY[name]
    for scale in ("quick", "cpu"):
        asked = cells.make_cells(row, scale)
        assert {cell.key for cell in asked} <= {cell.key for cell in cells.all_cells(row, scale)}
