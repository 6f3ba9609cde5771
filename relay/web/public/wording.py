"""What visitors are told in their language where there is no page or no answer now. Programs go by the status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from relay.web.http.messages import PLAIN, Answer
from relay.web.pages.languages import chosen

SENTENCES: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.NOT_FOUND: {
        "fr": "Cette adresse ne mène à aucune page. Vérifiez que le lien a été copié en entier.",
        "en": "There is no page at this address. Check that the whole link was copied.",
    },
    HTTPStatus.TOO_MANY_REQUESTS: {
        "fr": "Trop de demandes viennent de votre connexion. Réessayez dans une minute.",
        "en": "Too many requests come from your connection. Try again in a minute.",
    },
    HTTPStatus.SERVICE_UNAVAILABLE: {
        "fr": "Le service est momentanément indisponible. Réessayez dans quelques minutes.",
        "en": "The service is not available at the moment. Try again in a few minutes.",
    },
    HTTPStatus.INTERNAL_SERVER_ERROR: {
        "fr": "Une erreur est survenue de notre côté. Réessayez plus tard.",
        "en": "Something went wrong on our side. Try again later.",
    },
}


def in_words(answer: Answer, accepted: str) -> Answer:
    """The answer with a sentence for its status; a page stays as it is. `accepted`: the field Accept-Language."""
    sentences = SENTENCES.get(answer.status)
    if sentences is None or answer.content_type != PLAIN:
        return answer
    language = chosen("", accepted)
    told = {"Content-Language": language, "Vary": "Accept-Language"}
    return replace(answer, body=f"{sentences[language]}\n".encode(), headers={**answer.headers, **told})
