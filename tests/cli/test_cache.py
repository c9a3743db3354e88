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


PROGRAMS = """
import multiprocessing, os
from pathlib import Path
from dlntheory.cli.cache import keep_programs
keep_programs()
import jax

def compute():
    print(jax.jit(lambda number: 2 * jax.numpy.sin(number))(1.0), flush=True)

def programs():
    return sorted(Path(os.environ["JAX_COMPILATION_CACHE_DIR"]).glob("*-cache"))

together = [multiprocessing.get_context("fork").Process(target=compute) for _ in range(2)]  # they import once
for process in together:
    process.start()
for process in together:
    process.join()
before = programs()
for path in before:
    path.write_bytes(path.read_bytes()[:20])
compute()
assert programs() == before != []  # the same keys: nothing new was compiled
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
    process = started(tmp_path, PROGRAMS)
    printed, complaints = process.communicate()
    assert process.returncode == 0, complaints
    first, *others = printed.split()
    assert others == [first, first]
    assert "persistent" not in complaints
    assert list((tmp_path / "programs").glob("*-cache"))


def test_commands_keep_programs(tmp_path):
    printed = started(tmp_path, COMMAND, "--version").communicate()[0]
    assert printed.splitlines()[-1] == str(tmp_path / "programs")
