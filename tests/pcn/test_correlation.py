"""Cross-correlation of images: all of its derivatives against JAX's own, and the layout of what they compile to."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dlntheory.nonlinear.correlation import Window, correlate
from tests.closeness import assert_close

padding = st.tuples(st.integers(-1, 2), st.integers(-1, 2))
windows = st.builds(Window, st.integers(1, 3), st.tuples(padding, padding), st.integers(1, 2))


def by_jax(x, kernel, window):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(window.stride,) * 2,
        padding=window.padding,
        lhs_dilation=(window.spread,) * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@partial(jax.jit, static_argnums=(0, 1))
def everything(operation, window, x, kernel):
    """The value, its gradient, that gradient's derivative, and the gradient of a batch of kernels."""

    def bent(x, kernel):
        return jnp.sin(operation(x, kernel, window)).sum()

    gradient = jax.grad(bent, argnums=(0, 1))
    directions = jnp.cos(x), jnp.cos(kernel)
    kernels = jnp.stack([kernel, 2 * kernel])
    return (
        operation(x, kernel, window),
        jax.jvp(gradient, (x, kernel), directions),
        jax.vmap(gradient, in_axes=(None, 0))(x, kernels),
    )


@settings(max_examples=4)
@example(Window(1, ((-1, 2), (2, 1)), 2), (3, 4), (3, 2))
@example(Window(1, ((3, 4), (1, 0)), 3), (2, 3), (5, 3))
@given(windows, st.tuples(st.integers(1, 6), st.integers(1, 6)), st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_every_derivative_is_that_of_jax(window, image, kernel):
    for length, reach, (before, after) in zip(image, kernel, window.padding, strict=True):
        spread = (length - 1) * window.spread + 1
        assume(min(before, 0) + min(after, 0) + spread > 0)
        assume(spread + before + after >= reach)
    draws = np.random.default_rng(0)
    x, weights = jnp.asarray(draws.normal(size=(2, *image, 3))), jnp.asarray(draws.normal(size=(*kernel, 3, 2)))
    found, expected = (everything(each, window, x, weights) for each in (correlate, by_jax))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.shape == other.shape
        assert_close(one, other, condition=100)


@pytest.mark.parametrize(("batch", "image"), [(0, (3, 4)), (2, (1, 1))], ids=["no images", "no outputs"])
def test_nothing_of_spread_images_has_the_shape_that_jax_gives_it(batch, image):
    window = Window(padding=((-1, 0), (0, 0)), spread=2)
    x, kernel = jnp.zeros((batch, *image, 3)), jnp.zeros((1, 1, 3, 2))
    assert correlate(x, kernel, window).shape == by_jax(x, kernel, window).shape


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="elsewhere it is JAX's own operation")
def test_in_a_loop_every_derivative_has_the_fast_layout():
    """XLA changes layouts outside loops only; the test fails on JAX's own operation."""

    def layouts(operation):
        def step(pair, _):
            slopes = jax.grad(lambda x, kernel: jnp.sin(operation(x, kernel, Window())).sum(), argnums=(0, 1))(*pair)
            return jax.tree.map(jnp.subtract, pair, slopes), None

        loop = jax.jit(lambda *pair: jax.lax.scan(step, pair, length=3)[0])
        compiled = loop.lower(jnp.ones((2, 8, 8, 2)), jnp.ones((3, 3, 2, 4))).compile().as_text()
        return set(re.findall(r"convolution\(.*dim_labels=(\S+?)[,}\s]", compiled))

    assert layouts(correlate) == {"b01f_01io->b01f"}
    assert layouts(by_jax) > {"b01f_01io->b01f"}
