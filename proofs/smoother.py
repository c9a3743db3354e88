"""The smoother: two passes of covariances through depth, which find the diagonal blocks of ``H⁻¹``."""

from collections.abc import Iterator
from typing import Any

import sympy

from dlntheory.equilibria.covariance import forward_covariance
from dlntheory.equilibria.hessian import Factor, cholesky_factor, hessian_blocks, inverse_diagonal
from dlntheory.networks.layer import Dense
from dlntheory.networks.network import LinearNetwork
from dlntheory.networks.passes import downstream_maps
from dlntheory.numerics.algebra import identity, inverse_cholesky, solve

from .framework import Case, Proof, Step, appended
from .learning import symbol
from .normal_form import Assumption, Symmetric
from .shared import Shared


def _remaining(layer: Any, S: Any, grown: Any) -> Any:
    """``S_l − S_l T_{l+1}ᵀ S_{l+1}⁻¹ T_{l+1} S_l``, the covariance of a layer given the next one."""
    return S - S @ layer.transpose(solve(grown, layer.apply(S)))


def _pivot(S: Any, above: Any, own: Any) -> Any:
    """``K_l = S_l⁻¹ + T_{l+1}ᵀ Σ_{l+1}⁻¹ T_{l+1}``: the block of ``H`` with ``S_l`` in place of ``Σ_l``."""
    return above + S.inverse() - own.inverse()


def smoother(case: Case) -> Iterator[Step]:
    """The pivots of the factorisation from the input's side, and the blocks on the way back."""
    layers, covariances, depth = case.layers, case.covariances, case.net.depth
    if depth == 1:
        S = forward_covariance(layers, covariances)
        yield Step("Nothing is hidden, and S is Σ_1.", S @ S.inverse(), identity(S.shape[0], S))
        return
    S = [forward_covariance(layers[:l], covariances[:l]) for l in range(1, depth + 1)]
    own = [forward_covariance(layers[l : l + 1], covariances[l : l + 1]) for l in range(depth)]
    diagonal, below = hessian_blocks(layers, covariances)
    given: list[Assumption] = []
    for index, block in enumerate(diagonal):
        l, pivot = index + 1, _pivot(S[index], block, own[index])
        left = _remaining(layers[l], S[index], S[l])
        if index:
            previous = _remaining(layers[index], S[index - 1], S[index])
            text = f"Pivot {l} of H, H_ll − H_{{l,l-1}} K_{{l-1}}⁻¹ H_{{l-1,l}}, is K_l = S_l⁻¹ + T_{{l+1}}ᵀ Σ_{{l+1}}⁻¹ T_{{l+1}}."
            yield Step(text, block - below[index - 1] @ previous @ below[index - 1].T, pivot)
        yield Step(
            f"K_{l} (S_l − S_l T_{{l+1}}ᵀ S_{{l+1}}⁻¹ T_{{l+1}} S_l) = I.", pivot @ left, identity(left.shape[0], left)
        )
        given.append(Assumption(f"K_{l}⁻¹ = S_l − S_l T_{{l+1}}ᵀ S_{{l+1}}⁻¹ T_{{l+1}} S_l.", pivot.inverse(), left))
    found = inverse_diagonal(cholesky_factor(layers, covariances))
    for index, (block, pull) in enumerate(zip(found, downstream_maps(layers), strict=False)):
        known = S[index] - S[index] @ pull @ S[-1].inverse() @ pull.T @ S[index]
        yield Step(f"The smoother's block {index + 1} is S_l − S_l D_lᵀ S⁻¹ D_l S_l.", block, known, tuple(given))


def smoother_step() -> Iterator[Step]:
    """One pivot more on the way up, and one block more on the way down."""
    case = appended()
    (_, layer), (S, noise) = case.layers, case.covariances
    top = Dense(symbol("U", sympy.Symbol("p", integer=True, positive=True), layer.out_size))
    net = LinearNetwork([*case.layers, top])
    diagonal, (below,) = hessian_blocks(net.layers, (S, noise, None))
    grown = forward_covariance(case.layers, case.covariances)
    S, left = Shared(S), _remaining(layer, Shared(S), grown)
    yield Step("K = S⁻¹ + Wᵀ Σ⁻¹ W has the inverse S − S Wᵀ S'⁻¹ W S.", diagonal[0] @ left, identity(S.shape[0], S))
    yield Step(
        "The next pivot has S' in place of Σ.",
        diagonal[1] - below @ left @ below.T,
        _pivot(grown, diagonal[1], Shared(noise)),
    )
    down, weight = symbol("D", top.out_size, layer.out_size), Shared(Symmetric("Q", top.out_size, top.out_size))
    above = Shared(Symmetric("P", *grown.shape))
    first = inverse_cholesky(diagonal[0])
    block = inverse_diagonal(Factor([first, inverse_cholesky(above)], [below @ first.T]))[0]
    yield Step(
        "If the next layer's block is S' − S' Dᵀ Q D S', the layer's own is S − S Wᵀ Dᵀ Q D W S.",
        block,
        S - S @ layer.transpose(down.T @ weight @ down @ layer.apply(S)),
        (
            Assumption("K⁻¹ = S − S Wᵀ S'⁻¹ W S.", diagonal[0].inverse(), left),
            Assumption(
                "P⁻¹ is the next layer's block.", above.inverse(), grown - grown @ down.T @ weight @ down @ grown
            ),
        ),
    )


PROOFS = (
    Proof(
        "smoother",
        "Block Cholesky of H from the input's side has the pivots K_l = S_l⁻¹ + T_{l+1}ᵀ Σ_{l+1}⁻¹ T_{l+1}; the way back finds S_l − S_l D_lᵀ S⁻¹ D_l S_l.",
        "docs/theory.md, statement 7.2",
        smoother,
        smoother_step,
        "The first pivot is H_11, and S_1 = Σ_1. The step carries a pivot to the next layer. The last hidden layer has no block after "
        "it: its own is K⁻¹ = S − S T_Lᵀ S_L⁻¹ T_L S, as it should be with D = T_L and Q = S_L⁻¹. The step carries a block to the layer before.",
    ),
)
