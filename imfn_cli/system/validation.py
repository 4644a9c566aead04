"""What was declared of a value, as one line that says what is wrong with it."""

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """The first thing wrong, on one line: "levels is 99: Input should be less than or equal to 20".

    A crafted value may be long; it is cut.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("missing", "unexpected_keyword_argument", "extra_forbidden"):
        return f"{place!r:.60}: {first['msg']}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place} is {first['input']!r:.60}: {message}" if place else message
