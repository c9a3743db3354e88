"""Slow, obvious twins of `dlntheory.random_networks`: dense recursions as printed, networks of drawn weights; layers."""

from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

PRINTED = 5.1e-5
"""Half a unit of the fourth decimal, and some rounding."""


def square(kind, scale, depth, n=256):
    return [(kind, n, n, scale / n)] * depth


def chain(kind, widths, variance):
    return [(kind, a, b, variance(a, b)) for a, b in pairwise(widths)]


def sym(u, w):
    return np.outer(u, w) + np.outer(w, u)


def with_entry(matrix, diagonal, column):
    """The matrix with one more row and column, whose off-diagonal part is ``column``."""
    return np.block([[matrix, column[:, None]], [column[None, :], np.array([[diagonal]])]])


def dense_traces(widths, variances, covariances):
    """``a_1 … a_L`` of dense layers, by a root in ``log a_1`` (6.2)."""
    n, v, c = widths, variances, covariances
    if len(v) == 1:
        return np.array([n[1] / c[0]])

    def run(log_first):
        a = np.exp(log_first)
        occupied, traces = c[0] * a, [a]
        for l in range(1, len(v)):
            if occupied >= n[l]:
                return traces, np.inf
            a = a / (v[l] * (n[l] - occupied))
            occupied += c[l] * a
            traces.append(a)
        return traces, occupied

    top = np.log(min(width / c[0] for width in n[1:]))
    root = brentq(lambda b: min(run(b)[1], 1e3 * n[-1]) - n[-1], top - 60, top, xtol=1e-15, rtol=1e-15)
    return np.array(run(root)[0])


def dense_second_order(widths, variances, covariances, input_norm2):
    """Vectors and matrices of 6.3 at the output, and the scalars they are made of, transcribed without rescaling."""
    n, v, c = widths, variances, np.asarray(covariances, float)
    a = dense_traces(n, v, c)
    T = 1 / (np.asarray(v) * a)
    e = input_norm2 / T[0]
    k, kappa, P, f, Q, Z = (np.zeros(0),) * 4 + (np.zeros((0, 0)),) * 2
    epsilon, slopes, epsilons = e / T[0], [], [e / T[0]]
    for l in range(len(v)):
        g = n[l + 1] * v[l]
        slope = 1 / (g - v[l] * c[:l] @ Q @ c[:l])  # with unit covariances c'Qc is the bracket of 6.2
        X = v[l] * slope * (n[l + 1] * Q + T[l] * sym(k, kappa) - np.outer(k, k))
        Z = g * Z + v[l] * T[l] * sym(k, f) + v[l] * T[l] ** 2 * epsilon * X
        f = f + v[l] * T[l] ** 2 * slope * epsilon * kappa
        P = g * P + v[l] * T[l] * e * k
        kappa, epsilon, rho = slope * kappa, slope * epsilon, v[l] * a[l] ** 2 * slope
        Q, Z = with_entry(X, rho, kappa), with_entry(Z, epsilon, f)
        k, P, kappa, f = np.append(k, a[l]), np.append(P, e), np.append(kappa, rho), np.append(f, epsilon)
        slopes.append(slope)
        epsilons.append(epsilon)
    names = ("a", "T", "e", "k", "kappa", "P", "f", "Q", "Z", "slopes", "epsilons")
    return dict(zip(names, (a, T, e, k, kappa, P, f, Q, Z, np.array(slopes), np.array(epsilons)), strict=True))


def dense_cosine(second, target_norm2, output_norm2, n_L, beta):
    """``cos(β)`` of 6.3."""
    share = target_norm2 / n_L
    top = beta @ (share * second["k"] + second["P"])
    return top / np.sqrt((target_norm2 + output_norm2) * (beta @ (share * second["Q"] + second["Z"]) @ beta))


def fluctuation(second, widths, variances, target_norm2, input_norm2):
    """The covariance of ``β`` of 6.3, entry by entry."""
    slopes, epsilons, T, e = second["slopes"], second["epsilons"], second["T"], second["e"]
    norms = input_norm2 * np.cumprod([1, *(n * v for n, v in zip(widths[1:], variances, strict=True))])
    covariance = np.zeros((len(T), len(T)))
    for l in range(len(T)):
        for h in range(l, len(T)):
            between = np.prod(slopes[l:h])
            value = norms[l] - T[l] * e - T[h] * between * (e - T[l] * epsilons[l])
            covariance[l, h] = covariance[h, l] = target_norm2 / widths[-1] * np.prod(slopes[h:]) * value
    return covariance


def draw_layer(rng, kind, n_in, n_out, variance):
    """The map of one random layer; of given singular values, they stand in the variance's place."""
    if kind == "orthogonal":
        size = max(n_in, n_out)
        basis, triangle = np.linalg.qr(rng.normal(size=(size, min(n_in, n_out))))
        basis = np.sqrt(variance * size) * basis * np.sign(np.diagonal(triangle))
        return basis if n_out >= n_in else basis.T
    if kind == "singular_values":
        left, right = (draw_layer(rng, "orthogonal", n, n, 1 / n) for n in (n_out, n_in))
        return (left[:, : len(variance)] * variance) @ right[: len(variance)]
    weight = np.sqrt(variance) * rng.normal(size=(n_out, n_in))
    return weight + np.eye(n_in) if kind == "residual" else weight


def draw_vector(rng, width, norm):
    vector = rng.normal(size=width)
    return norm * vector / np.linalg.norm(vector)


def cosine(u, w):
    return u @ w / np.sqrt((u @ u) * (w @ w))


def measure(maps, x, y, covariances=None):
    """Alignments of one sample by BP and PC, energies by layer and ``x*ᵀx̂``, by a dense solve with ``S``."""
    c = np.ones(len(maps)) if covariances is None else np.asarray(covariances, float)
    forward, downs = [x], [np.eye(len(y))]
    for each in maps:
        forward.append(each @ forward[-1])
    for each in reversed(maps[1:]):
        downs.insert(0, downs[0] @ each)
    S = sum(each * down @ down.T for each, down in zip(c, downs, strict=True))
    residual = y - forward[-1]
    multiplier = np.linalg.solve(S, residual)
    activity, products, energies = x, [], []
    bp, pc = np.zeros_like(y), np.zeros_like(y)
    for index, (each, down) in enumerate(zip(maps, downs, strict=True)):
        products.append(activity @ forward[index])
        bp += forward[index] @ forward[index] * (down @ (down.T @ residual))
        pc += products[-1] * (down @ (down.T @ multiplier))
        error = c[index] * down.T @ multiplier
        energies.append(error @ error / c[index] / 2)
        activity = each @ activity + error
    trace = np.trace(np.linalg.inv(S))
    return {"bp": cosine(residual, bp), "pc": cosine(residual, pc), "energies": np.array(energies),
            "products": np.array(products), "trace": trace, "S": S}  # fmt: skip


def measure_batch(rng, maps, batch, target, rule):
    """Mean alignment of a batch of normal inputs with ``|x|² = n_0``, ``|y|² = n_L``."""
    n_0, n_L = maps[0].shape[1], maps[-1].shape[0]
    X = rng.normal(size=(n_0, batch))
    Y = rng.normal(size=(n_L, batch)) if target == "independent" else rng.normal(size=(n_L, n_0)) @ X / np.sqrt(n_0)
    forward, downs = [X], [np.eye(n_L)]
    for each in maps:
        forward.append(each @ forward[-1])
    for each in reversed(maps[1:]):
        downs.insert(0, downs[0] @ each)
    R = Y - forward[-1]
    signal = np.linalg.solve(sum(down @ down.T for down in downs), R) if rule == "pc" else R
    activity, change = X, 0
    for index, (each, down) in enumerate(zip(maps, downs, strict=True)):
        change = change + down @ (down.T @ signal) @ (activity.T @ forward[index])
        activity = each @ activity + (down.T @ signal if rule == "pc" else 0)
    return np.mean((R * change).sum(axis=0) / np.sqrt((R**2).sum(axis=0) * (change**2).sum(axis=0)))
