"""A configuration of Zeyple 1, to be filled: `home` of GnuPG and `force`, whether it encrypts or else refuses."""

VERSION_1 = """
[zeyple]
log_file = /var/log/zeyple.log
# a comment
add_header = true
force_encrypt = {force}

[gpg]
home = {home}

[relay]
host = localhost
port = 10026
"""
