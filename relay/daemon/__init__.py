"""The running relay: its processes, their start and stop, and its regular jobs."""
