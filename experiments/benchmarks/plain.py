"""The alignment of predictive coding as a plain script would compute it: dense layers, NumPy, nothing checked."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Weights = Sequence[np.ndarray]


def plain_passes(weights: Weights, x: np.ndarray, y: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """The feedforward activities, the residual and ``S``."""
    predicted = [x.T]
    for weight in weights:
        predicted.append(weight @ predicted[-1])
    covariance = np.eye(len(weights[0]))
    for weight in weights[1:]:
        covariance = np.eye(len(weight)) + weight @ covariance @ weight.T
    return predicted, y.T - predicted[-1], covariance


def plain_equilibrium(weights: Weights, predicted: Weights, residual: Any, covariance: Any) -> tuple[Any, Any]:
    """The errors and the activities, by Cholesky's factorisation of ``S``."""
    from scipy.linalg import cho_factor, cho_solve

    errors = [cho_solve(cho_factor(covariance), residual)]
    for weight in reversed(weights[1:]):
        errors.append(weight.T @ errors[-1])
    activities = [predicted[0]]
    for weight, error in zip(weights, reversed(errors), strict=True):
        activities.append(weight @ activities[-1] + error)
    return errors[::-1], activities


def plain_alignment(weights: Weights, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The target alignment of predictive coding's updates."""
    predicted, residual, covariance = plain_passes(weights, x, y)
    errors, activities = plain_equilibrium(weights, predicted, residual, covariance)
    updates = [error @ activity.T / len(x) for error, activity in zip(errors, activities, strict=False)]
    moved = updates[0] @ predicted[0]
    for weight, update, activity in zip(weights[1:], updates[1:], predicted[1:], strict=False):
        moved = weight @ moved + update @ activity
    return (moved * residual).sum(axis=0) / np.linalg.norm(moved, axis=0) / np.linalg.norm(residual, axis=0)
