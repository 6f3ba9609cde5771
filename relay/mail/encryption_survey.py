"""Whether all of a mail is encrypted: one walk over its entities, without recursion, bounded in depth and number.

Nothing may be readable: no part, no text around one, no header or identifier with more than what describes a part
(`relay.mail.allowed_headers`, `relay.mail.machine_id`). Contents are read only while nothing readable has been found; a
plain text costs no more than its beginning. Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from relay.mail import ciphertext, content_type, headers, machine_id, mime
from relay.mail.allowed_headers import identifiers, is_bare, is_bare_message
from relay.mail.ciphertext import Encrypted
from relay.mail.content_type import ContentType
from relay.mail.headers import Head
from relay.mail.mime import Part
from relay.model import Doubt
from relay.model.errors import Doubtful

MAX_DEPTH = 20
MAX_ENTITIES = 1_000
MAX_ENCRYPTED = 200
"""Encrypted entities of one mail: each is read whole."""
MAX_SHOWN = 4_000
"""Octets of a field in which the sender's domains are looked for."""

_SHOWING = ("from", "sender", "message-id")
_DOMAIN = re.compile(rb"@([A-Za-z0-9.-]{1,255})")

Leaf = tuple[Part, ContentType | None]


class Survey:
    """What was found out of one message."""

    def __init__(self, content: bytes, head: Head | None = None) -> None:
        self._content = content
        self.whole = mime.root(content, head)
        self.leaves: list[Leaf] = []
        """Each entity that is judged by itself: leaves, and a multipart/encrypted as one."""
        self._identifiers: list[str] = list(identifiers(self.whole.head))
        self._encrypted: list[Encrypted] = []
        self._doubts: list[Doubt] = []
        self._looks_encrypted = False
        for part, kind in self._walk():
            self.leaves.append((part, kind))
            self._judge(part, kind)
        if self._encrypted and not self._doubts:
            self._judge_headers()

    @property
    def encrypted(self) -> tuple[Encrypted, ...]:
        """Its encrypted entities, where nothing else is in it."""
        return () if self._doubts else tuple(self._encrypted)

    @property
    def doubt(self) -> Doubt | None:
        """Why it is not encrypted, where anything in it looks encrypted."""
        return self._doubts[0] if self._doubts and self._looks_encrypted else None

    def _walk(self) -> Iterator[Leaf]:
        waiting = [(self.whole, 0)]
        seen = 0
        while waiting:
            part, depth = waiting.pop()
            kind = content_type.of(part.head)
            if kind is None or not kind.multipart or kind.kind == "multipart/encrypted":
                yield part, kind
                continue
            found = mime.parts(self._content, part, kind.get("boundary")) if depth < MAX_DEPTH else None
            if found is None or seen + len(found.parts) > MAX_ENTITIES:
                self._doubts.append(Doubt.TOO_MUCH)
                continue
            seen += len(found.parts)
            self._judge_parts(found)
            waiting.extend((child, depth + 1) for child in reversed(found.parts))

    def _judge_parts(self, found: mime.Parts) -> None:
        if self._doubts:
            return
        if not ciphertext.nothing_around(self._content, found):
            self._doubts.append(Doubt.AROUND)
        elif not all(map(is_bare, found.parts)):
            self._doubts.append(Doubt.HEADERS)
        else:
            self._identifiers += [one for part in found.parts for one in identifiers(part.head)]

    def _judge(self, part: Part, kind: ContentType | None) -> None:
        """Read it while nothing readable was found; later on, only whether it looks encrypted."""
        if self._doubts:
            looks = kind is not None and ciphertext.look_of(self._content, part, kind)
            self._looks_encrypted |= looks not in {False, "", ciphertext.FILE}
            return
        try:
            found = ciphertext.encrypted(self._content, part, kind) if kind else None
        except Doubtful as error:
            self._looks_encrypted = True
            self._doubts.append(error.doubt)
            return
        if not found:
            if kind is None or part is self.whole or not ciphertext.is_nothing(self._content, part, kind):
                self._doubts.append(Doubt.ANOTHER_PART)
            return
        self._looks_encrypted = True
        self._encrypted.append(found)
        self._identifiers += found.identifiers
        if len(self._encrypted) > MAX_ENCRYPTED:
            self._doubts.append(Doubt.TOO_MUCH)

    def _judge_headers(self) -> None:
        """The fields of its own header that describe the body, and the identifiers of all parts together."""
        head = self.whole.head
        if not is_bare_message(head):
            self._doubts.append(Doubt.HEADERS)
        elif machine_id.text_bits(self._identifiers, _shown(head)) >= machine_id.LIMIT:
            self._doubts.append(Doubt.IDENTIFIERS)


def _shown(head: Head) -> frozenset[str]:
    """The labels of the sender's domains, which its header shows."""
    fields = (headers.first(head, name) for name in _SHOWING)
    domains = (domain for field in fields if field for domain in _DOMAIN.findall(field.raw[:MAX_SHOWN]))
    return frozenset(label for domain in domains for label in domain.decode("ascii").lower().split("."))
