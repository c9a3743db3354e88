"""The data sets by name: where their files are, how they are normalised, and the command that gets them."""

import shlex
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ...numerics.checks import meant
from .bundled import BUNDLED, openml
from .celeba import WHOLE, read_celeba
from .cifar import CIFAR10, CIFAR100, read_cifar
from .dataset import Dataset, Normalisation, Split
from .mnist import IDX_PARTS, LETTERS, read_emnist_letters, read_mnist
from .notmnist import read_notmnist
from .own import SUFFIXES, is_own, read_own
from .pictures import read_cifar10_jpeg, read_tiny_imagenet

OPENML = "openml:"


class Source(NamedTuple):
    """A data set in files."""

    read: Callable[[Path], tuple[Split, Split]]
    classes: int
    sizes: tuple[int, int]
    normalisation: Normalisation
    command: str
    """The shell command that gets it into ``{folder}``."""


def _download(source: str) -> str:
    return "\n".join(f"curl --create-dirs --output-dir {{folder}} -O {source}/{name}.gz" for name in IDX_PARTS)


def _archive(source: str, unpack: str) -> str:
    return f"mkdir -p {{folder}} && cd {{folder}} && curl -O {source} && {unpack}"


_CIFAR_MEAN, _CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
_CIFAR10 = Normalisation(_CIFAR_MEAN, _CIFAR_STD)
_TORONTO = "https://www.cs.toronto.edu/~kriz"
_FACES = """  # by hand, from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, into {folder}:
  # img_align_celeba.zip, unpacked, and list_eval_partition.txt"""

SOURCES: dict[str, Source] = {
    "mnist": Source(
        read_mnist, 10, (60_000, 10_000), Normalisation(),
        _download("https://ossci-datasets.s3.amazonaws.com/mnist"),
    ),
    "fashion-mnist": Source(
        lambda folder: read_mnist(folder, "fashion-mnist"), 10, (60_000, 10_000), Normalisation(),
        "apt-get install dataset-fashion-mnist  # into /usr/share/datasets/fashion-mnist; or:\n"
        + _download("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
    ),
    "kmnist": Source(
        lambda folder: read_mnist(folder, "kmnist"), 10, (60_000, 10_000), Normalisation(),
        _download("http://codh.rois.ac.jp/kmnist/dataset/kmnist"),
    ),
    LETTERS: Source(
        read_emnist_letters, 26, (124_800, 20_800), Normalisation(),
        _archive("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "unzip -q gzip.zip 'gzip/emnist-letters-*'"),
    ),
    "notmnist": Source(
        read_notmnist, 10, (14_980, 3_744), Normalisation(),
        _archive("http://yaroslavvb.com/upload/notMNIST/notMNIST_small.tar.gz", "tar xzf notMNIST_small.tar.gz"),
    ),
    "cifar10": Source(
        lambda folder: read_cifar(folder, CIFAR10), 10, (50_000, 10_000), _CIFAR10,
        _archive(f"{_TORONTO}/cifar-10-binary.tar.gz", "tar xzf cifar-10-binary.tar.gz"),
    ),
    "cifar10-jpeg": Source(
        read_cifar10_jpeg, 10, (50_000, 10_000), _CIFAR10,
        "  # no public source: put train/<class>/*.jpg and test/<class>/*.jpg there, or cifar10-jpeg.tar.xz",
    ),
    "cifar100": Source(
        lambda folder: read_cifar(folder, CIFAR100), 100, (50_000, 10_000),
        Normalisation((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
        _archive(f"{_TORONTO}/cifar-100-binary.tar.gz", "tar xzf cifar-100-binary.tar.gz"),
    ),
    "tiny-imagenet": Source(
        read_tiny_imagenet, 200, (100_000, 10_000), Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        _archive("http://cs231n.stanford.edu/tiny-imagenet-200.zip", "unzip -q tiny-imagenet-200.zip"),
    ),
    "celeba": Source(read_celeba, 1, (162_770, 19_962), Normalisation((0.5,) * 3, (0.5,) * 3), _FACES),
    "celeba-200": Source(
        lambda folder: read_celeba(folder, WHOLE), 1, (162_770, 19_962), Normalisation((0.5,) * 3, (0.5,) * 3), _FACES
    ),
}  # fmt: skip
"""By name. Means and deviations are the papers' (Table 4 of Deeper PCNs, Table 6 of Benchmarking PCNs); data sets that
are in neither have MNIST's."""


def names() -> tuple[str, ...]:
    """The names that `load_dataset` knows."""
    return *BUNDLED, *SOURCES, f"{OPENML}NAME", *(f"FILE{suffix}" for suffix in SUFFIXES)


def check_name(name: Any, folder: Any) -> None:
    """Refuse an unknown data set, or a missing folder's name, before anything is read.

    Raises:
        TypeError: for something that is no name.
        ValueError: for an unknown name, and for a data set in files without its folder.
        FileNotFoundError: for a file of one's own that is not there.
    """
    if not isinstance(name, str):
        raise TypeError(f"`data` is {name!r}; wanted a data set's name.")
    if name in BUNDLED or (name.startswith(OPENML) and name != OPENML):
        return
    if is_own(name):
        if not Path(name).is_file():
            raise FileNotFoundError(f"`data` is {name}, and there is no such file.")
        return
    if name not in SOURCES:
        raise ValueError(f"`data` is {name!r}; wanted one of {', '.join(names())}.{meant(name, names())}")
    if folder is None:
        raise ValueError(f"`data_dir` is missing: {name} is read from a folder. To get it into data/{name}:\n"
                         + command(name, Path("data") / name))  # fmt: skip


def load_dataset(name: str, folder: Path | str | None = None) -> Dataset:
    """Read a data set.

    Args:
        name: one of `names`.
        folder: the folder of its files; those that come with scikit-learn, and OpenML's, need none.

    Returns:
        Its training and test samples as they stand in the files.

    Raises:
        ValueError: for an unknown name, or a damaged file.
        FileNotFoundError: for a folder without the files; the message has the command that gets them.
        ImportError: where scikit-learn is needed and missing.

    Warns:
        UserWarning: if the files hold fewer or more samples than the data set has.

    Example:
        >>> iris = load_dataset("iris")
        >>> len(iris.train), len(iris.test), iris.shape, iris.classes
        (120, 30, (4,), 3)
    """
    check_name(name, folder)
    if name in BUNDLED:
        return BUNDLED[name]()
    if name.startswith(OPENML):
        return openml(name.removeprefix(OPENML))
    if is_own(name):
        return read_own(name)
    source, folder = SOURCES[name], Path(str(folder))
    with telling_how_to_get(name, folder):
        train, test = source.read(folder)
    dataset = Dataset(name, train, test, source.classes, source.normalisation)
    if (len(train), len(test)) != source.sizes:
        warnings.warn(
            f"{folder} has {len(train)} training and {len(test)} test samples; {name} has {source.sizes[0]} and "
            f"{source.sizes[1]}.", stacklevel=2,
        )  # fmt: skip
    return dataset


def has_classes(name: str) -> bool:
    """Whether a classifier can learn the data set: pictures of CelebA have no classes."""
    return name not in SOURCES or SOURCES[name].classes > 1


@contextmanager
def telling_how_to_get(name: str, folder: Path) -> Iterator[None]:
    """Add the command that gets a data set to the message about its missing files."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error} To get {name}:\n{command(name, folder)}") from error


def command(name: str, folder: Path) -> str:
    """The shell command that gets a data set into a folder."""
    return SOURCES[name].command.format(folder=shlex.quote(str(folder)))
