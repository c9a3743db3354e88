"""The standard streams: any text in any encoding, and a reader that goes away, change neither numbers nor exit codes.

Oracle: what the same commands print in UTF-8 to a reader that stays.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from dlntheory.cli.output import print_tables
from dlntheory.cli.streams import ascii_of
from experiments.sample_efficiency.claims.grid import MARKED

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")
TALKS = """
import sys
from dlntheory.cli.streams import protect_streams
protect_streams()
for _ in range(3000):
    print("ŷᵀΣ⁻¹ŷ ≤ ½ ‖ε‖² … 0.1234")
    sys.stdout.flush()
print("done", file=sys.stderr)
raise SystemExit(3)
"""
"""Prints more than a pipe holds, and says by its exit code whether it came to its end."""


def environment(**variables):
    return os.environ | {"PYTHONPATH": str(ROOT)} | variables


def run(*command, stdout=subprocess.PIPE, **variables):
    return subprocess.run(
        [sys.executable, *command], stdout=stdout, stderr=subprocess.PIPE, env=environment(**variables), check=False
    )


@given(st.characters())
def test_every_character_is_some_ascii(character):
    found = ascii_of(character)
    assert found.isascii()
    assert found == character or not character.isascii()


def test_the_mark_against_a_claim_is_no_doubt():
    """As `?` it would look like one."""
    assert "".join(map(ascii_of, MARKED)).startswith("x is against the claim, ~ within noise; +- is")


BY_DEFAULT = {("ascii", ""), ("shift_jis", "1"), ("utf-8", "")}


@pytest.mark.parametrize(
    ("encoding", "unbuffered"),
    [
        pytest.param(encoding, unbuffered, marks=[] if (encoding, unbuffered) in BY_DEFAULT else pytest.mark.daily)
        for encoding in ("ascii", "cp1252", "latin-1", "cp437", "shift_jis", "utf-8")
        for unbuffered in ("", "1")
    ],
)
def test_any_encoding(encoding, unbuffered):
    done = run("-c", TALKS, PYTHONIOENCODING=encoding, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 3
    lines = done.stdout.decode(encoding).splitlines()
    assert len(lines) == 3000
    assert all(line.endswith("0.1234") for line in lines)
    if encoding == "utf-8":
        assert lines[0] == "ŷᵀΣ⁻¹ŷ ≤ ½ ‖ε‖² … 0.1234"
    if encoding == "ascii":
        assert lines[0] == "y^'Sigma-1y^ <= 1/2 |epsilon|2 ... 0.1234"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_goes_away_changes_nothing(unbuffered, lines):
    process = subprocess.Popen(
        [sys.executable, "-c", TALKS], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(PYTHONUNBUFFERED=unbuffered, PYTHONIOENCODING="utf-8"),
    )  # fmt: skip
    for _ in range(lines):
        process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors.strip()) == (3, b"done")


def test_nobody_reads_the_errors():
    reading, writing = os.pipe()
    os.close(reading)
    talks = TALKS.replace("print(", "print(", 1).replace('… 0.1234")', '… 0.1234", file=sys.stderr)')
    process = subprocess.run([sys.executable, "-c", talks], stderr=writing, env=environment(), check=False)
    os.close(writing)
    assert process.returncode == 3


def test_a_slow_reader_of_a_stream_that_does_not_block():
    """As a parent leaves it that works in events."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"import os; os.set_blocking(1, False){TALKS}"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(PYTHONIOENCODING="utf-8"),
    )  # fmt: skip
    output, errors = process.communicate()
    assert (process.returncode, errors.strip()) == (3, b"done")
    assert len(output.decode().splitlines()) == 3000


def test_json_is_the_same_in_every_encoding():
    record = {"‖ε‖": [1.5, None], "a file's name": "\udcff.npz"}
    script = f"from dlntheory.cli.output import print_json; print_json({record!r})"
    for encoding in ("ascii", "cp1252", "utf-8"):
        assert json.loads(run("-c", script, PYTHONIOENCODING=encoding).stdout.decode(encoding)) == record


@pytest.mark.skipif(not FULL.exists(), reason="there is no file that is always full")
@pytest.mark.parametrize("json", [(), pytest.param(("--json",), marks=pytest.mark.daily)])
def test_a_full_disk_is_said(json):
    """Here the reader wants what is lost."""
    with FULL.open("wb") as full:
        done = run("-m", "dlntheory", "expect", "--widths", "2,2,2", *json, stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "Error: the output cannot be written: [Errno 28] No space left on device"
    ]


@pytest.mark.parametrize(
    "arguments",
    [("align", "--help"), *(pytest.param((each,), marks=pytest.mark.daily) for each in ("--help", "--version"))],
)
def test_help_in_ascii(arguments):
    done = run("-m", "dlntheory", *arguments, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()


TRAIN_LINEAR = ("train-linear", "--widths", "2,2", "--inputs", "x.npy", "--targets", "x.npy")


@pytest.mark.parametrize("platform", [pytest.param("cuda", marks=pytest.mark.daily), "nonsense"])
def test_closed_forms_ask_for_no_platform(platform):
    assert run("-m", "dlntheory", "align", "--json", JAX_PLATFORMS=platform).returncode == 0


TRAIN = ("train", "--data", "iris", "--hidden", "4", "--epochs", "1")


@pytest.mark.parametrize(
    ("command", "platform"),
    [
        pytest.param(TRAIN_LINEAR, "cuda", marks=pytest.mark.daily),
        (TRAIN_LINEAR, "nonsense"),
        pytest.param(TRAIN, "nonsense", marks=pytest.mark.daily),
        pytest.param(TRAIN, "cuda", marks=pytest.mark.daily),
    ],
)
def test_a_platform_that_is_not_there(command, platform, tmp_path, monkeypatch):
    if platform == "cuda" and Path("/dev/nvidia0").exists():
        pytest.skip("there is a GPU")
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((3, 2)))
    out = ("--out", str(tmp_path / "run")) if command[0] == "train" else ()
    done = run("-m", "dlntheory", *command, *out, JAX_PLATFORMS=platform)
    assert done.returncode == 2
    [said] = [line for line in done.stderr.decode().splitlines() if line.startswith("Error")]
    assert f"JAX_PLATFORMS is '{platform}'" in said
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize("columns", ["0", "1", "30", "80"])
def test_no_number_is_cut_where_columns_are_few(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    table, numbers = Table("a column", *"bcdefgh"), [f"{number:.12f}" for number in range(8)]
    table.add_row(*numbers)
    print_tables(["One two three.", table])
    printed = capsys.readouterr().out
    assert all(number in printed for number in numbers)
    assert "One two three." in printed
