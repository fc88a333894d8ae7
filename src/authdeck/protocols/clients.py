"""What a client needs to reach an account: URLs, and what to paste into each kind of client. Pure.

Built from the origin clients use, the prefix, and the routes that are served; nothing else is offered. Keys never stand
in it: ``$AUTHDECK_CLIENT_KEY`` is what the reader sets.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from authdeck.routing import Route

KEY: Final = "$AUTHDECK_CLIENT_KEY"
_VARIABLE: Final = "AUTHDECK_CLIENT_KEY"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked. ``{model}`` and ``{action}`` in ``url`` are the caller's."""

    route: Route
    method: str
    url: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """What to type or paste into one kind of client. ``language`` is toml, shell or python."""

    client: str
    language: str
    text: str


_PATHS: Final[dict[Route, tuple[str, ...]]] = {
    Route.RESPONSES: ("/v1/responses",),
    Route.WEBSOCKET: ("/v1/responses",),
    Route.RESPONSES_COMPACT: ("/v1/responses/compact",),
    Route.CODEX: ("/backend-api/codex/responses",),
    Route.CHAT: ("/v1/chat/completions",),
    Route.MESSAGES: ("/v1/messages",),
    Route.COUNT_TOKENS: ("/v1/messages/count_tokens",),
    Route.GENERATE: ("/v1beta/models/{model}:{action}",),
    Route.CODE_ASSIST: ("/v1internal:{action}",),
}
_EXAMPLES: Final[dict[Route, str]] = {
    Route.RESPONSES: "gpt-5.5",
    Route.CHAT: "gpt-5.5",
    Route.MESSAGES: "claude-sonnet-5",
    Route.GENERATE: "gemini-2.5-pro",
}


def base(origin: str, prefix: str | None = None) -> str:
    """Where clients begin: the origin, and ``/p/<prefix>`` where only accounts of a prefix are meant."""
    return origin.rstrip("/") + (f"/p/{prefix}" if prefix else "")


def endpoints(start: str, routes: Iterable[Route]) -> list[Endpoint]:
    """What can be asked below ``start``, in the order of ``Route``."""
    served = frozenset(routes)
    return [
        Endpoint(route, "GET" if route is Route.WEBSOCKET else "POST", start + path)
        for route in Route
        if route in served
        for path in _PATHS[route]
    ]


def snippets(start: str, routes: Iterable[Route], *, key: str = KEY, model: str | None = None) -> list[Snippet]:
    """For each client that speaks one of the routes. ``model`` is one that is served, where one is known."""
    served = frozenset(routes)
    made = []
    for route, write in _WRITERS:
        if route in served:
            made.append(write(start, key, model or _EXAMPLES.get(route, "MODEL")))
    return [*made, _curl_models(start, key)]


def _codex(start: str, key: str, model: str) -> Snippet:
    """A provider of its own with ``env_key``: Codex then makes no ChatGPT side calls and takes plain http."""
    text = (
        "# ~/.codex/config.toml\n"
        f'model_provider = "authdeck"\nmodel = "{_quoted(model)}"\n\n'
        "[model_providers.authdeck]\n"
        f'name = "authdeck"\nbase_url = "{start}/v1"\nwire_api = "responses"\nenv_key = "{_VARIABLE}"\n\n'
        f"# shell\nexport {_VARIABLE}={_said(key)}"
    )
    return Snippet("Codex CLI", "toml", text)


def _claude_code(start: str, key: str, _model: str) -> Snippet:
    return Snippet("Claude Code", "shell", f"export ANTHROPIC_BASE_URL={start}\nexport ANTHROPIC_AUTH_TOKEN={key}")


def _gemini_cli(start: str, key: str, model: str) -> Snippet:
    """The settings file, without which it picks a mode that headless runs refuse."""
    text = (
        '# ~/.gemini/settings.json: {"security": {"auth": {"selectedType": "gemini-api-key"}}}\n'
        f"export GOOGLE_GEMINI_BASE_URL={start}\nexport GEMINI_API_KEY={key}\ngemini -m {_plain(model)}"
    )
    return Snippet("Gemini CLI", "shell", text)


def _code_assist(start: str, key: str, _model: str) -> Snippet:
    text = (
        f"export GOOGLE_GENAI_USE_GCA=true\nexport CODE_ASSIST_ENDPOINT={start}\nexport GOOGLE_CLOUD_ACCESS_TOKEN={key}"
    )
    return Snippet("Gemini CLI (Code Assist)", "shell", text)


def _openai(start: str, key: str, model: str) -> Snippet:
    text = (
        f"{_python_key('openai', 'OpenAI', f'{start}/v1', key)}\n"
        f'print(client.responses.create(model="{_quoted(model)}", input="Hello").output_text)'
    )
    return Snippet("Python (openai)", "python", text)


def _openai_chat(start: str, key: str, model: str) -> Snippet:
    text = (
        f"{_python_key('openai', 'OpenAI', f'{start}/v1', key)}\n"
        f'messages = [{{"role": "user", "content": "Hello"}}]\n'
        f'print(client.chat.completions.create(model="{_quoted(model)}", messages=messages).choices[0].message.content)'
    )
    return Snippet("Python (openai, chat)", "python", text)


def _anthropic(start: str, key: str, model: str) -> Snippet:
    text = (
        f"{_python_key('anthropic', 'Anthropic', start, key)}\n"
        f'messages = [{{"role": "user", "content": "Hello"}}]\n'
        f'print(client.messages.create(model="{_quoted(model)}", max_tokens=1024, messages=messages).content)'
    )
    return Snippet("Python (anthropic)", "python", text)


def _curl_models(start: str, key: str) -> Snippet:
    return Snippet("curl", "shell", f'curl {start}/v1/models -H "Authorization: Bearer {key}"')


_Writer = Callable[[str, str, str], Snippet]
_WRITERS: Final[Sequence[tuple[Route, _Writer]]] = (
    (Route.RESPONSES, _codex),
    (Route.MESSAGES, _claude_code),
    (Route.GENERATE, _gemini_cli),
    (Route.CODE_ASSIST, _code_assist),
    (Route.RESPONSES, _openai),
    (Route.CHAT, _openai_chat),
    (Route.MESSAGES, _anthropic),
)


def _python_key(module: str, client: str, url: str, key: str) -> str:
    """The key from the environment, unless the reader is looking at the one just made."""
    if key == KEY:
        given = f'os.environ["{_VARIABLE}"]'
        return f'import os\nfrom {module} import {client}\n\nclient = {client}(base_url="{url}", api_key={given})'
    return f'from {module} import {client}\n\nclient = {client}(base_url="{url}", api_key="{key}")'


def _said(key: str) -> str:
    return "adk_…" if key == KEY else key


def _quoted(model: str) -> str:
    """A model's name inside double quotes."""
    return model.replace("\\", "\\\\").replace('"', '\\"')


def _plain(model: str) -> str:
    """A model's name as one word of a shell."""
    is_word = model.replace("-", "").replace(".", "").replace("_", "").replace("/", "").isalnum()
    return model if is_word and model.isascii() else "'" + model.replace("'", "'\\''") + "'"
