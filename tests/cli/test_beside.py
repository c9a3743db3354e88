"""Experiments and proofs are found where they are: within an installed package, else beside the library."""

import sys

import pytest
import typer

import dlntheory
from dlntheory.cli.beside import load_beside
from experiments import provenance


def test_the_checkout_has_them_beside_the_library():
    assert load_beside("experiments.provenance") is provenance


def test_an_installed_package_has_them_within(tmp_path, monkeypatch):
    package = tmp_path / "proofs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "numbers.py").write_text("PLACE = 'installed'")
    monkeypatch.setattr(dlntheory, "__path__", [*dlntheory.__path__, str(tmp_path)])
    try:
        assert load_beside("proofs.numbers").PLACE == "installed"
    finally:
        for name in ("dlntheory.proofs.numbers", "dlntheory.proofs"):
            sys.modules.pop(name, None)
        vars(dlntheory).pop("proofs", None)


def test_what_is_missing_is_named(capsys):
    with pytest.raises(typer.Exit):
        load_beside("nowhere.at_all")
    assert "nowhere is missing here" in capsys.readouterr().err


def test_installed_results_have_no_commit_and_their_own_data(tmp_path, monkeypatch):
    """A package that is installed within another repository must not take its commit."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.commit.__wrapped__() is None
    assert provenance.published() == tmp_path / "docs" / "results" / "figures"
    monkeypatch.setattr(provenance, "HERE", tmp_path)
    (tmp_path / "published").mkdir()
    assert provenance.published() == tmp_path / "published"
