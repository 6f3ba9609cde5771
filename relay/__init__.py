"""pgp-relay: an SMTP relay behind Postfix that encrypts outgoing mail with OpenPGP."""
