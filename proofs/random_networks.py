"""Random networks at large width: consequences of the variational form of ``log det S``, on the library's recursions.

Assumed here is that the variational form is the limit of ``log det S``, and that free products give the traces of
pairs; docs/random-networks-derived.md says on what grounds. Proved is that first order follows from the variational
form, and second order keeps the sum rules, which are necessary conditions. The library's formulas of a layer are run on
symbols. The loop over layers of first order is written out in `solved`; tests compare `first_order.solve` with drawn
networks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import sympy

from dlntheory.networks.aligned_variances import _traces as aligned_traces
from dlntheory.random_networks.backpropagation import Sums
from dlntheory.random_networks.backpropagation import through as bp_through
from dlntheory.random_networks.layer_kinds import DenseKind
from dlntheory.random_networks.predictive_coding import _numbers as layer_numbers
from dlntheory.random_networks.predictive_coding import _State, _through, _with_own

from .framework import Case, Proof, Step


class Layers(NamedTuple):
    """Symbols of a dense network by layer, and its first-order solution, with ``N_1 … N_L`` and ``a_1`` free."""

    widths: tuple[Any, ...]
    variances: tuple[Any, ...]
    occupied: tuple[Any, ...]
    traces: tuple[Any, ...]
    covariances: tuple[Any, ...]


def symbols(name: str, first: int, last: int) -> tuple[Any, ...]:
    """Positive numbers ``name_first … name_last``."""
    return tuple(sympy.Symbol(f"{name}_{index}", positive=True) for index in range(first, last + 1))


def solved(depth: int) -> Layers:
    """A network that solves the library's recursion ``a_{l+1} = a_l room_{l+1}/(n_l − N_l)``.

    Shares ``N_l`` are symbols, which determine the covariances.
    """
    widths, variances = symbols("n", 0, depth), symbols("v", 1, depth)
    occupied = (sympy.Integer(0), *symbols("N", 1, depth - 1), widths[-1])
    traces = [sympy.Symbol("a_1", positive=True)]
    for index in range(1, depth):
        layer = DenseKind(widths[index], widths[index + 1], variances[index])
        traces.append(traces[-1] * layer.room(occupied[index]) / (widths[index] - occupied[index]))
    shares = [after - before for before, after in pairwise(occupied)]
    covariances = [share / trace for share, trace in zip(shares, traces, strict=True)]
    return Layers(widths, variances, occupied, tuple(traces), tuple(covariances))


def stationary(case: Case) -> Iterator[Step]:
    """The saddle of ``F(s, t)`` at every layer."""
    depth = case.net.depth
    found = solved(depth)
    n, v = found.widths, found.variances
    s, t = symbols("s", 1, depth), symbols("t", 1, depth)
    c = symbols("c", 1, depth)
    top = n[-1] * sympy.log(c[-1] + s[-1])
    hidden = sum(n[l] * sympy.log(1 + t[l] * (c[l - 1] + s[l - 1])) for l in range(1, depth))
    F = top + hidden - sum(s[l] * t[l] / v[l] for l in range(1, depth))
    values = {s[0]: 0, **dict(zip(c, found.covariances, strict=True))}
    for l in range(1, depth):
        values |= {t[l]: v[l] * found.traces[l], s[l]: found.occupied[l] / found.traces[l]}
    at = lambda expression: expression.subs(values)  # noqa: E731
    for l in range(1, depth):
        yield Step(
            f"∂F/∂s_{l + 1} = 0 at t_{l + 1} = v_{l + 1}a_{l + 1}, s_{l + 1} = N_{l}/a_{l + 1}.", at(F.diff(s[l])), 0
        )
        yield Step(f"∂F/∂t_{l + 1} = 0 there.", at(F.diff(t[l])), 0)
    for l in range(1, depth + 1):
        yield Step(f"a_{l} = ∂ log det S/∂c_{l} = ∂F/∂c_{l}.", at(F.diff(c[l - 1])), found.traces[l - 1])


def stationary_step() -> Iterator[Step]:
    """Between two hidden layers of a network of any depth."""
    n, v, w, N, c, s, a = sympy.symbols("n v w N c s a", positive=True)
    t, u = sympy.symbols("t u", positive=True)
    after = a * DenseKind(n, n, w).room(N) / (n - N)
    F = n * sympy.log(1 + u * (c + s)) - s * t / v
    values = {t: v * a, u: w * after, s: N / a - c}
    yield Step("With N_{l-1} = a_l s_l, N_l = a_l(c_l + s_l): ∂F/∂s_l = 0.", F.diff(s).subs(values), 0)
    yield Step("a_l = ∂F/∂c_l.", F.diff(c).subs(values), a)
    yield Step("∂F/∂t_{l+1} = 0, where s_{l+1} = N_l/a_{l+1}.", (F.diff(u) - N / after / w).subs(values), 0)


def slope(case: Case) -> Iterator[Step]:
    """``T'_l``, by differentiating the first-order equations along ``a_1``."""
    found = solved(case.net.depth)
    below = sympy.Integer(0)
    for l in range(1, case.net.depth + 1):
        n, N, a = found.widths[l], found.occupied[l - 1], found.traces[l - 1]
        layer = DenseKind(found.widths[l - 1], n, found.variances[l - 1])
        T = 1 / (layer.variance * a)
        scaled = n if l == case.net.depth else n - found.occupied[l]
        step, unit = _slope_of(layer, T, N, below), scaled / a
        ours = layer_numbers(layer, N, scaled, below * T)
        yield Step(f"T'_{l}, in the library's units: T_{l} = 1, a_{l} = n_{l} − N_{l}.", ours.slope, step * unit / T)
        own = layer.variance * a**2 * step
        yield Step(f"tr R_{l}² = −∂a_{l}/∂T_{l + 1} = v_{l}a_{l}²T'_{l}.", ours.own_trace, own * unit**2)
        below = a - unit * own


def _slope_of(layer: DenseKind, T: Any, occupied: Any, below: Any) -> Any:
    """``1/(∂T_{l+1}/∂T_l)``, where ``∂a_{l-1}/∂T_l = −tr R_{l-1}²`` and ``tr S R² = a − T tr R²``."""
    size = sympy.Symbol("tau", positive=True)
    trace = (layer.n_in - occupied) / T
    squared = (trace - below) / T
    shifted = trace - squared * (size - T)  # a_{l-1} to first order in T_l
    gap = layer.variance * size * (layer.n_out - layer.n_in + size * shifted)
    return 1 / gap.diff(size).subs(size, T)


def slope_step() -> Iterator[Step]:
    """One layer of a network of any depth, in the units where every ``T`` is one."""
    n, m, N, M, below = sympy.symbols("n m N M b", positive=True)
    layer = DenseKind(n, m, 1 / (m - M))
    ours = layer_numbers(layer, N, m - M, below)
    slope_ = _slope_of(layer, sympy.Integer(1), N, below)
    yield Step("T'_l from T_{l+1} = v_l T_l(n_l − n_{l-1} + T_l a_{l-1}) − c_l.", ours.slope, slope_)
    a, b = n - N, n - N - below
    printed = 1 / (m * layer.variance - layer.variance * (n - 2 * a + b))
    yield Step(
        "The same as printed: 1/(g − v[n_{l-1} − 2T a_{l-1} + T² v_{l-1}a_{l-1}²T'_{l-1}]).", ours.slope, printed
    )
    yield Step("tr R_l² = −∂a_l/∂T_{l+1}.", ours.own_trace, (m - M) * slope_)


@dataclass(frozen=True)
class AnyKind(DenseKind):
    """A layer of any gain and any R-transform, as its value and slope at the point where the recursions need it."""

    d: Any
    d_slope: Any

    def slope(self, C: Any) -> tuple[Any, Any]:
        """``d`` and its derivative, where ``R = k_1(1 + C d)``."""
        return self.d, self.d_slope

    def room(self, occupied: Any) -> Any:
        """``(n_out − N)/R``."""
        return (self.n_out - occupied) / (self.gain * (1 - occupied / self.n_in * self.d))

    def log_room_slope(self, occupied: Any) -> Any:
        """The derivative of ``log room`` by ``N``."""
        C = -occupied / self.n_in
        slope = (self.d + C * self.d_slope) / (1 + C * self.d) / self.n_in
        return -1 / (self.n_out - occupied) + slope


WIDTHS = (5, 7, 4, 6, 8, 9)
SHARES = tuple(sympy.Rational(*each) for each in ((0, 1), (1, 3), (3, 4), (2, 1), (7, 2), (4, 1)))


def sum_rules(case: Case) -> Iterator[Step]:
    """A network of the case's depth from its input to its output, in exact fractions."""
    state, below = _zero_state(), np.array([sympy.Integer(0)], dtype=object)
    for l in range(1, case.net.depth + 1):
        layer = DenseKind(*map(sympy.Integer, WIDTHS[l - 1 : l + 1]), sympy.Rational(1, l + 1))
        T = 0 if l == case.net.depth else 1
        state, below, steps = _one_more(layer, SHARES[l - 1], SHARES[l] if T else layer.n_out, T, state, below)
        yield from steps


def _zero_state() -> _State:
    zero, one = np.array([[sympy.Integer(0)] * 2], dtype=object), np.array([sympy.Integer(1)], dtype=object)
    square = np.array([[[sympy.Integer(0)] * 2] * 2], dtype=object)
    return _State(zero, zero, square, zero, zero, square, one, one)


def sum_rules_step() -> Iterator[Step]:
    """If the sum rules hold for a network, they hold for one with a layer more, hidden or the output's."""
    n, N, M, own = sympy.symbols("n N M r", positive=True)
    a, e, shrunk = n - N, *sympy.symbols("e epsilon", positive=True)
    k, kappa, P, f, q, z = sympy.symbols("k kappa P f Q Z")
    row = lambda *entries: np.array([entries], dtype=object)  # noqa: E731
    epsilon = shrunk * e
    state = _State(
        k=row(N, k),
        kappa=row(a - own, kappa),
        Q=row((e * (n - 2 * a + own), e * (k - kappa)), (e * (k - kappa), q)),
        P=row(1 - e, P),
        f=row(e - epsilon, f),
        Z=row((1 - 2 * e + epsilon, P - f), (P - f, z)),
        shrunk=row(shrunk)[0],
        e=row(e)[0],
    )
    m, v, d, slope_ = sympy.symbols("m v d d'", positive=True)
    layer = AnyKind(n, m, v, d, slope_)
    for share, T in ((M, 1), (m, 0)):
        yield from _one_more(layer, N, share, T, state, np.array([a - own], dtype=object))[2]


def _one_more(layer: Any, N: Any, M: Any, T: int, state: _State, below: Any) -> tuple[_State, Any, Iterator[Step]]:
    """Pass a layer in two directions, the covariances' and any other; the new state, ``tr S R²``, and the sum rules.

    ``T = T_{l+1}`` is one behind a hidden layer and zero behind the output's, where ``N_L = n_L``.
    """
    a = np.array([layer.n_out - T * M], dtype=object)
    numbers = layer_numbers(layer, np.array([N], dtype=object), a, below)
    numbers = numbers._replace(**{name: np.atleast_1d(each) for name, each in numbers._asdict().items()})
    u = np.array([[(M - N) / a[0], sympy.Integer(2)]], dtype=object)
    after = _with_own(_through(state, numbers, layer.n_in), u, a, numbers.own_trace)
    return after, a - numbers.own_trace, _sum_rules(after, a[0], M, numbers.own_trace[0], layer.n_out, T)


def _sum_rules(s: _State, a: Any, N: Any, own: Any, n: Any, T: int) -> Iterator[Step]:
    """The scalars' values by ``Σ c_h G_h = S`` and ``S R = I − T R``, where ``|x̂| = 1``."""
    e, epsilon = s.e[0], s.shrunk[0] * s.e[0]
    where = "A hidden layer, T = 1" if T else "The output layer, T = 0"
    yield Step(f"{where}: Σ c_h tr G_hR = tr S R = N.", s.k[0, 0], N)
    yield Step("Σ c_h tr G_hR² = tr R − T tr R².", s.kappa[0, 0], a - T * own)
    yield Step("ΣΣ c_h c_k tr R G_hG_k R = tr (I − T R)².", s.Q[0, 0, 0], e * (n - 2 * T * a + T * own))
    yield Step("Σ c_h tr R G_hG_w R = tr G_wR − T tr G_wR².", s.Q[0, 0, 1], e * (s.k[0, 1] - T * s.kappa[0, 1]))
    yield Step("Σ c_h x̂ᵀG_hR x̂ = 1 − T x̂ᵀR x̂.", s.P[0, 0], 1 - T * e)
    yield Step("Σ c_h x̂ᵀR G_hR x̂ = x̂ᵀR x̂ − T x̂ᵀR²x̂.", s.f[0, 0], e - T * epsilon)
    yield Step("ΣΣ c_h c_k x̂ᵀR G_hG_k R x̂ = |x̂ − T R x̂|².", s.Z[0, 0, 0], 1 - 2 * T * e + T * epsilon)
    yield Step("Σ c_h x̂ᵀR G_hG_w R x̂ = x̂ᵀG_wR x̂ − T x̂ᵀR G_wR x̂.", s.Z[0, 0, 1], s.P[0, 1] - T * s.f[0, 1])


def bp_sums(case: Case) -> Iterator[Step]:
    """The recursion from the input, and the closed form of equal widths."""
    depth = case.net.depth
    widths, variances = symbols("n", 0, depth), symbols("v", 1, depth)
    found, n, v = Sums(*(sympy.Integer(0),) * 4), sympy.Symbol("n", positive=True), sympy.Symbol("v", positive=True)
    equal = found
    for l in range(1, depth + 1):
        layer = DenseKind(widths[l - 1], widths[l], variances[l - 1])
        found = bp_through(found, layer, 1 / layer.gain)
        equal = bp_through(equal, DenseKind(n, n, v), 1 / (n * v))
    V = [sum(1 / each for each in variances[:l]) for l in range(depth + 1)]
    M = sum(V[l] ** 2 / widths[l] for l in range(1, depth + 1))
    h = sum(V[l] / widths[l] for l in range(1, depth + 1))
    rest = sum(V[k] ** 2 / widths[k] / widths[l] for l in range(1, depth + 1) for k in range(1, l))
    yield from _named(found, (V[-1], M, h, h**2 + rest))
    yield _cosine(equal, n, sympy.Integer(depth))


def _cosine(equal: Sums, n: Any, L: Any) -> Step:
    s = sympy.Symbol("s", positive=True)
    squared = (equal.s1 / n + s * equal.p1) ** 2 / ((1 + s) * (equal.s2 / n + s * equal.p2))
    printed = (1 + s * (L + 1) / 2) ** 2 / ((1 + s) * (1 + s * L)) * 6 * L / ((L + 1) * (2 * L + 1))
    return Step("Equal widths and variances, s = |ŷ|²/|y|²: the square of the cosine.", squared, printed)


def _named(found: Sums, right: tuple[Any, ...]) -> Iterator[Step]:
    names = ("s_1 = V_L", "s_2 = Σ V_l²/n_l", "p_1 = h = Σ V_l/n_l", "p_2 = h² + ΣΣ_{k<l} V_k²/(n_k n_l)")
    yield from (Step(f"{name}.", *pair) for name, *pair in zip(names, found, right, strict=True))


def bp_sums_step() -> Iterator[Step]:
    """From ``V, M, h`` and the rest to those of a layer more; and the closed form of equal widths likewise."""
    V, M, h, rest, n, m, v = sympy.symbols("V M h j n m v", positive=True)
    layer, after = DenseKind(n, m, v), V + 1 / v
    found = bp_through(Sums(V, M, h, h**2 + rest), layer, 1 / layer.gain)
    yield from _named(found, (after, M + after**2 / m, h + after / m, (h + after / m) ** 2 + rest + M / m))
    l = sympy.Symbol("l", positive=True)
    closed = lambda l: (l / v, l * (l + 1) * (2 * l + 1) / (6 * n * v**2), l * (l + 1) / (2 * n * v),  # noqa: E731
                        l**2 * (l + 1) * (2 * l + 1) / (6 * n**2 * v**2))  # fmt: skip
    found = bp_through(Sums(*closed(l)), DenseKind(n, n, v), 1 / (n * v))
    yield from _named(found, closed(l + 1))
    yield _cosine(Sums(*closed(l)), n, l)


def aligned(case: Case) -> Iterator[Step]:
    """All ``T_l`` equal, by the first-order recursion."""
    depth, growth = case.net.depth, sympy.Symbol("T", positive=True)
    widths = symbols("n", 0, depth)
    traces = aligned_traces(widths, growth)
    occupied = sympy.Integer(0)
    for l, trace in enumerate(traces, 1):
        occupied += trace
        if l < depth:
            yield Step(f"T_{l + 1} = (n_{l} − N_{l})/a_{l} = T.", (widths[l] - occupied) / trace, growth)
    yield Step("N_L = n_L.", occupied, widths[-1])
    n = sympy.Symbol("n", positive=True)
    for l, trace in enumerate(aligned_traces((n,) * (depth + 1), growth)[:-1], 1):
        yield Step(f"Equal widths: n v_{l} = (1 + 1/T)^{l}.", n / (growth * trace), (1 + 1 / growth) ** l)


def aligned_step() -> Iterator[Step]:
    """A layer more: the traces are chosen from the input on."""
    n, m, N, T = sympy.symbols("n m N T", positive=True)
    trace = aligned_traces((n, N, m, n), T)[1]
    taken = aligned_traces((n, N, m, n), T)[0] + trace
    yield Step("a_l = (n_l − N_{l-1})/(1 + T) gives T_{l+1} = (n_l − N_l)/a_l = T.", (m - taken) / trace, T)


SADDLE = (
    "F is a sum over layers, and s_l, t_l occur in two neighbouring terms only. So the equations of any depth are those of the step, "
    "with the first layer's s_1 = 0 and the last one's N_L = n_L, which the fixed depths have."
)
ALONG = "T_{l+1} as a function of T_l takes of the layers below only a_{l-1} and its derivative −tr R_{l-1}², which the step takes as symbols."
RULES = "The scalars of L + 1 layers take of the first L only the state. If it obeys the sum rules, so does the next, whatever the layer's R-transform; and so does the output's."
SUMS = "The sums of L + 1 layers follow from those of L. The step has the closed forms of L as symbols, or with a symbol for L, and gives those of L + 1."
FIRST = "Each trace takes of the layers below only their share N_{l-1}, a symbol in the step."
KINDS = ("dense",)
SOURCE = "docs/theory.md, section 6; docs/random-networks-derived.md"
PROOFS = (
    Proof(
        "random-saddle",
        "a_{l+1} = a_l/(v_{l+1}(n_l − N_l)), N_L = n_L, is where the variational form of log det S is stationary, and a_l its derivative by c_l.",
        SOURCE, stationary, stationary_step, SADDLE, kinds=KINDS,
    ),
    Proof(
        "random-slope",
        "T'_l = ∂T_l/∂T_{l+1} and tr R_l² = −∂a_l/∂T_{l+1} are derivatives of the first-order equations.",
        SOURCE, slope, slope_step, ALONG, kinds=KINDS,
    ),
    Proof(
        "random-sum-rules",
        "The recursions of k, κ, Q, P, f and Z keep the eight sum rules of Σ c_h G_h = S, for layers of any R-transform: necessary conditions.",
        SOURCE, sum_rules, sum_rules_step, RULES, kinds=KINDS,
    ),
    Proof(
        "random-backpropagation",
        "BP's sums are V_L, Σ V_l²/n_l, h and h² + ΣΣ V_k²/(n_kn_l); equal widths give the closed form of the cosine.",
        SOURCE, bp_sums, bp_sums_step, SUMS, kinds=KINDS,
    ),
    Proof(
        "random-aligned",
        "a_l = (n_l − N_{l-1})/(1 + T) makes every T_l equal T; equal widths have n v_l = (1 + 1/T)^l.",
        SOURCE, aligned, aligned_step, FIRST, kinds=KINDS,
    ),
)  # fmt: skip
