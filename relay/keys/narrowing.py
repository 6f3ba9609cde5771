"""The verdict on a certificate that was cut down to some user ids: never milder than that on the whole.

Whether a key has expired may stand in a self-signature of any of its user ids. GnuPG and others read all of them; a
certificate cut down to the user ids with the address that was asked for may have lost the one that counts. So the whole
certificate and the cut one are judged, and the stricter verdict counts for each part. The cut one is stored: whoever
publishes a key for one address decides about no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from relay.mail.user_id_filter import narrowed
from relay.model import Address, Certificate, Component, Unreadable
from relay.model.errors import OpenPgpError
from relay.pipeline.ports import Examiner


async def narrow(
    certificates: Sequence[Certificate], address: Address, examiner: Examiner
) -> list[Certificate | Unreadable]:
    """Each with the user ids of this address alone. Raises `EngineError`."""
    several = [one for one in certificates if any(user_id.addresses != (address,) for user_id in one.user_ids)]
    cuts = await examiner.examine([_cut(one, address) for one in several]) if several else []
    narrow = {one.fingerprint: strictest(one, cut) for one, cut in zip(several, cuts, strict=True)}
    return [narrow.get(one.fingerprint, one) for one in certificates]


def strictest(whole: Certificate, cut: Certificate | Unreadable) -> Certificate | Unreadable:
    """The cut one, with what either verdict holds against each of its parts."""
    if isinstance(cut, Unreadable):
        return cut
    of_whole = {component.fingerprint: component for component in whole.components}
    return replace(
        cut,
        components=tuple(_stricter(of_whole.get(part.fingerprint), part) for part in cut.components),
        user_ids=tuple(
            replace(user_id, revoked=user_id.revoked or _revoked(whole, user_id.text)) for user_id in cut.user_ids
        ),
        disabled=whole.disabled or cut.disabled,
        holds_until=_earlier(whole.holds_until, cut.holds_until),
        revokers=whole.revokers,
        certified=whole.certified,
    )


def bounded(merged: Certificate, *states: Certificate) -> Certificate:
    """The merged certificate; a part is usable only if, and as long as, it was so in one of the two."""
    of_states = [{component.fingerprint: component for component in state.components} for state in states]
    return replace(merged, components=tuple(_at_most(part, of_states) for part in merged.components))


def unreduced(read: Certificate, before: Certificate) -> Certificate:
    """What was read; where the software cannot read it and could before, the state before, which is unusable then.

    Of what cannot be read the primary key and the user ids are kept alone: nobody may have the rest any more, and the
    software may read it again in a moment.
    """
    reduced = read.fault and (not before.fault or len(read.components) < len(before.components))
    return replace(before, fault=read.fault, holds_until=None) if reduced else read


def _at_most(part: Component, states: Sequence[Mapping[str, Component]]) -> Component:
    known = [state[part.fingerprint] for state in states if part.fingerprint in state]
    ends = [one.expires for one in known]
    last = None if not ends or None in ends else max(end for end in ends if end is not None)
    return replace(
        part, expires=_earlier(part.expires, last), revoked=part.revoked or any(one.revoked for one in known)
    )


def _stricter(whole: Component | None, cut: Component) -> Component:
    if whole is None:
        return replace(cut, valid=False)
    return replace(
        cut,
        expires=_earlier(whole.expires, cut.expires),
        encrypts=whole.encrypts and cut.encrypts,
        revoked=whole.revoked or cut.revoked,
        valid=whole.valid and cut.valid,
        weaknesses=tuple(dict.fromkeys((*whole.weaknesses, *cut.weaknesses))),
    )


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((end for end in (one, other) if end is not None), default=None)


def _revoked(whole: Certificate, text: str) -> bool:
    same = [user_id.revoked for user_id in whole.user_ids if user_id.text == text]
    return not same or all(same)


def _cut(certificate: Certificate, address: Address) -> bytes:
    try:
        return narrowed(certificate.data, {address})
    except OpenPgpError:  # what an examiner gave back is whole
        return b""
