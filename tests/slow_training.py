"""The slow twin of training: NumPy, one sample, one layer and one step at a time, from the energy's definition."""

import itertools

import numpy as np


def product(weights):
    """``W_{L:1}``."""
    whole = np.eye(weights[0].shape[1])
    for weight in weights:
        whole = weight @ whole
    return whole


def settle(weights, x, y):
    """The activities that minimise ``½ Σ ‖x_l − W_l x_{l-1}‖²``, by the dense normal equations of the hidden ones."""
    sizes = [len(weight) for weight in weights[:-1]]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    rows, right = [], []
    for index, weight in enumerate(weights):
        block = np.zeros((len(weight), starts[-1]))
        known = np.zeros(len(weight))
        if index < len(sizes):
            block[:, starts[index] : starts[index + 1]] = np.eye(len(weight))
        else:
            known -= y
        if index > 0:
            block[:, starts[index - 1] : starts[index]] = -weight
        else:
            known += weight @ x
        rows.append(block)
        right.append(known)
    hidden = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    return [x, *(hidden[a:b] for a, b in itertools.pairwise(starts)), y]


def signals(weights, x, y, rule):
    """Errors and activities of one sample, and its feedforward pass."""
    plain = [x]
    for weight in weights:
        plain.append(weight @ plain[-1])
    if rule == "pc":
        activities = settle(weights, x, y)
        errors = [activities[i + 1] - weight @ activities[i] for i, weight in enumerate(weights)]
        return errors, activities, plain
    errors = [y - plain[-1]]
    for weight in reversed(weights[1:]):
        errors.insert(0, weight.T @ errors[0])
    return errors, plain, plain


def factor(rescaling, own, plain, a):
    """What multiplies a layer's update on the right, from its activities by sample."""
    size = len(own[0])
    if rescaling is None:
        return np.eye(size)
    if rescaling == "decorrelated":
        mean = np.mean([np.outer(p, o) for o, p in zip(own, plain, strict=True)], axis=0)
        if a is None:
            return np.linalg.pinv(mean)
        values = np.linalg.eigvalsh((mean + mean.T) / 2)
        return np.linalg.inv(mean + max(0, a * values[-1] - values[0]) * np.eye(size))
    others = own if rescaling == "adaptive_positive" else plain
    return np.eye(size) / np.mean([o @ p for o, p in zip(own, others, strict=True)])


def updates(weights, x, y, rule="pc", rescaling=None, a=None):
    """One update a layer, for a minibatch of rows."""
    if rule == "natural":
        return natural(weights, x, y)
    samples = [signals(weights, *pair, rule) for pair in zip(x, y, strict=True)]
    changes = []
    for layer in range(len(weights)):
        own, plain = [each[1][layer] for each in samples], [each[2][layer] for each in samples]
        change = np.mean([np.outer(each[0][layer], each[1][layer]) for each in samples], axis=0)
        changes.append(change @ factor(rescaling, own, plain, a))
    return changes


def natural(weights, x, y):
    """``(1/L) D_l⁺ R X̂_{l-1}⁺``."""
    residual, depth = (y - x @ product(weights).T).T, len(weights)
    return [
        np.linalg.pinv(product(weights[layer + 1 :]) if layer + 1 < depth else np.eye(len(weights[-1])))
        @ residual
        @ np.linalg.pinv((product(weights[:layer]) if layer else np.eye(x.shape[1])) @ x.T)
        / depth
        for layer in range(depth)
    ]


def train(weights, xs, ys, rate, rule="pc", rescaling=None, target=None, a=None):
    """The weights at the end, the error before the first step and after each, and the loss of each minibatch."""
    weights = [np.array(weight) for weight in weights]
    target = np.zeros((len(weights[-1]), weights[0].shape[1])) if target is None else target
    errors, losses = [np.sum((target - product(weights)) ** 2)], []
    for x, y in zip(xs, ys, strict=True):
        losses.append(np.mean(np.sum((y - x @ product(weights).T) ** 2, axis=1)) / 2)
        changes = updates(weights, x, y, rule, rescaling, a)
        weights = [weight + rate * change for weight, change in zip(weights, changes, strict=True)]
        errors.append(np.sum((target - product(weights)) ** 2))
    return weights, np.array(errors), np.array(losses)
