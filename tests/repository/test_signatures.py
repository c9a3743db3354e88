"""What editors and type checkers see of the public functions is what they take.

Oracle: the tables that the functions look words up in; calls with each option.
"""

import inspect
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
from typechecking import without_words

import dlntheory as dln
from dlntheory.equilibria.equilibrium import Solver
from dlntheory.equilibria.routes import ROUTES
from dlntheory.inference.energy import COORDINATES
from dlntheory.inference.methods import METHODS, MethodName
from dlntheory.learning import problem
from dlntheory.learning.decorrelation import SPECTRA
from dlntheory.networks.initialisation import INITIALISERS, Init
from dlntheory.random_networks.arguments import INITIAL_VARIANCES, RandomInit
from dlntheory.theorems.verify import STATEMENTS, Theorem

NET = dln.LinearNetwork.random([3, 4, 2], key=0)
X, Y = np.random.default_rng(0).normal(size=(2, 3)), np.random.default_rng(1).normal(size=(2, 2))
FUNCTIONS = {name: value for name in dln.__all__ if inspect.isfunction(value := getattr(dln, name))}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_option_has_a_name(name):
    assert not [
        each for each in inspect.signature(FUNCTIONS[name]).parameters.values() if each.kind is each.VAR_KEYWORD
    ]


@pytest.mark.parametrize(
    ("words", "table"),
    [
        (Solver, ("auto", *ROUTES)),
        (Init, (*INITIALISERS, "pc_aligned")),
        (RandomInit, INITIAL_VARIANCES),
        (MethodName, METHODS),
        (Theorem, STATEMENTS),
        (inspect.signature(dln.inference_spectrum).parameters["coordinates"].annotation, COORDINATES),
        (inspect.signature(dln.SpectralRegularisation).parameters["spectrum"].annotation, SPECTRA),
    ],
)
def test_words_are_those_that_are_looked_up(words, table):
    # The annotations of signatures may have lost their words to the tests' own checks.
    if get_origin(words) is Literal:
        assert set(get_args(words)) == set(table)
    else:
        assert words is str


@pytest.mark.parametrize(
    "name", ["weight_updates", "target_alignment", "update_kernel", "verify", "nonlinear_alignment"]
)
def test_defaults_are_what_is_done_without_them(name):
    function = FUNCTIONS[name]
    parameters = inspect.signature(function).parameters.values()
    options = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    net = dln.NonlinearNetwork.from_linear(NET, "tanh") if name.startswith("nonlinear") else NET
    if name == "verify":
        options = {each: options[each] for each in ("covariances", "solver", "rcond")}
    with_defaults, without = function(net, X, Y, **options), function(net, X, Y)
    if name == "update_kernel":
        with_defaults, without = with_defaults.matrix(), without.matrix()
    if name == "verify":
        with_defaults, without = with_defaults.to_dict(), without.to_dict()
    assert str(with_defaults) == str(without)


@pytest.mark.parametrize("name", ["weight_updates", "bias_updates", "lowest_curvature", "compare", "best_alignment"])
def test_a_typo_is_refused(name):
    with pytest.raises(TypeError, match="`covariance` is no option here; wanted one of covariances"):
        FUNCTIONS[name](NET, X, Y, covariance=[1.0, 1.0])
    with pytest.raises(TypeError, match="`covariance` is no option here"):
        dln.lowest_curvature(NET, X, Y, "bp", covariance=[1.0, 1.0])


def test_options_and_defaults_are_one_list():
    assert list(problem.UpdateOptions.__annotations__) == list(problem.OPTIONS)


def test_words_are_left_to_the_library():
    assert without_words(Literal["a", "b"]) is str
    assert without_words(Literal["a", 1] | None) == str | int | None
    with pytest.raises(ValueError, match="`rule` is 'hebb'"):
        dln.weight_updates(NET, X, Y, "hebb")
