"""The SQL about persons and their logins: functions that take a connection."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from relay.model.console import NAME, Known, Person, Role, Way
from relay.store.schema import person_logins, persons


def add(connection: Connection, name: str, role: Role, way: str, fresh: dict[str, Any]) -> None:
    """Add a person; `way`: by which the login came that made them."""
    values = {"enrolment": secrets.token_bytes(32), **fresh}
    connection.execute(insert(persons).values(name=name, role=role.value, enabled=True, way=way, ended=0, **values))


def end_sessions(connection: Connection, name: str) -> None:
    """End the person's sessions: none of them counts again."""
    connection.execute(update(persons).where(persons.c.name == name).values(ended=persons.c.ended + 1))


def link(connection: Connection, way: Way, subject: str, name: str) -> None:
    """Record that this login is the person's."""
    connection.execute(insert(person_logins).values(way=way.value, subject=subject, name=name))


def follows(connection: Connection, name: str, way: Way) -> bool:
    """Whether the person was made by a login of this way: their role follows the groups there."""
    return bool(connection.execute(select(persons.c.way).where(persons.c.name == name)).scalar_one() == way.value)


def named(connection: Connection, name: str) -> Known | None:
    """The person with this name, in any case.

    None as well for what no name can be: databases differ in the texts that they take.
    """
    if not NAME.fullmatch(name):
        return None
    return only(connection, select(persons).where(func.lower(persons.c.name) == name.lower()))


def of_login(connection: Connection, way: Way, subject: str) -> Known | None:
    """The person to whom this login belongs."""
    if not subject.isprintable():  # as in `named`: nobody has been given such a login
        return None
    logins = (person_logins.c.way == way.value, person_logins.c.subject == subject)
    wanted = select(persons).join(person_logins, person_logins.c.name == persons.c.name).where(*logins)
    return only(connection, wanted)


def only(connection: Connection, wanted: Any) -> Known | None:  # noqa: ANN401  SQLAlchemy's type of a query is long
    """The one person that a query finds; None where it finds none, or several."""
    found = read(connection, wanted)
    return found[0] if len(found) == 1 else None


def read(connection: Connection, wanted: Any) -> Sequence[Known]:  # noqa: ANN401  as above
    """All persons that a query finds, with their logins."""
    rows = connection.execute(wanted).all()
    logins: dict[str, list[tuple[Way, str]]] = {}
    for way, subject, name in connection.execute(select(person_logins).order_by(*person_logins.primary_key)):
        logins.setdefault(name, []).append((Way(way), subject))
    return [
        Known(
            Person(row.name, Role(row.role), bool(row.enabled), bool(row.enrolled), tuple(logins.get(row.name, ()))),
            bytes(row.enrolment).hex(),
            int(row.ended),
        )
        for row in rows
    ]
