"""The running relay: its processes, their start and stop, and the jobs beside mail."""
