"""Quality of samples beside real data, in whatever features both are given.

The Fréchet distance and the inception score take their names from features of a network that was trained on ImageNet.
Of other features, such as those of a classifier of digits, their values compare with one another alone.
"""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import entropy

NEIGHBOUR = 3
"""The neighbour whose distance is the radius of a sample's ball."""


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The squared Wasserstein distance of the Gaussians with the means and covariances of two sets of features.

    ``‖μ − ν‖² + tr(A + B − 2 (A^½ B A^½)^½)``. With ``A = PᵀP`` and ``B = QᵀQ`` the last trace is the sum of the
    singular values of ``P Qᵀ``, so that no root of a matrix is taken, and covariances may be singular.

    Args:
        first: ``(N, n)``, at least two samples.
        second: ``(M, n)``, at least two samples.

    Returns:
        The distance, zero for equal sets.

    Raises:
        ValueError: for other shapes.

    Source:
        Dowson and Landau 1982; Heusel et al. 2017.

    Example:
        >>> features = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(frechet_distance(features, features + [3, 0, 0, 0]), 6)
        9.0
    """
    first, second = as_features(first, second)
    if min(len(first), len(second)) < 2:
        raise ValueError(f"there are {len(first)} and {len(second)} samples; wanted at least two of each.")
    gap = first.mean(axis=0) - second.mean(axis=0)
    one, other = (_factor(each) for each in (first, second))
    common = np.linalg.norm(one @ other.T, "nuc")
    return float(gap @ gap + np.square(one).sum() + np.square(other).sum() - 2 * common)


def _factor(features: np.ndarray) -> np.ndarray:
    """A triangular factor ``P`` of the covariance, ``PᵀP``."""
    return np.asarray(np.linalg.qr((features - features.mean(axis=0)) / np.sqrt(len(features) - 1), mode="r"))


def inception_score(probabilities: np.ndarray) -> float:
    """The exponential of the mean divergence of samples' class probabilities from their mean.

    One if all samples look alike to the classifier, the number of classes if each is surely of one class and all
    classes are as frequent.

    Args:
        probabilities: ``(N, classes)``, rows that sum to one.

    Returns:
        The score.

    Raises:
        ValueError: for other shapes, negative numbers, or rows that do not sum to one.

    Source:
        Salimans et al. 2016.

    Example:
        >>> round(inception_score(np.eye(4)), 12), inception_score(np.full((3, 2), 0.5))
        (4.0, 1.0)
    """
    rows = np.asarray(probabilities, float)
    if rows.ndim != 2 or not len(rows) or (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"`probabilities` has shape {rows.shape}; wanted rows of probabilities that sum to one.")
    return float(np.exp(entropy(rows, rows.mean(axis=0)[None], axis=1).mean()))


def precision_and_recall(real: np.ndarray, sampled: np.ndarray, neighbour: int = NEIGHBOUR) -> tuple[float, float]:
    """The share of samples that lie among the data, and of data that lie among the samples.

    A set's region is the union of balls around its members, each as far as the member's ``neighbour``-th nearest one.

    Args:
        real: ``(N, n)``, more than ``neighbour``.
        sampled: ``(M, n)``, more than ``neighbour``.
        neighbour: which neighbour is the radius.

    Returns:
        Precision and recall.

    Raises:
        ValueError: for other shapes.

    Source:
        Kynkäänniemi et al. 2019.

    Example:
        >>> real = np.arange(8.0)[:, None]
        >>> precision_and_recall(real, np.array([[0.5], [1.5], [2.5], [40.0]]), neighbour=1)
        (0.75, 1.0)
    """
    real, sampled = as_features(real, sampled)
    if min(len(real), len(sampled)) <= neighbour:
        raise ValueError(f"there are {len(real)} and {len(sampled)} samples; wanted more than {neighbour} of each.")
    between = cdist(real, sampled)
    precision = (between <= _radii(real, neighbour)[:, None]).any(axis=0).mean()
    recall = (between <= _radii(sampled, neighbour)).any(axis=1).mean()
    return float(precision), float(recall)


def _radii(features: np.ndarray, neighbour: int) -> np.ndarray:
    """The distance of every sample's neighbour; the nearest is the sample itself."""
    return np.asarray(np.partition(cdist(features, features), neighbour, axis=1)[:, neighbour])


def as_features(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of features, of as many each."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"features have shapes {first.shape} and {second.shape}; wanted (N, n) and (M, n).")
    return first, second
