"""What the relay tells of itself: figures for Prometheus, whether it lives, whether it is ready."""
