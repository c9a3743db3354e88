"""The standard streams: no character that they lack, and no reader that goes away, ends a computation."""

import codecs
import io
import os
import select
import sys
import unicodedata
from typing import Any

ERRORS = "dlntheory.similar"
SIMILAR = {
    "—": "-", "–": "-", "−": "-", "×": "x", "·": "*", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "←": "<-",
    "‖": "|", "∥": "|", "∣": "|", "⁄": "/", "∞": "inf", "∂": "d", "∈": "in", "√": "sqrt", "∏": "product", "∝": "~",
    "⟨": "<", "⟩": ">", "±": "+-", "∇": "grad ", "“": '"', "”": '"', "‘": "'", "’": "'", "\u0302": "^", "ᵀ": "'",
    "█": "#", "▉": "#", "▊": "#", "▋": "+", "▌": "+", "▍": "-", "▎": "-", "▏": ".", "━": "-", "─": "-", "│": "|",
    "✗": "x", "⪰": ">=", "⊗": "x",
}  # fmt: skip
"""By character, the ASCII that looks like it."""


class OutputError(Exception):
    """The output cannot be written, though somebody may be reading: a disk is full, say."""


class Pipe(io.RawIOBase):
    """A stream whose reader may go away: output is then dropped.

    Args:
        raw: the stream.
        needed: whether anything else that keeps it from being written is an `OutputError`; otherwise it is dropped too.
    """

    def __init__(self, raw: io.FileIO, needed: bool):
        self.raw, self.needed, self.name = raw, needed, raw.name

    def writable(self) -> bool:
        """Whether it can be written to: yes."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self.raw.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.raw.isatty()

    def write(self, data: Any) -> int:
        """Write bytes; drop them once writing has failed."""
        try:
            while (written := self.raw.write(data)) is None:  # it does not block, and its reader is slow
                select.select((), (self,), ())
        except OSError as error:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            if self.needed and not isinstance(error, BrokenPipeError):
                raise OutputError(f"the output cannot be written: {error}") from error
            return len(data)
        return written


def protect_streams() -> None:
    """Let the standard output and the standard error of this process take any text, whoever reads them."""
    codecs.register_error(ERRORS, similar)
    sys.stdout, sys.stderr = protected(sys.stdout, needed=True), protected(sys.stderr, needed=False)


def protected(stream: Any, needed: bool) -> Any:
    """The stream, safe to write to; unchanged if it is closed, or no file of the system's."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # with PYTHONUNBUFFERED the file itself
    if not isinstance(raw, io.FileIO):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Pipe(raw, needed)), stream.encoding, ERRORS,
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip


def similar(error: UnicodeError) -> tuple[str, int]:
    """Replacements for characters that an encoding lacks: ASCII that looks or reads like them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(ascii_of, error.object[error.start : error.end])), error.end


def ascii_of(character: str) -> str:
    """ASCII for a character, ``?`` if nothing is like it.

    Example:
        >>> "".join(map(ascii_of, "ŷᵀΣ⁻¹ŷ ≤ ½ ‖ε‖²"))
        "y^'Sigma-1y^ <= 1/2 |epsilon|2"
    """
    if character in SIMILAR:
        return SIMILAR[character]
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part if part.isascii() else SIMILAR.get(part, _spelled(part)) for part in parts)


def _spelled(character: str) -> str:
    """The name of a Greek letter."""
    name = unicodedata.name(character, "")
    if unicodedata.combining(character):
        return ""
    if not name.startswith("GREEK"):
        return "?"
    return name.split()[-1].capitalize() if character.isupper() else name.split()[-1].lower()
