"""Requests and answers of HTTP: routes, bounds, limits, and the server, by aiohttp (RFC 9110, RFC 9112)."""
