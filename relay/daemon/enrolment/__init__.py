"""Keys that correspondents send in, by the page or by mail: judged, challenged, and stored once they are proved."""
