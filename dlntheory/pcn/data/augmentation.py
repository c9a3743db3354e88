"""Random flips, rotations and crops of batches of images, compiled and on the device."""

import jax
import jax.numpy as jnp


def random_flip(key: jax.Array, images: jax.Array) -> jax.Array:
    """Mirror every image with probability one half.

    Args:
        key: a JAX random key.
        images: ``(B, C, H, W)``, of any dtype.

    Returns:
        Images of the same shape and dtype.

    Source:
        Deeper PCNs, appendix A: "50% random horizontal flipping".

    Example:
        >>> images = jnp.arange(6).reshape(3, 1, 1, 2)
        >>> [int(image[0, 0, 0] % 2) for image in random_flip(jax.random.key(0), images)]
        [1, 1, 0]
    """
    mirrored = jax.random.bernoulli(key, shape=(len(images), 1, 1, 1))
    return jnp.where(mirrored, images[..., ::-1], images)


def random_rotation(key: jax.Array, images: jax.Array, degrees: float) -> jax.Array:
    """Turn every image about its middle, by an angle that is uniform on ``[−degrees, degrees]``.

    Args:
        key: a JAX random key.
        images: ``(B, C, H, W)``, of any dtype.
        degrees: the largest angle.

    Returns:
        Images of the same shape and dtype: every pixel is the nearest one of the image before, and black where there
        was none.

    Source:
        Benchmarking PCNs, appendix E, which gives no angle.

    Example:
        >>> images = jnp.ones((5, 3, 8, 8))
        >>> random_rotation(jax.random.key(0), images, degrees=15.0).shape
        (5, 3, 8, 8)
    """
    return turned(images, jnp.deg2rad(jax.random.uniform(key, (len(images),), jnp.float32, -degrees, degrees)))


def turned(images: jax.Array, angles: jax.Array) -> jax.Array:
    """Turn every image about its middle, counterclockwise by an angle of its own.

    Args:
        images: ``(B, C, H, W)``, of any dtype.
        angles: ``(B,)``, in radians.

    Returns:
        Images of the same shape and dtype, as `random_rotation` has them.

    Example:
        >>> image = jnp.array([[[[1, 2], [3, 4]]]])
        >>> turned(image, jnp.array([jnp.pi / 2])).tolist()
        [[[[2, 4], [1, 3]]]]
    """
    height, width = images.shape[2:]
    cos, sin = jnp.cos(angles)[:, None, None], jnp.sin(angles)[:, None, None]
    down = (jnp.arange(height, dtype=cos.dtype) - (height - 1) / 2)[None, :, None]
    right = (jnp.arange(width, dtype=cos.dtype) - (width - 1) / 2)[None, None, :]
    rows = jnp.round(down * cos + right * sin + (height - 1) / 2).astype(jnp.int32)
    columns = jnp.round(right * cos - down * sin + (width - 1) / 2).astype(jnp.int32)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = jnp.where(inside, rows * width + columns, 0).reshape(len(images), 1, -1)
    found = jnp.take_along_axis(images.reshape(*images.shape[:2], -1), places, axis=2).reshape(images.shape)
    return jnp.where(inside[:, None], found, jnp.zeros((), images.dtype))


def random_crop(key: jax.Array, images: jax.Array, size: int, padding: int) -> jax.Array:
    """Cut a square out of every image, with black pixels around it, at a random place.

    Args:
        key: a JAX random key.
        images: ``(B, C, H, W)``, of any dtype.
        size: the side of the square, at most ``H`` and ``W`` plus twice the padding.
        padding: black pixels on each side.

    Returns:
        Images ``(B, C, size, size)`` of the same dtype; every place is equally likely.

    Source:
        Deeper PCNs, appendix A: 32 × 32 with a padding of 4 for CIFAR, 64 × 64 with 8 for Tiny ImageNet.

    Example:
        >>> random_crop(jax.random.key(0), jnp.ones((5, 3, 8, 8)), size=8, padding=2).shape
        (5, 3, 8, 8)
    """
    height, width = images.shape[2:]
    places = jnp.array([height, width]) + 2 * padding - size + 1
    corners = jax.random.randint(key, (len(images), 2), 0, places[None]) - padding
    rows, columns = corners.T[..., None] + jnp.arange(size)[None, None]
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None]
    cut = jnp.take_along_axis(images, jnp.clip(rows, 0, height - 1)[:, None, :, None], axis=2)
    cut = jnp.take_along_axis(cut, jnp.clip(columns, 0, width - 1)[:, None, None], axis=3)
    return jnp.where(inside, cut, jnp.zeros((), images.dtype))


def centre_crop(images: jax.Array, size: int) -> jax.Array:
    """Cut a square out of the middle of every image.

    Args:
        images: ``(B, C, H, W)``, of any dtype.
        size: the side of the square, at most ``H`` and ``W``.

    Returns:
        Images ``(B, C, size, size)``.

    Source:
        Benchmarking PCNs, appendix B: 56 × 56 out of the test images of Tiny ImageNet.
    """
    top, left = ((length - size) // 2 for length in images.shape[2:])
    return images[:, :, top : top + size, left : left + size]
