"""Random networks by formula, against networks that are drawn, with standard errors."""

from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest
from cases import mostly_daily
from numpy.testing import assert_allclose
from random_network_twins import draw_layer, draw_vector, measure, measure_batch

from dlntheory.networks.aligned_variances import aligned_variances
from dlntheory.numerics.precision import PrecisionError
from dlntheory.random_networks import backpropagation
from dlntheory.random_networks.arguments import as_layers
from dlntheory.random_networks.batch_alignment import batch_alignment
from dlntheory.random_networks.covariance_spectrum import expected_spectrum
from dlntheory.random_networks.expected import as_setting, expected_alignment
from dlntheory.random_networks.limit_covariances import expected_covariances


def drawn(layers, draws, covariances=None, input_norm=None, target_norm=None, seed=0):
    """What `measure` finds in each draw, by name."""
    rng, n_0, n_L = np.random.default_rng(seed), layers[0][1], layers[-1][2]
    found = [
        measure(
            [draw_layer(rng, *layer) for layer in layers],
            draw_vector(rng, n_0, input_norm or sqrt(n_0)),
            draw_vector(rng, n_L, target_norm or sqrt(n_L)),
            covariances,
        )
        for _ in range(draws)
    ]
    return {name: np.array([each[name] for each in found]) for name in ("bp", "pc", "energies", "products", "trace")}


def mean_and_error(samples):
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / sqrt(len(samples))


def dense(n, depth, scale):
    return [("dense", n, n, scale / n)] * depth


def scaled(layers, factor):
    """The same ratios of widths at another size; entry variances shrink as the widths grow, spectra keep their law."""

    def entry(kind, v):
        return np.repeat(v, factor) if kind == "singular_values" else v / factor

    return [(kind, a * factor, b * factor, entry(kind, v)) for kind, a, b, v in layers]


MIXED = [  # small widths, to be scaled
    ("dense", 10, 15, 1 / 10),
    ("residual", 15, 15, 0.6 / 15),
    ("orthogonal", 15, 9, 1 / 11),
    ("orthogonal", 9, 14, 1 / 10),
    ("dense", 14, 11, 0.8 / 14),
]
NETWORKS = {
    "norm-preserving, 2 layers": (dense(8, 2, 1.0), {}),
    "norm-preserving, 4 layers": (dense(8, 4, 1.0), {}),
    "Kaiming, 3 layers": (dense(8, 3, 1 / 3), {}),
    "wide gain": (dense(8, 3, 2.0), {}),
    "bottleneck, covariances": (
        [("dense", 10, 15, 0.1), ("dense", 15, 6, 0.05), ("dense", 6, 10, 1 / 6)],
        {"covariances": [0.5, 2.0, 1.3], "input_norm": 0.6, "target_norm": 1.4},
    ),
    "residual": ([("residual", 10, 10, 0.03)] * 5, {"covariances": [1, 0.3, 2, 1, 0.5], "input_norm": 1.4}),
    "residual, large gain": ([("residual", 10, 10, 0.25)] * 3, {}),
    "given singular values": (
        [
            ("singular_values", 10, 10, np.linspace(1.5, 0.1, 10)),
            ("singular_values", 10, 7, np.linspace(1.0, 0.6, 7)),
            ("singular_values", 7, 9, np.linspace(1.2, 1e-3, 7)),
        ],
        {"covariances": [1, 0.6, 1.4]},
    ),
    "mixed kinds": (MIXED, {"covariances": [1, 0.3, 2, 1, 0.7], "input_norm": 1.4, "target_norm": 0.6}),
}


def deviations(name, factor, draws):
    """Measured minus predicted, with standard errors, for every number of a network at one size."""
    layers, options = NETWORKS[name]
    layers = scaled(layers, factor)
    norms = {key: value * sqrt(layers[0][1]) for key, value in options.items() if key.endswith("norm")}
    options = {**options, **norms}
    found, expected = drawn(layers, draws, seed=factor, **options), expected_alignment(layers=layers, **options)
    rows = {
        "bp": expected_alignment(layers=layers, rule="bp", **options).limit,
        "pc": expected.mean,
        "energies": expected.energy_by_layer,
        "products": expected.activities,
        "trace": expected.traces[-1],
    }
    measured = {key: mean_and_error(found[key] / value) for key, value in rows.items()}
    return (
        np.concatenate([np.atleast_1d(measured[key][0]) - 1 for key in rows]),
        np.concatenate([np.atleast_1d(measured[key][1]) for key in rows]),
    )


def check_sizes(name, factors, draws):
    """Within three and a half standard errors after a term ``c/n``, fitted on the smaller sizes.

    About a dozen numbers per network are compared, so that one in ten networks would exceed three by chance.
    """
    *small, (large, error) = [deviations(name, factor, draws) for factor in factors]
    weights = [np.maximum(e, 1e-12) ** -2 / f**2 for (_, e), f in zip(small, factors, strict=False)]
    c = sum(d * f * w for (d, _), f, w in zip(small, factors, weights, strict=False)) / sum(weights)
    c_error = 1 / np.sqrt(sum(weights))
    allowed = 3.5 * np.hypot(error, c_error / factors[-1]) + 1e-9
    assert (abs(large - c / factors[-1]) <= allowed).all(), (large - c / factors[-1]) / allowed
    # The term is not an excuse: it is small already at this size.
    assert (abs(c) / factors[-1] < 0.1 + 3 * c_error / factors[-1]).all()


@pytest.mark.parametrize(
    "name", mostly_daily(NETWORKS, NETWORKS.keys() - {"norm-preserving, 2 layers", "wide gain", "residual"})
)
def test_drawn_networks(name):
    check_sizes(name, (3, 6), 300)


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_daily(NETWORKS, ["bottleneck, covariances"]))
def test_drawn_networks_at_larger_widths(name):
    check_sizes(name, (4, 8, 16), 200)


def test_adaptive_backpropagation_when_drawn():
    """With rates 1/|x̂|² every layer's G_l counts alike; the term c/n is fitted on half the width."""
    layers, found = [(10, 15, 0.05), (15, 9, 0.1), (9, 12, 0.08)], {}
    for factor in (4, 8):
        widths = [layers[0][0] * factor, *(b * factor for _, b, _ in layers)]
        rng, cosines = np.random.default_rng(factor), []
        for _ in range(400):
            maps = [draw_layer(rng, "dense", a * factor, b * factor, v / factor) for a, b, v in layers]
            y = draw_vector(rng, widths[-1], sqrt(widths[-1]))
            r = y - np.linalg.multi_dot([*maps[::-1], draw_vector(rng, widths[0], sqrt(widths[0]))])
            change, down = r.copy(), np.eye(len(y))
            for each in reversed(maps[1:]):
                down = down @ each
                change += down @ (down.T @ r)
            cosines.append(change @ r / np.linalg.norm(change) / np.linalg.norm(r))
        listed = as_layers(
            None, "kaiming_uniform", None, [("dense", a * factor, b * factor, v / factor) for a, b, v in layers]
        )
        setting = as_setting(listed, None, None, None)
        mean, error = mean_and_error(np.array(cosines))
        found[factor] = mean - backpropagation.limit(setting.layers, setting.share_of_target, adaptive=True), error
    (small, small_error), (large, error) = found[4], found[8]
    assert abs(large - small / 2) < 3 * np.hypot(error, small_error / 2)
    assert abs(large) < 0.01


def test_kaiming_networks_are_below_their_limit():
    """Nine layers of 64: the limit is 0.58, and the target's fluctuation explains mean, spread and negative rates."""
    expected = expected_alignment([64] * 10)
    found = drawn(dense(64, 9, 1 / 3), 600)
    mean, error = mean_and_error(found["pc"])
    assert expected.limit - mean > 8 * error
    assert abs(mean - expected.mean) < 3 * error
    deviation = found["pc"].std(ddof=1)
    assert abs(deviation - expected.spread) < 3 * deviation / sqrt(2 * 600)
    negative, error = mean_and_error((found["products"] < 0).mean(axis=1))
    assert abs(negative - expected.negative_rates) < 3 * error
    assert mean < found["bp"].mean()


def test_aligned_initialisation_when_drawn():
    """With growth 3 plain PC is aligned; the spread is that of a few per mille."""
    variances = aligned_variances([48] * 10, 3.0)
    found = drawn([("dense", 48, 48, v) for v in variances], 60)
    expected = expected_alignment([48] * 10, variances=variances)
    assert expected.limit > 1 - 1e-12
    mean, error = mean_and_error(1 - found["pc"])
    assert mean < 0.01
    assert 1 - expected.mean < mean + 3 * error


def test_interference_free_covariances_when_drawn():
    """They help in shallow networks; in deeper ones their fluctuation wins, as predicted."""
    two = expected_covariances([48] * 3, "norm_preserving").covariances
    mean, error = mean_and_error(drawn(dense(48, 2, 1.0), 150, covariances=two)["pc"])
    assert mean > expected_alignment([48] * 3, "norm_preserving").limit + 3 * error
    four = expected_covariances([64] * 5, "norm_preserving").covariances
    expected = expected_alignment([64] * 5, "norm_preserving", covariances=four)
    mean, error = mean_and_error(drawn(dense(64, 4, 1.0), 150, covariances=four)["pc"])
    assert abs(mean - expected.mean) < 3 * error
    assert mean < expected_alignment([64] * 5, "norm_preserving").mean


BATCHES = [  # kind, σ², targets, B, BP's formula and PC's for given weights, 4 layers of 128
    ("dense", 1, "independent", 128, 0.6455, 0.682),
    ("dense", 1, "linear", 128, 0.6945, 0.741),
    ("dense", 1 / 3, "independent", 128, 0.4430, 0.362),
    ("dense", 1 / 3, "linear", 512, 0.5589, 0.428),
    ("residual", 0.25, "independent", 32, 0.8203, 0.878),
    ("residual", 0.25, "linear", 512, 0.8131, 0.790),
]


@pytest.mark.parametrize(("kind", "scale", "target", "batch", "bp", "pc"), BATCHES)
def test_table_of_batches(kind, scale, target, batch, bp, pc):
    layers = [(kind, 128, 128, scale / 128)] * 4
    assert_allclose(expected_alignment(layers=layers, rule="bp", batch=batch, target=target).limit, bp, atol=5.1e-5)
    maps = [draw_layer(np.random.default_rng(seed), *layers[0]) for seed in range(4)]
    for rule, value in (("bp", bp), ("pc", pc)):  # one draw predicts the others
        assert_allclose(batch_alignment(maps, batch, rule, target, seed=9), value, atol=0.025)


@pytest.mark.parametrize(("kind", "scale", "target", "batch", "bp", "pc"), BATCHES)
def test_batches_when_drawn(kind, scale, target, batch, bp, pc):
    """At a quarter of the width and batch: formulas for BP, and for given weights, against whole batches."""
    n, batch = 32, batch // 4
    layers, rng = [(kind, n, n, scale / n)] * 4, np.random.default_rng(0)
    expected = expected_alignment(layers=layers, rule="bp", batch=batch, target=target).limit
    for rule in ("bp", "pc"):
        draws = [[draw_layer(rng, *layer) for layer in layers] for _ in range(25)]
        measured, error = mean_and_error(np.array([measure_batch(rng, maps, batch, target, rule) for maps in draws]))
        given = np.mean([batch_alignment(maps, batch, rule, target, seed=s) for s, maps in enumerate(draws)])
        assert abs(measured - given) < 3 * error + 1 / n
        if rule == "bp":
            assert abs(measured - expected) < 3 * error + 1 / n


def test_batches_of_one_are_single_samples_in_the_limit():
    """A batch is counted against the width, so that its formula at ``B ≪ n`` is the single sample's."""
    for layers in (MIXED, [("residual", 10, 10, 0.03)] * 5, dense(10, 3, 0.5)):
        wide = scaled(layers, 10**7)
        single = expected_alignment(layers=wide, rule="bp").limit
        for target in ("independent", "linear"):
            assert_allclose(expected_alignment(layers=wide, rule="bp", batch=2, target=target).limit, single, rtol=1e-5)


def test_batches_without_prediction():
    """The closed forms for random targets, linear targets and very large batches."""
    widths, batch = [20, 30, 25, 15, 40], 12
    variances = np.array([0.02, 0.05, 0.03, 0.04])
    w, n, L = 1 / variances, np.array(widths), 4
    u = [sum(n[L] / n[j] for j in range(l, L + 1)) for l in range(1, L + 1)]
    square = {"independent": 0.0, "linear": 0.0}
    psi = batch / n[0]
    for l in range(1, L + 1):
        for k in range(1, L + 1):
            inner = sum(1 / n[j] for j in range(min(l, k)))
            weight = w[l - 1] * w[k - 1] * u[max(l, k) - 1]
            square["independent"] += weight * (1 + batch * inner)
            square["linear"] += weight * (1 + 3 * psi + psi**2 + psi * (1 + psi) * n[0] * (inner - 1 / n[0]))
    for target, gain in (("independent", 1), ("linear", 1 + psi)):
        found = expected_alignment(widths, rule="bp", batch=batch, target=target, variances=variances, input_norm=1e-12)
        assert_allclose(found.limit, gain * w.sum() / sqrt(square[target]), rtol=1e-12)
    depth = 5
    large = {
        target: expected_alignment([9] * (depth + 1), rule="bp", batch=10**9, target=target, input_norm=1e-9).limit
        for target in ("independent", "linear")
    }
    assert_allclose(large["linear"] ** 2, 12 * depth / ((depth + 1) ** 2 * (depth + 2)), rtol=1e-6)
    assert large["independent"] < 1e-3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], 2), ValueError, "`network` is empty"),
        (("ab", 2), TypeError, "`network` is a str"),
        (([[1.0]], 2), ValueError, r"`network\[0\]` has shape \(1,\); wanted \(n_out, n_in\)"),
        (([np.eye(3), np.ones((2, 4))], 2), ValueError, r"`network\[1\]` has shape \(2, 4\); wanted \(n_out, 3\)"),
        (([np.full((2, 2), np.nan)], 2), ValueError, "holds NaN or infinity"),
        (([np.eye(3)], 0), ValueError, "`batch` is 0"),
        (([np.eye(3)], 1.5), TypeError, "`batch` is 1.5"),
        (([np.eye(3)], 2, "natural"), ValueError, "`rule` is 'natural'"),
        (([np.eye(3)], 2, "pc", "none"), ValueError, "`target` is 'none'"),
        (([np.eye(3)], 2, "pc", np.eye(2)), ValueError, r"`target` has shape \(2, 2\); wanted \(3, 3\)"),
        (([np.eye(3)], 2, "pc", np.eye(3), None, 1.0), ValueError, "`target_norm` came with a matrix"),
        (([np.eye(3)], 2, "pc", "linear", -1.0), ValueError, "`input_norm` is -1.0"),
        (([np.eye(3)], 2, "pc", "linear", [1.0, 2.0]), ValueError, r"`input_norm` has shape \(2,\)"),
    ],
)
def test_bad_input_of_batches(arguments, error, message):
    with pytest.raises(error, match=message):
        batch_alignment(*arguments)


def test_batch_alignment_takes_networks_and_matrices():
    weights, data = [np.eye(4), 2 * np.eye(4)], np.diag([1.0, 2, 3, 4])
    network = SimpleNamespace(weights=weights)
    assert batch_alignment(network, 5, target=data) == batch_alignment(weights, 5, target=data)


SPECTRA = [
    ([40, 40, 40], "norm_preserving", {}),
    ([40] * 7, "kaiming_uniform", {}),
    ([40, 40, 20, 40], "norm_preserving", {}),  # a bottleneck: half of the eigenvalues are one
    ([40, 20, 40, 40], "norm_preserving", {}),
    ([40, 30, 80, 60], "norm_preserving", {"covariances": [0.5, 2.0, 0.7]}),
    ([30, 90, 70, 20], "lecun_normal", {}),
]


@pytest.mark.parametrize(("widths", "init", "options"), SPECTRA)
def test_spectrum(widths, init, options):
    """Mass, mean and inverse moment against the recursion's own, edges and counts against drawn matrices."""
    spectrum = expected_spectrum(widths, init, **options)
    low, high = spectrum.edges
    c = np.asarray(options.get("covariances", np.ones(len(widths) - 1)))
    grid = low + (high - low) * np.sin(np.pi / 2 * (np.arange(2000) + 0.5) / 2000) ** 4
    density = expected_spectrum(widths, init, grid, **options).density

    def moment(function):
        return np.trapezoid(density * function(grid), grid) + spectrum.atom * function(c[-1])

    traces = expected_alignment(widths, init, covariances=c).traces
    assert_allclose(moment(np.ones_like), 1, atol=3e-4)
    assert_allclose(moment(lambda x: 1 / x), traces[-1] / widths[-1], atol=3e-4)
    factor, rng = 6, np.random.default_rng(0)
    sizes = [factor * n for n in widths]
    layers = expected_alignment(widths, init).setting.layers
    S = c[0] * np.eye(sizes[1])
    for l in range(1, len(c)):
        W = np.sqrt(float(layers[l].variance) / factor) * rng.normal(size=(sizes[l + 1], sizes[l]))
        S = c[l] * np.eye(sizes[l + 1]) + W @ S @ W.T
    values = np.linalg.eigvalsh(S)
    fluctuating = values[values > c[-1] + 1e-9]
    n = sizes[-1]
    assert abs(len(fluctuating) / n - (1 - spectrum.atom)) < 1e-12
    assert fluctuating.min() > low - 5 * (high - low) * n ** (-2 / 3)  # edges fluctuate by n^(-2/3)
    assert abs(fluctuating.max() - high) < 5 * (high - low) * n ** (-2 / 3)
    for quantile in (0.2, 0.5, 0.8):
        x = np.quantile(fluctuating, quantile)
        below = np.trapezoid(density[grid < x], grid[grid < x])
        assert abs(below - quantile * (1 - spectrum.atom)) < 5 / n + 1e-3
    assert_allclose(moment(lambda x: x), values.mean(), rtol=0.05)


def test_spectrum_of_a_deep_network_that_shrinks():
    """Layers far below the output add nothing: a thousand are as fifty, whose terms fall to 3⁻⁴⁹."""
    deep, shallow = expected_spectrum([64] * 1001), expected_spectrum([64] * 51)
    assert_allclose(deep.edges, shallow.edges, rtol=1e-12)
    grid = np.linspace(1.1, 3.2, 50)
    densities = [expected_spectrum([64] * (depth + 1), grid=grid).density for depth in (50, 1000)]
    assert_allclose(densities[1], densities[0], rtol=1e-6)
    mean = np.trapezoid(deep.density * deep.grid, deep.grid)
    assert_allclose(mean, 1.5, atol=1e-3)  # Σ_k 3^{-k}


@pytest.mark.parametrize("variances", [[1e30] * 5, [1e300] * 2, [1e-300] * 2])
def test_spectra_out_of_range_are_refused(variances):
    with pytest.raises(PrecisionError, match="out of range"):
        expected_spectrum([64] * (len(variances) + 1), variances=variances)


def test_spectrum_of_two_square_layers_is_marchenko_pastur():
    grid = np.linspace(0.5, 6, 50)
    found = expected_spectrum([30] * 3, "norm_preserving", grid)
    x = grid - 1
    closed = np.where((x > 0) & (x < 4), np.sqrt(np.maximum(x * (4 - x), 0)) / (2 * np.pi * np.maximum(x, 1e-9)), 0)
    assert_allclose(found.density, closed, atol=1e-12)
    assert_allclose(found.edges, (1, 5), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([4, 4],), "a network of one layer"),
        (([4, 4, 4], "orthogonal"), "atoms anywhere"),
        (([4, 4, 4], "norm_preserving", [[1.0]]), r"`grid` has shape \(1, 1\)"),
        (([4, 4, 4], "norm_preserving", [np.nan]), "`grid`"),
        (([4, 4, 4], "norm_preserving", None, np.ones((2, 2))), "`variances` is a grid"),
        (([4, 4, 4], "norm_preserving", None, None, np.ones((3, 2))), r"`covariances` has shape \(3, 2\)"),
    ],
)
def test_bad_input_of_spectra(arguments, message):
    with pytest.raises(ValueError, match=message):
        expected_spectrum(*arguments)
