"""Pages in a browser: templates, languages, the site's look, and the files that belong to them. Jinja2 is used here."""
