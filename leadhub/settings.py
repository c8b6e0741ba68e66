"""All settings, read from the environment with typed calls. A bare checkout runs on embedded services.

Every variable is explained in `.env.example`.
"""

from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

from leadhub import environment
from leadhub.environment import BASE_DIR, env

PRODUCTION = environment.is_production()
DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = environment.data_dir()
RUN_DIR = environment.run_dir(DATA_DIR)
PORT = env.int("PORT", default=8000)
EVENTS_PORT = PORT + 1

_secrets = environment.load_secrets()
SECRET_KEY = _secrets.secret_key
FIELD_ENCRYPTION_KEYS = _secrets.field_keys

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
if PRODUCTION and not DEBUG and (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS):
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS must name the hosts of this installation (for example leadhub.example.ru)."
    )
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://localhost:{PORT}").rstrip("/")
# Where browsers open event streams: behind a proxy the same origin, on a bare machine PORT + 1 of the same host.
EVENTS_URL = env.str("EVENTS_URL", default="" if PRODUCTION else f"//:{EVENTS_PORT}")

# --- Apps -------------------------------------------------------------------------------------------------------
SHARED_APPS = [
    "django_tenants",
    "leadhub.work",
    "tenants",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "agency",
    "reports",
]
# The admin's log stands in each tenant's schema too: its lines hold clients' names.
TENANT_APPS = [
    "django.contrib.admin",
    "tenants.business",
    "contacts",
    "channels_app",
    "assistant",
    "booking",
    "routing",
    "crm",
    "reminders",
    "inbox",
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
TENANT_TEMPLATE_SCHEMA = "tenant_template"
AUTH_USER_MODEL = "tenants.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "tenants.middleware.TenantByPath",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.middleware.MembersOnly",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "leadhub.urls_tenant"
PUBLIC_SCHEMA_URLCONF = "leadhub.urls_public"
WSGI_APPLICATION = "leadhub.wsgi.application"

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
                "tenants.context.member",
            ]
        },
    }
]

# --- Database, broker, cache --------------------------------------------------------------------------------------
EMBEDDED_DATABASE = "DATABASE_URL" not in environment.os.environ
EMBEDDED_BROKER = "REDIS_URL" not in environment.os.environ
_database = (
    {"NAME": environment.database_name(), "USER": "postgres", "HOST": str(RUN_DIR), "PORT": "5432"}
    if EMBEDDED_DATABASE
    else env.db("DATABASE_URL")
)
_timeouts = "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={}".format(
    env.int("DB_STATEMENT_TIMEOUT_MS", default=15000),
    env.int("DB_LOCK_TIMEOUT_MS", default=5000),
    env.int("DB_IDLE_TRANSACTION_TIMEOUT_MS", default=30000),
)
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "django_tenants.postgresql_backend",
        "CONN_MAX_AGE": env.int("DB_CONN_MAX_AGE", default=600),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, **_database.get("OPTIONS", {}), "options": _timeouts},
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

VALKEY_SOCKET = RUN_DIR / "valkey.sock"
REDIS_URL = f"unix://{VALKEY_SOCKET}?db=0" if EMBEDDED_BROKER else env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "lh",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

# --- Celery -------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = f"redis+socket://{VALKEY_SOCKET}?virtual_host=0" if EMBEDDED_BROKER else REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_TASK_DEFAULT_QUEUE = "pipeline"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_MAX_TASKS_PER_CHILD = 5000
# Celery closes the database after every task unless told how many may share a connection; a fresh one costs more than
# the task. Age and faults end it instead: `leadhub.work.tasks`.
CELERY_DB_REUSE_MAX = 1_000_000_000
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 5, "socket_connect_timeout": 2}
# A push that fails is no loss: the dispatcher sends what was not run. So nobody waits for a broker that is away.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS |= {"max_retries": 0, "interval_start": 0}
CELERY_WORKER_CONSUMER = "leadhub.work.consumer:Consumer"
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Work by what it costs: short database work; calls to the outside in threads; long jobs.
WORK_QUEUES = ("pipeline", "http", "bulk")

# --- Due work (seconds) ---------------------------------------------------------------------------------------------
WORK_TICK = env.float("WORK_TICK_SECONDS", default=0.1)
WORK_RESEND_AFTER = timedelta(seconds=env.int("WORK_RESEND_SECONDS", default=10))
WORK_LEASE = timedelta(seconds=env.int("WORK_LEASE_SECONDS", default=90))
WORK_MAX_ATTEMPTS = env.int("WORK_MAX_ATTEMPTS", default=10)

# A test or a rehearsal moves time for all processes at once by the seconds written in this file.
CLOCK_FILE = env.str("LEADHUB_CLOCK_FILE", default="") if not PRODUCTION else ""

# --- People ---------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend", "tenants.access.RoleBackend"]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "tenants.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login_failed": "10/5m/ip,5/5m/key"}
MFA_TOTP_ISSUER = "Leadhub"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT_SECONDS", default=15)  # a server that hangs holds nobody up
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="leadhub@localhost")

# --- Language and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "ru"
LOCALE_PATHS = [BASE_DIR / "locale"]  # words of Unfold, which brings no Russian
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files, security -----------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "leadhub.static_files.Storage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=PRODUCTION) else None
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=PRODUCTION)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # the form of rules has some hundreds of rows when all of them are open
WEBHOOK_MAX_BYTES = env.int("WEBHOOK_MAX_BYTES", default=1024 * 1024)
# Posts a minute to the chat and the forms of a site: by one visitor, and from one address (many share a provider's).
HOOK_VISITOR_PER_MINUTE = env.int("HOOK_VISITOR_PER_MINUTE", default=30)
HOOK_ADDRESS_PER_MINUTE = env.int("HOOK_ADDRESS_PER_MINUTE", default=600)

_events_sources = ["'self'"] + (
    [] if PRODUCTION else [f"http://localhost:{EVENTS_PORT}", f"http://127.0.0.1:{EVENTS_PORT}"]
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": _events_sources,
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.access.IsMember"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "600/min"},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Leadhub API",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["tenants.access.IsMember"],
    "POSTPROCESSING_HOOKS": ["tenants.access.openapi_servers"],
}

# --- The outside: each provider's address can be moved, so that a stand-in may stand there ---
SANDBOX_URL = env.str("SANDBOX_URL", default="")
DEMO_BUSINESSES = env.list("DEMO_BUSINESSES", default=[])  # slugs; empty: all of the invented ones
TELEGRAM_API_URL = env.str(
    "TELEGRAM_API_URL", default=f"{SANDBOX_URL}/telegram" if SANDBOX_URL else "https://api.telegram.org"
)
SMSC_API_URL = env.str("SMSC_API_URL", default=f"{SANDBOX_URL}/smsc" if SANDBOX_URL else "https://smsc.ru")
# Web push: our key, whom a push service may write to about us, and the services that a browser may name.
VAPID_PRIVATE_KEY = environment.vapid_key()
VAPID_SUBJECT = env.str(
    "VAPID_SUBJECT", default=PUBLIC_URL if PUBLIC_URL.startswith("https://") else f"mailto:{DEFAULT_FROM_EMAIL}"
)
PUSH_HOSTS = env.list(
    "PUSH_HOSTS",
    default=[
        "fcm.googleapis.com",
        "push.services.mozilla.com",
        "push.apple.com",
        "notify.windows.com",
        "push.yandex.ru",
    ],
)
# The language model that a business may switch on; any server that speaks OpenAI's chat completions.
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="sandbox" if SANDBOX_URL else "")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default=f"{SANDBOX_URL}/llm/v1" if SANDBOX_URL else "")
if OPENAI_BASE_URL and not OPENAI_BASE_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured("OPENAI_BASE_URL must be an address (for example https://api.openai.com/v1).")
OPENAI_MODEL = env.str("OPENAI_MODEL", default="gpt-4o-mini")
OPENAI_TIMEOUT = env.int("OPENAI_TIMEOUT_MS", default=1200) / 1000  # seconds in all, whatever happens
OPENAI_REST = env.float("OPENAI_REST_SECONDS", default=30.0)  # after failures in a row
OPENAI_PROMPT_KOPECKS_PER_1K = env.float("OPENAI_PROMPT_KOPECKS_PER_1K", default=2.0)
OPENAI_COMPLETION_KOPECKS_PER_1K = env.float("OPENAI_COMPLETION_KOPECKS_PER_1K", default=6.0)
# "": nothing is compared by meaning
OPENAI_EMBEDDING_MODEL = env.str("OPENAI_EMBEDDING_MODEL", default="sandbox-embeddings" if SANDBOX_URL else "")
OPENAI_EMBEDDING_TIMEOUT = env.int("OPENAI_EMBEDDING_TIMEOUT_MS", default=600) / 1000  # seconds
OPENAI_EMBEDDING_MIN_SIMILARITY = env.float("OPENAI_EMBEDDING_MIN_SIMILARITY", default=0.6)  # cosine
OPENAI_EMBEDDING_KOPECKS_PER_1K = env.float("OPENAI_EMBEDDING_KOPECKS_PER_1K", default=0.2)
OPENAI_LOG_DAYS = env.int("OPENAI_LOG_DAYS", default=30)  # then the texts of a call go, its figures stay
HTTP_CONNECT_TIMEOUT = 3.0
HTTP_READ_TIMEOUT = env.float("HTTP_READ_TIMEOUT_SECONDS", default=10.0)
CRM_READ_TIMEOUT = env.float("CRM_READ_TIMEOUT_SECONDS", default=30.0)  # a batch of 50 commands takes its time

UNFOLD = {
    "SITE_TITLE": "tenants.navigation.title",
    "SITE_HEADER": "tenants.navigation.title",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"navigation": "tenants.navigation.sidebar"},
    "STYLES": ["tenants.navigation.stylesheet"],
    "SCRIPTS": ["tenants.navigation.script"],
    "SITE_ICON": "tenants.navigation.icon",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "tenants.navigation.icon"}],
    "COLORS": {
        "primary": {  # the accent of the product's own screens
            "50": "#effaf8",
            "100": "#e0f1ef",
            "200": "#b9e2de",
            "300": "#8accc5",
            "400": "#45b8af",
            "500": "#1a8f88",
            "600": "#0b6f6a",
            "700": "#095b57",
            "800": "#0a4a47",
            "900": "#0b3d3b",
            "950": "#06201e",
        }
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"private": {"()": "leadhub.logs.WithoutPersonalData"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["private"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},  # at DEBUG it would write whole requests down
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
