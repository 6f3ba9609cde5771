"""The engine `sequoia` and its verdict on version 6. pysequoia (the extra `sequoia`) is used here alone.

Importing it without the extra raises `ImportError`, which `relay.daemon.engines` turns into a sentence.
"""

from relay.openpgp.sequoia.engine import Sequoia
from relay.openpgp.sequoia.examiner import SequoiaExaminer
from relay.openpgp.sequoia.opener import SequoiaOpener
from relay.openpgp.sequoia.own import SequoiaKeyMaker

__all__ = ["Sequoia", "SequoiaExaminer", "SequoiaKeyMaker", "SequoiaOpener"]
