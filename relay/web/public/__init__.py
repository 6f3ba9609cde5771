"""The public web service: Web Key Directory and pages for correspondents, without any of the relay's secrets."""
