"""Every setting of the site, in the order in which docs/settings.md lists them. All values have a safe default."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from fusion_site.ops.backing import POSTGRESQL, channel_layer_at, database_at
from fusion_site.ops.environment import env, env_flag, env_list, env_pairs, env_secret, env_word
from fusion_site.ops.mail import SMTP, mail_at
from fusion_site.ops.secrets import kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent

# Where things live ---------------------------------------------------------------------------------------

FUSION_DATA_DIR = Path(env("FUSION_DATA_DIR", str(BASE_DIR / "var"))).resolve()
FUSION_URL = env("FUSION_URL", "http://127.0.0.1:8000").rstrip("/")
FUSION_HOSTS = env_list("FUSION_HOSTS", f"127.0.0.1,localhost,{urlsplit(FUSION_URL).hostname}")
DEBUG = env_flag("FUSION_DEBUG", default=False)

# Secrets -------------------------------------------------------------------------------------------------

SECRET_KEY = env("FUSION_SECRET_KEY") or kept_secret(
    FUSION_DATA_DIR / "secret.key", lambda: secrets.token_urlsafe(48)
)
FUSION_SEALING_KEYS = env_list("FUSION_SEALING_KEYS") or env_list(
    "", kept_secret(FUSION_DATA_DIR / "sealing.keys", lambda: Fernet.generate_key().decode())
)

# Models on this machine ----------------------------------------------------------------------------------

FUSION_REHEARSAL = env_flag("FUSION_REHEARSAL", default=True)
FUSION_REHEARSAL_SPEED = float(env("FUSION_REHEARSAL_SPEED", "1"))
FUSION_COMPACT_MODEL = Path(env("FUSION_COMPACT_MODEL")) if env("FUSION_COMPACT_MODEL") else None
FUSION_COMPACT_STATE = FUSION_DATA_DIR / "compact.host.json"
FUSION_COMPACT_FILES = FUSION_DATA_DIR / "models"
FUSION_COMPACT_TEMPLATES = FUSION_DATA_DIR / "templates"
FUSION_LLAMA_COMPACT_SOURCE = env("FUSION_LLAMA_COMPACT_SOURCE")
FUSION_HF_URL = env("FUSION_HF_URL", "https://huggingface.co").rstrip("/")
FUSION_HF_TOKEN = env_secret("FUSION_HF_TOKEN")
FUSION_PRIVATE_UPSTREAMS = frozenset(env_list("FUSION_PRIVATE_UPSTREAMS"))
FUSION_IN_HOUSE = frozenset(env_list("FUSION_IN_HOUSE"))

# OpenRouter ----------------------------------------------------------------------------------------------

FUSION_OPENROUTER_URL = env("FUSION_OPENROUTER_URL", "https://openrouter.ai/api/v1").rstrip("/")
FUSION_OPENROUTER_AUTH_URL = env("FUSION_OPENROUTER_AUTH_URL", "https://openrouter.ai/auth")

# Limits --------------------------------------------------------------------------------------------------

FUSION_RUNS_PER_PERSON = int(env("FUSION_RUNS_PER_PERSON", "10"))
FUSION_RUNS_PER_TEAM = int(env("FUSION_RUNS_PER_TEAM", "50"))
FUSION_CALLS_PER_MINUTE = int(env("FUSION_CALLS_PER_MINUTE", "120"))
FUSION_PROMPT_CHARS = int(env("FUSION_PROMPT_CHARS", "200000"))
FUSION_TEAM_GRACE_DAYS = float(env("FUSION_TEAM_GRACE_DAYS", "7"))
FUSION_GUIDED_S = float(env("FUSION_GUIDED_S", "3600"))
DATA_UPLOAD_MAX_MEMORY_SIZE = int(env("FUSION_BODY_BYTES", str(4 * 1024 * 1024)))
FUSION_RECEIVE_S = float(env("FUSION_RECEIVE_S", "60"))
FUSION_DRAIN_S = float(env("FUSION_DRAIN_S", "2"))

# Database and channel layer ------------------------------------------------------------------------------

DATABASES = {"default": database_at(env("DATABASE_URL"), FUSION_DATA_DIR)}
FUSION_IS_CLUSTER = DATABASES["default"]["ENGINE"] == POSTGRESQL
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {"default": channel_layer_at(env("REDIS_URL"))}
# Rows, also where Redis is: failed sign-ins are counted for all processes, and go on being so while Redis is away.
CACHES = {"default": {"BACKEND": "fusion_site.accounts.row_cache.RowCache"}}
FUSION_LEASE_S = float(env("FUSION_LEASE_S", "9"))

# The site itself -----------------------------------------------------------------------------------------

ALLOWED_HOSTS = FUSION_HOSTS
ROOT_URLCONF = "fusion_site.urls"
ASGI_APPLICATION = "fusion_site.asgi.application"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "channels",
    "django_htmx",
    "heroicons",
    "fusion_site.accounts",
    "fusion_site.pools",
    "fusion_site.runs",
    "fusion_site.runs.attached",
    "fusion_site.runs.sharing",
    "fusion_site.runs.voting",
    "fusion_site.runs.finding",
    "fusion_site.runs.hooks",
    "fusion_site.api",
    "fusion_site.pages",
    "fusion_site.ops",
    # The queue of runs past one machine; its tables exist in PostgreSQL only.
    *(["procrastinate.contrib.django"] if FUSION_IS_CLUSTER else []),
]
MIDDLEWARE = [
    "fusion_site.ops.requests.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "fusion_site.ops.static_files.StaticFiles",
    "fusion_site.ops.headers.SecurityHeaders",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "fusion_site.accounts.whence.KnowWhence",
    "fusion_site.accounts.last_seen.LastSeen",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "fusion_site.accounts.context.current_team",
                "fusion_site.accounts.context.mail",
            ],
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "fusion_site.ops.static_files.HashedNames"},
}
SERVESTATIC_USE_FINDERS = True
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# People and sign-in --------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
FUSION_SIGNUP = env_flag("FUSION_SIGNUP", default=True)
ACCOUNT_EMAIL_VERIFICATION = env("FUSION_EMAIL_VERIFICATION", "none")
# Who signs up stays in this browser for it: the code is typed there, so an invitation goes on, and a passkey can be made.
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = ACCOUNT_EMAIL_VERIFICATION == "mandatory"
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ALLAUTH_TRUSTED_PROXY_COUNT = int(env("FUSION_PROXIES", "0"))
ACCOUNT_ADAPTER = "fusion_site.accounts.adapter.AccountAdapter"
# Proving once more who it is, before keys, tokens and second factors are changed: good for so many seconds.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
SOCIALACCOUNT_ADAPTER = "fusion_site.accounts.sign_on_adapter.SignOnAdapter"
# Whose addresses are offered which team's service: the operator says so, for a team could claim any. See docs/sign-in.md.
FUSION_SIGN_ON_DOMAINS = env_pairs("FUSION_SIGN_ON_DOMAINS")
MFA_ADAPTER = "fusion_site.accounts.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Somebody who broke off would leave an account without a way in, but for the mail by which a password is set.
MFA_PASSKEY_SIGNUP_ENABLED = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED
# A site without mail confirms no address; its people shall have second factors all the same.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Fusion"

# Mail ----------------------------------------------------------------------------------------------------

_MAIL = mail_at(env_secret("FUSION_EMAIL_URL"))
FUSION_SENDS_MAIL = _MAIL["BACKEND"] == SMTP
globals().update({f"EMAIL_{name}": value for name, value in _MAIL.items()})
# People are told by mail when somebody changes what protects their account.
ACCOUNT_EMAIL_NOTIFICATIONS = FUSION_SENDS_MAIL
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Fusion: "
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env("FUSION_EMAIL_FROM", f"fusion@{urlsplit(FUSION_URL).hostname}")

# Transport security --------------------------------------------------------------------------------------

_HTTPS = FUSION_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [FUSION_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_NAME = "__Host-sid" if _HTTPS else "sid"
CSRF_COOKIE_NAME = "__Host-csrf" if _HTTPS else "csrf"
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = _HTTPS
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]  # asked beside the proxy, over plain http
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SECURE_HSTS_SECONDS = 63_072_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
SECURE_REFERRER_POLICY = "same-origin"
# Browsers let passkeys be used over plain http at localhost only; then their origin is not https.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _HTTPS

# Metrics and logs ----------------------------------------------------------------------------------------

FUSION_METRICS_TOKEN = env("FUSION_METRICS_TOKEN")
FUSION_LOG_FORMAT = env_word("FUSION_LOG_FORMAT", env("FUSION_LOG_FORMAT", "plain"), {"plain", "json"})
FUSION_LOG_LEVEL = env_word(
    "FUSION_LOG_LEVEL", env("FUSION_LOG_LEVEL", "info"), {"debug", "info", "warning", "error"}
)
FUSION_ACCESS_LOG = env_flag("FUSION_ACCESS_LOG", default=False)
_LINES = {"plain": "fusion_site.ops.logs.PlainLines", "json": "fusion_site.ops.logs.JsonLines"}
_OWN_SECRETS = [
    SECRET_KEY,
    *FUSION_SEALING_KEYS,
    FUSION_METRICS_TOKEN,
    FUSION_HF_TOKEN,
    _MAIL.get("HOST_PASSWORD", ""),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": _LINES[FUSION_LOG_FORMAT], "secrets": _OWN_SECRETS}},
    # The handler keeps the level, too: loggers below that have one of their own do not ask the root's.
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "lines",
            "level": FUSION_LOG_LEVEL.upper(),
        }
    },
    "root": {"handlers": ["console"], "level": FUSION_LOG_LEVEL.upper()},
    "loggers": {
        # Django would print its own lines a second time, as it likes them, where DEBUG is on.
        "django": {"handlers": [], "level": "INFO"},
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "twisted": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
    },
}
