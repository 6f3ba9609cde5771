"""What administrators do: called by commands and by the console."""
