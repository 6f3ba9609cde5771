"""Messages as bytes: header blocks, their shape, PGP/MIME. Pure functions, no I/O."""
