"""When and where the weights learn: at which states the energy's gradient with respect to them is taken."""

import equinox as eqx

from ...learning.rescaling import SpectralRegularisation


class Update(eqx.Module):
    """A weight update. All but `Incremental` and `Backpropagation` come once, after inference.

    Args:
        rescaling: ``None``, or for dense blocks ``"adaptive"``, ``"adaptive_positive"`` (Theorem 1: one rate a layer,
            which may be negative, or never is) or ``"decorrelated"`` (Theorem 2: one matrix a layer). Not of
            `Incremental` and `AtArrival`.
        regularisation: a `SpectralRegularisation` of what ``"decorrelated"`` inverts.
    """

    rescaling: str | None = eqx.field(static=True, default=None)
    regularisation: SpectralRegularisation | None = None

    at_forward = False
    """Whether predictions are those of the forward pass, as `ForwardUpdate` explains."""
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


class Backpropagation(Update):
    """The gradient of the loss at the forward pass, without inference: the baseline."""
