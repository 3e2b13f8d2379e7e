"""One reader a file format; nothing else knows its layout."""
