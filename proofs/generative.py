"""The network as a generative model: likelihood, posterior, outputs known in part, and the law of Langevin dynamics."""

from collections.abc import Iterator, Sequence
from typing import Any

import sympy

from dlntheory.equilibria.covariance import add_noise, forward_covariance, scale
from dlntheory.equilibria.routes import solve_by_covariance
from dlntheory.inference.energy import energy_gradient, precision, prediction_errors
from dlntheory.networks.layer import Dense
from dlntheory.networks.network import LinearNetwork
from dlntheory.networks.passes import downstream_maps, feedforward
from dlntheory.numerics.algebra import identity, inner

from .calculus import derivative
from .equilibrium import defined_energy, settled_state
from .framework import Case, Proof, Step, appended
from .learning import symbol
from .normal_form import Symmetric
from .shared import Shared


def partial_covariances(case: Case) -> list[Any]:
    """``S_1 … S_L``."""
    return [forward_covariance(case.layers[:l], case.covariances[:l]) for l in range(1, case.net.depth + 1)]


def _weighed(covariance: Any, columns: Any) -> Any:
    return scale(precision(covariance), columns)


# --- likelihood


def likelihood(case: Case) -> Iterator[Step]:
    """The joint density of all layers, factor by factor: the output's, and each hidden layer's given the next one."""
    S, plain = partial_covariances(case), feedforward(case.layers, case.x)
    free = [symbol(f"z_{l}", each.out_size, case.samples) for l, each in enumerate(case.layers, 1)]
    away = [own - mean for own, mean in zip(free, plain[1:], strict=True)]
    squares = inner(away[-1], S[-1].inverse() @ away[-1]) / 2
    for index, layer in enumerate(case.layers[1:]):
        yield from _pair(index + 1, layer, S[index], case.covariances[index + 1], S[index + 1])
        own = away[index] - S[index] @ layer.transpose(S[index + 1].inverse() @ away[index + 1])
        squares += inner(own, _given_next(layer, S[index], case.covariances[index + 1], own)) / 2
    yield Step(
        "E(z) = ½ (z_L − ŷ)ᵀ S⁻¹ (z_L − ŷ) + ½ Σ_l w_lᵀ K_l w_l, where w_l = z_l − x̂_l − S_l T_{l+1}ᵀ S_{l+1}⁻¹ (z_{l+1} − x̂_{l+1}).",
        defined_energy(case.layers, case.covariances, [case.x, *free]),
        squares,
    )


def _given_next(layer: Any, S: Any, covariance: Any, columns: Any) -> Any:
    """``K = S_l⁻¹ + T_{l+1}ᵀ Σ_{l+1}⁻¹ T_{l+1}``, the precision of a layer given the next one, times columns."""
    return S.inverse() @ columns + layer.transpose(_weighed(covariance, layer.apply(columns)))


def _pair(l: int, layer: Any, S: Any, covariance: Any, grown: Any) -> Iterator[Step]:
    unit = identity(layer.in_size, layer.like)
    left = S - S @ layer.transpose(grown.inverse() @ layer.apply(S))
    yield Step(
        f"K_{l} (S_l − S_l T_{{l+1}}ᵀ S_{{l+1}}⁻¹ T_{{l+1}} S_l) = I.", _given_next(layer, S, covariance, left), unit
    )
    (weight,) = layer.weight.atoms(sympy.MatrixSymbol)
    direction = symbol("h", layer.out_size, layer.in_size)
    yield Step(
        f"det S_{l + 1} = det Σ_{l + 1} det S_{l} det K_{l}: so it is where T_{l + 1} = 0, and along any change of T_{l + 1} the "
        "logarithms change alike, tr(S_{l+1}⁻¹ dS_{l+1}) = tr(K_l⁻¹ dK_l).",
        inner(grown.inverse(), derivative(grown, weight, direction)),
        inner(left, derivative(_given_next(layer, S, covariance, Shared(unit)), weight, direction)),
    )


def likelihood_step() -> Iterator[Step]:
    """The old network's output is integrated out."""
    yield from likelihood(appended())


# --- posterior


def _hessian(case: Case, hidden: Sequence[Any]) -> list[Any]:
    """``H`` times displacements of the hidden layers."""
    precisions = tuple(map(precision, case.covariances))
    return energy_gradient(case.layers, precisions, hidden, 0 * case.y)


def _response(case: Case, forces: Sequence[Any]) -> list[Any]:
    """The library's ``H⁻¹`` times forces on the hidden layers; the last is the output, at rest."""
    offsets = (*[None] * (case.net.depth - 1), 0 * case.y)
    return solve_by_covariance(case.layers, case.covariances, offsets, list(forces))[1]


def _symbols(case: Case, name: str) -> list[Any]:
    return [symbol(f"{name}_{l}", layer.out_size, case.samples) for l, layer in enumerate(case.layers[:-1], 1)]


def posterior(case: Case) -> Iterator[Step]:
    """The energy around the equilibrium, and ``H⁻¹`` block by block."""
    result, moved, forces = settled_state(case), _symbols(case, "h"), _symbols(case, "f")
    there = [
        *result.activities[:1],
        *(own + way for own, way in zip(result.activities[1:-1], moved, strict=True)),
        case.y,
    ]
    squares = [inner(way, pull) / 2 for way, pull in zip(moved, _hessian(case, moved), strict=True)]
    yield Step(
        "E(x* + h) = E* + ½ hᵀ H h: up to a constant, the logarithm of a normal density with the mean x* and the precision H.",
        defined_energy(case.layers, case.covariances, there),
        sum(squares, start=result.energy),
    )
    response = _response(case, forces)
    yield Step("A force f on the hidden layers leaves the output where it is.", response[-1], 0 * case.y)
    for l, (found, force) in enumerate(zip(_hessian(case, response[:-1]), forces, strict=True), 1):
        yield Step(f"H takes the response back to the force: (H H⁻¹ f)_{l} = f_{l}.", found, force)
    yield from _blocks(case, forces)


def _blocks(case: Case, forces: Sequence[Any]) -> Iterator[Step]:
    S, pulls = partial_covariances(case), downstream_maps(case.layers)
    for index, force in enumerate(forces):
        alone = [force if other == index else None for other in range(len(forces))]
        response = _response(case, alone)
        known = S[-1].inverse() @ (pulls[index].T @ (S[index] @ force))
        yield Step(
            f"Its block is Cov(x_{index + 1}) = S_l − S_l D_lᵀ S⁻¹ D_l S_l.",
            response[index],
            S[index] @ force - S[index] @ (pulls[index] @ known),
        )
        if index + 1 < len(forces):
            carried = case.layers[index + 1].apply(S[index] @ force)
            yield Step(
                f"The block beside it is Cov(x_{index + 2}, x_{index + 1}) = T_{{l+1}} S_l − S_{{l+1}} D_{{l+1}}ᵀ S⁻¹ D_l S_l.",
                response[index + 1],
                carried - S[index + 1] @ (pulls[index + 1] @ known),
            )


def posterior_step() -> Iterator[Step]:
    """The old output has the posterior of a hidden layer; what is inside has its own, and follows the old output."""
    case = appended()
    yield from posterior(case)
    (_, layer), (S, _) = case.layers, case.covariances
    inside = Symmetric("S_l", *sympy.symbols("n_l n_l", integer=True, positive=True))
    down, unit = symbol("D", S.shape[0], inside.shape[0]), Shared(identity(S.shape[0], S))
    inside, grown = Shared(inside), forward_covariance(case.layers, case.covariances)
    follows = inside @ down.T @ S.inverse()
    outer = _response(case._replace(y=symbol("Y", layer.out_size, S.shape[0])), [unit])[0]
    yield Step(
        "S_l − S_l D_lᵀ S⁻¹ D_l S_l, and the old output's posterior covariance carried by S_l D_lᵀ S⁻¹, add to S_l − S_l D_lᵀ Wᵀ S'⁻¹ W D_l S_l.",
        inside - follows @ down @ inside + follows @ outer @ follows.T,
        inside - inside @ down.T @ layer.transpose(grown.inverse() @ layer.apply(down @ inside)),
    )


# --- outputs known in part


def observed_part(case: Case) -> tuple[Any, Case]:
    """``M``, and the network whose outputs are ``M y``."""
    last, outputs = case.layers[-1], case.net.widths[-1]
    rows = sympy.Symbol("k", integer=True, positive=True) if outputs.free_symbols else 2
    mask = symbol("M", rows, outputs)
    bias = None if last.bias is None else mask @ last.bias
    layers = LinearNetwork([*case.layers[:-1], Dense(mask @ last.matrix(), bias)])
    noise = mask @ scale(case.covariances[-1], mask.T)
    return mask, Case(case.kind, layers, (*case.covariances[:-1], noise), case.x, mask @ case.y)


def partial_observation(case: Case) -> Iterator[Step]:
    """The equilibrium and the posterior of the known rows, beside the whole network."""
    mask, part = observed_part(case)
    known, S = settled_state(part), forward_covariance(case.layers, case.covariances)
    inverse = forward_covariance(part.layers, part.covariances).inverse()
    yield Step("The covariance of the known rows is M S Mᵀ.", mask @ S @ mask.T @ inverse, identity(mask.shape[0], S))
    pull = mask.T @ known.multiplier
    output = case.layers[-1].affine(known.activities[-2]) + scale(case.covariances[-1], pull)
    residual = case.y - feedforward(case.layers, case.x)[-1]
    yield Step("T_L x*_{L−1} + b_L + Σ_L λ, λ = Mᵀ μ, has the known rows as they are.", mask @ output, part.y)
    yield Step(
        "It is ŷ + S Mᵀ (M S Mᵀ)⁻¹ M r.",
        output - feedforward(case.layers, case.x)[-1],
        S @ mask.T @ inverse @ mask @ residual,
    )
    yield from _least(case, mask, known, output)
    yield from _known_posterior(case, mask, part, S, inverse)
    noise = Symmetric("R", *S.shape)
    yield Step(
        "To observe with noise of covariance R is to add R to Σ_L.",
        forward_covariance((*case.layers, Dense(Shared(identity(*S.shape[:1], S)))), (*case.covariances, noise)),
        forward_covariance(case.layers, (*case.covariances[:-1], add_noise(case.covariances[-1], Shared(noise)))),
    )


def _least(case: Case, mask: Any, known: Any, output: Any) -> Iterator[Step]:
    moved = [*_symbols(case, "h"), symbol(f"h_{case.net.depth}", case.net.widths[-1], case.samples)]
    settled = [*known.activities[1:-1], output]
    there = [case.x, *(own + way for own, way in zip(settled, moved, strict=True))]
    bare = [type(layer)(layer.weight) for layer in case.layers]
    way = defined_energy(bare, case.covariances, [0 * case.x, *moved])
    yield Step(
        "E(x* + h) = E* + E_0(h) + ⟨μ, M h_L⟩, E_0 without biases and data: least at h = 0 of all h with M h_L = 0.",
        defined_energy(case.layers, case.covariances, there),
        known.energy + way + inner(known.multiplier, mask @ moved[-1]),
    )


def _known_posterior(case: Case, mask: Any, part: Case, S: Any, inverse: Any) -> Iterator[Step]:
    forces, pulls, below = _symbols(case, "f"), downstream_maps(case.layers), partial_covariances(case)
    for index, force in enumerate(forces):
        alone = [force if other == index else None for other in range(len(forces))]
        arrived = mask @ (pulls[index].T @ (below[index] @ force))
        yield Step(
            f"Given the known rows, Cov(x_{index + 1}) = S_l − S_l D_lᵀ Mᵀ (M S Mᵀ)⁻¹ M D_l S_l.",
            _response(part, alone)[index],
            below[index] @ force - below[index] @ (pulls[index] @ (mask.T @ (inverse @ arrived))),
        )
    force = symbol("g", case.net.widths[-1], case.samples)
    felt = force - mask.T @ (inverse @ (mask @ (S @ force)))
    output, hidden = S @ felt, [own @ (pull @ felt) for own, pull in zip(below[:-1], pulls[:-1], strict=True)]
    yield Step("S − S Mᵀ (M S Mᵀ)⁻¹ M S moves no known row.", mask @ output, 0 * (mask @ force))
    errors = prediction_errors(case.layers, hidden, output)
    yield Step(
        "It is the response of the outputs to a force g on them: they feel g, but for a force Mᵀ ν on the known rows.",
        _weighed(case.covariances[-1], errors[-1]),
        felt,
    )
    precisions = tuple(map(precision, case.covariances))
    for l, slope in enumerate(energy_gradient(case.layers, precisions, hidden, output), 1):
        yield Step(f"Layer {l} is at rest then.", slope, 0 * hidden[l - 1])


def partial_observation_step() -> Iterator[Step]:
    """The appended network with some of its outputs known."""
    yield from partial_observation(appended())


WITHOUT = (
    "One layer has nothing hidden: y is ŷ plus noise of covariance Σ_1. Suppose the statement holds for L layers. Seen from its output, "
    "that network is one layer with covariance S, and for a given output its hidden layers have the law that is supposed. "
)
PROOFS = (
    Proof(
        "likelihood",
        "y | x ~ N(ŷ, S): the density of all layers is that of y times that of each hidden layer given the next, x_l given x_{l+1}.",
        "docs/theory.md, statement 7.1",
        likelihood,
        likelihood_step,
        "One layer has nothing hidden: y is ŷ plus noise of covariance Σ_1. Suppose that layer L has the density N(x̂_L, S). The step writes "
        "the density of the layers L and L + 1 as N(ŷ, S') times a normal density of layer L given layer L + 1, exponents and determinants; "
        "the second integrates to one, as every normal density does.",
    ),
    Proof(
        "posterior",
        "x | x_0, y ~ N(x*, H⁻¹), and H⁻¹ has the blocks S_l − S_l D_lᵀ S⁻¹ D_l S_l and, beside them, T_{l+1} S_l − S_{l+1} D_{l+1}ᵀ S⁻¹ D_l S_l.",
        "docs/theory.md, statement 7.2",
        posterior,
        posterior_step,
        WITHOUT
        + "Given y alone, the old output z has the posterior of a hidden layer of the appended network, and the equilibrium of layer l "
        "follows z by S_l D_lᵀ S⁻¹. So the covariance of layer l is that given z, and what follows z: the step adds them.",
    ),
    Proof(
        "partial-observation",
        "If only M y is known, λ = Mᵀ (M S Mᵀ)⁻¹ M r, and Mᵀ (M S Mᵀ)⁻¹ M takes the place of S⁻¹ in means and covariances; the outputs have S − S Mᵀ (M S Mᵀ)⁻¹ M S.",
        "docs/theory.md, statement 7.3",
        partial_observation,
        partial_observation_step,
        WITHOUT
        + "The mask M is the output's alone: it enters the appended layer, and the step is the statement for two layers.",
    ),
)
