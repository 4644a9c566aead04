"""What was declared of a value, as one line that says what is wrong with it."""

from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, model_validator


def first_problem(error: ValidationError) -> str:
    """The first thing wrong, on one line: "levels is 99: Input should be less than or equal to 20".

    A crafted value may be long; it is cut.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("missing", "unexpected_keyword_argument", "extra_forbidden"):
        return f"{place!r:.60}: {first['msg']}"
    # Files and JSON know no tuples.
    message = first["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list")
    return f"{place} is {first['input']!r:.60}: {message}" if place else message


def raising(kind: type[Exception], what: str) -> Any:
    """A validator for a pydantic class that turns its `ValidationError` into `kind("what: first problem")`.

    It stands last in the class, around all others: `_told = raising(ModelError, "config")`. kind: no
    `ValueError`, which pydantic would catch again.
    """

    def told(cls: type, values: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(values)
        except ValidationError as error:
            raise kind(f"{what}: {first_problem(error)}") from error

    return model_validator(mode="wrap")(classmethod(told))  # type: ignore[arg-type]
