"""The page's own SHA-256, run by node, against Python's: it hashes a code where a mail is large."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from itertools import chain, repeat
from pathlib import Path

from lab.openpgpjs import needs_openpgpjs

SCRIPT = Path(__file__).parents[3] / "relay" / "web" / "pickup" / "static" / "sha256.js"
BLOCK = 64
COUNT = 65_011_712
"""Octets that are hashed for a key (`opening.js`)."""
PATTERNS = [bytes(range(256))[-length:] for length in (1, 2, 3, 55, 56, 63, 64, 65, 67, 128, 200)]
CASES = [
    *((pattern, count) for pattern in PATTERNS for count in (0, BLOCK, 3 * BLOCK, 129 * BLOCK)),
    (PATTERNS[8], COUNT),
]
PROGRAM = """
import { digestOfRepeated } from "./sha256.mjs";
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const cases = JSON.parse(Buffer.concat(chunks));
const digests = cases.map(([pattern, count]) => digestOfRepeated(Buffer.from(pattern, "hex"), count));
console.log(JSON.stringify(digests.map((digest) => Buffer.from(digest).toString("hex"))));
"""


def digest(pattern: bytes, count: int) -> str:
    """Of the pattern, repeated to so many octets."""
    hashed, piece = hashlib.sha256(), pattern * (1 << 16)
    whole, rest = divmod(count, len(piece))
    for each in chain(repeat(piece, whole), [piece[:rest]]):
        hashed.update(each)
    return hashed.hexdigest()


@needs_openpgpjs
def test_a_repeated_pattern_has_the_digest_that_python_finds(tmp_path: Path) -> None:
    shutil.copy(SCRIPT, tmp_path / "sha256.mjs")  # node takes the name's end for the kind of script
    (tmp_path / "program.mjs").write_text(PROGRAM)
    asked = json.dumps([(pattern.hex(), count) for pattern, count in CASES]).encode()
    done = subprocess.run(["node", tmp_path / "program.mjs"], input=asked, capture_output=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert [
        (len(pattern), count)
        for (pattern, count), one in zip(CASES, found, strict=True)
        if one != digest(pattern, count)
    ] == []
