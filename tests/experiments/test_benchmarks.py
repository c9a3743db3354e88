"""Every benchmark runs at toy size, and its page says what its data say."""

import json

import numpy as np
import pytest

import dlntheory as dln
from experiments.benchmarks.__main__ import BENCHMARKS, main
from experiments.benchmarks.reference import reference
from experiments.benchmarks.timing import interleaved, summary


@pytest.fixture(
    params=[name if name == "first_answer" else pytest.param(name, marks=pytest.mark.daily) for name in BENCHMARKS]
)
def results(request, tmp_path):
    main([request.param, "--quick", "--out", str(tmp_path)])
    saved = json.loads((tmp_path / f"{request.param}.json").read_text())
    assert saved["config"]["command"].endswith("--quick")
    assert (tmp_path / "README.md").read_text().count("\n| ") > len(saved["results"])
    return saved["results"]


def test_benchmarks_run(results):
    assert results
    assert not any(row.get("verdict") == "FAIL" for row in results)


def test_reference_by_hand():
    net = dln.LinearNetwork.from_weights([[[1.0]], [[1.0]]])
    exact = reference(net, np.array([[1.0]]), np.array([[3.0]]))
    assert [float(each[0, 0]) for each in exact.activities] == [1, 2, 3]
    assert [float(each[0, 0]) for each in exact.errors] == [1, 1]
    assert [float(each[0, 0]) for each in exact.updates] == [1, 2]
    assert exact.energy == [1]


def test_ratios_are_to_the_baseline_of_the_same_run():
    samples = {"one": [1.0, 3.0, 2.0], "two": [4.0, 4.0, 40.0]}
    assert [row["ratio"] for row in summary(samples, "one").values()] == [1, 2]
    assert [len(times) for times in interleaved({"one": int, "two": str}, rounds=4).values()] == [4, 4]
