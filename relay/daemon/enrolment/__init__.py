"""Keys that correspondents send in, on the page or by mail: examined, challenged, and stored once they are proved."""
