"""An allow list of paths and methods: nothing is decoded or cleaned up before it is compared."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest
from lab.http_requests import share

from relay.web.http.messages import Answer, Refusal, Request, said
from relay.web.http.routes import Routes, route


def asked(method: str, path: str) -> Request:
    async def read(_most: int) -> bytes:
        return b""

    return Request(method, path, "", "hopital.example", "", {}, read, share)


async def show(request: Request) -> Answer:
    return Answer(HTTPStatus.OK, request.parts["id"].encode())


async def refuse(_request: Request) -> Answer:
    raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, Retry_After="3")


ROUTES = Routes([route(re.compile(r"/m/(?P<id>[a-z]+)"), GET=show), route(re.compile(r"/keys"), GET=show, POST=refuse)])


async def test_a_path_is_answered_with_its_parts_and_head_as_get() -> None:
    assert await ROUTES.answer(asked("GET", "/m/abc")) == Answer(HTTPStatus.OK, b"abc")
    assert await ROUTES.answer(asked("HEAD", "/m/abc")) == Answer(HTTPStatus.OK, b"abc")


@pytest.mark.parametrize(
    "path",
    ["/", "/m/", "/m/abc/", "//m/abc", "/m/../m/abc", "/m/%61bc", "/m/abc\n", "/M/abc", "/m/é", "m/abc", "*", ""],
)
async def test_another_path_is_not_found(path: str) -> None:
    assert await ROUTES.answer(asked("GET", path)) == said(HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("method", ["DELETE", "get", "CONNECT", "OPTIONS", "X"])
async def test_another_method_is_refused_with_those_that_there_are(method: str) -> None:
    answer = await ROUTES.answer(asked(method, "/keys"))

    assert (answer.status, answer.headers) == (HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD, POST"})


async def test_a_refusal_is_its_answer() -> None:
    answer = await ROUTES.answer(asked("POST", "/keys"))

    assert (answer.status, answer.headers) == (HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "3"})
