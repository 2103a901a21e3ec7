# The packages are built in a stage of their own, so that no compiler or cache reaches the image.
FROM python:3.11-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/base.txt .
RUN /opt/venv/bin/pip install --require-hashes -r base.txt

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STATIC_ROOT=/srv/static
# A new volume takes over the owner of the folder that it is mounted on.
RUN useradd --system --uid 10001 --no-create-home bridge \
    && install -d -m 700 -o 10001 -g 10001 /srv/media
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/bridge
COPY . .
# Collecting needs no secret, but the settings insist on some.
RUN SECRET_KEY=build ENCRYPTION_KEYS=build DATABASE_URL=sqlite://:memory: \
    python manage.py collectstatic --noinput
USER bridge
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/livez', timeout=3)"]
CMD ["gunicorn", "config.wsgi"]
