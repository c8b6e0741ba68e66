FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --uid 10001 --create-home leadhub
WORKDIR /app

COPY requirements.txt .
RUN pip install -r requirements.txt

COPY . .
# Keys of this one build step only: production takes its own from the environment and refuses these.
RUN LEADHUB_DATA=/tmp/build DEBUG=false ALLOWED_HOSTS=localhost \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    FIELD_ENCRYPTION_KEY="$(python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')" \
    python manage.py collectstatic --noinput \
    && rm -rf /tmp/build \
    && python -m compileall -q -j 2 .

USER leadhub
EXPOSE 8000 8001

# The web server; the other parts name their own command (docker-compose.yml).
CMD ["python", "-m", "granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "4", "--blocking-threads-idle-timeout", "600", "--no-access-log", \
     "--workers-kill-timeout", "10", "--respawn-failed-workers", "leadhub.wsgi:application"]
