"""What every test shares, and every example in docstrings, README.md and docs/."""

import functools
import gc
import math
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path

# Set before JAX and NumPy are imported; the workers, and the processes that tests start, inherit it.
for variable, value in {
    "JAX_PLATFORMS": "cpu",
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parent / ".cache/jax"),  # a second run is twice as fast
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",  # the workers share the cores
    "OPENBLAS_NUM_THREADS": "1",
    # Most of the tests' time is compilation. The second and third take two thirds away, the last a fifth of the rest.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false --xla_cpu_use_fusion_emitters=false "
    "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1",
}.items():
    os.environ.setdefault(variable, value)

# A shell starts background processes with interrupts ignored, and tests of interrupts would wait for ever.
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import jax
import jaxtyping
import pytest
import typechecking
import typer.testing
from hypothesis import Phase, settings
from jax._src.interpreters import mlir

# Before the library is imported, whose functions it decorates.
jaxtyping.jaxtyped = typechecking.where_shapes(jaxtyping.jaxtyped)

# JAX makes a context for every program: a sixth of a small program's time, and half of the memory. What is lowered
# within another program's lowering has a context of its own, or its operations would go into that program.
make_context = mlir.make_ir_context
common_context = make_context()
mlir.make_ir_context = lambda: make_context() if mlir.ir.Context.current else common_context

# Typer makes all commands anew for each that is run: four fifths of the time of one that is refused.
typer.testing._get_command = functools.cache(typer.testing._get_command)

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# A function's first call compiles it, so a deadline means nothing. CI draws the same examples every time.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
# Of a mutant, one example that fails says enough: it need not be the smallest.
settings.register_profile("mutants", settings.get_profile("ci"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("ci" if os.environ.get("CI") else "local")

MAPPINGS = Path("/proc/self/maps")
DRAWING = {"cli", "experiments", "repository"}
"""Folders of tests that draw."""
FINE_PICTURES = {"test_print"}
BOTH_FORMATS = {"test_autoencoder", "test_figure_panels", "test_figures"}
LIBRARY = Path(__file__).parent / "dlntheory"
DAILY_EXAMPLES = {"nonlinear", "pcn"}
"""Rooms whose docstrings have examples that run once a day: they compile what the rooms' tests compile, too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everything", action="store_true", help="also run what is marked daily, and grids whole")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("everything"):
        typechecking.most = math.inf


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is daily, and of a grid the cases in which no two settings meet for the first time."""
    if config.getoption("everything"):
        return
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    met: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for item in items:
        wanted = not item.get_closest_marker("daily") and not is_daily_example(item)
        if wanted and item.get_closest_marker("grid"):
            name, _, settings = item.nodeid.rstrip("]").partition("[")
            pairs = set(combinations_with_replacement(sorted(settings.split("-")), 2))
            wanted = not pairs <= met[name]
            met[name] |= pairs
        (chosen if wanted else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = chosen


def is_daily_example(item: pytest.Item) -> bool:
    return isinstance(item, pytest.DoctestItem) and any(
        item.path.is_relative_to(LIBRARY / room) for room in DAILY_EXAMPLES
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    typechecking.calls.clear()
    if item.get_closest_marker("gpu") and not any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("JAX sees no GPU; where there is one, set JAX_PLATFORMS=cuda,cpu")


@pytest.fixture(autouse=True)
def scratch_directory_of_docstrings(request: pytest.FixtureRequest) -> None:
    """The examples of a docstring may write files: they run in a directory of their own."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))


@pytest.fixture(autouse=True, scope="module")
def coarse_pictures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Pictures have few dots and no layout, and figures no PDF, but where the files themselves are tested."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.parent.name in DRAWING:
            from matplotlib.layout_engine import ConstrainedLayoutEngine

            from dlntheory.report import pictures
            from experiments import results

            if request.path.stem not in FINE_PICTURES:
                patch.setattr(pictures, "DPI", 100)
                patch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: None)
            if request.path.stem not in BOTH_FORMATS:
                patch.setattr(results, "FORMATS", (".png",))
        yield


def pytest_collection_finish() -> None:
    """Keep modules and collected tests out of the garbage collector's walks; they stay anyway."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_end_in_time() -> Iterator[None]:
    """Each takes several mappings of memory, and Linux ends a process that has 65 530 of them."""
    yield
    if not MAPPINGS.exists() or MAPPINGS.read_bytes().count(b"\n") > 20_000:
        jax.clear_caches()
