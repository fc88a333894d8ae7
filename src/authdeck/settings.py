"""Settings: flags, else the environment (``AUTHDECK_…``, nested by ``__``), else ``authdeck.toml`` in the home.

Secrets are also read from the file that ``…_FILE`` names, and leave ``os.environ`` after reading.
"""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args

import platformdirs
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from authdeck import added_providers
from authdeck.errors import DeckError

SECRET_SETTINGS = ("ADMIN_KEY", "MASTER_KEY", "PROVIDERS__ANTIGRAVITY__CLIENT_SECRET", "DATABASE_URL")


def _words(value: Any) -> Any:
    return [word for word in value.replace(",", " ").split() if word] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
"""Several words, separated by commas or spaces where they come from the environment."""


class Part(BaseModel):
    """Some settings under one name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Added = TypeVar("Added", bound=Part)


class Codex(Part):
    api_url: str = "https://chatgpt.com/backend-api"
    auth_url: str = "https://auth.openai.com"
    key_url: str = "https://api.openai.com/v1"
    client_id: str = "app_EMoamEEZ73f0CkXaXp7hrann"


class Claude(Part):
    api_url: str = "https://api.anthropic.com"
    authorize_url: str = "https://claude.ai/oauth/authorize"
    token_url: str = "https://platform.claude.com/v1/oauth/token"  # noqa: S105 - an address
    client_id: str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"


class Vertex(Part):
    api_url: str = "https://{location}-aiplatform.googleapis.com"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


class Antigravity(Part):
    api_url: str = "https://daily-cloudcode-pa.googleapis.com"
    authorize_url: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    userinfo_url: str = "https://www.googleapis.com/oauth2/v2/userinfo?alt=json"
    client_id: str | None = None
    client_secret: SecretStr | None = None


class Gemini(Part):
    api_url: str = "https://generativelanguage.googleapis.com"


class Kimi(Part):
    api_url: str = "https://api.kimi.com/coding"
    auth_url: str = "https://auth.kimi.com"
    client_id: str = "17e5f671-d194-4dfb-9706-5516cb48c098"


class Xai(Part):
    api_url: str = "https://cli-chat-proxy.grok.com"
    key_url: str = "https://api.x.ai/v1"
    auth_url: str = "https://auth.x.ai"
    client_id: str = "b1a00492-073a-47ea-816f-4c329264a828"


class Providers(Part):
    """Every outgoing host. An origin given here counts as approved."""

    codex: Codex = Codex()
    claude: Claude = Claude()
    vertex: Vertex = Vertex()
    antigravity: Antigravity = Antigravity()
    gemini: Gemini = Gemini()
    kimi: Kimi = Kimi()
    xai: Xai = Xai()
    _added: dict[str, Part] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _with_added(cls, given: Any, made: ModelWrapValidatorHandler[Self]) -> Self:
        """Those of providers that are added are checked by the ``Settings`` of their own files."""
        if not isinstance(given, dict):
            return made(given)
        names = added_providers.names()
        providers = made({name: value for name, value in given.items() if name not in names})
        for name in names:
            providers._added[name] = added_providers.loaded(name).Settings.model_validate(given.get(name, {}))  # noqa: SLF001 - its own maker
        return providers

    def of(self, kind: type[Added]) -> Added:
        """The settings of an added provider, by the class that its file gives them."""
        return next(part for part in self._added.values() if isinstance(part, kind))

    def parts(self) -> Iterator[Part]:
        """Every provider's."""
        yield from (getattr(self, name) for name in type(self).model_fields)
        yield from self._added.values()


class Gateway(Part):
    """``body_limit`` and ``ratio_limit`` bound what a client may send; timeouts are seconds."""

    body_limit: int = 64 * 1024 * 1024
    ratio_limit: int = 100
    connect_timeout: float = 10
    first_byte_timeout: float = 300
    idle_timeout: float = 300
    total_timeout: float = 3600
    cors_origins: Words = ()
    account_header: bool = True
    websockets: bool = False
    max_attempts: int = 3


class Routing(Part):
    """How accounts are picked: ``routing.Strategy`` and ``pool.Policy`` say what each means."""

    strategy: str = Field("round_robin", pattern="^(round_robin|weighted|fill_first|least_recently_limited)$")
    prefix_only: Words = ()
    session_ttl: float = Field(3600, ge=0)


class ExcludedModels(Part):
    """Patterns with ``*`` that no account of the provider serves, whatever the account's own exclusions."""

    codex: Words = ()
    claude: Words = ()
    vertex: Words = ()
    antigravity: Words = ()
    gemini: Words = ()
    kimi: Words = ()
    xai: Words = ()
    openai_compatible: Words = ()


class Refresh(Part):
    retry_unknown: Literal["once", "never"] = "once"
    keep_warm_days: int = Field(7, ge=0, le=3650)
    keep_revisions_days: int = Field(30, ge=1, le=3650)
    request_wait: float = 15
    pace: float = Field(1, ge=0)


class Monitoring(Part):
    """Requests go when they are older than ``keep_days``, and the oldest when they take more than ``disk_limit_mib``.

    0: no such bound. Their sums stay.
    """

    keep_days: int = Field(30, ge=0, le=3650)
    disk_limit_mib: int = Field(4096, ge=0, le=100_000_000)


class QuotaEvery(Part):
    """Seconds between two scheduled questions about an account's limits; 0 (the default) asks only on demand."""

    codex: int = Field(0, ge=0)
    claude: int = Field(0, ge=0)
    antigravity: int = Field(0, ge=0)
    kimi: int = Field(0, ge=0)
    xai: int = Field(0, ge=0)


class Quota(Part):
    """``at_once`` and ``pace`` (seconds between two) bound questions to one provider through one egress.

    ``at_once`` is what keeps to a provider's own speed; ``pace`` only bounds how fast quick answers are followed by
    further questions.
    """

    at_once: int = Field(4, ge=1, le=32)
    pace: float = Field(0.02, ge=0)
    every: QuotaEvery = QuotaEvery()


class Inspection(Part):
    """Runs go ``keep_days`` days after they ended."""

    keep_days: int = Field(90, ge=1, le=3650)


class Automation(Part):
    """What happens without a person. At most ``accounts_per_hour`` or ``percent_per_hour`` of a provider's accounts.

    ``cooldown``: accounts at a limit rest. ``credential_holds``: accounts whose sign-in is done for are kept away.
    ``disable``: they are switched off besides, until a person switches them on.
    """

    cooldown: bool = True
    credential_holds: bool = True
    disable: bool = False
    accounts_per_hour: int = Field(5, ge=0, le=100_000)
    percent_per_hour: float = Field(10, ge=0, le=100)


class Settings(BaseSettings):
    """All settings, validated. ``load`` is the way to make one."""

    model_config = SettingsConfigDict(
        env_prefix="AUTHDECK_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )
    toml_file: ClassVar[Path | None] = None

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("authdeck")))
    database_url: SecretStr | None = None
    monitoring_url: SecretStr | None = None
    bind: str = "127.0.0.1:8417"
    public_url: str | None = None
    allowed_hosts: Words = ()
    admin_key: SecretStr | None = None
    master_key: SecretStr | None = None
    behind_tls: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    upload_limit: int = 10 * 1024 * 1024
    trash_days: int = Field(30, ge=0, le=3650)
    evidence_days: int = Field(30, ge=1, le=3650)
    session_idle_hours: float = Field(8, ge=0.1, le=720)
    log_level: str = "info"
    storybook: bool = False
    providers: Providers = Field(default_factory=Providers)
    gateway: Gateway = Gateway()
    refresh: Refresh = Refresh()
    routing: Routing = Routing()
    quota: Quota = Quota()
    inspection: Inspection = Inspection()
    automation: Automation = Automation()
    monitoring: Monitoring = Monitoring()
    excluded_models: ExcludedModels = ExcludedModels()

    @model_validator(mode="after")
    def _bind_is_safe(self) -> "Settings":
        if not self.is_loopback and not (self.behind_tls or (self.tls_certificate and self.tls_key)):
            raise DeckError("bind_needs_tls", bind=self.bind)
        return self

    _given: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def given(self) -> Mapping[str, str]:
        """Settings that were set where authdeck started, by dotted name: ``flag``, ``environment`` or ``file``.

        What is set there is not changed while it runs (``adjustable``).
        """
        return self._given

    @property
    def host(self) -> str:
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.bind.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env files: too easily committed
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - …_FILE is ours
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.toml_file))


def load(environment: MutableMapping[str, str] | None = None, **flags: Any) -> Settings:
    """Settings from the environment, ``authdeck.toml`` in the home, and ``flags`` (which win; ``None`` is "not given").

    Raises ``DeckError('setting_invalid')`` naming the setting. Secrets are taken out of the environment.
    """
    environment = os.environ if environment is None else environment
    if environment.get("AUTHDECK_HOME") == "":  # an unset variable of a script must not lead into the real home
        raise DeckError("setting_invalid", setting="AUTHDECK_HOME", problem="it is set, but empty")
    _read_secret_files(environment)
    given = {name: value for name, value in flags.items() if value is not None}
    home = Path(given.get("home") or environment.get("AUTHDECK_HOME") or platformdirs.user_data_dir("authdeck"))
    Settings.toml_file = home / "authdeck.toml"
    try:
        settings = Settings(**{**given, "home": home.expanduser().absolute()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "AUTHDECK_" + "__".join(str(part).upper() for part in first["loc"])
        raise DeckError("setting_invalid", setting=name, problem=first["msg"]) from None
    settings._given.update(_where_given(given))  # noqa: SLF001 - only here is known where each came from
    for name in _secrets():
        environment.pop(f"AUTHDECK_{name}", None)
    return settings


def _where_given(flags: Mapping[str, Any]) -> dict[str, str]:
    """Which source each setting comes from; the later of these wins, as in ``Settings``."""
    sources = (
        ("file", TomlConfigSettingsSource(Settings, Settings.toml_file)()),
        ("environment", EnvSettingsSource(Settings)()),
        ("flag", flags),
    )
    return {name: source for source, values in sources for name in _dotted(values)}


def _dotted(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _secrets() -> Iterator[str]:
    """Names of all secret settings, those of added providers too."""
    yield from SECRET_SETTINGS
    for provider in added_providers.names():
        for name, field in added_providers.loaded(provider).Settings.model_fields.items():
            if SecretStr in (field.annotation, *get_args(field.annotation)):
                yield f"PROVIDERS__{provider}__{name}".upper()


def _read_secret_files(environment: MutableMapping[str, str]) -> None:
    for name in _secrets():
        if path := environment.pop(f"AUTHDECK_{name}_FILE", None):
            try:
                environment[f"AUTHDECK_{name}"] = Path(path).read_text().strip()
            except OSError as error:
                raise DeckError(
                    "setting_invalid", setting=f"AUTHDECK_{name}_FILE", problem=error.strerror or "unreadable"
                ) from None
