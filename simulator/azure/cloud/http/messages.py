"""What passes between a client and the simulated cloud: requests, answers and refusals."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request over HTTP. `target` is the path with the query as they were sent; header names are lower-case."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @cached_property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.target).path)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's values by name."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        """The body as an object; empty where there is none. Raises ServiceError if it is something else.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
        """
        try:
            body = json.loads(self.content) if self.content else {}
        except ValueError as error:
            raise ServiceError(400, "InvalidRequestContent", f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise ServiceError(400, "InvalidRequestContent", "the body is not an object")
        return body


@dataclass(frozen=True)
class Answer:
    """One answer over HTTP."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @classmethod
    def of(cls, status: int, value: object, headers: Mapping[str, str] | None = None) -> "Answer":
        """An answer whose body is `value` as JSON."""
        content = json.dumps(value).encode()
        return cls(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, content)


class ServiceError(Exception):
    """A service refuses a request, in the form that Azure's services share.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})

    def answer(self) -> Answer:
        """The answer that tells it."""
        return Answer.of(self.status, {"error": {"code": self.code, "message": self.message}}, self.headers)
