r"""Update kernels: the linear map from a batch's residuals to the change of its predictions, ``dŶ = K[R]``.

- Backpropagation: ``K[V] = (1/B) Σ_l D_l D_lᵀ V φ_l(X̂_{l-1})ᵀ φ_l(X̂_{l-1})``, the neural tangent kernel.
- Predictive coding: ``K[V] = (1/B) Σ_l D_l D_lᵀ S⁻¹ V φ_l(X*_{l-1})ᵀ φ_l(X̂_{l-1})``.
- Natural gradient: ``K[V] = (1/L) Σ_l D_l D_l⁺ V φ_l(X̂_{l-1})⁺ φ_l(X̂_{l-1})``, a mean of projections.

A rescaling stands between the two factors of features. Activities and rescalings are held at their values for
the data: so the kernel is linear, and it maps the data's own residual to the prediction change. Alignment is how near
the kernel is to a multiple of the identity there.
"""

from collections.abc import Callable
from typing import Any, Literal, Unpack, get_args

import numpy as np
from jaxtyping import Float

from ..equilibria.equilibrium import LARGEST, cheapest_route
from ..equilibria.nudging import SoftOutput, softened
from ..equilibria.problem import Problem
from ..equilibria.settling import solve_system
from ..networks.network import LinearNetwork
from ..networks.passes import backward_sweep, first_order_change, forward_sweep
from ..networks.samples import as_columns, as_rows, shaped
from ..numerics.algebra import Array, Matrix, magnitude, sign
from ..numerics.checks import as_batch, as_count, one_of
from ..numerics.kinds import agree, compiled, each_of, is_concrete, namespace
from ..numerics.options import takes
from ..numerics.precision import refuse_overflow
from ..numerics.record import Record, static
from .alignment import cosine, refuse_lost_digits, resized_signals
from .problem import OPTIONS, Learning, UpdateOptions, as_learning, changes_of, factors_of, settled, signals_of
from .rescaling import Rescaling, rescale
from .rules import RULES, Rule, Signals

Part = Literal["singular", "symmetric"]
PARTS: tuple[str, ...] = get_args(Part)
BLOCK = 256
"""The number of columns of an explicit matrix that are computed at once."""


class UpdateKernel(Record):
    r"""The linear map ``K`` from residuals to prediction changes; `update_kernel` makes one.

    ``N = B n_L``. As a matrix it acts on ``(B, n_L)`` residuals laid out row after row, images too.

    Attributes:
        problem: the network and its data, checked.
        rule: the learning rule.
        rescaling: the rescaling, or ``None``.
        size: ``N``.
    """

    _learning: Learning
    _signals: Signals
    _route: str = static()

    @property
    def problem(self) -> Problem:
        """The network and its data, checked."""
        return self._learning.problem

    @property
    def rule(self) -> str:
        """The learning rule."""
        return self._learning.rule

    @property
    def rescaling(self) -> str | None:
        """The rescaling, or ``None``."""
        return self._learning.rescaling

    @property
    def size(self) -> int:
        """``N``, the number of rows of the matrix."""
        return int(np.prod(self.problem.y.shape))

    def _facts(self) -> dict[str, Any]:
        samples = self.problem.samples
        return {"rule": self.rule, "rescaling": self.rescaling, "samples": samples, "size": self.size}

    def __call__(self, residual: Any) -> Float[Array, "..."]:
        """``K[V]``, by a backward and a forward pass.

        Args:
            residual: ``V``, shaped like the targets; taken in the precision of the kernel.

        Returns:
            The prediction change, shaped like the targets.

        Raises:
            ValueError: for another shape, NaN or infinity.
            TypeError: for something that does not hold real numbers.
        """
        return self._shaped(_apply(self, self._rows("residual", residual)))

    def transposed(self, change: Any) -> Float[Array, "..."]:
        """``Kᵀ[V]``, by a forward and a backward pass.

        Args:
            change: ``V``, shaped like the targets; taken in the precision of the kernel.

        Returns:
            An array shaped like the targets.

        Raises:
            ValueError: for another shape, NaN or infinity.
            TypeError: for something that does not hold real numbers.
        """
        return self._shaped(_apply_transposed(self, self._rows("change", change)))

    def matrix(self) -> Float[Array, "N N"]:
        """``K`` as a matrix.

        Raises:
            ValueError: for a matrix of more than a gibibyte in double precision.
        """
        if self.size**2 > LARGEST:
            raise ValueError(f"the kernel has {self.size} rows; wanted at most {int(LARGEST**0.5)} for its matrix.")
        return refuse_overflow("kernel's entries", _matrix(self))

    def spectrum(self, count: Any = None, part: Part = "singular") -> Float[Array, " k"]:
        r"""The largest singular values, or eigenvalues of the symmetric part, in descending order.

        The kernel of backpropagation is symmetric and positive semidefinite, so its two spectra are the same. The
        kernel of predictive coding is not symmetric.

        Args:
            count: their number, by Lanczos's iteration with products alone; ``None`` for all, from the matrix.
            part: ``"singular"``, or ``"symmetric"``, the eigenvalues of ``(K + Kᵀ) / 2``.

        Returns:
            ``(count,)`` or ``(N,)``.

        Raises:
            ValueError: for a count that is not below ``N``, an unknown part, or a matrix too large.
            TypeError: for a count that is not a whole number, or under a JAX transformation.
        """
        one_of("part", part, PARTS)
        if count is None:
            return _values(self.matrix(), part)
        wanted = as_count("count", count)
        if wanted >= self.size:
            raise ValueError(f"`count` is {wanted}; wanted less than {self.size}, or None for the whole spectrum.")
        if not is_concrete(self):
            raise TypeError("`count` is given under a JAX transformation; wanted None there.")
        return namespace(self.problem.y).asarray(_lanczos(self, wanted, part), self.problem.y.dtype)

    def condition_number(self) -> Float[Array, ""]:
        """The largest singular value over the smallest, from the matrix; one over rounding where ``K`` is singular."""
        values = self.spectrum()
        with np.errstate(divide="ignore", invalid="ignore"):
            return values[0] / values[-1]

    def effective_rank(self) -> Float[Array, ""]:
        r"""``exp(−Σ p_i log p_i)``, with ``p`` the singular values divided by their sum: from 1 to ``N``.

        NaN where ``K`` is zero.

        Source:
            Roy and Vetterli 2007.
        """
        values = self.spectrum()
        with np.errstate(invalid="ignore"):
            xp, shares = namespace(values), values / values.sum()
        logarithms = xp.log(xp.where(shares > 0, shares, xp.ones_like(shares)))
        return xp.exp(-(shares * logarithms).sum())

    def identity_alignment(self) -> Float[Array, ""]:
        r"""The cosine between ``K`` and the identity, ``tr K / (√N ‖K‖_F)``; one for multiples of the identity.

        For a residual ``V`` in a uniformly random direction it is the mean of ``⟨V, K[V]⟩`` over the root of the mean
        of ``‖V‖² ‖K[V]‖²``: for large ``N`` the alignment to expect of the whole batch. NaN where ``K`` is zero.

        Raises:
            ValueError: as `matrix`.
            PrecisionError: as `dlntheory.target_alignment`.
        """
        found = self._resized().matrix()
        matrix = found / magnitude(found)
        with np.errstate(invalid="ignore"):
            alignment = matrix.trace() / (len(matrix) ** 0.5 * namespace(matrix).linalg.norm(matrix))
        return refuse_lost_digits(self._learning, found.ravel(), alignment)

    def target_alignment(self, residual: Any = None) -> Float[Array, "*B"]:
        """The cosine between each sample's residual and the change of its prediction.

        Args:
            residual: shaped like the targets, or ``None`` for the data's own.

        Returns:
            ``(B,)``; NaN where the angle is undefined.

        Raises:
            ValueError: for another shape, NaN or infinity.
            TypeError: for something that does not hold real numbers.
            PrecisionError: as `dlntheory.target_alignment`.
        """
        single = self.problem.y.ndim == 1
        own = as_rows(self._signals.residual, single)
        rows = own if residual is None else self._rows("residual", residual)
        moved = _apply(self._resized(), rows / magnitude(rows))
        alignment = cosine(as_columns(rows), as_columns(moved))
        return refuse_lost_digits(self._learning, moved, alignment[0] if single else alignment)

    def _resized(self) -> "UpdateKernel":
        """The kernel up to a factor, at signals of size one: no product of them under- or overflows."""
        return UpdateKernel(self._learning, resized_signals(self._learning)[0], self._route)

    def _rows(self, name: str, value: Any) -> Array:
        y = self.problem.y
        rows = as_batch(name, value, self.problem.layers[-1].out_shape, y.dtype)
        if rows.shape != y.shape:
            raise ValueError(f"`{name}` has {rows.shape[:-1]} samples; wanted {y.shape[:-1]}, as the targets have.")
        return agree(y=y, residual=rows.astype(y.dtype))[1]

    def _shaped(self, rows: Array) -> Array:
        return shaped(rows, self.problem.layers[-1].out_shape)


@takes(UpdateOptions, OPTIONS)
def update_kernel(
    net: LinearNetwork,
    x: Any,
    y: Any,
    rule: Rule = "pc",
    rescaling: Rescaling | None = None,
    **options: Unpack[UpdateOptions],
) -> UpdateKernel:
    r"""The update kernel of a learning rule at a network and a batch: ``dŶ = K[R]``, in continuous time.

    Args:
        net: the network.
        x: inputs, ``(B, n_0)`` or ``(n_0,)``.
        y: targets, ``(B, n_L)`` or ``(n_L,)``. The kernels of backpropagation and the natural gradient do not depend
            on them; the kernel of predictive coding does, by the activities at equilibrium.
        rule: as in `weight_updates`.
        rescaling: as in `weight_updates`.
        **options: as in `weight_updates`.

    Returns:
        The kernel, an operator: call it, or ask for its matrix, spectrum or alignment.

    Raises:
        ValueError: as `weight_updates`.
        TypeError: as `weight_updates`.
        PrecisionError: as `weight_updates`.

    Source:
        docs/theory.md, statement 5.7.

    Example:
        >>> net = LinearNetwork.from_weights([[[1.0]], [[2.0]]])
        >>> kernel = update_kernel(net, [[1.0], [3.0]], [[0.0], [0.0]], rule="bp")
        >>> kernel.matrix().tolist()
        [[2.5, 7.5], [7.5, 22.5]]
        >>> kernel([[1.0], [0.0]]).tolist()
        [[2.5], [7.5]]
    """
    learning = settled(as_learning(net, x, y, rule, rescaling, options, RULES))
    return UpdateKernel(learning, _signals_of(learning), _route_of(learning))


_signals_of = compiled(signals_of)


def _route_of(learning: Learning) -> str:
    """The equilibrium's own route; where that is traced, the one asked for, or the cheapest."""
    if learning.state is None:
        return ""
    if is_concrete(learning.state):
        return learning.state.solver  # type: ignore[union-attr]
    solver = learning.options.solver
    return cheapest_route(learning.problem.layers, learning.problem.samples) if solver == "auto" else solver


def _change(kernel: UpdateKernel, residual: Matrix) -> Matrix:
    """``K[V]`` of columns: the rule's own updates with other errors."""
    learning, signals = kernel._learning, kernel._signals
    if learning.state is None:
        errors: Any = backward_sweep(learning.problem.layers, residual)
    else:
        errors = _settled_errors(learning, kernel._route, residual)
    changes = changes_of(learning, signals._replace(errors=errors, residual=residual))
    return first_order_change(learning.problem.layers, changes, signals.feedforward)


def _settled_errors(learning: Learning, route: str, residual: Matrix) -> Any:
    """``D_lᵀ S⁻¹ V``: an equilibrium without inputs and biases."""
    layers, covariances, nudge = learning.problem.layers, learning.problem.covariances, learning.problem.nudge
    if nudge is not None and not isinstance(nudge, SoftOutput):
        residual = nudge * residual
    still = namespace(residual).zeros((layers[0].out_size, residual.shape[1]), residual.dtype)
    offsets = (still, *[None] * (len(layers) - 2), -residual) if len(layers) > 1 else (-residual,)
    return solve_system(route, layers, softened(covariances, nudge), offsets).weighted_errors


def _transposed_change(kernel: UpdateKernel, change: Matrix) -> Matrix:
    r"""``Kᵀ[V]``: an update and an output's change are each other's transpose, and so are the two sweeps.

    ``K[V] = Σ_l D_l (e_l φ(a)ᵀ A_l) φ(x̂)`` has the transpose ``Σ_l D_l (D_lᵀV φ(x̂)ᵀ A_lᵀ) φ(a)``, up to ``S⁻¹``.
    """
    learning, signals = kernel._learning, kernel._signals
    layers = learning.problem.layers
    if learning.rule == "natural":
        return _change(kernel, change)  # a mean of orthogonal projections
    pulled = zip(layers, backward_sweep(layers, change), signals.feedforward, strict=False)
    updates = [layer.weight_update(error, activity) for layer, error, activity in pulled]
    if learning.rescaling is not None:
        factors = [factor.swapaxes(-1, -2) if factor.shape else factor for factor in factors_of(learning, signals)]
        updates = rescale(updates, factors)
    triples = zip(layers, updates, signals.activities, strict=True)
    moved = [layer.output_change(update, activity) for layer, update, activity in triples]
    arrived = forward_sweep(layers, moved)[-1] / change.shape[1]
    if learning.state is None:
        return arrived
    divided = _settled_errors(learning, kernel._route, arrived)[-1]
    nudge = learning.problem.nudge
    return divided if nudge is None or isinstance(nudge, SoftOutput) else sign(nudge) * divided


@compiled
def _apply(kernel: UpdateKernel, rows: Array) -> Array:
    return as_rows(_change(kernel, as_columns(rows)), rows.ndim == 1)


@compiled
def _apply_transposed(kernel: UpdateKernel, rows: Array) -> Array:
    return as_rows(_transposed_change(kernel, as_columns(rows)), rows.ndim == 1)


@compiled
def _matrix(kernel: UpdateKernel) -> Float[Array, "N N"]:
    y, size = kernel.problem.y, kernel.size
    units = namespace(y).eye(size, dtype=y.dtype).reshape(-1, *y.shape)
    columns = each_of(lambda unit: _apply(kernel, unit), units, at_once=BLOCK)
    return columns.reshape(size, -1).T


@compiled
def _values(matrix: Float[Array, "N N"], part: str) -> Float[Array, " N"]:
    linalg = namespace(matrix).linalg
    if part == "singular":
        return linalg.svd(matrix, compute_uv=False)
    return linalg.eigvalsh((matrix + matrix.T) / 2)[::-1]


def _lanczos(kernel: UpdateKernel, count: int, part: str) -> np.ndarray:
    """The largest values by products alone, always from the same start."""
    from scipy.sparse.linalg import LinearOperator, eigsh, svds

    y = kernel.problem.y

    def flat(apply: Callable[..., Array]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda v: np.asarray(apply(kernel, namespace(y).asarray(v.reshape(y.shape), y.dtype))).ravel()

    forward, backward = flat(_apply), flat(_apply_transposed)
    kind = {"shape": (kernel.size, kernel.size), "dtype": y.dtype}
    start = np.random.default_rng(0).standard_normal(kernel.size).astype(y.dtype)
    if part == "singular":
        operator = LinearOperator(matvec=forward, rmatvec=backward, **kind)
        return np.sort(svds(operator, k=count, v0=start, return_singular_vectors=False))[::-1]
    symmetric = LinearOperator(matvec=lambda v: (forward(v) + backward(v)) / 2, **kind)
    return np.sort(eigsh(symmetric, k=count, which="LA", v0=start, return_eigenvectors=False))[::-1]
