"""The public service's end of the channel to the relay: a listener of its own, which no visitor reaches."""
