"""Slow, obvious twins of `dlntheory.random_networks`: dense recursions as printed, and networks of drawn weights."""

import numpy as np
from scipy.optimize import brentq


def dense_traces(widths, variances, covariances):
    """``a_1 … a_L`` of dense layers, by bisection on ``log a_1`` (6.2)."""
    n, v, c, L = widths, variances, covariances, len(variances)
    if L == 1:
        return np.array([n[1] / c[0]])

    def run(log_first):
        a, N = np.exp(log_first), c[0] * np.exp(log_first)
        traces = [a]
        for l in range(1, L):
            if N >= n[l]:
                return traces, np.inf
            a = a / (v[l] * (n[l] - N))
            N += c[l] * a
            traces.append(a)
        return traces, N

    def excess(log_first):
        return min(run(log_first)[1], 1e6 * n[L]) - n[L]

    root = brentq(excess, -700, np.log(min(n[1:]) / c[0]), xtol=1e-15, rtol=1e-15)
    return np.array(run(root)[0])


def dense_second_order(widths, variances, covariances, input_norm2):
    """Vectors and matrices of 6.3 at the output, with ``β = e T``, ``e``, ``T``, ``T'`` and ``ε_0 … ε_L``."""
    n, v, c, q0 = widths, variances, np.asarray(covariances, float), input_norm2
    L = len(v)
    a = dense_traces(widths, variances, covariances)
    T = 1 / (np.asarray(v) * a)
    e = q0 / T[0]
    empty = np.zeros(0)
    k, kappa, P, f = empty, empty, empty, empty
    Q = Z = np.zeros((0, 0))
    epsilon, slopes, epsilons = e / T[0], [], [e / T[0]]

    def sym(u, w):
        return np.outer(u, w) + np.outer(w, u)

    for l in range(L):
        g = n[l + 1] * v[l]
        slope = 1 / (g - v[l] * c[:l] @ Q @ c[:l])  # the bracket of 6.2 is c'Qc
        X = v[l] * slope * (n[l] * Q + T[l] * sym(k, kappa) - np.outer(k, k))
        Z = g * Z + v[l] * T[l] * sym(k, f) + v[l] * T[l] ** 2 * epsilon * X
        f = f + v[l] * T[l] ** 2 * slope * epsilon * kappa
        P = g * P + v[l] * T[l] * e * k
        kappa, epsilon = slope * kappa, slope * epsilon
        rho = v[l] * a[l] ** 2 * slope
        padded = np.zeros((l + 1, l + 1))
        padded[:l, :l] = X
        u = np.eye(l + 1)[l]
        kappa, f = np.append(kappa, 0), np.append(f, 0)
        Q = padded + rho * np.outer(u, u) + sym(u, kappa)
        padded = np.zeros((l + 1, l + 1))
        padded[:l, :l] = Z
        Z = padded + epsilon * np.outer(u, u) + sym(u, f)
        k, P = np.append(k, a[l]), np.append(P, e)
        kappa, f = kappa + rho * u, f + epsilon * u
        slopes.append(slope)
        epsilons.append(epsilon)
    return {"a": a, "T": T, "e": e, "k": k, "kappa": kappa, "P": P, "f": f, "Q": Q, "Z": Z,
            "slopes": np.array(slopes), "epsilons": np.array(epsilons)}  # fmt: skip


def cosine(second, target_norm2, output_norm2, n_L, beta=None):
    """``cos(β)`` of 6.3."""
    beta = second["e"] * second["T"] if beta is None else beta
    share = target_norm2 / n_L
    top = beta @ (share * second["k"] + second["P"])
    return top / np.sqrt((target_norm2 + output_norm2) * (beta @ (share * second["Q"] + second["Z"]) @ beta))
