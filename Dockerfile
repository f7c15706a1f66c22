FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/headrace
ENV PATH=/opt/headrace/bin:$PATH
WORKDIR /src
# Dependencies in a layer of their own: a change of our code does not install them again.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt \
    && pip install -c constraints.txt -r requirements.txt
COPY LICENSE README.md ./
COPY schemas schemas
COPY headrace headrace
COPY streams streams
COPY agents agents
RUN pip install --no-deps . && pip check

FROM python:3.13-slim
# /keys: a new volume that is mounted there takes over its owner and mode; others may not read keys.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin headrace \
    && install --directory --owner=10001 --group=10001 --mode=0700 /keys
COPY --from=build /opt/headrace /opt/headrace
# PYTHONHASHSEED: some models iterate over sets, and replay has to give the same answers in every worker.
ENV PATH=/opt/headrace/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0 \
    PYTHONUNBUFFERED=1 \
    HEADRACE_HTTP_HOST=0.0.0.0 \
    HEADRACE_HTTP_PORT=8088
# Pipelines are looked for here: mount /app/pipelines, or copy it in an image of your own.
WORKDIR /app
USER 10001:10001
EXPOSE 8088
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys; \
c = http.client.HTTPConnection('127.0.0.1', int(os.environ['HEADRACE_HTTP_PORT']), timeout=4); \
c.request('GET', '/live'); \
sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["headrace"]
CMD ["--help"]
