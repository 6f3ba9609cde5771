"""Our own mail addresses: the organisation's key, a certificate for each address, and how they are published."""
