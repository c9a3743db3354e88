"""A learning algorithm: a rule with its rescaling and options, checked against a network; and the model it trains."""

from typing import Any, Literal, NamedTuple, Unpack, get_args

import jax.numpy as jnp
import numpy as np

from ..equilibria.covariance import Covariances, as_covariances
from ..equilibria.equilibrium import cheapest_route
from ..equilibria.nudging import as_nudge
from ..learning.problem import OPTIONS, Options, UpdateOptions, as_options, check_rescalable
from ..learning.rescaling import Rescaling
from ..learning.rules import EVERY_RULE, Rule
from ..networks.layer import Layer
from ..networks.network import LinearNetwork
from ..numerics.checks import kept, one_of
from ..numerics.kinds import namespace
from ..numerics.options import takes
from ..numerics.record import Record, static, with_fields

Layers = tuple[Layer, ...]
Learned = Literal["shared", "each"]
LEARNED: tuple[str | None, ...] = (None, *get_args(Learned))
"""The output variances that can be learned: none, one of all outputs, one per output."""


class TrainOptions(UpdateOptions, total=False):
    """The options of `train`."""

    learn_variance: Learned | None


TRAIN_OPTIONS: TrainOptions = {**OPTIONS, "learn_variance": None}
"""Their defaults."""


class Algorithm(Record):
    """A learning rule with its rescaling and options, as `sweep` takes it.

    Args:
        rule: ``"bp"``, ``"pc"``, ``"natural"`` or ``"evidence"``.
        rescaling: ``None``, ``"adaptive"``, ``"adaptive_positive"`` or ``"decorrelated"``.
        learn_variance: with ``"evidence"``, learn the variance of the output's noise too: ``"shared"``, one of all
            outputs, or ``"each"``, one per output. It starts at the last of ``covariances``, a number, and its
            logarithm ascends the likelihood at the weights' learning rate.
        **options: as in `weight_updates`, but ``solver="auto"`` is one route throughout, the cheapest.

    Raises:
        ValueError: for an unknown rule, rescaling or option's value, or a variance learned by another rule.
        TypeError: for an unknown option.

    Example:
        >>> Algorithm("pc", "decorrelated", regularisation=1e-5).name
        'pc, decorrelated'
    """

    rule: str = static()
    rescaling: str | None = static()
    learn_variance: str | None = static()
    given: dict[str, Any]

    @takes(UpdateOptions, OPTIONS)
    def __init__(
        self,
        rule: Rule = "pc",
        rescaling: Rescaling | None = None,
        learn_variance: Learned | None = None,
        **options: Unpack[UpdateOptions],
    ):
        as_options(rule, rescaling, options, EVERY_RULE)
        one_of("learn_variance", learn_variance, LEARNED)
        if learn_variance is not None and rule != "evidence":
            raise ValueError(f"`learn_variance` is {learn_variance!r} with rule={rule!r}; wanted rule='evidence'.")
        self.rule, self.rescaling, self.learn_variance = rule, rescaling, learn_variance
        self.given = {name: kept(value) for name, value in options.items()}

    @property
    def name(self) -> str:
        """The rule, and the rescaling or the variance if there is one."""
        variance = None if self.learn_variance is None else f"{self.learn_variance} variance"
        return ", ".join(each for each in (self.rule, self.rescaling, variance) if each is not None)

    def learner(self, net: LinearNetwork) -> "Learner":
        """The algorithm with its options checked against a network."""
        options = as_options(self.rule, self.rescaling, self.given, EVERY_RULE)
        if options.solver == "auto":
            options = with_fields(options, solver=cheapest_route(net.layers))
        covariances = as_covariances(net.layers, self.given.get("covariances"), net.dtype)
        check_rescalable(self.rule, self.rescaling, covariances, net.layers)
        if self.learn_variance is not None and np.ndim(0 if covariances[-1] is None else covariances[-1]):
            raise ValueError("`covariances` ends in a matrix; wanted a number with `learn_variance`, or None.")
        nudge = as_nudge(self.given.get("nudge"), net.dtype)
        return Learner(self.rule, self.rescaling, self.learn_variance, options, covariances, nudge)


class Model(NamedTuple):
    """The layers, and the logarithms of the output's variances: a number, one per output, or ``None``: not learned."""

    layers: Layers
    log_variance: Any


class Learner(Record):
    """An algorithm, checked."""

    rule: str = static()
    rescaling: str | None = static()
    learn_variance: str | None = static()
    options: Options
    covariances: Covariances
    nudge: Any

    def start(self, layers: Layers) -> Model:
        """The model that learning starts from."""
        if self.learn_variance is None:
            return Model(layers, None)
        like, last = layers[-1].like, self.covariances[-1]
        first = np.zeros((), like.dtype) if last is None else namespace(last).log(last)
        shape = (layers[-1].out_size,) if self.learn_variance == "each" else ()
        return Model(layers, first * namespace(first).ones(shape, like.dtype))

    def noise(self, model: Model) -> Covariances:
        """The covariances, with the output's as it has been learned."""
        if model.log_variance is None:
            return self.covariances
        variance = jnp.exp(model.log_variance)
        return (*self.covariances[:-1], jnp.diag(variance) if variance.ndim else variance)
