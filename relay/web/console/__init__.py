"""The console: pages for the people who run the relay, by a process of its own with no power but `relay.admin.acts`."""
