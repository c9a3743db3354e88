"""Every study at the quick scale, one a day.

Oracles: the number of its cells, all of which must finish; of a figure the files that it must write, with no panel left
out.
"""

import json
import time

import pytest
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments.papers import rows
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS

ROWS = rows.registry()
QUICK = [row.name for row in ROWS.values() if row.kind != "see"]
TODAY = QUICK[int(time.time() // 86_400) % len(QUICK)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == TODAY else pytest.mark.daily) for name in QUICK]
)
def test_a_study_a_day_runs_at_quick_scale(name, tmp_path):
    """Another every day; all of them with --everything."""
    done = CliRunner().invoke(app, ["study", name, "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert {"results.json", f"{name}.csv", "README.md"} <= {path.name for path in tmp_path.iterdir()}
    if ROWS[name].kind == "figure":
        assert record["lines"]
        assert record["left_out"] == []
        assert (tmp_path / f"{record['figure']}.png").is_file()
    else:
        assert record["finished"] == record["cells"] > 0
        assert (tmp_path / f"{name}.png").is_file()
