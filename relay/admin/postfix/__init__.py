"""Postfix's side of the relay: what stands in its main.cf and master.cf, put in and taken out again.

`show` prints it, `install` puts it in, `uninstall` leaves both files byte for byte as they were, less nothing that
an administrator wrote in the meantime. Nothing here reloads Postfix: that is the administrator's moment to choose.
Raises `PostfixError`.
"""

from relay.admin.postfix.install import Done, default_folder, install, show, uninstall

__all__ = ["Done", "default_folder", "install", "show", "uninstall"]
