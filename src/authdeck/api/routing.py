"""``/routing/explanation``: which accounts a request would use, in which order, and every reason where not."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from authdeck.access import Role
from authdeck.api.account_search import AccountQuery
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import EyesHere, PartsHere
from authdeck.api.shapes import Because, ReasonShape, Shape
from authdeck.explanation import Explained
from authdeck.gate.routes import needs
from authdeck.operations.entries import by_name
from authdeck.operations.explain_routing import Explanation, Question, explain_routing
from authdeck.routing import Route

router = APIRouter(prefix="/routing", tags=["routing"], route_class=Limited)


class RoutingQuestion(BaseModel):
    """A request that a client might send, by ``route`` or ``path``; and which accounts to explain it for.

    ``auth_index`` (a file name or alias too) asks about one account, ``accounts`` about those that match, page by page.
    """

    model_config = ConfigDict(extra="forbid")

    route: Route | None = None
    path: str | None = Field(None, max_length=500, description="Such as `/v1/responses` or `/p/night/v1/messages`.")
    model: str | None = Field(None, max_length=200, description="As the client would name it, a prefix included.")
    prefix: str | None = Field(None, max_length=200, description="The prefix that the request names.")
    client_key: str | None = Field(None, max_length=200, description="A client key's id or name.")
    auth_index: str | None = Field(None, max_length=512)
    accounts: AccountQuery = AccountQuery()


class ExplainedShape(Shape):
    """``tier`` is the place of its priority, 1 the first; ``turn`` its place among the next ones of that tier."""

    auth_index: str
    file_name: str
    provider: str
    used: bool
    tier: int | None
    turn: int | None
    priority: int
    weight: int
    reasons: list[ReasonShape]


class ExplanationShape(Shape):
    """How the request was read, and each account. ``refused``: the client key may not ask this at all."""

    route: str
    model: str | None
    prefix: str | None
    refused: Because | None
    items: list[ExplainedShape]
    next: str | None
    total: int


@router.post("/explanation")
@needs(Role.VIEWER)
async def explanation(asked: RoutingQuestion, parts: PartsHere, eyes: EyesHere) -> ExplanationShape:
    """Whether each account would be used for such a request, and all reasons if not. Picks and sends nothing."""
    question = Question(asked.route, asked.path, asked.model, asked.prefix, asked.client_key)
    about = asked.accounts.asked() if asked.auth_index is None else by_name(parts.desk, asked.auth_index)
    return _shape(eyes, await explain_routing(parts.desk, parts.pool, question, about))


def _shape(eyes: Eyes, made: Explanation) -> ExplanationShape:
    refused = eyes.because(made.refused[0], {"what": made.refused[1]}) if made.refused else None
    return ExplanationShape(
        route=made.ask.route.value,
        model=made.ask.model,
        prefix=made.ask.prefix,
        refused=refused,
        items=[_item(eyes, each) for each in made.items],
        next=made.next,
        total=made.total,
    )


def _item(eyes: Eyes, each: Explained) -> ExplainedShape:
    account = each.entry.account
    return ExplainedShape(
        auth_index=account.auth_index,
        file_name=account.file_name,
        provider=account.provider.value,
        used=each.used,
        tier=each.tier,
        turn=each.turn,
        priority=account.settings.priority,
        weight=account.settings.weight,
        reasons=[eyes.reason(reason) for reason in each.reasons],
    )
