r"""The closed forms as SymPy expressions: the library's kernels, run on matrices of symbols.

`network` gives a network of any depth whose weights are symbols, of symbolic widths if wanted, and `data` the inputs
and targets of a batch. `equilibrium`, `output_covariance`, `weight_updates`, `prediction_change`,
`adaptive_learning_rates` and `decorrelation_matrices` then return expressions. They are the namesakes of the numerical
functions, and run the same lines. Explicit SymPy matrices, of symbols or of rational numbers, are networks too; then
every result is exact.

Samples are columns here, as in the papers: ``(n_0, B)``. SymPy prints the expressions (``sympy.latex``,
``sympy.pretty``) and turns them into functions of NumPy arrays (``sympy.lambdify``).
"""

from typing import Any, Literal, TypedDict, Unpack

from .equilibria.covariance import forward_covariance
from .equilibria.nudging import SoftOutput
from .equilibria.problem import Problem
from .equilibria.routes import Solution, solve_by_covariance
from .equilibria.settling import Settled, settle
from .learning.problem import Learning, as_options, changes_of, factors_of, signals_of
from .learning.rescaling import Rescaling
from .networks.layer import Dense
from .networks.network import LinearNetwork
from .networks.passes import first_order_change
from .networks.residual import Residual
from .numerics.algebra import Matrix
from .numerics.checks import as_count, as_list, one_of
from .numerics.kinds import is_symbolic
from .numerics.options import refuse_others, takes

KINDS = {"dense": Dense, "residual": Residual}


class Conditions(TypedDict, total=False):
    """The options of an equilibrium, besides the network and the data."""

    covariances: Any
    nudge: Any


CONDITIONS: Conditions = {"covariances": None, "nudge": None}
"""Their defaults."""


def network(depth: int, widths: Any = None, kind: str = "dense", bias: str = "none") -> LinearNetwork:
    """A network of ``depth`` layers whose weights are the symbols ``W_1 … W_L``.

    Args:
        depth: ``L``, at least 1.
        widths: ``(n_0, …, n_L)``, whole numbers or SymPy symbols; ``None`` for the symbols ``n_0 … n_L``, and for a
            residual network one symbol ``n``.
        kind: ``"dense"`` or ``"residual"``.
        bias: ``"none"``, ``"fixed"`` or ``"learned"``.

    Returns:
        The network. Its widths may be symbols.

    Raises:
        ValueError: for a depth below 1, another number of widths, or an unknown kind or bias.
        TypeError: for a depth that is not a whole number.

    Example:
        >>> net = network(2)
        >>> net.widths
        (n_0, n_1, n_2)
        >>> print(output_covariance(net))
        I + W_2*W_2.T
    """
    import sympy

    count = as_count("depth", depth)
    layer = KINDS[one_of("kind", kind, KINDS)]
    one_of("bias", bias, ("none", "fixed", "learned"))
    names = ["n"] * (count + 1) if kind == "residual" else [f"n_{index}" for index in range(count + 1)]
    sizes = list(map(_size, names)) if widths is None else as_list("widths", widths, "whole numbers or symbols")
    if len(sizes) != count + 1:
        raise ValueError(f"`widths` has {len(sizes)} entries; wanted {count + 1}, one more than layers.")
    layers = []
    for index in range(1, count + 1):
        weight = sympy.MatrixSymbol(f"W_{index}", sizes[index], sizes[index - 1])
        vector = None if bias == "none" else sympy.MatrixSymbol(f"b_{index}", sizes[index], 1)
        layers.append(layer(weight, vector, bias == "learned"))
    return LinearNetwork(layers)


def data(net: LinearNetwork, samples: Any = None) -> tuple[Matrix, Matrix]:
    """Inputs and targets for a symbolic network, one column per sample.

    Args:
        net: the network.
        samples: their number; ``None`` for the symbol ``B``.

    Returns:
        The matrix symbols ``X``, ``(n_0, B)``, and ``Y``, ``(n_L, B)``; ``x`` and ``y`` for a single sample.

    Raises:
        TypeError: for something that is not a network.

    Example:
        >>> X, Y = data(network(2))
        >>> X.shape, Y.shape
        ((n_0, B), (n_2, B))
    """
    import sympy

    net, samples = _as_network(net), _size("B") if samples is None else samples
    names = ("x", "y") if samples == 1 else ("X", "Y")
    widths = (net.widths[0], net.widths[-1])
    x, y = (sympy.MatrixSymbol(name, width, samples) for name, width in zip(names, widths, strict=True))
    return x, y


def output_covariance(net: LinearNetwork, covariances: Any = None) -> Matrix:
    """``S`` as an expression, by the recursion ``S_l = Σ_l + T_l S_{l-1} T_lᵀ``.

    Args:
        net: a symbolic network.
        covariances: ``None``, or one entry per layer: ``None``, a scalar expression, or a symmetric matrix.

    Returns:
        ``S``, ``(n_L, n_L)``.

    Raises:
        ValueError: for another number of covariances.
        TypeError: for a network that is not symbolic.

    Example:
        >>> print(output_covariance(network(2)))
        I + W_2*W_2.T
    """
    net = _as_symbolic(net)
    return forward_covariance(net.layers, _covariances(net, covariances))


def equilibrium(net: LinearNetwork, x: Matrix, y: Matrix, covariances: Any = None, nudge: Any = None) -> Settled:
    """The equilibrium of predictive coding as expressions, by the route through ``S``.

    Args:
        net: a symbolic network.
        x: inputs, ``(n_0, B)``, a SymPy matrix.
        y: targets, ``(n_L, B)``.
        covariances: as in `output_covariance`.
        nudge: ``None``, an expression ``β`` for the nudged clamp, or `dlntheory.SoftOutput` of one.

    Returns:
        ``activities`` ``x*_0 … x*_L``, ``errors`` ``ε*_1 … ε*_L``, ``weighted_errors`` ``D_lᵀ λ``, ``multiplier``,
        ``residual``, and ``energy``, the sum over the samples.

    Raises:
        ValueError: for shapes that do not match the network.
        TypeError: for a network or data that are not symbolic.

    Source:
        As `dlntheory.equilibrium`.

    Example:
        >>> net = network(2)
        >>> result = equilibrium(net, *data(net))
        >>> print(result.multiplier)
        (I + W_2*W_2.T)**(-1)*(-W_2*W_1*X + Y)
        >>> import sympy
        >>> exact = LinearNetwork([Dense(sympy.Matrix([[1]])), Dense(sympy.Matrix([[2]]))])
        >>> equilibrium(exact, sympy.Matrix([[1]]), sympy.Matrix([[3]])).activities[1]
        Matrix([[7/5]])
    """
    return settle(_problem(net, x, y, {"covariances": covariances, "nudge": nudge}), _solve)


@takes(Conditions, CONDITIONS)
def weight_updates(
    net: LinearNetwork,
    x: Matrix,
    y: Matrix,
    rule: Literal["bp", "pc", "natural"] = "pc",
    rescaling: Rescaling | None = None,
    **conditions: Unpack[Conditions],
) -> tuple[Matrix, ...]:
    """The updates of a rule as expressions: descent directions, batch means; of ``[W b]`` where a bias is learned.

    Args:
        net: a symbolic network.
        x: inputs, ``(n_0, B)``.
        y: targets, ``(n_L, B)``.
        rule: ``"bp"``, ``"pc"`` or ``"natural"``.
        rescaling: as in `dlntheory.weight_updates`.
        **conditions: ``covariances=`` and ``nudge=``, as in `equilibrium`.

    Returns:
        ``L`` matrices.

    Raises:
        ValueError: as `equilibrium`, or for an unknown rule or rescaling.
        TypeError: as `equilibrium`.

    Source:
        As `dlntheory.weight_updates`.

    Example:
        >>> net = network(1)
        >>> print(weight_updates(net, *data(net), rule="bp")[0])
        1/B*(-W_1*X + Y)*X.T
    """
    learning = _learning(_problem(net, x, y, conditions), rule, rescaling)
    return tuple(changes_of(learning, signals_of(learning)))


@takes(Conditions, CONDITIONS)
def prediction_change(
    net: LinearNetwork,
    x: Matrix,
    y: Matrix,
    rule: Literal["bp", "pc", "natural"] = "pc",
    rescaling: Rescaling | None = None,
    **conditions: Unpack[Conditions],
) -> Matrix:
    """``dŶ = Σ_l D_l ΔW_l X̂_{l-1}`` as an expression.

    Args:
        net: a symbolic network.
        x: inputs, ``(n_0, B)``.
        y: targets, ``(n_L, B)``.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        **conditions: ``covariances=`` and ``nudge=``, as in `equilibrium`.

    Returns:
        ``(n_L, B)``.

    Raises:
        ValueError: as `weight_updates`.
        TypeError: as `weight_updates`.

    Source:
        As `dlntheory.prediction_change`.

    Example:
        >>> net = network(1)
        >>> print(prediction_change(net, *data(net), rule="bp"))
        1/B*(-W_1*X + Y)*X.T*X
    """
    learning = _learning(_problem(net, x, y, conditions), rule, rescaling)
    signals = signals_of(learning)
    return first_order_change(learning.problem.layers, changes_of(learning, signals), signals.feedforward)


@takes(Conditions, CONDITIONS)
def adaptive_learning_rates(
    net: LinearNetwork,
    x: Matrix,
    y: Matrix,
    rule: Literal["bp", "pc"] = "pc",
    **conditions: Unpack[Conditions],
) -> tuple[Any, ...]:
    """The learning rates of Theorem 1 as expressions.

    Args:
        net: a symbolic network.
        x: inputs, ``(n_0, B)``.
        y: targets, ``(n_L, B)``.
        rule: ``"pc"`` or ``"bp"``.
        **conditions: ``covariances=`` and ``nudge=``, as in `equilibrium`.

    Returns:
        ``L`` scalars.

    Raises:
        ValueError: as `weight_updates`.
        TypeError: as `weight_updates`.

    Source:
        As `dlntheory.adaptive_learning_rates`.

    Example:
        >>> net = network(1)
        >>> print(adaptive_learning_rates(net, *data(net, samples=1))[0])
        1/Trace(x.T*x)
    """
    return _factors(_problem(net, x, y, conditions), rule, "adaptive")


@takes(Conditions, CONDITIONS)
def decorrelation_matrices(
    net: LinearNetwork,
    x: Matrix,
    y: Matrix,
    rule: Literal["bp", "pc"] = "pc",
    **conditions: Unpack[Conditions],
) -> tuple[Matrix, ...]:
    """The matrices of Theorem 2 as expressions.

    Args:
        net: a symbolic network.
        x: inputs, ``(n_0, B)``.
        y: targets, ``(n_L, B)``.
        rule: ``"pc"`` or ``"bp"``.
        **conditions: ``covariances=`` and ``nudge=``, as in `equilibrium`.

    Returns:
        ``L`` matrices.

    Raises:
        ValueError: as `weight_updates`.
        TypeError: as `weight_updates`.

    Source:
        As `dlntheory.decorrelation_matrices`.

    Example:
        >>> net = network(1)
        >>> print(decorrelation_matrices(net, *data(net))[0])
        B*pinv(X*X.T)
    """
    return _factors(_problem(net, x, y, conditions), rule, "decorrelated")


def _factors(problem: Problem, rule: str, rescaling: str) -> tuple[Any, ...]:
    learning = _learning(problem, one_of("rule", rule, ("pc", "bp")), rescaling)
    return tuple(factors_of(learning, signals_of(learning)))


def _learning(problem: Problem, rule: str, rescaling: str | None) -> Learning:
    options = as_options(rule, rescaling, {})
    return Learning(problem, settle(problem, _solve) if rule == "pc" else None, options, rule, rescaling)


def _solve(layers: Any, covariances: Any, offsets: Any) -> Solution:
    errors, activities = solve_by_covariance(layers, covariances, offsets)
    return Solution(tuple(errors), tuple(activities[:-1]), None)


def _problem(net: Any, x: Any, y: Any, conditions: Conditions) -> Problem:
    refuse_others(conditions, CONDITIONS)
    net = _as_symbolic(net)
    for name, value, width in (("x", x, net.widths[0]), ("y", y, net.widths[-1])):
        if not is_symbolic(value):
            raise TypeError(f"`{name}` is a {type(value).__name__}; wanted a SymPy matrix, one column per sample.")
        if value.shape[0] != width:
            raise ValueError(f"`{name}` has shape {value.shape}; wanted {width} rows, one column per sample.")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"`x` has shape {x.shape} but `y` has shape {y.shape}; wanted the same number of samples.")
    covariances = _covariances(net, conditions.get("covariances"))
    return Problem(net.layers, covariances, x, y, _exact(conditions.get("nudge")))


def _exact(nudge: Any) -> Any:
    """A nudge whose strength is an expression, of rational numbers."""
    import sympy

    if isinstance(nudge, SoftOutput):
        return SoftOutput(sympy.nsimplify(nudge.beta, rational=True))
    return None if nudge is None else sympy.nsimplify(nudge, rational=True)


def _as_network(net: Any) -> LinearNetwork:
    if not isinstance(net, LinearNetwork):
        raise TypeError(f"`net` is a {type(net).__name__}; wanted a LinearNetwork.")
    return net


def _as_symbolic(net: Any) -> LinearNetwork:
    if not all(is_symbolic(layer.weight) for layer in _as_network(net).layers):
        raise TypeError("`net` has numerical weights; wanted SymPy matrices, as symbolic.network makes them.")
    return net


def _covariances(net: LinearNetwork, covariances: Any) -> tuple[Any, ...]:
    entries = [None] * net.depth if covariances is None else as_list("covariances", covariances, "scalars or matrices")
    if len(entries) != net.depth:
        raise ValueError(f"`covariances` has {len(entries)} entries; wanted {net.depth}, one per layer.")
    import sympy

    return tuple(None if each is None else sympy.sympify(each) for each in entries)


def _size(name: str) -> Any:
    import sympy

    return sympy.Symbol(name, integer=True, positive=True)
