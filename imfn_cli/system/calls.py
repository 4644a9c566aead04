"""A function's call as text, for a model's card: how it was made, but not where files lay."""

from pathlib import Path


def call_text(function: str, *values: object, **options: object) -> str:
    """`function(values, options)`: paths cut to their last two parts, options of None left out.

    >>> call_text("imfn.fit", ["/home/me/footage/day"], "models/mycam", levels=4, channels=None)
    "imfn.fit(['footage/day'], 'models/mycam', levels=4)"
    """
    words = [repr(_short(value)) for value in values]
    words += [f"{name}={_short(value)!r}" for name, value in options.items() if value is not None]
    return f"{function}({', '.join(words)})"


def _short(value: object) -> object:
    if isinstance(value, str | Path):
        return "/".join(Path(value).parts[-2:])
    if isinstance(value, list | tuple):
        return [_short(one) for one in value]
    return value
