"""The DKIM signatures of an incoming mail, and the results of our own MX about them.

Both are read by a strict grammar. If one signature cannot be read, none counts: the MX may have read it in another way,
and its result may be about that one. A field of results that cannot be read has none. Nothing is verified: that is the
MX's task. Raises nothing; the cost is linear and bounded.

A verifier's results contain text that strangers chose: OpenDKIM 2.11 decodes `i=` and writes the result as it is, with
brackets and semicolons; others write the envelope sender and the client's name. So no result counts if a domain,
selector or identity has characters that names do not need, or if the envelope sender or the client's name could begin a
result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from relay.mail import authentication_results, headers
from relay.mail.headers import Field, Head
from relay.model import Address, normalise_domain
from relay.model.dkim import DkimEvidence, DkimResult, DkimSignature

SIGNATURE = "dkim-signature"
MOST_FIELDS = 20
"""The most signatures, or fields of results, of one mail."""
MOST_OCTETS = 16_384
"""The most octets of one field."""

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|[();]|[^\\();"]+|[\\"]', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_BLANK = re.compile(r"\s+")
_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s"]+'
_RESULT = re.compile(r"\s*dkim\s*(?:/\s*1\s*)?=\s*([A-Za-z0-9-]+)(.*)", re.DOTALL | re.IGNORECASE)
_PROPERTY = re.compile(rf"\s+([A-Za-z0-9-]+(?:\s*\.\s*[A-Za-z0-9_-]+)?)\s*=\s*({_VALUE})", re.DOTALL)
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=([^;]*)")
_NAME = re.compile(r"[!-9<-~]+")
_PLAIN = {
    "d": re.compile(r"[A-Za-z0-9_.-]+"),
    "s": re.compile(r"[A-Za-z0-9_.-]+"),
    "i": re.compile(r"[A-Za-z0-9!#$%&'*+/?^_`{|}~.-]*@[A-Za-z0-9_.-]+"),  # without =, which encodes
    "a": re.compile(r"[A-Za-z0-9-]+"),
}
_HARMLESS = re.compile(r"[^\s;()\"\\]*")
_DIGITS = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def read(head: Head, authserv_id: str, sender: Address | None) -> DkimEvidence:
    """The DKIM signatures and results of this mail; `sender` is that of the envelope."""
    results = authentication_results.ours(head, authserv_id)
    if len(results) > MOST_FIELDS or not _is_harmless(head, sender):
        return DkimEvidence()
    return DkimEvidence(tuple(found for field in results for found in _results(field)), _signatures(head))


def _is_harmless(head: Head, sender: Address | None) -> bool:
    """Whether neither the envelope sender nor the client's name could begin a result.

    `Received` must have one `;`, the one before its date.
    """
    last = headers.first(head, "received")
    by_client = last is not None and last.raw.count(b";") == 1
    return by_client and (sender is None or _HARMLESS.fullmatch(sender.text) is not None)


def _signatures(head: Head) -> tuple[DkimSignature, ...] | None:
    fields = headers.all(head, SIGNATURE)
    read = [_signature(field) for field in fields[:MOST_FIELDS]]
    known = tuple(one for one in read if one)
    return known if len(known) == len(fields) else None


def _signature(field: Field) -> DkimSignature | None:
    """Parse one field (RFC 6376 section 3.5).

    None where a needed tag is missing or there twice, or `From` is not signed.
    """
    tags = _tags(field.value) if len(field.raw) <= MOST_OCTETS else {}
    names = [name.strip().lower() for name in tags.get("h", "").split(":")]
    value = _BLANK.sub("", tags.get("b", ""))
    domain, selector = tags.get("d", ""), tags.get("s", "")
    covered = "from" in names and all(map(_NAME.fullmatch, names))
    if not (domain and selector and covered and _are_plain(tags) and _DIGITS.fullmatch(value)):
        return None
    return DkimSignature(normalise_domain(domain), selector.lower(), value, frozenset(names), "l" in tags)


def _are_plain(tags: Mapping[str, str]) -> bool:
    """Whether these values can be written into results without changing their meaning."""
    return all(pattern.fullmatch(tags[tag]) for tag, pattern in _PLAIN.items() if tag in tags)


def _tags(text: str) -> Mapping[str, str]:
    """Parse a list of tags (RFC 6376 section 3.2); empty where it is not valid."""
    tags: dict[str, str] = {}
    for piece in text.removesuffix(";").split(";"):
        found = _TAG.fullmatch(piece)
        if found is None or found[1] in tags:
            return {}
        tags[found[1]] = found[2].strip()
    return tags


def _results(field: Field) -> Iterator[DkimResult]:
    """The DKIM results of one `Authentication-Results` field."""
    _, *several = _pieces(field.value) if len(field.raw) <= MOST_OCTETS else [""]
    for text in several:
        found = _RESULT.fullmatch(text)
        properties = _properties(found[2]) if found else None
        if found and properties is not None and (domain := _domain(properties)):
            selector = properties.get("header.s", "").lower()
            yield DkimResult(found[1].lower() == "pass", domain, selector, properties.get("header.b", ""))


def _pieces(text: str) -> list[str]:
    """The text between semicolons, without comments; one piece where a comment or quoted string is not closed."""
    pieces = [""]
    depth = 0
    for piece in _PIECE.findall(text):
        if piece in {'"', "\\"} and not depth:
            return [""]
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
            pieces[-1] += " "
        elif not depth and piece == ";":
            pieces.append("")
        elif not depth:
            pieces[-1] += piece
    return [""] if depth else pieces


def _properties(text: str) -> Mapping[str, str] | None:
    """The properties of a result with their values; None where they are not valid, or one is there twice."""
    found: dict[str, str] = {}
    at = 0
    while match := _PROPERTY.match(text, at):
        name = _BLANK.sub("", match[1]).lower()
        if name in found:
            return None
        found[name] = _unquoted(match[2])
        at = match.end()
    return None if text[at:].strip() else found


def _domain(properties: Mapping[str, str]) -> str:
    """The domain of the signature; older verifiers tell only the identity, whose domain is taken."""
    identity = properties.get("header.i", "")
    return normalise_domain(properties.get("header.d", "") or identity.rpartition("@")[2])


def _unquoted(value: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value[:1] == '"' else value
