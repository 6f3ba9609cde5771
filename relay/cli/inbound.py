"""`pgp-relay inbound …`: incoming mail that waits."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from relay.admin import held_incoming
from relay.admin.owner import become_owner, stay_root
from relay.cli.context import Json, context_of, run
from relay.cli.output import fail, print_json, say
from relay.cli.values import PostfixFolder

Id = Annotated[str, typer.Argument(metavar="ID", help="The queue id; `postqueue -p` marks held mail with a !.")]


def open_(context: typer.Context, queue_id: Id, *, config_dir: PostfixFolder = None, as_json: Json = False) -> None:
    """Release a closed mail from Postfix's hold queue.

    It arrives decrypted for recipients who may open it by now (`own allow`), and closed for all others. Postfix holds
    such mail if `inbound.hold_closed` is true. Run this command as root.

    $ pgp-relay inbound open 4F3XyZ1mTtz9sW
    """
    config = context_of(context).config(as_root=True)
    if not config.inbound.listen:
        fail("inbound.listen is not set: the relay takes no incoming mail", status=2)
    mail = held_incoming.waiting(config_dir, queue_id)
    acts = (partial(held_incoming.release, config_dir, queue_id), partial(held_incoming.drop, config_dir, queue_id))
    with stay_root(acts) as act:
        become_owner(config.keyring)
        opened = run(held_incoming.open_again(config, mail))
        act(int(opened))
    recipients = [recipient.address.text for recipient in mail.envelope.recipients]
    if as_json:
        print_json({"queue_id": queue_id, "opened": opened, "recipients": recipients})
        return
    what = "goes through the relay again, which opens it" if opened else "goes on, and stays closed"
    say(f"{queue_id} for {', '.join(recipients)} {what}")
