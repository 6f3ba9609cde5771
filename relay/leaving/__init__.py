"""Configurations of other programs, read and turned into ours."""
