"""pgp-relay: an SMTP relay behind Postfix that turns outgoing mail into OpenPGP mail."""
