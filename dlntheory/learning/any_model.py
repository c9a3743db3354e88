r"""Target alignment of any update of any differentiable model ``f(params, x)``.

In continuous time the predictions move along ``(∂f/∂params) · update``, one forward-mode derivative; a finite step
applies the update, and evaluates the model again. A cosine with the residual ``y − f(params, x)`` is the alignment.
"""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float

from ..numerics.algebra import Array, common_magnitude
from ..numerics.checks import as_array, as_real
from ..numerics.kinds import compiled
from ..numerics.record import for_jax
from .alignment import cosine

Model = Callable[[Any, Any], Any]


def update_prediction_change(
    f: Model, params: Any, x: Any, update: Any, learning_rate: Any = None
) -> Float[Array, "B ..."]:
    r"""The change of a model's predictions when its parameters move along an update.

    In continuous time ``(d/dη) f(params + η update, x)`` at ``η = 0``; for a learning rate ``η``, the difference
    ``f(params + η update, x) − f(params, x)``, which loses digits where ``η`` is tiny.

    Args:
        f: the model, ``f(params, x)``, differentiable by JAX; a row of its result is the prediction for one sample.
        params: a pytree, or any part of a model, such as a dictionary of arrays or an Equinox module.
        x: a batch as ``f`` takes it.
        update: a pytree like ``params``, to be added to it (minus the gradient, for gradient descent). ``None`` for
            an entry, or for a whole branch, leaves it where it is.
        learning_rate: ``None`` for continuous time, or the learning rate ``η`` of a finite step.

    Returns:
        As ``f``'s result, ``(B, …)``.

    Raises:
        ValueError: for an update of another structure or shape, NaN or infinity, or predictions without a batch.
        TypeError: for an ``f`` that cannot be called, or an update that does not hold real numbers.

    Source:
        Sample Efficiency, equation 6, for any model.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> def f(params, x):
        ...     return x * params["gain"] ** 2
        >>> params, update = {"gain": jnp.asarray(3.0)}, {"gain": jnp.asarray(1.0)}
        >>> update_prediction_change(f, params, jnp.ones((1, 1)), update).tolist()
        [[6.0]]
        >>> update_prediction_change(f, params, jnp.ones((1, 1)), update, learning_rate=1.0).tolist()
        [[7.0]]
    """
    return _evaluate(f, params, x, update, learning_rate)[1]


def update_alignment(
    f: Model, params: Any, x: Any, y: Any, update: Any, learning_rate: Any = None
) -> Float[Array, " B"]:
    r"""The cosine between each sample's residual ``y − f(params, x)`` and the change of its prediction.

    One: the update moves the prediction straight towards the target. For a linear network and the updates of
    `weight_updates` it is `target_alignment`.

    Args:
        f: as in `update_prediction_change`.
        params: as in `update_prediction_change`.
        x: as in `update_prediction_change`.
        y: targets, shaped like ``f``'s result, ``(B, …)``.
        update: as in `update_prediction_change`.
        learning_rate: as in `update_prediction_change`.

    Returns:
        ``(B,)``, each from −1 to 1; NaN for a sample without residual or whose prediction does not change.

    Raises:
        ValueError: as `update_prediction_change`; also for targets of another shape.
        TypeError: as `update_prediction_change`.

    Source:
        Sample Efficiency, equation 5, for any model.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> def f(params, x):
        ...     return jnp.tanh(x @ params)
        >>> params, x, y = jnp.eye(2), jnp.ones((1, 2)), jnp.asarray([[1.0, 0.0]])
        >>> descent = -jax.grad(lambda params: jnp.sum((y - f(params, x)) ** 2))(params)
        >>> update_alignment(f, params, x, y, descent).round(6).tolist()
        [1.0]
    """
    predicted, moved = _evaluate(f, params, x, update, learning_rate, resized=True)
    y = for_jax(as_array("y", y, predicted.dtype), "y")
    if y.shape != predicted.shape:
        raise ValueError(f"`y` has shape {y.shape}; wanted {predicted.shape}, the shape of the predictions.")
    return _cosines(y, predicted, moved)


@compiled
def _cosines(y: Array, predicted: Array, moved: Array) -> Array:
    """The cosine of each sample's residual and change."""
    residual = y.astype(predicted.dtype) - predicted
    return cosine(*(each.reshape(len(each), -1).T for each in (residual, moved)))


@compiled
def _of_size_one(direction: list[Array]) -> list[Array]:
    """The direction with a largest entry of one."""
    size = common_magnitude(direction)
    return [(each.astype(size.dtype) / size).astype(each.dtype) for each in direction]


def _evaluate(
    f: Model, params: Any, x: Any, update: Any, learning_rate: Any, resized: bool = False
) -> tuple[Array, Array]:
    """The predictions, and how they move; in continuous time, by an update of size one if asked."""
    if not callable(f):
        raise TypeError(f"`f` is a {type(f).__name__}; wanted a function f(params, x).")
    import jax

    start, direction, rebuild = _moving(params, update)

    def predict(moving: list[Array]) -> Array:
        return as_array("f(params, x)", f(rebuild(moving), x))

    if learning_rate is None:
        if resized:
            direction = _of_size_one(direction)
        predicted, moved = jax.jvp(predict, (start,), (direction,))
    else:
        predicted = predict(start)
        rate = as_real("learning_rate", learning_rate, predicted.dtype)
        moved = predict([p + rate.astype(p.dtype) * d for p, d in zip(start, direction, strict=True)]) - predicted
    if predicted.ndim == 0 or predicted.shape[0] == 0:
        raise ValueError(f"`f(params, x)` has shape {predicted.shape}; wanted a row for each sample.")
    return predicted, moved


def _moving(params: Any, update: Any) -> tuple[list[Array], list[Array], Callable[[list[Array]], Any]]:
    """The parameters that move, where to, and a function that puts them back among the others."""
    import jax

    structure: Any
    entries, structure = jax.tree.flatten_with_path(update, is_leaf=lambda each: each is None)
    try:
        branches = structure.flatten_up_to(params)
    except ValueError as error:
        raise ValueError(f"`update` is not a pytree like `params`: {error}") from error
    pairs = {
        place: _as_move(jax.tree_util.keystr(path), branch, own)
        for place, ((path, own), branch) in enumerate(zip(entries, branches, strict=True))
        if own is not None
    }
    if not pairs:
        raise ValueError("`update` moves no parameter; wanted an array for at least one.")

    def rebuild(moving: list[Array]) -> Any:
        whole = dict(enumerate(branches)) | dict(zip(pairs, moving, strict=True))
        return structure.unflatten(whole.values())

    start, direction = map(list, zip(*pairs.values(), strict=True))
    return start, direction, rebuild


def _as_move(where: str, parameter: Any, move: Any) -> tuple[Array, Array]:
    """A parameter and the change that an update makes to it."""
    parameter = for_jax(as_array(f"params{where}", parameter), f"params{where}")
    move = for_jax(as_array(f"update{where}", move, parameter.dtype), f"update{where}")
    if move.shape != parameter.shape:
        raise ValueError(f"`update{where}` has shape {move.shape}; wanted {parameter.shape}, as in `params`.")
    return parameter, move.astype(parameter.dtype)
