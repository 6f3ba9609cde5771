"""Every real message that is not encrypted passes the incoming way byte for byte, less what is forged."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import corpus
from lab.fakes import inbound
from lab.incoming import MX, IncomingBed

from relay.mail import headers
from relay.model.mark import Encryption
from relay.pipeline.letter import read
from relay.pipeline.receive import MOST_HOPS

MESSAGES = corpus.sent()


@corpus.needs_corpus
async def test_it_passes_byte_for_byte(tmp_path: Path) -> None:
    bed = IncomingBed(tmp_path)
    pipeline = bed.pipeline()
    passed = closed = 0
    for name, content in MESSAGES.items():
        if headers.faulty(content) or (headers.hops(content) or 0) > MOST_HOPS:
            continue
        letter = read(content, MX)
        assert letter.unchanged, name
        attempt = pipeline.begin(inbound("dr@hopital.example", content=content))
        [reply] = await attempt.replies()
        await attempt.settle(delivered=True)
        assert reply.code == 250, name
        sent = bed.outlet.sent.pop()[1]
        ours, received = headers.split(sent).fields[:2]
        assert (ours.name, received.name) == ("x-pgp-relay", "received"), name
        rest = sent[len(ours.raw) + len(received.raw) :]
        expected = b"\r\n" + content if content.startswith((b" ", b"\t")) else content
        assert rest == expected, name
        passed += 1
        closed += f"encryption={Encryption.CLOSED.value}".encode() in ours.raw
    print(f"{passed} messages passed byte for byte, {closed} of them encrypted or encrypted in part")
    assert passed > 250
    assert 0 < closed < 60


def test_the_corpus_is_read() -> None:
    if not MESSAGES:
        pytest.skip("../shared/corpus is not there")
    assert len(MESSAGES) > 250
