"""The next hop fails at each step, in each way: what each recipient is answered first, and that all ends well.

`ONE`, `TWO` and `THREE` are the mails: one encrypted copy; two encrypted copies, one of them for a hidden recipient;
one encrypted copy, one clear by rule and one refused, of which the sender is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from lab.bed import ANNA, BERTA, CARL, DEADLINES, RITA, Bed, is_notice, recipients, told_or_sent
from lab.mta import Mail
from lab.nexthop import Drop, Fault, Hang, Say, ScriptedHop

pytestmark = pytest.mark.waits

DOWN = "451 4.4.1"  # the next hop is unreachable or breaks off; or a notice cannot be delivered
MIXED = "451 4.3.0"  # the one SMTP answer for outcomes that differ and of which one is temporary
OK = "250 2.0.0"

ONE, TWO, THREE = "one", "two", "three"
RECIPIENTS = {ONE: (ANNA,), TWO: (ANNA, BERTA), THREE: (ANNA, CARL, RITA)}


def write(bed: Bed, which: str) -> Mail:
    return bed.letter(ANNA, hidden=(BERTA,)) if which == TWO else bed.letter(*RECIPIENTS[which])


@dataclass(frozen=True)
class Row:
    """What happens to every message at that step, and what a recipient of such a copy is answered."""

    step: str
    fault: Fault
    answer: str


FOUR, FIVE = Say("452 4.3.1 Out of storage"), Say("554 5.3.9 Not today")

ANSWERS: list[tuple[Fault, str]] = [
    (FOUR, "452 4.3.1"),
    (FIVE, "554 5.3.9"),
    (Say("421 4.3.2 Later", close=True), DOWN),
    (Drop(), DOWN),
    (Drop(reset=True), DOWN),
    (Hang(), DOWN),
]

ROWS = [
    *(
        Row(step, fault, DOWN)
        for step in ("connect", "EHLO")
        for fault in (FOUR, FIVE, Say("421 4.3.2 Later", close=True), Drop(), Drop(reset=True), Hang())
    ),
    *(Row(step, fault, answer) for step in ("MAIL", "DATA", ".") for fault, answer in ANSWERS),
    Row("body", Drop(), DOWN),
    Row("body", Drop(reset=True), DOWN),
    Row("body", Hang(), DOWN),
]


def expected(scheme: str, which: str, answer: str) -> list[str]:
    """Every copy was hit, and the notice for RITA too: that one is temporary whatever the next hop says."""
    each = {ONE: [answer], TWO: [answer, answer], THREE: [answer, answer, DOWN]}[which]
    return each if scheme == "lmtp" or len(set(each)) == 1 else [MIXED] * len(each)


SOON = "200ms"
"""A deadline where every message hangs: on a slow machine it is over for the same reply."""
IN_TIME = "3s"
"""One that the other messages keep on a slow machine too."""


def spoil(bed: Bed, hop: ScriptedHop, step: str, fault: Fault, deadline: str) -> Callable[[], None]:
    """Have that happen there, and be waited for so long where it hangs; what ends both."""
    hop.at[step] = fault
    if not isinstance(fault, Hang):
        return hop.at.clear
    before = bed.relay.settings
    bed.reload({**before, "deadlines": {**DEADLINES, "next_hop": deadline, "final_dot": deadline}})

    def heal() -> None:
        hop.at.clear()
        bed.reload(before)

    return heal


@pytest.mark.parametrize("which", [ONE, TWO, THREE])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.step}-{row.fault}")
async def test_the_next_hop_fails_at_every_step_for_every_message(bed: Bed, row: Row, which: str) -> None:
    async with bed.hop() as hop:
        heal = spoil(bed, hop, row.step, row.fault, SOON)
        await bed.prove(hop, write(bed, which), expected(bed.scheme, which, row.answer), heal)


@pytest.mark.parametrize("which", [ONE, TWO, THREE])
async def test_the_next_hop_refuses_to_connect(bed: Bed, which: str) -> None:
    mail = write(bed, which)
    assert await bed.mta.attempt(mail) == [DOWN] * len(mail.recipients)
    async with bed.hop() as hop:
        await bed.mta.until_final(mail)
        bed.assert_served(hop, mail)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [(FOUR, "452 4.3.1"), (FIVE, "554 5.3.9"), (Drop(), DOWN), (Drop(reset=True), DOWN), (Hang(), DOWN)],
    ids=str,
)
@pytest.mark.parametrize("which", [ONE, TWO, THREE])
async def test_the_next_hop_fails_at_rcpt_of_one(bed: Bed, fault: Fault, answer: str, which: str) -> None:
    """Over SMTP a refusal for good becomes a notice where others were served: the one answer is 250 then."""
    each = [answer, *[OK] * (len(RECIPIENTS[which]) - 1)]
    if bed.scheme == "smtp" and which != ONE:
        each = [OK if fault == FIVE else MIXED] * len(each)
    async with bed.hop() as hop:
        heal = spoil(bed, hop, f"RCPT TO:<{ANNA}>", fault, SOON if which == ONE else IN_TIME)
        mail = write(bed, which)
        await bed.prove(hop, mail, each, heal)
        told = [r for message in hop.messages if is_notice(message) for r in told_or_sent(message)]
        assert (ANNA in told) is (each[0] == OK)


@pytest.mark.parametrize("which", [ONE, TWO, THREE])
async def test_the_next_hop_refuses_the_notice_for_good(bed: Bed, which: str) -> None:
    mail = bed.letter(RITA) if which == ONE else bed.letter(*RECIPIENTS[which][:-1], RITA)
    each = [*[OK] * (len(mail.recipients) - 1), DOWN]
    async with bed.hop() as hop:
        hop.at["MAIL FROM:<>"] = FIVE
        answers = each if bed.scheme == "lmtp" or which == ONE else [MIXED] * len(each)
        await bed.prove(hop, mail, answers, hop.at.clear)


@pytest.mark.parametrize("fault", [Drop(), Say("451 4.3.0 Lost it", close=True)], ids=str)
async def test_the_next_hop_takes_the_message_and_breaks_off_before_it_says_so(bed: Bed, fault: Fault) -> None:
    """RFC 1047: nothing can tell that it was taken. The one copy in that window is sent again, the others are not."""
    async with bed.hop() as hop:
        hop.at["."] = [fault]
        hop.takes_unsaid = True
        mail = write(bed, TWO)
        first = [OK, "451 4.3.0" if isinstance(fault, Say) else DOWN]
        await bed.prove(hop, mail, first if bed.scheme == "lmtp" else [MIXED] * 2, lambda: None, doubles=1)


@pytest.mark.parametrize(
    "twins",
    [
        ("Carl@open.example", CARL),
        (CARL, "CARL@OPEN.example"),
        ("carl@open.example.", CARL),
        ('"carl"@open.example', CARL),
    ],
    ids=str,
)
async def test_two_spellings_of_one_address_in_one_transaction_are_both_served(
    bed: Bed, twins: tuple[str, str]
) -> None:
    """The ledger knew both by the folded address: once one was served, the other counted as served too."""
    mail = bed.letter(*twins)
    async with bed.hop() as hop:
        hop.at[f"RCPT TO:<{twins[1]}>"] = FOUR
        assert (await bed.mta.attempt(mail))[1] in {"452 4.3.1", MIXED}
        hop.at.clear()
        await bed.mta.until_final(mail)
    assert sorted(rcpt for message in hop.messages for rcpt in recipients(message)) == sorted(twins)
