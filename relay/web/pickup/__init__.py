"""The page on which a mail is picked up."""
