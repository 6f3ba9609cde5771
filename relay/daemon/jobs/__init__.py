"""What the relay does beside mail, one module a job."""
