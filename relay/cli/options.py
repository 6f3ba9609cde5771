"""Options that belong together, as one value: a command takes that value in place of each of them.

@dataclass(frozen=True, slots=True)
class Display(Options):
    full: Annotated[bool, typer.Option("--full", help="Shorten nothing.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False

def nodes(context: typer.Context, *, display: Display) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """Base of such values. Each field is an option or an argument, declared as a parameter of a command is."""


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer reads it: each of its options, in their order, is a parameter of its own."""
    taken = signature(command, eval_str=True).parameters.values()
    groups = {parameter.name: parameter.annotation for parameter in taken if _is_group(parameter)}

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401  an option may be of any type
        values = {name: _taken_out(given, group) for name, group in groups.items()}
        command(**given, **values)

    vars(called)["__signature__"] = Signature([each for parameter in taken for each in _options(parameter)])
    return called


def _is_group(parameter: Parameter) -> bool:
    return isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Options)


def _options(parameter: Parameter) -> Iterator[Parameter]:
    """What the parameter stands for; by name alone, so that one without a default may come after one that has it."""
    found = signature(parameter.annotation, eval_str=True).parameters.values() if _is_group(parameter) else (parameter,)
    for each in found:
        yield each.replace(kind=Parameter.KEYWORD_ONLY)


def _taken_out(given: dict[str, Any], group: type[Options]) -> Options:
    """The value that these options make; they are no longer in `given`."""
    return group(**{field.name: given.pop(field.name) for field in fields(group)})
