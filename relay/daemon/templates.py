"""The notices' templates of a configuration: a site's own file where its folder has one, else the built-in text.

Each kind has a text for one recipient (`refused.txt`) and one for several (`refused-several.txt`); a site's own text
for one serves for several too where it has no other.

Raises `ConfigError` that names each file that cannot be read or filled, with its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from relay.config import Config
from relay.mail.notice_template import MOST, Kind, Template, TemplateError, Wording
from relay.model.errors import ConfigError, Fault

SEVERAL = "-several"


def load(config: Config) -> Mapping[Kind, Wording]:
    """One for each kind."""
    own: dict[str, Template | None] = {}
    faults: list[Fault] = []
    for name in (f"{kind.value}{number}" for kind in Kind for number in ("", SEVERAL)):
        try:
            own[name] = _own(config, name)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(tuple(faults))
    return {kind: _wording(config, own, kind.value) for kind in Kind}


def _wording(config: Config, own: Mapping[str, Template | None], name: str) -> Wording:
    one, several = own[name], own[name + SEVERAL] or own[name]
    return Wording(one or _built_in(config, name), several or _built_in(config, name + SEVERAL))


def _built_in(config: Config, name: str) -> Template:
    folder = resources.files("relay.mail") / "templates" / config.notices.language
    return Template((folder / f"{name}.txt").read_text(encoding="utf-8"))


def _own(config: Config, name: str) -> Template | None:
    folder = config.notices.templates
    file = folder / f"{name}.txt" if folder else None
    if not file or not file.exists():
        return None
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
