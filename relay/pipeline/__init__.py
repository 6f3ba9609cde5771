"""The story of a mail: receive, match a rule, look keys up, decide, encrypt, deliver, answer."""
