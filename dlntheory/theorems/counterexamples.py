r"""Counterexamples to statements as the papers print them: small whole numbers, to be redone by hand.

Every hypothesis that is printed holds on them. Where the statement is about predictions, each one moves away from
its target; where it is about inference, what happens is far from what is claimed.
"""

from typing import Any, NamedTuple

import numpy as np

from ..networks.layer import Dense
from ..networks.network import LinearNetwork
from ..networks.residual import Residual


class Counterexample(NamedTuple):
    """A network and data that refute a printed statement.

    Attributes:
        weights: ``W_1 … W_L``.
        inputs: ``(B, n_0)``.
        targets: ``(B, n_L)``.
        residual: whether every layer has a skip.
        corrected: the theorem, as `verify` calls it, that does hold here.
        working: the computation by hand.
    """

    weights: tuple[list[list[int]], ...]
    inputs: list[list[int]]
    targets: list[list[int]]
    residual: bool
    corrected: int | str
    working: str

    def problem(self) -> tuple[LinearNetwork, np.ndarray, np.ndarray]:
        """The network, the inputs and the targets, in double precision."""
        layer = Residual if self.residual else Dense
        net = LinearNetwork([layer(weight) for weight in self.weights])
        return net, np.array(self.inputs, net.dtype), np.array(self.targets, net.dtype)


COUNTEREXAMPLES: dict[Any, Counterexample] = {
    "printed-1": Counterexample(
        weights=([[1]], [[1]]),
        inputs=[[1], [2]],
        targets=[[-3], [0]],
        residual=False,
        corrected=1,
        working="x̂_1 = ŷ = (1, 2), r = (−4, −2), S = 2, λ = (−2, −1), x*_1 = (−1, 1). The rates are 1/mean(1, 4) = "
        "2/5 and 1/mean(−1, 2) = 2, the updates mean(−2, −2) = −2 and mean(2, −1) = 1/2. So dŷ = (−4/5 + 1) x = "
        "(1/5, 2/5): both predictions move away from their targets.",
    ),
    "printed-2": Counterexample(
        weights=([[-1, 0, 0], [1, 2, 0], [0, 0, 1]], [[1, 0, 0]]),
        inputs=[[1, 0, 0], [0, 1, 0]],
        targets=[[1], [2]],
        residual=False,
        corrected=2,
        working="B = 2 is smaller than the smallest width, 3. The samples' x̂_1 are (−1, 1, 0) and (0, 2, 0), "
        "ŷ = (−1, 0), r = (2, 2), S = 2, λ = (1, 1), and their x*_1 are (0, 1, 0) and (1, 2, 0). With the printed "
        "(mean x*x̂ᵀ)⁺ the first layer contributes λ to dŷ and the second (−5, −2), so dŷ = (−4, −1): both predictions "
        "move away from their targets. With (mean x̂x*ᵀ)⁺ the second contributes λ too, and dŷ = (2, 2) = r.",
    ),
    "printed-residual": Counterexample(
        weights=([[1]], [[-2]]),
        inputs=[[1]],
        targets=[[4]],
        residual=True,
        corrected=1,
        working="x̂ = (1, 2, −2), r = 6, D_1 = 1 − 2 = −1, S = 1 + 1 = 2, λ = 3, x*_1 = 2 − 3 = −1. The printed rates "
        "1/(x*ᵀx*) are 1 and 1, and both updates are −3, so dŷ = −1 · −3 · 1 + −3 · 2 = −3: away from the target. The "
        "second rate should be 1/(x*ᵀx̂) = −1/2; then dŷ = 3 + 3 = 6 = r.",
    ),
    "printed-spike": Counterexample(
        weights=([[1]], [[1]], [[1]]),
        inputs=[[1]],
        targets=[[2]],
        residual=False,
        corrected="spike",
        working="x̂ = (1, 1, 1, 1), r = 1, and BP's errors are (1, 1, 1). With γ = 0.1 the output's error moves x_2 "
        "by 0.1 in the step at time 0, and that error moves x_1 by 0.01 in the step at time 1: the errors arrive as "
        "(0.01, 0.1, 1). The spikes, at layer 2 in the first step and at layer 1 in the second, meet errors of zero. "
        "At layers 3 and 2 instead, they divide by γ = 0.1 in time, and (1, 1, 1) arrives.",
    ),
    "printed-nudging": Counterexample(
        weights=([[1, 0], [0, 1]], [[1, 0], [0, 2]]),
        inputs=[[0, 0]],
        targets=[[1, 1]],
        residual=False,
        corrected="nudging",
        working="ŷ = 0, r = (1, 1), S = diag(2, 5), β = 1/2. Nudged: λ = β S⁻¹ r = (1/4, 1/10). With an output "
        "precision of β: λ = (S − I + I/β)⁻¹ r = (1/3, 1/6), as for a soft output of strength β/(1 − β) = 1, "
        "(S + I)⁻¹ r.",
    ),
}
"""By the name that `verify` gives to the printed statement."""
