"""Interruptions that Python swallows, raised again."""

import signal
import sys
import threading
from typing import Any

SOON = 0.1
"""Seconds until an interruption that was swallowed comes again."""


def insist_on_interruptions() -> None:
    """Repeat an interruption that came where Python has to ignore it, until it is raised.

    Python prints exceptions in finalisers and in callbacks of the garbage collector, and goes on. JAX has such a
    callback: without this, Ctrl-C during a collection is lost.
    """
    report = sys.unraisablehook

    def again(unraisable: Any, /) -> None:
        number = _answered()
        if number is None or not issubclass(unraisable.exc_type, KeyboardInterrupt):
            return report(unraisable)
        timer = threading.Timer(SOON, signal.raise_signal, (number,))
        timer.daemon = True
        timer.start()
        return None

    sys.unraisablehook = again


def _answered() -> int | None:
    """A signal for which a handler is set, if there is one."""
    asking = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    return next((each for each in asking if each is not None and callable(signal.getsignal(each))), None)
