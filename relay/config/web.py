"""The section `web`: the public web service, and the way between it and the relay."""

from __future__ import annotations

from pathlib import Path

from relay.config.base import Section, needed, setting
from relay.config.lists import Listed
from relay.config.paths import DatabasePlace, File
from relay.config.values import AllowedNetwork, WebPlace


class ChannelTls(Section):
    """TLS between the relay and `web public`: each end shows a certificate of one authority."""

    certificate: File = needed("This end's certificate with its chain, PEM.")
    key: File = needed("Its key, PEM, without a passphrase.")
    ca_file: File = needed("The authority of the other end's certificate, PEM: one of your own, never the system's.")


class Web(Section):
    """The section `web`: where the public service, the console and their databases are."""

    public: WebPlace | None = setting(
        None, "Where `web public` listens: `127.0.0.1:8080` or `unix:/path`, behind a reverse proxy. Null: it is off."
    )
    public_database: DatabasePlace | None = setting(
        None, "Its own database, a SQLite file or a URL; null: `public.db` beside the keyring folder.", repr=False
    )
    channel: WebPlace | None = setting(
        None,
        "Where the relay reaches `web public`: `unix:/path`, or `host:port` with `channel_tls`; null: `channel.sock` "
        "beside its database.",
    )
    channel_tls: ChannelTls | None = setting(None, "TLS of a channel over TCP.")
    proxies: Listed[AllowedNetwork] = setting(
        ["127.0.0.0/8", "::1/128"],
        "Reverse proxies of `web public` whose `X-Forwarded-For` is used as the client's address.",
    )
    console: WebPlace | None = setting(
        None,
        "Where `web console` listens: `127.0.0.1:8081` or `unix:/path` behind a reverse proxy, or with `console.tls`. "
        "Null: it is off.",
    )
    console_database: DatabasePlace | None = setting(
        None,
        "The console's own database, a SQLite file or a URL; null: `console/console.db` beside the keyring folder.",
        repr=False,
    )
    control: WebPlace | None = setting(
        None,
        "Where `web console` reaches `web control`: `unix:/path`; null: `control.sock` beside the keyring folder. With "
        "null, a console that runs as the owner of that folder does not need `web control`.",
    )

    @property
    def linked(self) -> bool:
        """Whether the relay has a public web service."""
        return self.public is not None or self.channel is not None

    def database(self, keyring: Path) -> str | Path:
        """The path or URL of the public service's database."""
        return self.public_database or keyring.parent / "public.db"

    def console_store(self, keyring: Path) -> str | Path:
        """The path or URL of the console's database."""
        return self.console_database or keyring.parent / "console" / "console.db"
