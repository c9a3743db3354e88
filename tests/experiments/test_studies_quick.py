"""Every study at the quick scale, one a day.

Oracle: the number of its cells, all of which must finish.
"""

import json
import time

import pytest
from typer.testing import CliRunner

from dlntheory.cli import app
from experiments.papers import rows
from tests.checkpointing import LEFTOVERS

pytestmark = LEFTOVERS

QUICK = [row.name for row in rows.registry().values() if row.kind == "axes"]
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
    assert record["finished"] == record["cells"] > 0
    assert (tmp_path / f"{name}.png").is_file()
