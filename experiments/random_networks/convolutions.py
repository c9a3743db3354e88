"""Random circular convolutions: the alignment of one sample, and a dense network of the channels in effective batches.

A frequency of a circular convolution is a dense network between the channels, with the gain ``C k v``. One sample of
``P`` positions so is ``P`` samples, one a frequency, that interfere as far as the kernel of ``k`` positions makes them:
a kernel of one position is a dense layer and a batch of ``P``; with a kernel of ``P`` positions frequencies are alone.
The conjecture in between: a batch of ``P/k``.
"""

import numpy as np

from dlntheory import expected_alignment, expected_batch_alignment

POSITIONS, DEPTH, DRAWS = 16, 4, 24
CELLS = [(channels, kernel, gain) for gain in (1.0, 1 / 3) for channels in (16, 64) for kernel in (1, 4, 16)]


def measured(channels: int, kernel: int, gain: float, draws: int = DRAWS) -> dict[str, list[float]]:
    """Mean of one sample's alignment and its standard error, by rule."""
    found = [_draw(np.random.default_rng((channels, kernel, seed)), channels, kernel, gain) for seed in range(draws)]
    return {
        rule: [float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(draws))]
        for rule, values in zip(("bp", "pc"), np.transpose(found), strict=True)
    }


def predicted(channels: int, kernel: int, gain: float) -> dict[str, float]:
    """By formula for a batch of ``P/k`` and widths of ``C``."""
    widths, variances, batch = [channels] * (DEPTH + 1), [gain / channels] * DEPTH, POSITIONS // kernel
    bp = float(expected_alignment(widths, rule="bp", batch=batch, variances=variances).limit)
    if batch == 1:
        return {"bp": bp, "pc": float(expected_alignment(widths, variances=variances).mean)}
    return {"bp": bp, "pc": expected_batch_alignment(widths, batch=batch, variances=variances)}


def _draw(rng: np.random.Generator, channels: int, kernel: int, gain: float) -> list[float]:
    """Cosines of BP and PC, worked out by frequency: ``(P, C, C)`` maps."""
    taps = rng.standard_normal((DEPTH, kernel, channels, channels)) * np.sqrt(gain / (channels * kernel))
    phases = np.exp(-2j * np.pi * np.outer(np.arange(POSITIONS), np.arange(kernel)) / POSITIONS)
    maps = np.einsum("po,locd->lpcd", phases, taps)
    x, y = (np.fft.fft(rng.standard_normal((POSITIONS, channels)), axis=0)[..., None] for _ in range(2))
    downs = [np.broadcast_to(np.eye(channels), maps[0].shape)]
    for weight in maps[:0:-1]:
        downs.insert(0, downs[0] @ weight)
    covariance = sum(down @ _adjoint(down) for down in downs)
    states = [x]
    for weight in maps:
        states.append(weight @ states[-1])
    residual = y - states[-1]
    cosines = []
    for multiplier in (residual, np.linalg.solve(covariance, residual)):
        activity, change = x, np.zeros_like(y)
        for index, down in enumerate(downs):
            error = _adjoint(down) @ multiplier
            used = states[index] if multiplier is residual else activity
            update = np.fft.ifft(error @ _adjoint(used), axis=0)
            update[kernel:] = 0  # what the kernel does not reach
            change = change + down @ (np.fft.fft(update, axis=0) @ states[index])
            activity = maps[index] @ activity + error
        lengths = np.linalg.norm(residual) * np.linalg.norm(change)
        cosines.append(float(np.vdot(residual, change).real / lengths))
    return cosines


def _adjoint(matrices: np.ndarray) -> np.ndarray:
    return matrices.conj().swapaxes(-1, -2)
