"""What a fetched document means for an address: its certificates examined, cut down and judged.

A certificate nobody here can read is Unusable, and never "no key". Raises nothing: an examiner that fails is an outage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay.keys import narrowing
from relay.keys.selection import answer, select
from relay.keys.wkd.answer import version
from relay.keys.wkd.port import Document
from relay.keys.wkd.reason import Reason
from relay.model import Address, Certificate, Found, Origin, Outage, Unreadable, Unusable, Why
from relay.model.errors import EngineError
from relay.pipeline.ports import Examiner


@dataclass(frozen=True, slots=True)
class DocumentJudge:
    """Judges documents, for one source."""

    name: str
    origin: Origin
    examiner: Examiner
    parts: Examiner
    """Examines certificates that were cut down, from which the store is not to learn."""
    clock: Callable[[], float] = time.time

    async def judge(self, document: Document, address: Address) -> Found | Unusable | Outage:
        """What the source says of this address."""
        blobs = document.wholes or document.certificates
        try:
            verdicts = await self._narrowed(await self.examiner.examine(blobs), address)
        except EngineError:
            return Outage(self.name, Reason.EXAMINER, document.method)
        readable = [verdict for verdict in verdicts if isinstance(verdict, Certificate)]
        if not readable:
            return self._unreadable(blobs, verdicts, document.method)
        at = self.clock()
        judged = select(readable, lambda certificate: certificate.unusable(at, address))
        return answer(judged, self.origin, self.name, document.method)

    async def _narrowed(
        self, verdicts: Sequence[Certificate | Unreadable], address: Address
    ) -> list[Certificate | Unreadable]:
        """Each verdict for this address alone."""
        readable = [verdict for verdict in verdicts if isinstance(verdict, Certificate)]
        narrow = iter(await narrowing.narrow(readable, address, self.parts))
        return [next(narrow) if isinstance(verdict, Certificate) else verdict for verdict in verdicts]

    def _unreadable(
        self, blobs: Sequence[bytes], verdicts: Sequence[Certificate | Unreadable], method: str
    ) -> Unusable:
        """There is a key with this address, and nobody here can read it: that is not "no key"."""
        first = next(blob for blob, verdict in zip(blobs, verdicts, strict=True) if isinstance(verdict, Unreadable))
        why = Why.INVALID if version(first) == 4 else Why.UNSUPPORTED
        return Unusable(why, "", self.origin, self.name, method)
