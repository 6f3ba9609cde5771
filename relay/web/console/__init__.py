"""The console: pages for administrators, by a separate process that can do nothing but `relay.admin.acts`."""
