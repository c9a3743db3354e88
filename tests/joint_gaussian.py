"""The joint Gaussian of all layers of a network, written out densely; and random networks with noise."""

import numpy as np
from closeness import bound
from scipy.linalg import block_diag
from scipy.stats import multivariate_normal

import dlntheory as dln

EPSILON = np.finfo(float).eps


def spd(rng, size):
    root = rng.normal(size=(size, size))
    return root @ root.T / size + np.eye(size) / 2


class Joint:
    """Mean and covariance of ``x_0 … x_L``, one after another, by one dense inverse; an input that is given is fixed."""

    def __init__(self, net, covariances, prior=None):
        sizes = [net.layers[0].in_size, *(layer.out_size for layer in net.layers)]
        self.ends = np.cumsum([0, *sizes])
        covariances = [1.0] * net.depth if covariances is None else covariances
        first = 0.0 if prior is None else prior.covariance
        pairs = zip((first, *covariances), sizes, strict=True)
        noises = [each * np.eye(n) if np.ndim(each) == 0 else each for each, n in pairs]
        step = np.zeros((self.ends[-1],) * 2)
        for level, layer in enumerate(net.layers):
            step[self.part(level + 1), self.part(level)] = np.asarray(layer.matrix())
        self.spread = np.linalg.inv(np.eye(len(step)) - step)
        biases = [np.zeros(layer.out_size) if layer.shift is None else layer.shift for layer in net.layers]
        self.constant = np.concatenate(
            [np.zeros(sizes[0]) if prior is None else prior.mean * np.ones(sizes[0]), *biases]
        )
        self.covariance = self.spread @ block_diag(*noises) @ self.spread.T

    def part(self, level):
        return slice(*self.ends[level : level + 2])

    def mean(self, x):
        constant = self.constant.copy()
        if x is not None:
            constant[self.part(0)] = x
        return self.spread @ constant

    def known(self, mask):
        start = self.ends[-2]
        return start + np.flatnonzero(mask)

    def condition(self, x, y, mask):
        """Mean and covariance of everything, given the known outputs."""
        known = self.known(mask)
        gain = np.linalg.solve(self.covariance[np.ix_(known, known)], self.covariance[known]).T
        mean = self.mean(x)
        mean = mean + gain @ (y[mask] - mean[known])
        return mean, self.covariance - gain @ self.covariance[known]

    def log_density(self, x, y, mask):
        known = self.known(mask)
        return multivariate_normal(self.mean(x)[known], self.covariance[np.ix_(known, known)]).logpdf(y[mask])

    @property
    def tolerance(self):
        """Dense conditioning inverts the outputs' covariance."""
        outputs = self.covariance[self.ends[-2] :, self.ends[-2] :]
        return 64 * bound(EPSILON, np.linalg.cond(outputs) * np.abs(self.covariance).max())


def network(rng, widths, kind):
    layers = []
    for rows, columns in zip(widths[1:], widths[:-1], strict=True):
        bias = rng.normal(size=rows) if kind != "plain" else None
        if kind == "residual" and rows == columns:
            layers.append(dln.Residual(rng.normal(size=(rows, rows)) / 2, bias))
        else:
            layers.append(dln.Dense(rng.normal(size=(rows, columns)) / np.sqrt(columns), bias))
    return dln.LinearNetwork(layers)


def covariances_of(rng, net, kind):
    sizes = [layer.out_size for layer in net.layers]
    return {
        "unit": None,
        "scalar": list(rng.uniform(0.3, 2, size=net.depth)),
        "matrix": [spd(rng, size) for size in sizes],
    }[kind]
