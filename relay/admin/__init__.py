"""What administrators do: called by commands, and later by the console."""
