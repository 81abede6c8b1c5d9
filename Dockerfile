# syntax=docker/dockerfile:1

# The explorer's assets, from the committed lock.
FROM node:22-bookworm-slim AS explorer
WORKDIR /explorer
COPY gateway/server/explorer/ ./
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run build

# The locked dependencies and the gateway, in a virtual environment of their own.
FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/gateway
COPY requirements/run.txt requirements/run.txt
RUN /opt/gateway/bin/pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md schema.graphql subgraph.graphql ./
COPY gateway/ gateway/
COPY resolvers/ resolvers/
COPY --from=explorer /explorer/assets/ gateway/server/explorer/assets/
RUN /opt/gateway/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/gateway --create-home gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_PORT=8000 \
    GATEWAY_DATA_DIR=/var/lib/gateway
USER 10001:10001
VOLUME /var/lib/gateway
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['GATEWAY_PORT']}/healthz\", timeout=2)"]
CMD ["gateway", "serve"]
