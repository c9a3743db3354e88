"""Objects that show themselves: short, escaped, in Python's own numbers, and the same numbers everywhere.

Oracle: the objects' own attributes; `json`; an HTML parser.
"""

import json
from html.parser import HTMLParser
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import dlntheory as dln
from dlntheory.numerics import presentation
from dlntheory.numerics.presentation import Presented, written

DRAW = np.random.default_rng(0)
NET = dln.LinearNetwork.random([5, 4, 3], key=0)
X, Y = DRAW.normal(size=(8, 5)), DRAW.normal(size=(8, 3))
SHOWN = {
    "network": lambda: NET,
    "equilibrium": lambda: dln.equilibrium(NET, X, Y),
    "verdict": lambda: dln.verify(NET, X, Y, theorem=2),
    "spectrum": lambda: dln.inference_spectrum(NET),
    "kernel": lambda: dln.update_kernel(NET, X, Y),
    "relaxation": lambda: dln.finite_time_activities(NET, X, Y, steps=3, step_size=0.1),
    "training": lambda: dln.train(
        NET, X, Y, 0.01, "bp", steps=30, target=np.zeros((3, 5)), error_every=10, alignment_every=7
    ),
    "sweep": lambda: dln.sweep([NET], X[None, None], Y[None, None], [0.01, 0.1], ("bp",)),
    "comparison": lambda: dln.compare(NET, X, Y, ["bp", "pc"], [1, 4]),
}


class Columns(dict):
    """Columns of one length, as a frame's."""

    @property
    def columns(self):
        return list(self)

    def __len__(self):
        [length] = {len(each) for each in self.values()}
        return length


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def parsed(html):
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert not tags.open
    return tags.texts


@pytest.mark.parametrize("name", SHOWN)
def test_it_shows_itself(name):
    shown = SHOWN[name]()
    assert len(repr(shown)) < 160
    assert "\n" not in repr(shown)
    assert repr(shown).startswith(type(shown).__name__ + "(")
    assert 1 < len(str(shown).splitlines()) < 40
    assert str(shown) == shown.summary()
    assert type(shown).__name__ in parsed(shown._repr_html_())
    json.dumps(shown.to_dict())


@pytest.mark.parametrize("pandas", ["pandas", "a stand-in"])
@pytest.mark.parametrize("name", SHOWN)
def test_it_becomes_a_frame(name, pandas, monkeypatch):
    if pandas == "pandas":
        pytest.importorskip("pandas")
    else:
        monkeypatch.setattr(presentation, "require", lambda *_: SimpleNamespace(DataFrame=Columns))
    shown = SHOWN[name]()
    frame = shown.to_dataframe()
    assert set(frame.columns) <= set(shown.to_dict())
    assert len(frame) == len(next(iter(shown._columns().values()), [None]))


def test_numbers_are_those_of_the_attributes():
    found = dln.equilibrium(NET, X, Y)
    record = found.to_dict()
    assert record["energy"] == pytest.approx(float(found.energy.mean()))
    assert sum(record["energy by layer"]) == pytest.approx(record["energy"])
    verdict = dln.verify(NET, X, Y, theorem=2)
    assert verdict.to_dict()["value"] == [each.value for each in verdict.hypotheses.values()]
    trained = SHOWN["training"]()
    table = trained.to_dict()
    assert table["loss"] == trained.loss.tolist()
    assert [each for each in table["error"] if not np.isnan(each)] == trained.error[:-1].tolist()
    assert [step for step, each in zip(table["step"], table["alignment"], strict=True) if not np.isnan(each)] == [
        0, 7, 14, 21, 28,
    ]  # fmt: skip


def test_a_verdict_does_not_print_its_samples():
    many = np.repeat(X[:1], 500, axis=0)
    verdict = dln.verify(NET, many, np.repeat(Y[:1], 500, axis=0), theorem=1)
    assert "1., 1." not in str(verdict) + repr(verdict)


class Hostile(Presented):
    def _facts(self):
        return {"<b>": "<script>alert(1)</script>"}

    def _columns(self):
        return {"a & b": ["<i>"] * 30}

    def _remark(self):
        return "</div><script>"


def test_names_are_escaped():
    html = Hostile()._repr_html_()
    assert "<script" not in html
    assert "<i>" not in html
    assert "<script>alert(1)</script>" in parsed(html)


def test_long_tables_are_cut_in_the_middle():
    lines = str(Hostile()).splitlines()
    assert lines.count("…") == 1
    assert len(lines) < 20


def test_traced_objects_show_shapes_only():
    texts = []

    @jax.jit
    def energy(x):
        found = dln.equilibrium(NET, x, Y)
        texts.extend([str(found), repr(found), str(found._repr_html_())])
        return found.energy

    energy(jax.numpy.asarray(X))
    assert texts[0] == texts[1]
    assert "float64[8]" in texts[0]
    assert texts[2] == "None"


def test_words_for_values():
    values = [True, np.bool_(False), np.float64(0.123456), float("nan"), np.int64(3), (4, 5), "a", np.asarray(2.0)]
    assert list(map(written, values)) == ["yes", "no", "0.1235", "—", "3", "4-5", "a", "2"]


def test_small_records_stay_a_line():
    assert str(dln.SoftOutput(0.5)) == "SoftOutput(beta=0.5)"
    assert dln.SoftOutput(0.5)._repr_html_() is None
