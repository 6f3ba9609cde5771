"""The relay's way to the public web service: the relay asks, the service answers, and never the other way round."""
