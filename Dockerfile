# The portal for production: web and worker are the same image with another command (see compose.yaml).
FROM python:3.12-slim-trixie AS build
WORKDIR /src
COPY requirements.txt ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE wsgi.py ./
COPY portal portal
COPY questionnaires questionnaires
COPY migrations migrations

FROM python:3.12-slim-trixie
# pg_dump, pg_restore and psql for `portal backup` and `portal restore`; as new as the server, or newer
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin portal && install -d -o portal -g portal -m 0700 /data /backups
COPY --from=build /venv /venv
COPY --from=build /src /app
RUN printf '#!/bin/sh\nexec python -m portal.cli "$@"\n' > /usr/local/bin/portal && chmod 0755 /usr/local/bin/portal
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORTAL_DATA=/data PORTAL_LOG_FORMAT=json
USER portal
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# One process holds the argon2 limit and the answers of slow clients; more processes or machines scale it.
CMD ["gunicorn", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--timeout", "60", "--graceful-timeout", "30", "--bind", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm", "wsgi:application"]
