"""What can go wrong for a user, one class per kind.

Every message is one line that names the file (or option) and the remedy. The command line prints it and
exits with `exit_code`; a caller of the Python API catches `ImfnError`.
"""


class ImfnError(Exception):
    """A failure that the user can mend; `str(error)` is the whole message, one line."""

    exit_code = 1


class InputError(ImfnError):
    """The input is missing, empty, not a sequence of frames, or cannot be decoded."""


class OutputError(ImfnError):
    """The output exists already, cannot be written, or its ending is not known."""


class BusyError(OutputError):
    """Another run makes the same output right now."""


class ClusterError(ImfnError):
    """There is no cluster, or it went away: nothing of a batch can go on."""


class LatentError(ImfnError):
    """The latent file is damaged, cut short, of a future version, or not a latent at all."""


class ModelError(ImfnError):
    """The model is unknown, damaged, or not the one that wrote the latent."""


class LimitError(ImfnError):
    """A file, or what reads it, asks for more than is allowed; the message says what raises the limit."""


class RatioError(ImfnError):
    """The ratio is not one that the model offers (exit code 2: the command line was wrong)."""

    exit_code = 2
