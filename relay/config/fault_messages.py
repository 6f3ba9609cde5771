"""Messages for the errors that pydantic finds."""

from __future__ import annotations

import difflib
import re

from pydantic_core import ErrorDetails

from relay.config.base import Contradiction
from relay.config.key_names import elsewhere, meant, siblings
from relay.config.yaml_tree import EMPTY, Path, dotted

_SENTENCES = {
    "missing": "is missing, and has to be given",
    "string_type": "has to be text: put it in quotes",
    "bool_type": "has to be true or false",
    "int_type": "has to be a whole number",
    "tuple_type": "has to be a list",
    "dict_type": "has to hold keys: write key: value",
    "model_type": "has to hold keys: write key: value",
    "too_short": "is empty: name at least one, or leave the key out",
}
_CHOICE = re.compile("'([^']*)'")


def place_of(error: ErrorDetails) -> Path:
    """The path of the key that the error is about."""
    cause = error.get("ctx", {}).get("error")
    path = tuple(step for step in error["loc"] if step != "[key]")  # pydantic's mark for the key itself
    return (*path, cause.key) if isinstance(cause, Contradiction) else path


def sentence(error: ErrorDetails) -> str:
    """The message, with the path of the key in front."""
    path = place_of(error)
    if error["type"] == "extra_forbidden":
        return f"{dotted(path[:-1])}{_unknown(path)}"
    return f"{dotted(path)}{_wrong(error)}"


def _wrong(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["input"] is None and error["type"] != "missing":
        return EMPTY
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] in {"literal_error", "enum"}:
        return _choice(_CHOICE.findall(context["expected"]), error["input"])
    if error["type"] in {"greater_than_equal", "less_than_equal"}:
        bound, figure = ("least", context.get("ge")) if "ge" in context else ("most", context.get("le"))
        return f"has to be at {bound} {figure}"
    return _SENTENCES.get(error["type"], error["msg"])


def _choice(choices: list[str], given: object) -> str:
    near = difflib.get_close_matches(str(given).lower(), choices, 1)
    suggestion = f"; did you mean “{near[0]}”?" if near else ""
    return f"has to be {', '.join(choices[:-1])} or {choices[-1]}{suggestion}"


def _unknown(path: Path) -> str:
    name = path[-1]
    if near := meant(path):
        return f"unknown key “{name}”; did you mean “{near}”?"
    if there := elsewhere(str(name)):
        return f"unknown key “{name}” here; there is {there}"
    return f"unknown key “{name}”; known here: {', '.join(siblings(path))}"
