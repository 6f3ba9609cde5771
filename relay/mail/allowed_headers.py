"""Headers that say nothing but what a part is: of MIME parts around ciphertext, and of armor.

A field that people read (a description, a file name, a comment in either) passes only where it is one that programs
write, compared as a whole. Anything else may carry text: its mail is encrypted like any other, which is the safe
side. Raises nothing.
"""

from __future__ import annotations

import re

from relay.mail import mime
from relay.mail.headers import Field
from relay.mail.mime import Part

MAX_PART_HEAD = 2_000

_DESCRIPTIONS = frozenset(
    {
        "pgp/mime version identification",
        "pgp/mime versions identification",
        "pgp/mime encrypted message",
        "openpgp encrypted message",
        "openpgp encrypted message.asc",
        "s/mime encrypted message",
        "s/mime encrypted message.p7m",
    }
)
_NAMES = (
    rb'"?(?i:version\.txt|(?:open)?pgp[-_ ]?(?:mime[-_ ]?version|encrypted[-_ ]message)?\.(?:txt|asc|pgp)'
    rb"|(?:encrypted|msg|message|encrypted[-_]message|noname)\.(?:asc|pgp|gpg)|smime\.p7m)\"?"
)
_PARAMETERS = {
    "charset": re.compile(rb"(?i:utf-?8|us-ascii|iso-8859-[0-9]{1,2}|windows-125[0-9])"),
    "name": re.compile(_NAMES),
    "format": re.compile(rb"(?i:flowed|fixed)"),
    "delsp": re.compile(rb"(?i:yes|no)"),
    "smime-type": re.compile(rb"(?i:enveloped-data|authenveloped-data)"),
    "protocol": re.compile(rb"(?i:application/pgp-encrypted)"),
    "boundary": re.compile(rb"[^\r\n]{1,70}"),
}
_DISPOSITION = re.compile(
    r"(?:inline|attachment)(?:; *filename=%b)?(?:; *size=[0-9]{1,12})?;?".replace("%b", _NAMES.decode()), re.IGNORECASE
)
_CONTENT_ID = re.compile(r"<[^\s<>]{1,100}>")
_ENCODINGS = frozenset({"7bit", "8bit", "binary", "base64", "quoted-printable"})

_PRODUCTS = (
    rb"gnupg(?:/macgpg2)?|openpgp\.js|bcpg|bcpg c#|protonmail|mailvelope|flowcrypt|openkeychain|apg|k-9 mail|rnp"
    rb"|sequoia-pgp|pgp(?: desktop| universal)?|encryption desktop|symantec encryption (?:desktop|server)"
    rb"|netpgp portable|keybase (?:go|openpgp)|didisoft openpgp library for java|gopenpgp|openpgp\.php|autocrypt"
)
_SYSTEMS = rb"gnu/linux|mingw32|darwin|cygwin|freebsd|openbsd|android|build [0-9]+|linux"
_VERSION = re.compile(
    rb"(?:%b)(?: v?[0-9][0-9.]{0,15}(?:-(?:beta|rc)?[0-9]*)?)?(?: [a-z]+ encryption)?(?: \((?:%b)\))?"
    % (_PRODUCTS, _SYSTEMS)
)
_COMMENT = re.compile(
    rb"(?:https?://(?:www\.)?(?:mailvelope\.com|openpgpjs\.org|protonmail\.com|proton\.me|gpgtools\.org|flowcrypt\.com"
    rb"|keybase\.io/crypto|openkeychain\.org|gnupg\.org|enigmail\.net)/?"
    rb"|using gnupg with [a-z0-9/-]{1,20} - https?://(?:www\.)?enigmail\.net/?|gpgtools - https?://(?:www\.)?gpgtools\.org/?"
    rb"|(?:using|created with) (?:openpgp\.js|mailvelope|gpg4win)|seamlessly send and receive encrypted email)"
)
_ARMOR = {
    b"version": _VERSION,
    b"comment": _COMMENT,
    b"charset": _PARAMETERS["charset"],
    b"messageid": re.compile(rb"[a-z0-9+/]{32}"),
}


def is_bare(part: Part) -> bool:
    """Whether the part's header says nothing but what it is."""
    fields = part.head.fields
    short = sum(len(field.raw) for field in fields) <= MAX_PART_HEAD
    return short and part.head.separator != b"" and all(map(_says_nothing, fields))


def is_bare_armor(line: bytes) -> bool:
    """Whether an armor header line is one that OpenPGP software writes by itself."""
    key, _, value = line.strip().lower().partition(b":")
    known = _ARMOR.get(key.strip())
    return known is not None and known.fullmatch(value.strip()) is not None


def _says_nothing(field: Field) -> bool:
    match field.name:
        case "content-type":
            kind = mime.parse(field)
            plain = kind is not None and b"(" not in field.raw
            return plain and kind is not None and all(map(_is_known, kind.parameters))
        case "content-transfer-encoding":
            return field.value.lower() in _ENCODINGS
        case "content-disposition":
            return _DISPOSITION.fullmatch(" ".join(field.value.split())) is not None
        case "content-description":
            return field.value.lower() in _DESCRIPTIONS
        case "content-id":
            return _CONTENT_ID.fullmatch(field.value) is not None
        case _:
            return False


def _is_known(parameter: mime.Parameter) -> bool:
    known = _PARAMETERS.get(parameter.name)
    return known is not None and known.fullmatch(parameter.value) is not None
