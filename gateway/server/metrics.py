"""`/metrics`: Prometheus' text, for callers who may see it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from gateway.model.caller import Scope
from gateway.server.auth import Authority
from gateway.server.problems import Refusal, answer


@dataclass(frozen=True, slots=True)
class Exposition:
    """Answers whoever collects metrics; with keys set, a key with the scope `admin` is needed."""

    authority: Authority
    text: Callable[[], Awaitable[bytes]]
    content_type: str

    async def answer(self, request: Request) -> Response:
        """All metrics, read on the event loop, where the clocks of breakers and budgets are."""
        try:
            await self.authority.allowed(request.headers, Scope.ADMIN)
        except Refusal as refusal:
            return answer(refusal, request.scope)
        headers = {"cache-control": "no-store", "content-type": self.content_type}
        return Response(await self.text(), headers=headers)
