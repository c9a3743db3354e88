"""Interruptions that wait for the end of a block of code."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask a process to end and can be answered: Ctrl-C, a scheduler, a terminal that is closed."""


@contextmanager
def held_back() -> Iterator[None]:
    """Hold an interruption back until the block has ended, or has failed; a second one counts at once.

    Only what would be answered by Python is held back, and only in the main thread, to which signals come.
    """
    came: list[int] = []
    holding = True

    def note(number: int, frame: object) -> None:
        if came or not holding:
            answered[number](number, frame)
        came.append(number)

    answered = _answered() if threading.current_thread() is threading.main_thread() else {}
    try:
        for number in answered:
            signal.signal(number, note)
        yield
    finally:
        holding = False
        for number, handler in answered.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def end_as_if_interrupted() -> None:
    """Answer a request to end as Ctrl-C, unless it is ignored or answered already."""
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _answered() -> dict[int, Callable[..., Any]]:
    """The signals for which a handler is set, with that handler."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in handlers.items() if callable(handler)}
