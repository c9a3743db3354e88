"""Rows of studies that make no sense are refused in one line, before anything is trained; variants of one's own."""

import json
import sys
import sysconfig
from pathlib import Path

import pytest

from dlntheory import pcn
from dlntheory.pcn.choices import presets
from experiments.papers import cells, own_code, rows
from tests.own_studies import dlntheory

OWN = """
[mine]
title = "two rates"
options = { data = "iris", hidden = [3], algorithm = "BP-SE", batch_size = 40, epochs = 2 }

[mine.axes]
learning_rate = [0.001, 0.01]
part = { all = {} }
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[mine.y]\n", "has y; wanted keys"),
        ('[other]\ntitel = "?"\n', "has titel; wanted keys of item, title, "),
        ('[other]\ntitel = "?"\n', "Did you mean 'title'?"),
        ('[other]\ntitle = "?"\n', "has none of axes"),
        ('[other]\nlike = "yours"\n', "is like `yours`"),
        ('[other]\nchoose = "y"\naxes.y = [1]\n', "`other` has choose = 'y'; wanted a list of axes, such as [\"y\"]."),
        ('[other]\nmeasures = "best"\naxes.y = [1]\n', "has measures = 'best'; wanted a list of measures"),
        ('[other]\ntheory = "best"\naxes.y = [1]\n', "has theory = 'best'; wanted a list of measures"),
        ('[other]\ndiffers = "all"\naxes.y = [1]\n', "has differs = 'all'; wanted a list of texts"),
        ("[other]\ndiffers = [1]\naxes.y = [1]\n", "has differs = [1]; wanted a list of texts"),
        ('[[mine.cells]]\npart = "all"\n', "has cells of part = 'all'; wanted a list of values"),
        ('[mine.scales.cpu]\ncells = ["all"]\n', "has cells 'all'; wanted tables"),
        ("[mine.scales.cpu]\ncells = [[1]]\n", "has cells [1]; wanted tables"),
        ('[other]\nchoose = ["x"]\naxes.y = [1]\n', "chooses on x"),
        ("[[mine.cells]]\npart = [1]\n", "has no part 1"),
        ('[other]\nmeasures = ["accuracy"]\naxes.y = [1]\n', "measures accuracy; wanted of best, "),
        ('[other]\npicture = "curves"\nx = "time"\naxes.y = [1]\n', "has curves along 'time'"),
        ('[other]\nseeds = "3"\naxes.y = [1]\n', "has seeds = '3'"),
        ("[other]\nscales.cpu.seeds = 0\naxes.y = [1]\n", "has seeds = 0"),
        ("[other]\naxes.y = 1\n", "the axis `y` is 1; wanted a list"),
        ("[other]\naxes.y.one = 1\n", "the axis `y` is {'one': 1}; wanted a list"),
        ('[other]\naxes.y = [1]\npublished = "best | 1\\nall"\n', "the line all has 1 cells; wanted 2"),
        ('[other]\nsee = "a page"\n', "has 2 studies; wanted one of them, such as"),
        ('[other]\nlike = "002-table-11"\nlik = 1\n', "has lik; wanted keys"),
        (
            '[other]\nlike = "002-tabel-1"\n',
            "is like `002-tabel-1`, which is no other study. Did you mean '002-table-1",
        ),
        ('[other]\nlike = "other"\n', "is like `other`, which is no other study."),
        ('[other]\nlike = "third"\n[third]\nlike = "other"\n', "`third` is like `other`, which is no other study."),
        ("[other]\naxes = 1\n", "`axes` is 1; wanted a table."),
        ("[mine.variants]\npart = 1\n", "`part` is 1; wanted a table."),
        ("[mine.variants.rate]\nfast = {}\n", "variants of 'rate'; wanted of the axes learning_rate, part."),
        ('[mine.variants.part]\nnew.1 = { like = "all" }\n', "Quote a name with dots in it."),
        ('[mine.variants.part]\nnew = { like = "none" }\n', "with `like` as one of all"),
        ('[mine.variants.part]\nall = { like = "all" }\n', "wanted a new name"),
        ("[mine.scales.huge]\n", "has the scales huge"),
        ('[mine.scales.cpu.of]\n"0.01,half" = { epochs = 1 }\n', "names half, which"),
        ('[other]\nsource = ["a"]\naxes.y = [1]\n', "`other` has source = ['a']; wanted a text."),
        ("[other]\npublished = 3\naxes.y = [1]\n", "has published = 3; wanted a text."),
        ("[other]\noptions = [1]\naxes.y = [1]\n", "has options = [1]; wanted a table."),
        ("[other]\nscales = [1]\naxes.y = [1]\n", "has scales = [1]; wanted a table."),
        ("[other]\nscales.cpu = 3\naxes.y = [1]\n", "has scales.cpu = 3; wanted a table."),
        ("[other]\nscales.cpu.options = [1]\naxes.y = [1]\n", "has scales.cpu.options = [1]; wanted a table."),
        ("[other]\nscales.cpu.of = 3\naxes.y = [1]\n", "has scales.cpu.of = 3; wanted a table."),
        ("[other]\nscales.cpu.of.1 = 3\naxes.y = [1]\n", 'has scales.cpu.of."1" = 3; wanted a table.'),
        ("[other]\nscales.cpu.seed = 3\naxes.y = [1]\n", "has seed in scales.cpu; wanted of seeds, options, cells, of"),
        ('[other]\nreconstructions = "8"\naxes.y = [1]\n', "has reconstructions = '8'; wanted a whole number"),
        ("[other]\nmeasures = []\naxes.y = [1]\n", "has no measures; wanted of best, "),
        ("[other]\naxes.y = []\n", "the axis `y` has no values"),
        ("[[mine.cells]]\npart = []\n", "has cells of part = []; wanted a list of values"),
        ("[[mine.cells]]\nwidth = [1]\n", "has cells of width, which are no axes"),
        ('[other]\nlike = ["mine"]\n', "is like `['mine']`, which is no other study."),
        ('[other]\naxes.y = [1]\npublished = "best | 1\\n1 | ?"\n', "the cell '?' is no number"),
        ('[other]\naxes.y = [1]\npublished = "best | 1\\n1 | 1 2 3"\n', "the cell '1 2 3' is no number"),
        ('[other]\naxes.y = [1]\npublished = "bset | 1\\n1 | 2"\n', "has published bset; wanted of best, "),
        ("[other]\naxes.mean = [1]\n", "has the axes mean; wanted names that no column"),
        ("[mine", "mine.toml"),
    ],
)
def test_rows_that_make_no_sense_are_refused(change, message, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN + change)
    done = dlntheory(path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_key_outside_of_a_study_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text('title = "?"\n')
    assert "`title` is '?', outside of a study; wanted a table" in dlntheory(tmp_path / "mine.toml").stderr


@pytest.mark.parametrize("change", [{"epochs": "two"}, {"algorithm": "PCX"}, {"hiden": 1}, {"seed": 7}])
def test_an_option_that_no_training_has_is_named_with_its_cell(change, tmp_path):
    ((name, value),) = change.items()
    path = tmp_path / "mine.toml"
    path.write_text(OWN + f"\n[mine.axes.other]\nnew = {{ {name} = {value!r} }}\n")
    stderr = dlntheory(path, "--scale", "paper", "--out", tmp_path / "out").stderr
    assert "0.001 all new" in stderr
    assert name in stderr


def test_a_row_of_a_file_is_named_and_may_be_like_another(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN + '\n[yours]\nlike = "mine"\nseeds = 2\n')
    mine, yours = (rows.find(f"{path}:{name}") for name in ("mine", "yours"))
    assert (mine.name, yours.name, mine.seeds, yours.seeds) == ("mine", "yours", 1, 2)
    assert mine.axes == yours.axes
    with pytest.raises(ValueError, match="Did you mean 'yours'"):
        rows.find(f"{path}:your")


VARIANT = """
[mine]
like = "002-table-1"
cells = [{ model = ["VGG-5"], data = ["cifar10"], weights = ["searched"] }]

[mine.variants.algorithm]
iPC-slow = { like = "iPC", step_size = 0.1 }
"""


def test_a_variant_stands_beside_the_column_of_a_table(tmp_path):
    """It has what the table tunes for the algorithm that it is like, at every scale, but for its own options."""
    path = tmp_path / "mine.toml"
    path.write_text(VARIANT)
    row, table = rows.find(str(path)), rows.find("002-table-1")
    for scale, seeds in (("quick", 1), ("cpu", 5), ("paper", 5)):
        made = cells.make_cells(row, scale)
        found = {cell.place["algorithm"]: cell for cell in made}
        assert (len(found), len(made)) == (9, 9 * seeds)
        assert found["iPC-slow"].config.differences(found["iPC"].config) == ["step_size"]
        assert row.published_value("best", found["iPC-slow"].place) is None
        assert row.published_value("best", found["iPC"].place).mean == 85.51
    beside = {cell.key: cell for cell in cells.make_cells(table, "paper", ["VGG-5,cifar10"])}
    assert beside.keys() < {cell.key for cell in made}  # so what one has trained, the other need not


CODE = """
from dlntheory import pcn
pcn.register("PC-Adam", pcn.Algorithm(relaxation=pcn.Adam({rate})))
pcn.register("BP-half", pcn.Algorithm(loss=pcn.SquaredError(0.5), update=pcn.Backpropagation(), steps=1))
"""
CODED = """
[mine]
like = "002-table-1"
python = "own.py"
seeds = 1
cells = [{ model = ["MLP"], data = ["mnist"], weights = ["searched"], algorithm = ["PC-SE", "PC-Adam", "BP-half"] }]

[mine.variants.algorithm]
PC-Adam = { like = "PC-SE", algorithm = "PC-Adam" }
BP-half = { like = "PC-SE", algorithm = "BP-half" }
"""


@pytest.fixture
def coded(tmp_path, monkeypatch):
    """The file of a study with algorithms of its own, and their code."""
    monkeypatch.setattr(presets, "PRESETS", dict(pcn.PRESETS))
    (tmp_path / "mine.toml").write_text(CODED)
    (tmp_path / "own.py").write_text(CODE.format(rate=0.05))
    return tmp_path / "mine.toml", tmp_path / "own.py"


def test_code_of_ones_own_names_algorithms(coded):
    """They have the options of the one that they are like, but for those that they have no use for."""
    path, code = coded
    row = rows.find(str(path))

    def made():
        return {cell.place["algorithm"]: cell for cell in cells.make_cells(row, "paper")}

    before = made()
    plain, adam, half = (before[name].config for name in ("PC-SE", "PC-Adam", "BP-half"))
    assert (plain.momentum, adam.momentum, adam.step_size) == (0.65, None, plain.step_size)
    assert adam.make_algorithm().relaxation == pcn.Adam(0.01053)
    assert half.make_algorithm().loss == pcn.SquaredError(0.5)
    code.write_text(CODE.format(rate=0.1))
    assert made() == before  # a file runs once in a process, so that an edit changes nothing under way
    own_code.run_file.cache_clear()
    after = made()
    assert {name for name in before if before[name].key != after[name].key} == {"PC-Adam", "BP-half"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "which is no file; wanted one that registers algorithms."),
        ("raise SystemExit('one\\ntwo')", "own.py fails: SystemExit: one two"),
        ("1 / 0", "own.py fails: ZeroDivisionError: division by zero"),
        ("", "MLP mnist PC-Adam searched: `algorithm` is 'PC-Adam'; wanted one of"),
    ],
)
def test_code_that_does_not_run_is_refused(code, message, coded):
    path, file = coded
    file.unlink() if code is None else file.write_text(code)
    done = dlntheory(path, "--out", path.parent / "out")
    assert done.exit_code == 2
    assert message in done.stderr.replace("\n", " ")


def test_an_option_of_a_variant_itself_must_be_of_use(coded):
    path, _ = coded
    path.write_text(CODED.replace('algorithm = "PC-Adam" }', 'algorithm = "PC-Adam", momentum = 0.5 }'))
    assert "`momentum` is given, but PC-Adam has no use for it" in dlntheory(path, "--out", path.parent / "out").stderr


def test_modules_beside_the_code_count_as_its_code(coded, monkeypatch):
    _, code = coded
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    helper = code.parent / "rates_of_mine" / "experiments" / "__init__.py"  # a folder that is called as one of ours
    helper.parent.mkdir(parents=True)
    code.write_text("from rates_of_mine import experiments\n" + CODE.format(rate="experiments.RATE"))
    fingerprints = set()
    for rate in (0.05, 0.1):
        helper.write_text(f"RATE = {rate}")
        for name in ("rates_of_mine", "rates_of_mine.experiments"):
            sys.modules.pop(name, None)
        own_code.run_file.cache_clear()
        fingerprints.add(own_code.run_file(str(code)))
        assert pcn.algorithm("PC-Adam").relaxation == pcn.Adam(rate)
    assert len(fingerprints) == 2


CHOOSING = """
from dlntheory import pcn

class Mine(pcn.Forward):
    pass

pcn.register("own-start", pcn.Algorithm(initial=Mine()))
pcn.register("plain", pcn.Algorithm())
"""


@pytest.mark.parametrize(
    ("variant", "initial", "momentum"),
    [
        ('like = "average", algorithm = "own-start"', "Mine", 0.3),
        ('like = "average", algorithm = "plain"', "ClassAverage", 0.3),
        ('like = "average", algorithm = "own-start", initial = "zero"', "Zero", 0.3),
        ('like = "average", momentum = 0.7', "ClassAverage", 0.7),
    ],
)
def test_a_start_of_ones_own_stays(variant, initial, momentum, coded):
    """It is what the variant is about; the row's start would make it the algorithm that it is like."""
    path, code = coded
    code.write_text(CHOOSING)
    path.write_text(
        '[mine]\ntitle = "?"\npython = "own.py"\noptions = { momentum = 0.3 }\n'
        '[mine.axes]\nstart = { average = { initial = "class_average", average_layer = 2 } }\n'
        f"[mine.variants.start]\nnew = {{ {variant} }}\n"
    )
    (cell,) = cells.make_cells(rows.find(str(path)), "paper", ["new"])
    made = cell.config.make_algorithm()
    assert (type(made.initial).__name__, made.relaxation.momentum) == (initial, momentum)


def test_a_nudging_from_elsewhere_keeps_its_strength(coded):
    path, code = coded
    code.write_text(CHOOSING)
    path.write_text(
        '[mine]\ntitle = "?"\npython = "own.py"\naxes.algorithm = ["plain"]\n'
        'options = { nudging = "centred", beta = 0.45, sign_by = "batch" }\n'
    )
    (cell,) = cells.make_cells(rows.find(str(path)), "paper")
    assert cell.config.make_algorithm().output == pcn.CentredNudge(0.45, by_batch=True)


@pytest.mark.parametrize(
    "own", ['like = "BP-SE", momentum = 0.5', 'like = "PC-SE", algorithm = "BP-SE", momentum = 0.5']
)
def test_backpropagation_has_no_inference_of_its_own(own, tmp_path):
    """An axis may bring it some, and it leaves them; its own options are refused."""
    path = tmp_path / "mine.toml"
    path.write_text(f'[mine]\nlike = "002-table-1"\n[mine.variants.algorithm]\nnew = {{ {own} }}\n')
    cell, *_ = cells.make_cells(rows.find(str(path)), "paper", ["MLP,mnist,new"])
    with pytest.raises(ValueError, match="`momentum` is given, but BP-SE has no use for it"):
        cell.config.make_algorithm()


def test_variants_of_two_axes_may_have_one_name(tmp_path):
    """A variant's options are those of its own axis, whatever values another axis has."""
    path = tmp_path / "mine.toml"
    path.write_text(
        '[mine]\ntitle = "?"\n[mine.axes]\nstep_size = [0.1]\nlearning_rate = [0.01, 0.001]\n'
        '[mine.variants.step_size]\nslow = { like = "0.1", step_size = 0.02 }\n'
        '"0.001" = { like = "0.1", step_size = 0.001, momentum = 0.5 }\n'
        '[mine.variants.learning_rate]\nslow = { like = "0.01", learning_rate = 0.002 }\n'
    )
    made = cells.make_cells(rows.find(str(path)), "paper")
    found = [(each.config.step_size, each.config.learning_rate, each.config.momentum) for each in made]
    rates = [0.01, 0.001, 0.002]
    assert found == [(step, rate, {0.001: 0.5}.get(step)) for step in (0.1, 0.02, 0.001) for rate in rates]


def test_the_code_of_a_study_leaves_out_python_itself():
    """A file in one's home has Python's modules below its folder, and which of them are loaded differs by command."""
    library = Path(sysconfig.get_path("stdlib"))
    assert Path(json.__file__).is_relative_to(library)
    assert not [each for each in own_code._imported(library.parents[1]) if each.is_relative_to(library)]
