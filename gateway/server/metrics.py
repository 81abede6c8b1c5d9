"""`/metrics`: Prometheus' text, for callers who may see it."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from gateway.keys import Keys
from gateway.model.caller import Scope
from gateway.server.auth import authenticate
from gateway.server.problems import NotAllowed, Refusal, answer


@dataclass(frozen=True, slots=True)
class Exposition:
    """Answers whoever collects metrics; with keys set, a key with the scope `admin` is needed."""

    keys: Keys
    text: Callable[[], bytes]
    content_type: str

    async def answer(self, request: Request) -> Response:
        """All metrics, read on the event loop, where the clocks of breakers and budgets are."""
        try:
            if not authenticate(request.headers, self.keys).may(Scope.ADMIN):
                raise NotAllowed("Your key lacks the scope `admin`.")
        except Refusal as refusal:
            return answer(refusal, request.scope)
        headers = {"cache-control": "no-store", "content-type": self.content_type}
        return Response(self.text(), headers=headers)
