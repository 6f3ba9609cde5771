"""Processes of our own beside the main one: how they are started, spoken with and kept."""
