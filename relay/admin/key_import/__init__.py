"""Importing of key material: files, folders, standard input and GnuPG homes into the store (`keys import`).

`survey` finds the files, `Intake.run` reads, judges and stores them and tells the fate of each certificate.
Promises: what is bad is refused in one clear sentence and everything else is stored; nothing is ever deleted;
an expired or revoked certificate is stored, as unusable, because "must not be used" is not "no key".
"""

from relay.admin.key_import.folders import STDIN, File, survey
from relay.admin.key_import.gnupg_home import exported
from relay.admin.key_import.importer import Intake, Progress, build_intake
from relay.admin.key_import.result import Outcome, Refusal, Result

__all__ = ["STDIN", "File", "Intake", "Outcome", "Progress", "Refusal", "Result", "build_intake", "exported", "survey"]
