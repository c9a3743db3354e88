"""Interruptions that Python would swallow."""

import gc
import signal
import sys
import time

import pytest

from dlntheory.cli.interruptions import insist_on_interruptions


@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_during_a_garbage_collection_is_not_lost(ask, monkeypatch):
    """Python prints what a callback of the collector raises, and goes on; JAX has such a callback."""
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    insist_on_interruptions()

    def interrupted(phase, _):
        if phase == "stop":
            gc.callbacks.remove(interrupted)
            signal.raise_signal(ask)

    def work():
        gc.collect()
        for _ in range(100):
            time.sleep(0.1)

    handlers = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(ask, signal.default_int_handler)
    gc.callbacks.append(interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def test_other_exceptions_are_reported_as_before(monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)
    insist_on_interruptions()

    class Broken:
        def __del__(self):
            raise ValueError

    Broken()
    assert [each.exc_type for each in reported] == [ValueError]
