"""What a fault of the configuration tells people to write is taken: each advice, in a configuration that has the fault.

`TRIED` is complete: every text of the package that tells what to write is matched by one of these.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from lab.program_texts import texts

from relay.config import load
from relay.model.errors import ConfigError

ALL = "policy: [{name: all}]\n"
OIDC = "{issuer: 'https://i.example', client_id: x, client_secret_file: secret, groups: {desk: a}}"
INCOMING = """own: {domains: [b.example]}
inbound: {listen: ['lmtp://127.0.0.1:35'], reinject: 'smtp://127.0.0.1:36'}
"""
PEOPLE = "{url: 'ldap://a.example', base: dc=x, groups: {desk: a}}"
TELLS = re.compile(
    r"(?::|,| or|;) (?:write|set|take|give|name|leave|choose|move|put|align|shorten|listen on|did you mean) "
)
SPEAKERS = re.compile(r"relay/(?:config/(?!reference|manual)|policy/|model/endpoint)")


class Tried(NamedTuple):
    """A configuration, a part of what is said of it, and what becomes of it by each way that the advice names."""

    wrong: str
    said: str
    changes: tuple[tuple[str, str], ...]


TRIED = [
    Tried(f"lisetn: []\n{ALL}", "did you mean “listen”?", (("lisetn: []", "listen: ['lmtp://127.0.0.1:1']"),)),
    Tried(f"engine: gnupgp\n{ALL}", "did you mean “gnupg”?", (("gnupgp", "gnupg"),)),
    Tried(f"allow: [10.1.2.3/8]\n{ALL}", "did you mean “10.0.0.0/8”?", (("10.1.2.3/8", "10.0.0.0/8"),)),
    Tried(
        "policy: [{name: a, to: hop.example}]\n",
        "write *@hop.example for a domain, or *@*.hop.example for the names below it",
        (("hop.example", '"*@hop.example"'), ("hop.example", '"*@*.hop.example"')),
    ),
    Tried(
        'policy: [{name: a, to: "*.hop.example"}]\n',
        "write *@*.hop.example for the names below it, or *@hop.example for the domain itself",
        (('"*.hop.example"', '"*@*.hop.example"'), ('"*.hop.example"', '"*@hop.example"')),
    ),
    Tried('policy: [{name: a, to: "*@*hop.example"}]\n', "write *@*.hop.example", (("@*hop", "@*.hop"),)),
    Tried(
        f"reinject: smtp://mx.example:25\n{ALL}",
        "write smtp+starttls://, or set plaintext_network: true",
        (("smtp://", "smtp+starttls://"), ("policy", "plaintext_network: true\npolicy")),
    ),
    Tried(
        f"reinject: smtp://127.0.0.1:26\nreinject_ca_file: secret\n{ALL}",
        "write smtp+starttls://, or take reinject_ca_file out",
        (("smtp://", "smtp+starttls://"), ("reinject_ca_file: secret\n", "")),
    ),
    Tried(f"reinject: smtp://127.0.0.1:10025\n{ALL}", "name the next hop's address", (("10025", "10026"),)),
    Tried(f"reinject: smtp+starttls:///run/x.sock\n{ALL}", "write smtp:///path or lmtp:///path", (("+starttls", ""),)),
    Tried(f"metrics: 127.0.0.1:10025\n{ALL}", "choose another port", (("10025", "9125"),)),
    Tried(f"deadlines: {{next_hop: 20m}}\n{ALL}", "shorten one", (("20m", "1m"),)),
    Tried(
        f"listen: ['lmtp://0.0.0.0:24']\nallow: [10.0.0.0/8]\n{ALL}",
        "give tls a certificate and a key, or set plaintext_network: true",
        (
            ("policy", "tls: {certificate: secret, key: secret}\npolicy"),
            ("policy", "plaintext_network: true\npolicy"),
        ),
    ),
    Tried(
        f"listen: ['lmtp://0.0.0.0:24']\nplaintext_network: true\n{ALL}",
        "name there who may connect, or listen on 127.0.0.1",
        (("policy", "allow: [10.0.0.0/8]\npolicy"), ("0.0.0.0:", "127.0.0.1:")),
    ),
    Tried(
        f"listen: ['smtp+starttls://127.0.0.1:25']\n{ALL}", "write smtp://127.0.0.1:25", (("smtp+starttls", "smtp"),)
    ),
    Tried(
        f"listen: ['smtp://127.0.0.1:25', 'lmtp://127.0.0.1:25']\n{ALL}",
        "take one out",
        ((", 'lmtp://127.0.0.1:25'", ""), ("'smtp://127.0.0.1:25', ", "")),
    ),
    Tried(
        f"allow: []\n{ALL}",
        "name at least one, or leave the key out",
        (("[]", "[10.0.0.0/8]"), ("allow: []\n", "")),
    ),
    Tried(f"engine:\n{ALL}", "give it a value, or take it out", (("engine:", "engine: gnupg"), ("engine:\n", ""))),
    Tried(f"node: 3\n{ALL}", "has to be text: put it in quotes", (("3", '"3"'),)),
    Tried(f"lookup: keyring\n{ALL}", "write key: value", (("keyring", "{sources: [keyring]}"),)),
    Tried(f"lookup: {{sources: {{a: b}}, cache: 3}}\n{ALL}", "write key: value", (("{a: b}, cache: 3", "[keyring]"),)),
    Tried("policy\n", "write key: value, line by line", (("policy\n", ALL),)),
    Tried(
        f"{ALL}hostname relay.example\nshadow: true\n",
        "a key without its colon: write key: value",
        (("hostname ", "hostname: "),),
    ),
    Tried("policy: - name: a\n", "write it in the next line", (("policy: -", "policy:\n  -"),)),
    Tried(
        'policy: [{name: a, subject: "\\d"}]\n',
        "put the value in single quotes",
        (('"\\d"', "'\\d'"),),
    ),
    Tried("policy: [{name: a, to: *@b.example}]\n", "put the value in quotes", (("*@b.example", '"*@b.example"'),)),
    Tried("policy: [{name: a, to: @b}]\n", "put the value in quotes", (("@b", '"*@b.example"'),)),
    Tried("policy: [{name: a, subject: & x}]\n", "put the value in quotes", (("& x", '"& x"'),)),
    Tried("policy:\n  - name: a: b\n", "put the value in quotes, or align the line", (("a: b", '"a: b"'),)),
    Tried("policy:\n  - name: a\n    to: b@c.example\n   encrypt: never\n", "align it", (("   encr", "    encr"),)),
    Tried("policy: [{name: a, header: {3: x}}]\n", "a key that is no text: put it in quotes", (("3:", '"3":'),)),
    Tried(f"node: {'1' * 5000}\n{ALL}", "put text in quotes", (("1" * 5000, '"1"'),)),
    Tried(
        "policy: [{name: a}, {name: b}]\n",
        "move it up, or take it out",
        (("{name: a}, {name: b}", "{name: b, to: x@y.example}, {name: a}"), (", {name: b}", "")),
    ),
    Tried(
        "policy: [{name: a, encrypt: never, without_key: hold}]\n",
        "take one of them out",
        ((", without_key: hold", ""), (", encrypt: never", "")),
    ),
    Tried(
        "policy: [{name: a, encrypt: never, without_key: pickup}]\n",
        "nothing is picked up where encrypt is never: take one of them out",
        ((", without_key: pickup", ""),),
    ),
    Tried(
        "policy: [{name: a, wkd_outage: not_found}]\n",
        "name them under to",
        (("wkd_outage", 'to: "*@b.example", wkd_outage'),),
    ),
    Tried("policy: [{name: no rule matched}]\n", "choose another name", (("no rule matched", "others"),)),
    Tried("policy: [{name: (opened)}]\n", "choose another name", (("(opened)", "others"),)),
    Tried(
        f"lookup: {{sources: [keyring, ldap]}}\n{ALL}",
        "give one, or take ldap out",
        (("]}", "], ldap: [{url: 'ldaps://a.example'}]}"), (", ldap", "")),
    ),
    Tried(
        f"lookup: {{ldap: [{{url: 'ldap://a.example', bind_dn: cn=x, password_file: secret}}]}}\n{ALL}",
        "write ldaps://, or set starttls: true",
        (("ldap://", "ldaps://"), ("bind_dn", "starttls: true, bind_dn")),
    ),
    Tried(
        f"lookup: {{ldap: [{{url: 'ldaps://a.example', starttls: true}}]}}\n{ALL}",
        "take starttls out, or write ldap://",
        ((", starttls: true", ""), ("ldaps://", "ldap://")),
    ),
    Tried(
        f"own: {{domains: [b.example], ldap: {{url: 'ldap://a.example', bind_dn: x, password_file: secret}}}}\n{ALL}",
        "write ldaps://, or set starttls: true",
        (("ldap://", "ldaps://"), ("bind_dn", "starttls: true, bind_dn")),
    ),
    Tried(
        f"own: {{ldap: {{url: 'ldaps://a.example', starttls: true, bind_dn: x, password_file: secret}}}}\n{ALL}",
        "take starttls out, or write ldap://",
        ((" starttls: true,", ""), ("ldaps://", "ldap://")),
    ),
    Tried(f"own: {{domains: ['@b.example']}}\n{ALL}", "leave out what stands before the @", (("@b", "b"),)),
    Tried(
        f"inbound: {{listen: ['lmtp://127.0.0.1:35'], reinject: 'smtp://127.0.0.1:36'}}\n{ALL}",
        "name your domains in own",
        (("policy", "own: {domains: [b.example]}\npolicy"),),
    ),
    Tried(
        f"own: {{domains: [b.example]}}\ninbound: {{listen: ['lmtp://127.0.0.1:35']}}\n{ALL}",
        "give reinject, such as smtp://127.0.0.1:10036",
        (("35']", "35'], reinject: 'smtp://127.0.0.1:10036'"),),
    ),
    Tried(
        f"own: {{domains: [b.example]}}\ninbound: {{reinject: 'smtp://127.0.0.1:36'}}\n{ALL}",
        "give listen, such as lmtp://127.0.0.1:10035",
        (("36'", "36', listen: ['lmtp://127.0.0.1:10035']"),),
    ),
    Tried(
        f"own: {{domains: [b.example]}}\n"
        f"inbound: {{listen: ['smtp://127.0.0.1:35'], reinject: 'smtp://127.0.0.1:36'}}\n{ALL}",
        "write lmtp://",
        (("['smtp", "['lmtp"),),
    ),
    Tried(
        f"web: {{public: '127.0.0.1:80', channel: '10.0.0.1:81'}}\n{ALL}",
        "write unix:/path, or give channel_tls",
        (
            ("'10.0.0.1:81'", "'unix:/run/c.sock'"),
            ("81'", "81', channel_tls: {certificate: secret, key: secret, ca_file: secret}"),
        ),
    ),
    Tried(
        f"web: {{public: 'unix:/run/c.sock', channel: 'unix:/run/c.sock'}}\n{ALL}",
        "choose another place",
        (("channel: 'unix:/run/c.sock'", "channel: 'unix:/run/d.sock'"),),
    ),
    Tried(
        f"enrol: {{invite: true}}\n{ALL}",
        "give enrol.web or enrol.mail, or take invite out",
        (
            ("invite: true}", "invite: true, web: 'https://c.example'}\nweb: {public: '127.0.0.1:80'}"),
            ("{invite: true}", "{invite: false}"),
        ),
    ),
    Tried(
        "policy: [{name: a, without_key: pickup}]\n",
        "give pickup.url its address",
        (("policy", "web: {public: '127.0.0.1:80'}\npickup: {url: 'https://c.example'}\npolicy"),),
    ),
    Tried(
        "policy: [{name: a, without_key: pickup}]\npickup: {url: 'https://c.example'}\n",
        "give web.public a place to listen",
        (("policy", "web: {public: '127.0.0.1:80'}\npolicy"),),
    ),
    Tried(
        f"pickup: {{url: 'http://c.example'}}\n{ALL}",
        "write https://",
        (("http://c.example'}", "https://c.example'}\nweb: {public: '127.0.0.1:80'}"),),
    ),
    Tried(
        f"pickup: {{hook: secret}}\n{ALL}",
        "write code: hook, or take it out",
        (("hook: secret", "hook: secret, code: hook"), ("{hook: secret}", "{keep: 30d}")),
    ),
    Tried(f"pickup: {{code: hook}}\n{ALL}", "name it under hook", (("hook}", "hook, hook: secret}"),)),
    Tried(
        f"web: {{console: '127.0.0.1:81'}}\n"
        f"console: {{url: 'https://c.example', login: {{oidc: {OIDC.replace('https', 'http')}}}}}\n{ALL}",
        "write https://",
        (("http://i", "https://i"),),
    ),
    Tried(
        f"web: {{console: '127.0.0.1:81'}}\nconsole: {{login: {{oidc: {OIDC}}}}}\n{ALL}",
        "login.oidc comes back to this address: give it",
        (("{login", "{url: 'https://c.example', login"),),
    ),
    Tried(
        f"web: {{console: '192.0.2.1:81'}}\n{ALL}",
        "give console.tls a certificate and a key, or listen on 127.0.0.1",
        (
            ("192.0.2.1:81'}", "192.0.2.1:81'}\nconsole: {tls: {certificate: secret, key: secret}}"),
            ("192.0.2.1", "127.0.0.1"),
        ),
    ),
    Tried(
        f"web: {{console: '127.0.0.1:81'}}\nconsole: {{login: {{ldap: {PEOPLE}}}}}\n{ALL}",
        "passwords would cross the network in clear: write ldaps://, or set starttls: true",
        (("ldap://", "ldaps://"), ("base", "starttls: true, base")),
    ),
    Tried(
        f"web: {{console: '127.0.0.1:81'}}\nconsole: {{login: {{ldap: {PEOPLE}}}}}\n{ALL}".replace(
            "ldap://a.example'", "ldaps://a.example', starttls: true"
        ),
        "take starttls out, or write ldap://",
        ((", starttls: true", ""), ("ldaps://", "ldap://")),
    ),
    Tried(
        f"web: {{console: '127.0.0.1:81'}}\nconsole: {{login: {{local: false}}}}\n{ALL}",
        "give oidc or ldap, or set local: true",
        (
            ("{login: {local: false", f"{{url: 'https://c.example', login: {{local: false, oidc: {OIDC}"),
            ("local: false", "local: false, ldap: " + PEOPLE.replace("ldap://", "ldaps://")),
            ("local: false", "local: true"),
        ),
    ),
    Tried(
        f"own: {{domains: [b.example]}}\nenrol: {{mail: cles@b.example}}\n{ALL}",
        "give inbound.listen and inbound.reinject, or take mail out",
        (
            ("policy", "inbound: {listen: ['lmtp://127.0.0.1:35'], reinject: 'smtp://127.0.0.1:36'}\npolicy"),
            ("enrol: {mail: cles@b.example}\n", ""),
        ),
    ),
    Tried(
        f"own: {{domains: [b.example]}}\nenrol: {{mail: cles@x.example}}\n"
        f"inbound: {{listen: ['lmtp://127.0.0.1:35'], reinject: 'smtp://127.0.0.1:36'}}\n{ALL}",
        "name one of a domain in own.domains",
        (("cles@x", "cles@b"),),
    ),
    Tried(
        f"harvest: {{from: [autocrypt]}}\n{ALL}",
        "keys are read in incoming mail, and none comes here: give inbound.listen",
        (
            (
                "policy",
                f"{INCOMING}policy",
            ),
        ),
    ),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    secret = tmp_path / "secret"
    secret.touch()
    secret.chmod(0o700)
    return tmp_path / "config.yaml"


def faults(file: Path, text: str) -> list[str]:
    file.write_text(text)
    try:
        load(file)
    except ConfigError as error:
        return [fault.message for fault in error.faults]
    return []


@pytest.mark.parametrize("tried", TRIED, ids=lambda tried: tried.said)
def test_what_is_advised_is_taken(file: Path, tried: Tried) -> None:
    assert any(tried.said in fault for fault in faults(file, tried.wrong)), faults(file, tried.wrong)
    for old, new in tried.changes:
        assert old in tried.wrong
        assert faults(file, tried.wrong.replace(old, new)) == [], new


def test_every_advice_is_tried(file: Path) -> None:
    said = [fault for tried in TRIED for fault in faults(file, tried.wrong)]
    untried = [
        text
        for text in texts()
        if SPEAKERS.match(text.place) and TELLS.search(text.says) and not any(map(_pattern(text.says).search, said))
    ]
    assert untried == []


def _pattern(says: str) -> re.Pattern[str]:
    """What it is once it is filled in."""
    return re.compile(".*".join(map(re.escape, re.split(r"\{[^{}]*\}", says))), re.DOTALL)
