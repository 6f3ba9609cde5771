"""OpenPGP engines and the verdict on certificates."""
