"""Enrolment by web: a correspondent sends a key in, and confirms it by the link in a mail encrypted to it."""
