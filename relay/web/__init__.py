"""What is shown in a browser: `public`, the pages for everybody, in a process of its own that holds no secret."""
