"""The ends of a relaxation: the index that its status holds, a word, and a sentence."""

import enum


class Outcome(enum.IntEnum):
    """The four ends of inference."""

    word: str
    sentence: str

    def __new__(cls, index: int, word: str, sentence: str) -> "Outcome":
        """A member is its index."""
        member = int.__new__(cls, index)
        member._value_, member.word, member.sentence = index, word, sentence
        return member

    CONVERGED = (0, "converged", "The energy's gradient is at most the tolerance.")
    STEP_LIMIT = (1, "step limit", "Every step was taken, and the energy's gradient is still above the tolerance.")
    DIVERGED = (
        2,
        "diverged",
        "The step size exceeds the stability limit, or the energy's gradient has grown a thousandfold.",
    )
    NOT_FINITE = (3, "not finite", "Numbers overflowed, or an option was out of its range.")
