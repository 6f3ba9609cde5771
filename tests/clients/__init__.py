"""Programs that people run by hand: real mail programs, asked what they show."""
