"""Where certificates are kept and found."""
