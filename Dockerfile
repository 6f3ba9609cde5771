# The relay in a container: configuration and keyring are volumes, nothing runs as root.
#
#   docker build -t pgp-relay .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --network host -v /etc/pgp-relay:/etc/pgp-relay:ro \
#     -v pgp-relay:/var/lib/pgp-relay pgp-relay
#
# config.yaml says `keyring: /var/lib/pgp-relay/keyring`. With a network of its own, listen on 0.0.0.0, name Postfix's
# address in `allow`, and set `tls` or `plaintext_network`: examples/compose does.

FROM debian:bookworm-slim AS build
# Debian's security updates replace versions, and the old ones are gone: a pinned one would stop building.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libldap2-dev libsasl2-dev python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY constraints.txt pyproject.toml config.yaml README.md LICENSE ./
COPY keyring keyring
COPY relay relay
RUN python3 -m venv /opt/pgp-relay \
    && /opt/pgp-relay/bin/pip install --no-cache-dir -c constraints.txt '.[sequoia,ldap,postgresql,console]'

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gnupg gpg-agent libldap-2.5-0 libsasl2-2 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 990 pgp-relay \
    && useradd --system --uid 990 --gid 990 --home-dir /var/lib/pgp-relay --create-home pgp-relay \
    && install -d -m 700 -o pgp-relay -g pgp-relay /var/lib/pgp-relay/keyring
COPY --from=build /opt/pgp-relay /opt/pgp-relay
ENV PATH=/opt/pgp-relay/bin:/usr/local/bin:/usr/bin:/bin PGP_RELAY_CONFIG=/etc/pgp-relay/config.yaml
USER 990:990
WORKDIR /var/lib/pgp-relay
VOLUME ["/etc/pgp-relay", "/var/lib/pgp-relay"]
EXPOSE 10025
# whether it serves, and is ready: the store reads, GnuPG answers, the next hop does
HEALTHCHECK --interval=60s --timeout=30s --start-period=20s CMD ["pgp-relay", "status"]
ENTRYPOINT ["pgp-relay"]
CMD ["serve"]
