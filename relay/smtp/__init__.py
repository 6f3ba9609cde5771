"""SMTP and LMTP: the inlet and the outlet."""
