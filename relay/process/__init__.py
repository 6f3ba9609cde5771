"""Processes of the relay: how they are started and communicate; priorities and memory."""
