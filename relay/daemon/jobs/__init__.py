"""Regular jobs of the relay, one module each."""
