"""The alignment and energies to expect of a random network, by formula: no weights are drawn."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..numerics.checks import as_count, one_of
from ..numerics.kinds import is_concrete, is_jax, namespace
from . import backpropagation, batches, fluctuations, predictive_coding
from .arguments import RandomInit, as_layers, as_per_layer, as_positive
from .first_order import RandomEquilibrium, solve
from .layer_kinds import LayerKind, widths_of


@dataclass(frozen=True)
class Setting:
    """A random network and the norms of a sample; every number has the shape of the grid."""

    layers: tuple[LayerKind, ...]
    covariances: tuple[Any, ...]
    log_input: Any  # log q_0
    log_target: Any  # log Y

    @property
    def log_output(self) -> Any:
        """``log q_L``, the squared norm of the prediction."""
        xp, total = namespace(self.log_input), self.log_input
        for layer in self.layers:
            total = total + xp.log(layer.gain)
        return total

    @property
    def share_of_target(self) -> Any:
        """``Y/(Y + q_L)``."""
        xp = namespace(self.log_input)
        return xp.exp(-xp.logaddexp(0 * self.log_target, self.log_output - self.log_target))

    @cached_property
    def equilibrium(self) -> RandomEquilibrium:
        """First order."""
        return solve(self.layers, self.covariances)

    @cached_property
    def second_order(self) -> predictive_coding.SecondOrder:
        """Second order along the limit of the activities."""
        return predictive_coding.along_activities(self.equilibrium)

    @cached_property
    def fluctuation(self) -> fluctuations.Fluctuation:
        """The law of the activities at finite width."""
        return fluctuations.fluctuation(self.equilibrium, self.log_input, self.log_target)

    @cached_property
    def mean_and_spread(self) -> tuple[Any, Any]:
        """Mean and standard deviation of PC's alignment under that law."""
        return fluctuations.mean_and_spread(self.fluctuation)


@dataclass(frozen=True, repr=False)
class ExpectedAlignment:
    r"""Alignment and energies of random networks at large width, from `expected_alignment`.

    ``limit`` is computed at once, for a cost of ``O(L)`` numbers; the rest when it is asked for. Where variances form a
    grid, every number has the grid's shape in front.

    Attributes:
        rule: ``"bp"`` or ``"pc"``.
        batch: samples in the batch.
        widths: ``(n_0, …, n_L)``.
        limit: alignment of one sample as the widths grow at fixed ratios, the depth staying fixed.
    """

    rule: str
    batch: int
    widths: tuple[int, ...]
    limit: Any
    setting: Setting = field(compare=False)

    @property
    def mean(self) -> Any:
        """Mean alignment at these widths; for BP the limit, from which it differs by ``O(1/n)``."""
        return self.setting.mean_and_spread[0] if self.rule == "pc" else self.limit

    @property
    def spread(self) -> Any:
        """Standard deviation from draw to draw that the target's fluctuation explains; ``None`` for BP.

        The weights' own fluctuation is missing: near the truth in deep Kaiming networks, far too small at gain one.
        """
        return self.setting.mean_and_spread[1] if self.rule == "pc" else None

    @property
    def negative_rates(self) -> Any:
        """Chance that the adaptive rate ``1/(x*ᵀx̂)`` of a layer, drawn at random, is negative; zero for BP."""
        return fluctuations.negative_rates(self.setting.fluctuation) if self.rule == "pc" else 0 * self.limit

    @property
    def energy(self) -> Any:
        """``E*``, the energy of predictive coding at equilibrium."""
        target, own = self._energies()
        return target + own

    @property
    def energy_by_layer(self) -> Any:
        """``½ ε*_lᵀε*_l/c_l``, shape ``(…, L)``; adds up to ``energy``."""
        target, own = self._energies()
        of_target, of_own = predictive_coding.energies(self.setting.equilibrium, self.setting.second_order)
        return target[..., None] * of_target + own[..., None] * of_own

    @property
    def output_norm(self) -> Any:
        """``|ŷ|²``, the squared norm of the feedforward prediction."""
        return _exp(self.setting.log_output)

    @property
    def traces(self) -> Any:
        """``a_l = tr(D_l D_lᵀ S⁻¹)``, shape ``(…, L)``; ``Σ c_l a_l = n_L``."""
        logarithms = self.setting.equilibrium.log_traces
        return _exp(namespace(*logarithms).stack(logarithms, axis=-1))

    @property
    def activities(self) -> Any:
        """``x*_{l-1}ᵀx̂_{l-1}``, ``l = 1 … L``, in the limit: ``e T_l``, shape ``(…, L)``."""
        first_order, xp = self.setting.equilibrium, namespace(self.limit)
        logarithm, logarithms = self.setting.log_input, []
        for step in predictive_coding.natural_activities(first_order):
            logarithms.append(logarithm)
            logarithm = logarithm - xp.log(step)
        return _exp(xp.stack(logarithms, axis=-1))

    def _energies(self) -> tuple[Any, Any]:
        """``½ Y a_L/n_L`` and ``½ q_0/T_1``, the parts of the target and of the prediction."""
        first_order, setting = self.setting.equilibrium, self.setting
        target = _exp(setting.log_target + first_order.log_traces[-1]) / (2 * self.widths[-1])
        return target, _exp(setting.log_input - first_order.log_first_gap) / 2

    def __repr__(self) -> str:
        shape = getattr(self.limit, "shape", ())
        known = shape == () and is_concrete(self.limit)
        value = f"limit={float(self.limit):.4f}" if known else f"grid={shape}"
        batch = f", batch={self.batch}" if self.batch > 1 else ""
        return f"ExpectedAlignment({self.rule}, {_short(self.widths)}{batch}, {value})"


def _exp(logarithm: Any) -> Any:
    """Zero and infinity where the number is beyond floating point."""
    with np.errstate(over="ignore"):
        return namespace(logarithm).exp(logarithm)


def _short(widths: tuple[int, ...]) -> str:
    """``512 × 10`` for ten equal widths, and the list otherwise."""
    if len(widths) > 2 and len(set(widths)) == 1:
        return f"{widths[0]} × {len(widths)}"
    listed = [*map(str, widths)]
    return "-".join(listed if len(listed) <= 8 else [*listed[:3], "…", *listed[-3:]])


def expected_alignment(
    widths: Any = None,
    init: RandomInit = "kaiming_uniform",
    rule: Literal["bp", "pc"] = "pc",
    batch: Any = 1,
    target: Literal["independent", "linear"] = "independent",
    input_norm: Any = None,
    target_norm: Any = None,
    variances: Any = None,
    layers: Any = None,
    covariances: Any = None,
) -> ExpectedAlignment:
    r"""Predict the target alignment of a random network, with no weights drawn.

    Weights are independent with mean zero, and only their variances matter; widths grow at fixed ratios while the depth
    stays. The target is independent of the weights, given the input. Then, for one sample, ``x*_{l-1}ᵀx̂_{l-1} → e T_l``
    and

    ``cos = βᵀ((Y/n_L) k + P) / √((Y + q_L) βᵀ((Y/n_L) Q + Z) β)``,

    with traces ``k``, ``Q`` and quadratic forms ``P``, ``Z`` of products ``G_l S⁻¹`` from recursions over the layers.
    BP has the same form with ``β_l = |x̂_{l-1}|²`` and without ``S⁻¹``. Errors are ``O(1/n)``; one draw scatters by
    ``O(1/√n)`` around it, and far more in deep PC networks with ``σ² < 1``: see ``mean`` and ``spread``.

    Args:
        widths: ``(n_0, …, n_L)``; may be left out if ``layers`` are given.
        init: ``"kaiming_uniform"``, variance ``1/(3 n_in)``; ``"norm_preserving"``, ``1/n_out``; ``"lecun_normal"``,
            ``1/n_in``; or ``"orthogonal"``, singular values one.
        rule: ``"pc"`` or ``"bp"``.
        batch: number of samples ``B``, Gaussian inputs. PC with more than one: `expected_batch_alignment`.
        target: ``"independent"`` of the inputs, or ``"linear"``, a random map of them; for one sample the same.
        input_norm: ``|x|``; ``√n_0`` if left out.
        target_norm: ``|y|``; ``√n_L`` if left out.
        variances: variance of the weights of each layer, ``(L,)``, or a grid ``(…, L)``; in place of ``init``'s.
            With ``init="orthogonal"``, of the entries of layers that are multiples of semi-orthogonal ones.
        layers: ``(kind, n_in, n_out, variance)`` for each layer, to mix kinds: ``"dense"``, ``"residual"`` (``I + W``)
            or ``"orthogonal"``. A variance may be an array. With ``"singular_values"``, directions are uniformly
            distributed, and the layer's ``min(n_in, n_out)`` singular values stand in the variance's place.
        covariances: scalar covariances ``c_l`` of the energy, ``(L,)`` or ``(…, L)``; ones if left out.

    Returns:
        The `ExpectedAlignment`. With JAX arrays among the arguments its numbers are JAX arrays, and can be
        differentiated.

    Raises:
        ValueError: for fewer than two widths, numbers that are not positive, layers that do not chain, an unknown name,
            or PC with a batch.
        TypeError: for widths or a batch that are not whole numbers.

    Source:
        docs/random-networks.md.

    Example:
        >>> expected_alignment([512] * 10, rule="pc")
        ExpectedAlignment(pc, 512 × 10, limit=0.5804)
        >>> expected_alignment([512] * 10, "norm_preserving", "bp")
        ExpectedAlignment(bp, 512 × 10, limit=0.7152)
    """
    one_of("rule", rule, ("bp", "pc"))
    one_of("target", target, ("independent", "linear"))
    count = as_count("batch", batch)
    if rule == "pc" and count > 1:
        raise ValueError(
            f"`batch` is {count} with `rule` 'pc'; wanted 1. In batches of predictive coding only the limit is known: "
            "use `expected_batch_alignment`, or `batch_alignment` for given weights."
        )
    setting = as_setting(as_layers(widths, init, variances, layers), covariances, input_norm, target_norm)
    kinds = setting.layers
    if rule == "pc":
        share = predictive_coding.shares(setting.equilibrium, setting.log_input, setting.log_target)
        limit = predictive_coding.limit(setting.second_order, share, kinds[-1].n_out)
    elif count > 1:
        limit = batches.limit(kinds, setting.share_of_target, count, target)
    else:
        limit = backpropagation.limit(kinds, setting.share_of_target)
    return ExpectedAlignment(rule, count, widths_of(kinds), limit, setting)


def as_setting(layers: tuple[LayerKind, ...], covariances: Any, input_norm: Any, target_norm: Any) -> Setting:
    """Check covariances and norms, and give every number the shape of the grid."""
    depth = len(layers)
    weights = [np.ones(())] * depth if covariances is None else as_per_layer("covariances", covariances, depth)
    log_input = _log_square("input_norm", input_norm, layers[0].n_in)
    log_target = _log_square("target_norm", target_norm, layers[-1].n_out)
    numbers = [*(layer.variance for layer in layers), *weights, log_input, log_target]
    xp = namespace(*numbers)
    try:
        shape = np.broadcast_shapes(*(number.shape for number in numbers))
    except ValueError as error:
        shapes = sorted({number.shape for number in numbers})
        raise ValueError(
            f"`variances`, `covariances` and norms have grids {shapes}; wanted grids that match."
        ) from error
    dtype = xp.result_type(*(number.dtype for number in numbers if is_jax(number) == (xp is not np)))
    grid = [xp.broadcast_to(xp.asarray(number, dtype=dtype), shape) for number in numbers]
    kinds = tuple(replace(layer, variance=variance) for layer, variance in zip(layers, grid[:depth], strict=True))
    return Setting(kinds, tuple(grid[depth:-2]), *grid[-2:])


def _log_square(name: str, norm: Any, width: int) -> Any:
    """``2 log norm``, and the logarithm of the width if there is none."""
    if norm is None:
        return np.log(np.asarray(width, np.float64))
    array = as_positive(name, norm)
    return 2 * namespace(array).log(array)
