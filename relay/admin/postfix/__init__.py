"""The relay in Postfix's configuration: the lines in main.cf and master.cf, and whether mail meets the relay.

`show` prints the lines, `install` puts them in, `uninstall` leaves both files byte for byte as they were, less nothing
that an administrator wrote in the meantime. `check` sends probes. Nothing here reloads Postfix: an administrator does.
Raises `PostfixError`.
"""

from relay.admin.postfix.inbound import install as install_inbound
from relay.admin.postfix.inbound import refresh as refresh_inbound
from relay.admin.postfix.inbound import show as show_inbound
from relay.admin.postfix.inbound import uninstall as uninstall_inbound
from relay.admin.postfix.install import Done, default_folder, install, show, uninstall
from relay.admin.postfix.path_check import InboundProbes, Outcome, Result, check, check_inbound

__all__ = [
    "Done",
    "InboundProbes",
    "Outcome",
    "Result",
    "check",
    "check_inbound",
    "default_folder",
    "install",
    "install_inbound",
    "refresh_inbound",
    "show",
    "show_inbound",
    "uninstall",
    "uninstall_inbound",
]
