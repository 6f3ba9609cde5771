"""`python -m relay` is `pgp-relay`."""

from relay.cli.main import main

main()
