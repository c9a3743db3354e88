"""A training run on the terminal: its progress, its outcome, and the table of algorithms."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from .tables import titled_table

SHOWN = 8
"""Layers whose energies are shown; of a deeper network, the first and the last of them."""


class TrainingDisplay:
    """A progress bar over epochs, with the newest numbers beside it, on the standard error."""

    def __init__(self, epochs: int):
        self.console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=self.console, transient=self.console.is_terminal)
        self.task = self.progress.add_task("Training", total=epochs)
        self.tested = ""

    def __enter__(self) -> "TrainingDisplay":
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.progress.stop()

    def show(self, record: dict[str, Any]) -> None:
        """Show a record of the run; where there is no terminal, a line for each epoch."""
        if record["kind"] == "epoch":
            self.tested = f"test {record['test_accuracy']:.2%}"
            self.progress.update(self.task, completed=record["epoch"])
            if not self.console.is_terminal:
                self.console.print(f"epoch {record['epoch']}: {numbers(record)}, {self.tested}", highlight=False)
        self.progress.update(self.task, description=", ".join(filter(None, (numbers(record), self.tested))))


def numbers(record: dict[str, Any]) -> str:
    """Loss, accuracy, alignment and energy by layer, in a line."""
    parts = [f"loss {record['loss']:.4g}", f"train {record['accuracy']:.2%}"]
    if record.get("alignment") is not None:
        parts.append(f"alignment {record['alignment']:.3f}")
    return ", ".join([*parts, f"energy {energies(record['energy'])}"])


def energies(values: Sequence[float]) -> str:
    """Energies by layer, those in the middle of a deep network left out."""
    texts = [f"{value:.1e}" for value in values]
    half = SHOWN // 2
    return " ".join(texts if len(texts) <= SHOWN else [*texts[:half], "…", *texts[-half:]])


def training_report(record: dict[str, Any]) -> Iterator[RenderableType]:
    """The outcome of a run: its last epochs, and the best."""
    table = titled_table(None, ">epoch", ">loss", ">train", ">test loss", ">test", "energy by layer")
    for each in record["epochs"][-10:]:
        table.add_row(
            str(each["epoch"]), f"{each['loss']:.4g}", f"{each['accuracy']:.2%}", f"{each['test_loss']:.4g}",
            f"{each['test_accuracy']:.2%}", energies(each["energy"]),
        )  # fmt: skip
    yield table
    if "test_mse" in record["epochs"][-1]:
        yield Text(f"Mean squared error of a test pixel {record['epochs'][-1]['test_mse']:.3e} in the last epoch.")
    best, measure = record["summary"], record["measure"]
    judged = best["best_validation"]
    choice = f"Best test {measure}" if judged is None else f"Best validation {measure} {judged:.2%}, test {measure}"
    line = (
        f"{choice} {best['best_accuracy']:.2%}, in epoch {best['best_epoch']}"
        f"{top5(record['epochs'], best['best_epoch'])}. {cost(record['epochs'][-1])}Results in {record['folder']}."
    )
    yield Padding(Text(line, "bold"), (1, 0, 0, 0))


def top5(epochs: Sequence[dict[str, Any]], number: int) -> str:
    """The share of samples whose class is among the five largest outputs after an epoch, if it was measured."""
    found = [each["test_top5"] for each in epochs if each["epoch"] == number and "test_top5" in each]
    return f" ({found[0]:.2%} among the five largest)" if found else ""


def cost(epoch: dict[str, Any]) -> str:
    """The cost of a run until an epoch, in sequential matrix multiplications."""
    count = epoch.get("multiplications")
    return "" if count is None else f"{count} sequential matrix multiplications, {count // epoch['step']} per step. "


def algorithms_report(records: Sequence[dict[str, Any]]) -> Iterator[RenderableType]:
    """The table of algorithms with their sources."""
    table = titled_table(None, "algorithm", "what it is", "source")
    for record in records:
        table.add_row(record["name"], record["description"], Text(record["source"], "dim"))
    yield table
