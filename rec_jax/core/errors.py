"""What a user can be told: each error is one line with what was given, what is allowed and what to do."""


class RecError(ValueError):
    """Base of every error that is the input's fault, not the program's; `rec-jax` and `launch.py` print it, exit 1."""


class ConfigError(RecError):
    """A configuration names something that does not exist or has an impossible value."""


class MissingFile(RecError):
    """A model, data set or checkpoint is not where it was looked for."""


class UnsupportedImage(RecError):
    """An image of a kind that cannot be kept exactly (alpha, 16-bit, animation ...)."""


class CorruptFile(RecError):
    """A file is truncated, damaged or not of this format."""


class UnsupportedVersion(RecError):
    """A file of this format, written by a version that this program does not know."""


class WrongModel(RecError):
    """A file that was written with another model than the one given."""


class BitstreamMismatch(RecError):
    """A file decoded to other pixels than were encoded: another runtime's floats, or damage."""


class CoderOverflow(RecError):
    """A target holds more information than the static size of the code admits (`max_nats`)."""


class TrainingDiverged(RecError):
    """The loss or the parameters stopped being finite."""
