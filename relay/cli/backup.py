"""`pgp-relay backup` and `restore`: keyring and store as one file, while the relay serves."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from relay.admin import backup
from relay.admin.backup import Contents, Restoring, folder
from relay.admin.owner import become_owner, stay_root
from relay.cli.context import Json, context_of, run
from relay.cli.output import agreed, complain, fail, print_json, say
from relay.config import Config
from relay.model.database_url import without_password

_POSTGRESQL = (
    "the store is in PostgreSQL: back it up with pg_dump -Fc -f relay.dump '{url}', restore it with "
    "pg_restore --clean -d '{url}' relay.dump, and copy the keyring folder {keyring}"
)

File = Annotated[Path, typer.Argument(help="The backup.")]
DecryptionKeys = Annotated[
    bool, typer.Option("--with-decryption-keys", help="Also the secret keys that open mail to own addresses.")
]

LONGEST = 3650  # days
Days = Annotated[
    int | None,
    typer.Option(
        "--keep-days",
        min=1,
        max=LONGEST,
        metavar="N",
        help="FILE is a folder: after the new backup is written, remove those in it that are older than N days, but "
        f"never the newest {folder.FEWEST}. At most {folder.MOST} stay.",
    ),
]


def make(
    context: typer.Context,
    file: File,
    *,
    decryption_keys: DecryptionKeys = False,
    keep_days: Days = None,
    as_json: Json = False,
) -> None:
    """Write keys, certificates and trace to a new FILE.

    Only the user who runs this can read it. The relay may keep serving.

    It does not contain the configuration or a passphrase file. Unless you ask for them, it does not contain the secret
    keys that open mail to own addresses either: so nobody can open captured mail with this file, and neither can you
    after a restore on a new machine. An existing FILE is never overwritten. If FILE is a folder, the backup gets a
    name there that has the time in it.

    $ pgp-relay -c /etc/pgp-relay/config.yaml backup /var/lib/pgp-relay/backup-monday.tar
    """
    config, now = context_of(context).config(as_root=True), datetime.now(UTC)
    store, target = _store(config), _target(file, now, named=keep_days is None)
    with (
        backup.new_file(target) as new,
        stay_root([lambda: folder.thin(target, now, keep_days) if keep_days else 0]) as thin,
    ):
        become_owner(config.keyring)
        size, holds = run(backup.make(config, store, new, decryption_keys=decryption_keys))
        removed = thin(0)
    if as_json:
        print_json({"file": str(target), "size": size, "removed": removed, **_object(holds)})
    else:
        _tell(target, holds, size, removed)
    _warn(holds)


def _tell(target: Path, holds: Contents, size: int, removed: int) -> None:
    say(f"{target}: {_words(holds)}; {size} octets" + (f"; {removed} old backups removed" if removed else ""))
    if holds.own_addresses:
        say(_opens(holds))


def restore(
    context: typer.Context,
    file: File,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Replace what the store has by a backup.

    A running relay uses it within a second.

    Nothing is changed unless all of FILE is sound. Secret keys made since the backup are kept, and so is the trace if
    it continues the backup's.

    $ pgp-relay -c /etc/pgp-relay/config.yaml restore /var/lib/pgp-relay/backup-monday.tar
    """
    config = context_of(context).config(as_root=True)
    store = _store(config)
    with backup.opened(file) as source:
        become_owner(config.keyring)
        run(_restore(backup.read(config, store, source), file, yes=yes, as_json=as_json))


async def _restore(reading: AbstractAsyncContextManager[Restoring], file: Path, *, yes: bool, as_json: bool) -> None:
    async with reading as found:
        _warn(found.holds)
        if not yes and not _agreed(found):
            fail("nothing was changed")
        goes_on = await found.apply()
    if as_json:
        print_json({"file": str(file), "made": found.made, "trace_kept": goes_on, **_object(found.holds)})
    else:
        kept = ", and goes on from there" if goes_on and found.now.rows > found.holds.rows else ""
        say(f"restored from {found.made}: {_words(found.holds)}{kept}")


def _agreed(found: Restoring) -> bool:
    complain(f"{found.made}: {_words(found.holds)}")
    if found.holds.own_addresses:
        complain(_opens(found.holds))
    complain(f"now: {_words(found.now, secret=False)}")
    return agreed("Put the backup in place of what the store has now?")


def _target(file: Path, now: datetime, *, named: bool) -> Path:
    """The file to write: a new one in a folder, which loses leftovers first; the file itself only if `named`."""
    if folder.is_one(file):
        folder.sweep(file, now)
        return folder.target(file, now)
    return file if named else fail(f"--keep-days needs a folder, and {file} is none", status=2)


def _store(config: Config) -> Path:
    store = backup.store_file(config)
    return (
        store
        if store is not None
        else fail(_POSTGRESQL.format(url=without_password(str(config.database)), keyring=config.keyring), status=2)
    )


def _warn(holds: Contents) -> None:
    if holds.fault:
        complain(f"the trace in the backup does not verify: {holds.fault}")


def _words(holds: Contents, *, secret: bool = True) -> str:
    ours = f"{holds.secret_keys} secret keys, " if secret else ""
    return f"{ours}{holds.certificates} certificates, the trace up to row {holds.rows}"


def _opens(holds: Contents) -> str:
    if not holds.opens:
        return "it opens no mail to own addresses: --with-decryption-keys puts those keys in"
    return f"it opens mail to {holds.opens} of {holds.own_addresses} own addresses: keep it as secret as the mail"


def _object(holds: Contents) -> dict[str, object]:
    return {
        "secret_keys": holds.secret_keys,
        "certificates": holds.certificates,
        "trace_rows": holds.rows,
        "trace_fault": holds.fault or None,
        "own_addresses": holds.own_addresses,
        "opens": holds.opens,
    }
