"""The notices' templates of a configuration: a site's own file where its folder has one, else the built-in text.

Raises `ConfigError` that names each file that cannot be read or filled, with its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from relay.config import Config
from relay.mail.notice_template import MOST, Kind, Template, TemplateError
from relay.model.errors import ConfigError, Fault


def load(config: Config) -> Mapping[Kind, Template]:
    """One for each kind."""
    found: dict[Kind, Template] = {}
    faults: list[Fault] = []
    for kind in Kind:
        try:
            found[kind] = _template(config, kind)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(tuple(faults))
    return found


def _template(config: Config, kind: Kind) -> Template:
    name = f"{kind.value}.txt"
    folder = config.notices.templates
    file = folder / name if folder else None
    if not file or not file.exists():
        built_in = resources.files("relay.mail") / "templates" / config.notices.language / name
        return Template(built_in.read_text(encoding="utf-8"))
    try:
        with file.open(encoding="utf-8-sig") as text:
            return Template(text.read(MOST + 1))
    except TemplateError as error:
        fault = Fault(str(file), error.line, str(error))
    except UnicodeDecodeError:
        fault = Fault(str(file), 0, "not UTF-8")
    except OSError as error:
        fault = Fault(str(file), 0, f"cannot be read: {error.strerror}")
    raise ConfigError((fault,)) from None
