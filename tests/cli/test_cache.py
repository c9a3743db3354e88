"""Programs that commands keep: where, whether they are used again, and whether a damaged one does harm.

Oracle: the files in the folder, and what a process prints without them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlntheory.cli import cache

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("platform", "variables", "wanted"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/dlntheory/programs"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/dlntheory/programs"),
        ("darwin", {}, "/home/me/Library/Caches/dlntheory/programs"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/dlntheory/programs"),
        ("linux", {"DLNTHEORY_CACHE": "/mine"}, "/mine/programs"),
        ("linux", {"DLNTHEORY_CACHE": "off"}, None),
    ],
)
def test_the_folder(monkeypatch, platform, variables, wanted):
    for name in ("XDG_CACHE_HOME", "DLNTHEORY_CACHE", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/me"} | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache.programs_folder() == (None if wanted is None else Path(wanted))


PROGRAM = """
from dlntheory.cli.cache import keep_programs
keep_programs()
import jax
print(jax.jit(lambda number: 2 * jax.numpy.sin(number))(1.0))
"""
COMMAND = """
import atexit, os
atexit.register(lambda: print(os.environ["JAX_COMPILATION_CACHE_DIR"]))
from dlntheory.cli import main
main()
"""


def started(folder, script, *arguments):
    """A process of its own, whose environment says nothing of caches but this folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "DLNTHEORY_"))}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=kept | {"JAX_PLATFORMS": "cpu", "DLNTHEORY_CACHE": str(folder), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_share_programs_and_a_damaged_one_does_no_harm(tmp_path):
    together = [process.communicate() for process in [started(tmp_path, PROGRAM), started(tmp_path, PROGRAM)]]
    programs = sorted((tmp_path / "programs").glob("*-cache"))
    assert programs
    for path in programs:
        path.write_bytes(path.read_bytes()[:20])
    after = started(tmp_path, PROGRAM).communicate()
    assert after[0] == together[0][0] == together[1][0] != ""
    assert "persistent" not in after[1]
    assert sorted((tmp_path / "programs").glob("*-cache")) == programs  # the same keys: nothing new was compiled


def test_commands_keep_programs(tmp_path):
    printed = started(tmp_path, COMMAND, "--version").communicate()[0]
    assert printed.splitlines()[-1] == str(tmp_path / "programs")
