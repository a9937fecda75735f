# One image for every part: `assay api`, `assay worker`, `assay sweep`, `assay db upgrade`.
FROM python:3.13-slim-trixie AS build
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/assay \
    && /opt/assay/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY orchestrator ./orchestrator
COPY workers ./workers
RUN /opt/assay/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim-trixie
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin assay \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /opt/assay /opt/assay
ENV PATH=/opt/assay/bin:$PATH PYTHONDONTWRITEBYTECODE=1 ASSAY_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8585
CMD ["assay", "api", "--host", "0.0.0.0"]
