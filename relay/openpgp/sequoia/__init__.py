"""The engine `sequoia` and its verdict on version 6: pysequoia's room (the extra `sequoia`).

Importing it without the extra raises `ImportError`, which `relay.daemon.engines` turns into a sentence.
"""

from relay.openpgp.sequoia.engine import Sequoia
from relay.openpgp.sequoia.examiner import SequoiaExaminer

__all__ = ["Sequoia", "SequoiaExaminer"]
