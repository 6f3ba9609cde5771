"""Log events, metrics for Prometheus, liveness and readiness, status."""
