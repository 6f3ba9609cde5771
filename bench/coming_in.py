"""The targets of incoming mail, own keys, the Web Key Directory and pick-ups: mostly ratios, measured in turns.

The parts are `incoming`, `opening`, `web` and `pickups`, which can be run alone with other sizes.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import incoming
import opening
import pickups
import web
from lab.hospital import BOB, DR, Correspondent, Hospital, inside, outer, pgp_mime
from lab.processes import Family, peak
from lab.public import WebPublic
from plan import LARGE, Plan
from target import target, turns

from relay.process import pool

Row = dict[str, object]
MOST_MINUTES_OF = 10_000
"""Own certificates."""
WEB_ADDRESSES = 1000


def measures(plan: Plan) -> Iterator[Callable[[], list[Row]]]:
    """Each of them, to be called one after the other."""
    yield partial(_unencrypted, plan)
    yield partial(_opened, plan)
    if LARGE in plan.sizes:
        yield _memory
    yield partial(_signed_clear, plan)
    yield partial(_directory, plan)
    yield partial(_picked_up, plan)


def _unencrypted(plan: Plan) -> list[Row]:
    mails = max(10, int(200 * plan.seconds))
    with Hospital("gnupg", incoming.PASSES) as hospital:
        ways = [partial(incoming.a_second, hospital, port, mails) for port in (hospital.port, hospital.relay.port)]
        turns(1, *ways)
        ours, passed = turns(plan.turns, *ways)
    return [target("incoming", ours / passed, a_second=round(ours, 1), passed_a_second=round(passed, 1))]


def _opened(plan: Plan) -> list[Row]:
    mails, makes = max(2, int(30 * plan.seconds)), max(2, int(100 * plan.seconds))
    with opening.home(10) as few, opening.home(plan.own_addresses) as many:
        small = opening.Bench(few, mails * 5 * (plan.turns + 1))
        large = opening.Bench(many, 1)
        sequoia, gnupg = small.opens("sequoia"), small.opens("gnupg")
        rows = [
            _ratio("open-sequoia", opening.ratio(plan.turns, mails * 5, (small, sequoia), (small, small.encrypt))),
            _ratio("open-gnupg", opening.ratio(plan.turns, mails, (small, gnupg), (small, small.raw))),
            _ratio(
                "open-addresses",
                opening.ratio(plan.turns, mails, (large, large.opens("gnupg")), (small, gnupg)),
                addresses=plan.own_addresses,
            ),
        ]
        for engine, count in (("gnupg", makes), ("sequoia", makes * 10)):
            pace = opening.making(few, engine, count)["seconds_each"]
            rows.append(target(f"make-{engine}", pace * MOST_MINUTES_OF / 60, certificates=count, seconds_each=pace))
    pool.stop()
    return rows


def _ratio(key: str, told: dict[str, float], **parts: object) -> Row:
    return target(key, told.pop("ratio"), **told, **parts)


def _memory() -> list[Row]:
    """Of the first one; mails of 200 KB have started the processes for large mails, so that idle is idle."""
    bob = Correspondent.new(BOB)
    with Hospital("sequoia", {"max_message_size": "40MB"}) as hospital:
        hospital.imports(bob.keys.public)
        small, large = (_encrypted(bob, hospital, size) for size in (200_000, LARGE))
        family = Family(hospital.relay.pid, hospital.relay.keyring)
        for _ in range(8):
            hospital.take(small, DR)
        family.settle()
        with peak(family) as seen:
            hospital.take(large, DR)
    told = {"above_mb": round(seen.above / 1e6, 1), "mail_mb": round(len(large) / 1e6, 1)}
    return [target("open-memory", seen.above / len(large), **told)]


def _encrypted(bob: Correspondent, hospital: Hospital, size: int) -> bytes:
    """A mail of about so many octets on its way in; what is inside does not get smaller by compression."""
    body = base64.encodebytes(os.urandom(size * 9 // 16)).replace(b"\n", b"\r\n")
    return pgp_mime(bob.encrypt(inside(body), hospital.certificates[DR]), outer())


def _signed_clear(plan: Plan) -> list[Row]:
    mails = max(10, int(200 * plan.seconds))
    with ExitStack() as stack:
        each = []
        for signs in (True, False):
            policy = [{"name": "all", "encrypt": "never", "sign_clear": signs}]
            hospital = stack.enter_context(Hospital("sequoia", {"policy": policy, "log": incoming.PASSES["log"]}))
            hospital.leave(incoming.LETTER, DR, BOB)
            (first,) = hospital.outside.taken
            if (b"multipart/signed" in first.content) is not signs:
                sys.exit("the mail is not signed as the rule says")
            each.append(partial(incoming.cpu_ms, hospital, mails))
        turns(1, *each)
        signed, plain = turns(plan.turns, *each)
    return [target("sign-clear", signed / plain, cpu_ms=round(signed, 2), plain_cpu_ms=round(plain, 2))]


def _directory(plan: Plan) -> list[Row]:
    known = [web.published(number) for number in range(WEB_ADDRESSES)]
    with WebPublic() as service:
        service.start()
        asyncio.run(web.publish(service, [one for _, one in known]))
        found = web.measured(service, known, kept=True, clients=8, seconds=max(1, 2 * plan.seconds))
    return [target("wkd", found.answers_per_second, cpu_ms=round(found.milliseconds, 2))]


def _picked_up(plan: Plan) -> list[Row]:
    rows, mails = list[Row](), max(2, int(60 * plan.seconds))
    for engine in ("gnupg", "sequoia"):
        with pickups.site(engine) as running:
            locking = turns(plan.turns, partial(pickups.locking, running, max(2, mails // 4)))[0]
            beside = pickups.beside(running, plan.rounds, mails)
            pages = pickups.pages(running, max(1, 2 * plan.seconds))
        rows.append(target(f"locking-{engine}", locking))
        rows.append(target(f"beside-{engine}", beside.pop("ratio"), **beside))
    return [*rows, target("pages", pages.pop("pages_a_second"), **pages)]
