"""An examiner from whose verdicts the store learns (`relay.keys.merge_policy`)."""

from __future__ import annotations

from collections.abc import Sequence

from relay.keys.merge_policy import MergePolicy
from relay.keys.wrapped_examiner import WrappedExaminer
from relay.model import Certificate, Unreadable
from relay.model.errors import EngineError, StoreError
from relay.pipeline.ports import Examiner


class LearningExaminer(WrappedExaminer):
    """An examiner from whose verdicts the store learns: `relay.pipeline.ports.Examiner` for sources."""

    def __init__(self, examiner: Examiner, merge_policy: MergePolicy) -> None:
        super().__init__(examiner)
        self._merge_policy = merge_policy

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        """The examiner's verdicts, once the store has learnt from them."""
        verdicts = await self._examiner.examine(blobs)
        try:
            await self._merge_policy.learn([verdict for verdict in verdicts if isinstance(verdict, Certificate)])
        except StoreError as error:
            raise EngineError("the store does not take what was found") from error
        return verdicts
