"""Studies that tests write as files of their own, and run by the command."""

from typer.testing import CliRunner

from dlntheory.cli import app


def dlntheory(*arguments):
    return CliRunner().invoke(app, ["study", *map(str, arguments)])


def study_file(factory, text):
    """The file of a study named ``mine``."""
    path = factory.mktemp("own") / "mine.toml"
    path.write_text(text)
    return path


def run_whole(factory, path):
    """The folder of a study that has run to its end."""
    folder = factory.mktemp("whole") / "out"
    done = dlntheory(path, "--scale", "paper", "--out", folder)
    assert done.exit_code == 0, done.stderr
    return folder
