"""Prove that the tests bite: change a formula, run the tests that must notice, and fail where they do not.

    python tests/run_mutants.py [WORD ...]     only the mutants whose file or name has one of the words

Every mutant is one edit in a fresh copy of the library. It counts where every test that it names fails, in one case at
least where it names no cases, and where that case passes without the mutant. It does not count where a test passes (the
mutant survives), or where tests cannot even be collected or take too long. Every text that a mutant replaces must stand
in its file exactly once. Types are not checked at run time: what a test says of the numbers must suffice.
"""

import compileall
import gc
import importlib.util
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("dlntheory", "tests", "experiments", "proofs", "conftest.py", "pyproject.toml")
AT_ONCE = max(2, os.cpu_count() or 1)
LIMIT = 300  # seconds per mutant; idle, one takes about three
FOUND = 1  # pytest's exit status where tests ran and some failed

# Importing what does not change is done once: each run is forked from a process that has done it.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([
    "__main__", "equinox", "flint", "hypothesis", "jax.numpy", "matplotlib.pyplot", "optax", "orbax.checkpoint",
    "pytest", "rich.progress", "scipy.integrate", "scipy.stats", "sklearn.decomposition", "sympy", "typer.testing",
])  # fmt: skip


class Outcome(NamedTuple):
    """What pytest returned, why there is no answer, the failed cases, all that it printed, and its processor time."""

    status: int
    reason: str
    failed: tuple[str, ...]
    output: str
    seconds: float = 0.0


class Copies:
    """Copies of what the tests need: each run has its own, of links to one copy that is compiled once."""

    def __init__(self, folder: str) -> None:
        self.folder, self.whole = folder, Path(folder, "whole")
        self.whole.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.whole / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, self.whole)
        compileall.compile_dir(self.whole, quiet=2)

    def run(self, tests: Iterable[str], mutant: Mutant | None = None) -> Outcome:
        """Run the tests, mutated or not; again if there was no answer, as on a machine out of memory."""
        outcome = self.run_once(tests, mutant)
        return outcome if outcome.status >= 0 else self.run_once(tests, mutant)

    def run_once(self, tests: Iterable[str], mutant: Mutant | None) -> Outcome:
        """Run the tests, mutated or not."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            shutil.copytree(self.whole, folder, copy_function=os.link, dirs_exist_ok=True)
            if mutant is not None:
                mutate(Path(folder, "dlntheory", mutant.file), mutant)
            return pytest_in(folder, tests, LIMIT if mutant else 10 * LIMIT)


def mutate(path: Path, mutant: Mutant) -> None:
    """Put a mutated file in place of one that other copies share, and remove its compiled form."""
    text = path.read_text("utf-8").replace(mutant.original, mutant.mutated)
    path.unlink()
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    path.write_text(text, "utf-8")


def pytest_in(folder: str, tests: Iterable[str], limit: float) -> Outcome:
    """Run pytest in a process of its own."""
    process = SERVER.Process(target=_pytest, args=(folder, list(tests)))
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
        return Outcome(-1, f"no end after {limit} s", (), "")
    if not Path(folder, "status.txt").exists():
        return Outcome(-1, "pytest did not end by itself", (), "")
    output, status = (Path(folder, name).read_text("utf-8") for name in ("output.txt", "status.txt"))
    status, seconds = status.split()
    failed = re.findall(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", output, re.MULTILINE)
    return Outcome(int(status), f"pytest exit status {status}", tuple(failed), output, float(seconds))


def _pytest(folder: str, tests: list[str]) -> None:
    os.chdir(folder)
    # The copy's library and tests, not the originals; the environment, which may lie within ROOT, stays.
    sys.path[:] = [each for each in sys.path if Path(each).resolve() not in (ROOT, ROOT / "tests")]
    with Path("output.txt").open("w", encoding="utf-8") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    import pytest

    gc.freeze()  # pytest collects garbage when it ends, and what the server imported is none
    # Nothing is shown of an assertion that fails, so tests need not be rewritten to show it, and are not compiled again.
    options = ["--assert=plain", "-o", "addopts=", "-q", "--tb=no", "-rf", "--hypothesis-profile=mutants"]
    options += ["-x"] * (len(tests) == 1)  # one case that fails is enough
    status = pytest.main([*options, *tests])
    sys.stdout.flush()
    Path(folder, "status.txt").write_text(f"{int(status)} {sum(os.times()[:4])}", "utf-8")
    os._exit(0)


def misplaced(mutants: Iterable[Mutant]) -> Iterator[str]:
    """The mutants whose text does not stand in its file exactly once."""
    for mutant in mutants:
        count = (ROOT / "dlntheory" / mutant.file).read_text("utf-8").count(mutant.original)
        if count != 1 or mutant.original == mutant.mutated:
            yield f"MISPLACED  {mutant.file}: {mutant.name}: its text stands there {count} times; wanted once"


def verdict(mutant: Mutant, outcome: Outcome) -> tuple[bool, str]:
    """Whether the mutant was noticed by all of its tests, and a line that says so."""
    name = f"{mutant.file}: {mutant.name}"
    if outcome.status not in (0, FOUND):
        return False, f"NO ANSWER  {name}  [{outcome.reason}]\n{outcome.output}"
    name = f"{outcome.seconds:5.1f} s  {name}"
    passed = [test for test in mutant.tests if not any(fails(test, each) for each in outcome.failed)]
    return (False, f"SURVIVED   {name}  [{', '.join(passed)}]") if passed else (True, f"killed     {name}")


def fails(test: str, failed: str) -> bool:
    """Whether a failed case is the test, or one of its cases where the test names none."""
    return failed == test or failed.startswith(f"{test}[")


def deciding(mutant: Mutant, outcome: Outcome) -> Iterator[str]:
    """Of each test that failed, the first case: it says nothing unless it passes without the mutant."""
    for test in mutant.tests:
        yield from [case for case in outcome.failed if fails(test, case)][:1]


def share_environment() -> None:
    """Set what the processes that run the tests inherit; the compiled programs are those of the test suite."""
    os.environ |= {"CI": "true", "PYTHONDONTWRITEBYTECODE": "1"}  # in CI, Hypothesis draws the same examples every time
    sys.path.insert(0, str(ROOT))
    importlib.import_module("conftest")


def chosen(words: list[str]) -> list[Mutant]:
    """The mutants whose file or name has one of the words; all of them without words."""
    return [mutant for mutant in MUTANTS if not words or any(word in f"{mutant.file} {mutant.name}" for word in words)]


def unmutated(cases: list[str], copies: Copies) -> Outcome | None:
    """Run cases in the library as it is, in shares: an outcome of those that did not pass, if there is one."""
    shares = [cases[first::AT_ONCE] for first in range(min(AT_ONCE, len(cases)))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return next((outcome for outcome in pool.map(copies.run, shares) if outcome.status != 0), None)


def failures(mutants: list[Mutant], copies: Copies) -> int:
    """Run the mutants and say of each what became of it; how many of them count against the tests."""
    failed, cases = 0, dict[str, None]()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda mutant: copies.run(mutant.tests, mutant), mutants)
        for mutant, outcome in zip(mutants, outcomes, strict=True):
            noticed, line = verdict(mutant, outcome)
            failed += not noticed
            cases |= dict.fromkeys(deciding(mutant, outcome))
            print(line, flush=True)
    if (unsound := unmutated(sorted(cases), copies)) is None:
        return failed
    print(f"Some of them fail without a mutant, so nothing is proved: {unsound.reason}\n{unsound.output}")
    return len(mutants)


def main(words: list[str]) -> int:
    """Run the mutants; the number of those that count against the tests decides the exit status."""
    share_environment()
    mutants, began = chosen(words), time.monotonic()
    if problems := list(misplaced(mutants)):
        print(*problems, sep="\n")
        failed = len(problems)
    else:
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            failed = failures(mutants, Copies(folder))
        print(f"{time.monotonic() - began:.0f} s")
    print(f"mutants: {len(mutants) - failed if mutants else 0} passed, {failed} failed")
    return 1 if failed or not mutants else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
