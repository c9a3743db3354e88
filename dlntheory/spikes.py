r"""What spiking precision does (Deeper PCNs, section 4): the errors that it delivers, and what it leaves behind.

Columns in, columns out; the lines run on SymPy matrices too. Time counts from 0: layer ``l``'s covariance is the step
size ``γ`` at time ``L − l``.
"""

from collections.abc import Callable, Sequence

from .algebra import Matrix
from .descent import Precisions, descend, prediction_errors
from .layers import Layer
from .system import backward_sweep


def arriving_errors(
    layers: Sequence[Layer], residual: Matrix, step_size: object, precisions: Callable[[int], Precisions]
) -> list[Matrix]:
    r"""``ε_l`` at time ``L − l``, for ``l = 1 … L``, in inference by gradient descent from a forward start.

    That is when the output's error first reaches layer ``l``. ``precisions`` gives those of a time. If they spike,
    every arriving error is backpropagation's, ``D_lᵀ r``:

    layer ``l`` and all below it have not moved before time ``L − l``, so ``ε_l`` is the deviation that the layer's
    first step gives it, ``γ T_{l+1}ᵀ ε_{l+1} / Σ_{l+1}``; and then ``Σ_{l+1} = γ``, while ``ε_{l+1}`` has just arrived.
    """
    hidden = [0 * below for below in backward_sweep(layers, residual)[:-1]]
    errors = [residual]
    for time in range(len(layers) - 1):
        hidden = descend(layers, precisions(time), hidden, residual, step_size)
        errors.append(prediction_errors(layers, hidden, residual)[-2 - time])
    return errors[::-1]


def passed_deviations(layers: Sequence[Layer], residual: Matrix, steps: int) -> list[Matrix]:
    r"""``(x_l − x̂_l) / γ`` of the hidden layers after ``T ≥ L`` steps with spikes, as ``γ → 0``.

    ``(T_l T_lᵀ − T_{l+1}ᵀ T_{l+1}) D_lᵀ r``: the spike leaves nothing of order one behind, and what it leaves of order
    ``γ`` vanishes where neighbouring weights are balanced. The first layer has no ``T_1 T_1ᵀ``, as the input is
    clamped; the last hidden one has, in addition, the ``T − 1`` plain steps ``D_{L−1}ᵀ r`` that it took.
    """
    errors = backward_sweep(layers, residual)[:-1]
    passed = []
    for index, error in enumerate(errors):
        below, above = layers[index], layers[index + 1]
        left = -1 * above.transpose(above.apply(error))
        if index:
            left = left + below.apply(below.transpose(error))
        passed.append(left if index < len(errors) - 1 else left + (steps - 1) * error)
    return passed
