"""Weight updates: when, and at which states, the energy's gradient with respect to the weights is taken."""

import equinox as eqx

from ...learning.decorrelation import SpectralRegularisation
from ...numerics.checks import as_count


class Update(eqx.Module):
    """A weight update. All but `Incremental`, `Averaged` and `Backpropagation` come once, after inference.

    Args:
        rescaling: ``None``, or for dense blocks ``"adaptive"``, ``"adaptive_positive"`` (Theorem 1: one rate per layer,
            which may be negative, or never is) or ``"decorrelated"`` (Theorem 2: one matrix per layer). Not of
            `Incremental`, `Averaged` and `AtArrival`.
        regularisation: a `SpectralRegularisation` of the matrices that ``"decorrelated"`` inverts.
    """

    rescaling: str | None = eqx.field(static=True, default=None)
    regularisation: SpectralRegularisation | None = None

    at_forward = False
    """Whether predictions come from the forward pass, as `ForwardUpdate` explains."""
    at_arrival = False
    """Whether a layer's error is taken when it first stands there, as `AtArrival` explains."""


class AtEquilibrium(Update):
    """The gradient of the energy at the last states, ``ΔW_l ∝ Σ_l⁻¹ ε_l(T) φ(x_{l−1}(T))'``.

    Source:
        Deeper PCNs, equation 3 with erratum 9.
    """


class ForwardUpdate(Update):
    """The gradient of ``½ Σ ‖x_l(T) − μ_l(0)‖² / Σ_l``: last states against the predictions of the forward pass.

    Source:
        Deeper PCNs, equation 6.
    """

    at_forward = True


class AtArrival(Update):
    """Every layer learns when its error first arrives, at time ``L − l``: zero-divergence inference learning (Z-IL).

    With unit steps, or spiking precision, in a chain of blocks, the gradient is backpropagation's.

    Source:
        Song et al. 2020; docs/theory.md, statement 5.5.
    """

    at_forward = True
    at_arrival = True


class Incremental(Update):
    """States and weights step together, at every time (iPC).

    Source:
        Salvatori et al. 2024; Benchmarking PCNs, section 4.
    """


class Averaged(Update):
    r"""The mean of the energy's gradients at the times ``first … T − 1``: Monte Carlo predictive coding, averaged.

    Where the states are samples of the posterior, its expectation is the gradient of ``−log p(y | x)``, by Fisher's
    identity. The mean over many states has less noise than the gradient at the last.

    Args:
        first: the first time that counts, when the dynamics has forgotten its start.

    Source:
        Oliviers et al. 2024; docs/generative.md, "Learning the evidence".
    """

    first: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        as_count("first", self.first, minimum=0)


class Backpropagation(Update):
    """The gradient of the loss at the forward pass, without inference: the baseline."""
