"""A PC network: blocks with a state after each, that read one another's states."""

from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.checks import as_array
from ..numerics.kinds import cast
from ..numerics.record import for_jax
from .activations import Activated
from .blocks import Batched, Statistics, output, running_moments, with_running
from .latent import Latent
from .layers import Moments

States = tuple[Array, ...]
"""One array per block, ``(batch, ...)``; images have their channels last."""
Gradients = tuple[Any, ...]
"""One entry per block, with the block's structure: the trainable parameters, and ``None`` elsewhere."""


class Network(eqx.Module):
    r"""Blocks ``1 … N``, each with a state ``x_k`` that it predicts from others, ``x_0`` being the input.

    The last block's state is the output. A block that reads its own state or a later one closes a cycle: then there is
    no forward pass, and inference starts elsewhere (`Zero`, `Random`). Images come in as ``(batch, channels, height,
    width)``; inside, channels are last. A block may also be a function of one sample of each state that it reads, with
    parameters of its own as a pytree (an `Activated` layer, an Equinox module, ``jax.tree_util.Partial(function,
    params)``); in a network of such blocks alone images stay as they are.

    Args:
        blocks: `Block` objects or functions of one sample.
        input_shape: the shape of one sample: ``(n,)``, or ``(channels, height, width)``.
        sources: for every block, the numbers of the states that it reads, 0 for the input. By default a chain.
        state_shapes: the shape of one sample of every state, images with channels last; found by a forward pass, and
            so needed with cycles alone.

    Raises:
        ValueError: for no blocks, blocks without parameters, sources that are no states, blocks that no output depends
            on, shapes that do not fit, or a cycle without shapes.
        TypeError: for a block that cannot be called.

    Source:
        Better Initialization, definition 3.1 and proposition 3.2: forward starts exist without cycles alone.

    Example:
        >>> import jax
        >>> from dlntheory import pcn
        >>> first, second = jax.random.split(jax.random.key(0))
        >>> hidden = pcn.Block(pcn.Dense(4, 3, first), activation="tanh")
        >>> network = pcn.Network([hidden, pcn.Block(pcn.Dense(3, 2, second))], input_shape=(4,))
        >>> network.depth, network.output_shape
        (2, (2,))
    """

    blocks: tuple[Any, ...]
    sources: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    state_shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """The shape of one sample of every state."""

    def __init__(
        self,
        blocks: Iterable[Any],
        input_shape: Sequence[int],
        sources: Iterable[Sequence[int]] | None = None,
        state_shapes: Iterable[Sequence[int]] | None = None,
    ):
        self.blocks = tuple(blocks)
        self.input_shape = tuple(int(size) for size in input_shape)
        chain = [(k,) for k in range(len(self.blocks))]
        self.sources = tuple(tuple(read) for read in (chain if sources is None else sources))
        _check_sources(self.sources, len(self.blocks))
        _check_blocks(self.blocks)
        _ = self.distances  # raises for loose ends
        self.state_shapes = self._shapes(None if state_shapes is None else [tuple(shape) for shape in state_shapes])

    @property
    def depth(self) -> int:
        """The number of blocks, and of states after the input."""
        return len(self.blocks)

    @property
    def dtype(self) -> Any:
        """The dtype of the parameters."""
        leaves = (leaf for block in self.blocks for leaf in jax.tree.leaves(block))  # the first block mostly has one
        return next(leaf.dtype for leaf in leaves if eqx.is_inexact_array(leaf))

    @property
    def free_input(self) -> bool:
        """Whether the first state is a latent, and the network has no input: see `with_latent`."""
        return isinstance(self.blocks[0], Latent)

    @property
    def channels_last(self) -> bool:
        """Whether images have their channels last inside."""
        return any(isinstance(block, Batched) for block in self.blocks)

    def inside(self, x: Array) -> Array:
        """Inputs or targets as the blocks have them: images ``(batch, channels, height, width)`` with channels last."""
        return channels_last(x) if self.channels_last else x

    def outside(self, y: Array) -> Array:
        """The inverse of `inside`."""
        return channels_first(y) if self.channels_last else y

    def _shapes(self, given: list[tuple[int, ...]] | None) -> tuple[tuple[int, ...], ...]:
        """Trace one sample through the network, from state to state, or from the shapes that are given."""
        values = [jax.eval_shape(lambda x: self.inside(x), jax.ShapeDtypeStruct((1, *self.input_shape), self.dtype))]
        values += [jax.ShapeDtypeStruct((1, *shape), self.dtype) for shape in given or ()]
        found = []
        for k, block in enumerate(self.blocks):
            sources = self.read(values[0], values[1:], k)
            try:
                prediction = eqx.filter_eval_shape(output, block, *sources, training=True)[0]
            except (TypeError, ValueError) as error:
                shapes = ", ".join(str(value.shape[1:]) for value in sources)
                raise ValueError(f"block {k + 1} cannot read states of shape {shapes}: {error}") from error
            if getattr(prediction, "dtype", None) != self.dtype:
                raise ValueError(f"block {k + 1} returns {prediction}; wanted one array of {self.dtype}.")
            found.append(prediction.shape[1:])
            if given is None:
                values.append(prediction)
        if given is not None and found != given:
            raise ValueError(f"`state_shapes` is {given}, but the blocks predict {found}; wanted these.")
        return tuple(found)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one sample of the output; of images ``(channels, height, width)``."""
        return _outer(self, self.state_shapes[-1])

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one sample of the free input, or else of the input; of images ``(channels, height, width)``."""
        return _outer(self, self.state_shapes[0]) if self.free_input else self.input_shape

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every state."""
        return tuple(f"layer {k}" for k in range(1, self.depth + 1))

    @property
    def distances(self) -> tuple[int, ...]:
        """Steps from every state to the output, along the shortest path; 0 for the last."""
        steps = {self.depth: 0}
        front = {self.depth}
        while front:
            front = {read for number in front for read in self.sources[number - 1] if read} - steps.keys()
            steps |= dict.fromkeys(front, max(steps.values()) + 1)
        if loose := set(range(1, self.depth)) - steps.keys():
            raise ValueError(f"block {min(loose)} does not lead to the output; wanted no loose ends.")
        return tuple(steps[number] for number in range(1, self.depth + 1))

    @property
    def waits(self) -> tuple[int, ...]:
        """Inference steps before a block has an error, if at first the output alone has moved: from a forward start.

        The output's block has one at once, and an error passes between blocks that share a state. In a chain these are
        the distances; a skip may carry it to a block that is far from the output.
        """
        found: dict[int, int] = {}
        reached = {self.depth}
        while len(found) < self.depth:
            near = [k for k in range(self.depth) if k not in found and reached & self._touched(k)]
            found |= dict.fromkeys(near, 1 + max(found.values(), default=-1))
            reached = reached.union(*map(self._touched, near))
        return tuple(found[k] for k in range(self.depth))

    @property
    def moves(self) -> tuple[int, ...]:
        """The number of the inference step that first moves a state, with `waits`, if nothing holds it."""
        waits = self.waits
        return tuple(
            1 + min(wait for k, wait in enumerate(waits) if number in self._touched(k))
            for number in range(1, self.depth + 1)
        )

    def _touched(self, k: int) -> set[int]:
        """The numbers of the states in a block's energy."""
        return {k + 1, *self.sources[k]} - {0}

    @property
    def constant(self) -> tuple[bool, ...]:
        """Whether a block reads the input only, so that its prediction stays the same during inference."""
        return tuple(all(source == 0 for source in read) for read in self.sources)

    def read(self, x: Any, states: Sequence[Any], k: int) -> tuple[Any, ...]:
        """The sources that the block with index ``k`` reads, given the input with channels last.

        Raises:
            ValueError: if a source is not there yet, which ends a forward pass through a cycle.
        """
        if (last := max(self.sources[k])) > len(states):
            raise ValueError(
                f"block {k + 1} reads state {last}, which a forward pass does not have yet; wanted no cycle, or "
                "`state_shapes`, a start and an algorithm without a forward pass."
            )
        return tuple(x if source == 0 else states[source - 1] for source in self.sources[k])

    def forward(self, x: Array, training: bool) -> tuple[States, tuple[Statistics, ...]]:
        """All states of a forward pass, from the input with channels last, and the blocks' statistics."""
        states: list[Array] = []
        statistics: list[Statistics] = []
        for k, block in enumerate(self.blocks):
            state, moments = output(block, *self.read(x, states, k), training=training)
            states.append(state)
            statistics.append(moments)
        return tuple(states), tuple(statistics)

    def onward(self, x: Array, states: Sequence[Array], training: bool) -> States:
        """The first states as they are given, and the others as a forward pass goes on from them."""
        found = list(states)
        for k in range(len(found), self.depth):
            found.append(output(self.blocks[k], *self.read(x, found, k), training=training)[0])
        return tuple(found)

    def __call__(self, x: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """The forward prediction, with running moments."""
        return self.outside(self.forward(self.inside(x), training=False)[0][-1])

    def with_running(self, running: Sequence[Statistics]) -> "Network":
        """The network with other running moments."""
        pairs = zip(self.blocks, running, strict=True)
        return eqx.tree_at(
            lambda net: net.blocks, self, tuple(with_running(block, moments) for block, moments in pairs)
        )


def running(network: Network) -> tuple[Statistics, ...]:
    """The running moments of every block."""
    return tuple(running_moments(block) for block in network.blocks)


def split(tree: Any) -> tuple[Any, Any]:
    """Split a network or a block into its trainable parameters and the rest, for `equinox.combine`."""

    def trainable(leaf: Any) -> Any:
        if isinstance(leaf, Activated | Latent):
            return leaf.learned
        return not isinstance(leaf, Moments) and eqx.is_inexact_array(leaf)

    return eqx.partition(
        tree, jax.tree.map(trainable, tree, is_leaf=lambda leaf: isinstance(leaf, Moments | Activated | Latent))
    )


def channels_last(x: Array) -> Array:
    """Images ``(batch, channels, height, width)`` with their channels last; anything else as it is."""
    return jnp.moveaxis(x, 1, -1) if x.ndim == 4 else x


def channels_first(x: Array) -> Array:
    """The inverse of `channels_last`."""
    return jnp.moveaxis(x, -1, 1) if x.ndim == 4 else x


def as_samples(name: str, value: Any, shape: tuple[int, ...], dtype: Any, single: bool = False) -> Array:
    """Check a batch of samples of that shape, or one sample where that is allowed; convert what has no precision."""
    array = for_jax(as_array(name, value, dtype), name)
    batch = array.shape[: array.ndim - len(shape)]
    if array.shape != (*batch, *shape) or len(batch) > 1 or (not batch and not single):
        wanted = f"({', '.join(map(str, ('batch', *shape)))})" + (f" or {shape}" if single else "")
        raise ValueError(f"`{name}` has shape {array.shape}; wanted {wanted}.")
    if 0 in batch:
        raise ValueError(f"`{name}` is empty, shape {array.shape}; wanted at least one sample.")
    return array


def as_inputs(network: Network, x: Any, samples: int) -> Array:
    """Check and convert inputs of a network; of one whose input is free they are ``None``, and hold nothing."""
    if network.free_input:
        if x is not None:
            raise ValueError("`x` is given, but the network's input is a latent; wanted None.")
        return jnp.zeros((samples, 0), network.dtype)
    if x is None:
        raise ValueError("`x` is None, but the network's input is no latent; wanted inputs, or `pcn.with_latent`.")
    dtype = network.dtype
    return cast(as_samples("x", x, network.input_shape, dtype), dtype)


def check_network(network: Any) -> None:
    """Refuse anything that is no network of blocks."""
    if not isinstance(network, Network):
        raise TypeError(f"`network` is a {type(network).__name__}; wanted a network of dlntheory.pcn.")


def as_pair(network: Network, x: Any, y: Any) -> tuple[Array, Array]:
    """Check and convert inputs and targets of a network."""
    dtype = network.dtype
    y = cast(as_samples("y", y, network.output_shape, dtype), dtype)
    x = as_inputs(network, x, len(y))
    if len(x) != len(y):
        raise ValueError(f"`x` has {len(x)} samples but `y` has {len(y)}; wanted the same number of samples.")
    return x, y


def _outer(network: Network, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a state as it is given and returned."""
    return (shape[-1], *shape[:-1]) if len(shape) == 3 and network.channels_last else shape


def _check_blocks(blocks: tuple[Any, ...]) -> None:
    for index, block in enumerate(blocks):
        if not callable(block):
            raise TypeError(f"`blocks[{index}]` is a {type(block).__name__}; wanted a function of one sample.")
    if not any(map(eqx.is_inexact_array, jax.tree.leaves(blocks))):
        raise ValueError("`blocks` have no parameters; wanted a floating-point array in at least one.")


def _check_sources(sources: tuple[tuple[int, ...], ...], depth: int) -> None:
    if not depth:
        raise ValueError("`blocks` is empty; wanted at least one block.")
    if len(sources) != depth:
        raise ValueError(f"`sources` has {len(sources)} entries; wanted {depth}, one for every block.")
    for number, read in enumerate(sources, start=1):
        if not read or not all(0 <= source <= depth for source in read):
            raise ValueError(f"`sources` of block {number} is {read}; wanted numbers from 0 to {depth}.")
