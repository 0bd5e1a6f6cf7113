# Three images from one file:
#   docker build --target worker .     scores, replays, reads topics; adds about 216 MB to python:slim; no scikit-learn, no pip
#   docker build --target web .        also has a web server for `ratecast web`
#   docker build --target training .   also has scikit-learn for `ratecast train` and `ratecast retrain`; adds 477 MB
# Every package is a wheel whose SHA-256 is in constraints/. Run the images read-only with a tmpfs on /tmp.

FROM python:3.11.15-slim-trixie AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

FROM tools AS wheel
COPY constraints/build.txt constraints/
RUN python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --require-hashes --only-binary :all: -r constraints/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY ratecast ratecast
COPY ratecast_cli ratecast_cli
COPY ratecast_stack ratecast_stack
COPY producer producer
COPY consumer consumer
COPY training training
COPY monitoring monitoring
COPY web web
COPY sink sink
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

# The environments have no pip, and the pip outside installs into them. Bytecode is compiled here, because the root file
# system is read-only later. It is unchecked-hash, because the times of copied files are meaningless. The tests of the
# libraries are removed.
FROM tools AS worker-environment
COPY constraints/worker.txt constraints/
RUN python -m venv --without-pip /opt/ratecast \
 && python -m pip --python /opt/ratecast/bin/python install --no-compile --require-hashes --only-binary :all: \
      -r constraints/worker.txt
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/ratecast/bin/python install --no-compile --no-index --no-deps /wheels/*.whl \
 && find /opt/ratecast/lib -type d -name tests -prune -exec rm -rf {} + \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/ratecast/lib

FROM tools AS web-environment
COPY constraints/web.txt constraints/
RUN python -m venv --without-pip /opt/ratecast \
 && python -m pip --python /opt/ratecast/bin/python install --no-compile --require-hashes --only-binary :all: \
      -r constraints/web.txt
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/ratecast/bin/python install --no-compile --no-index --no-deps /wheels/*.whl \
 && find /opt/ratecast/lib -type d -name tests -prune -exec rm -rf {} + \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/ratecast/lib

FROM tools AS training-environment
COPY constraints/all.txt constraints/
RUN python -m venv --without-pip /opt/ratecast \
 && python -m pip --python /opt/ratecast/bin/python install --no-compile --require-hashes --only-binary :all: \
      -r constraints/all.txt
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/ratecast/bin/python install --no-compile --no-index --no-deps /wheels/*.whl \
 && find /opt/ratecast/lib -type d -name tests -prune -exec rm -rf {} + \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/ratecast/lib

FROM python:3.11.15-slim-trixie AS runtime
# A new named volume gets the owner and mode of the directory that it is mounted on.
RUN groupadd --system --gid 10001 ratecast \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ratecast \
 && mkdir /models \
 && chown ratecast:ratecast /models
ENV PATH=/opt/ratecast/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RATECAST_HTTP_HOST=0.0.0.0 \
    RATECAST_HTTP_PORT=8000 \
    RATECAST_MODELS_DIR=/models
WORKDIR /tmp
USER ratecast
ENTRYPOINT ["ratecast"]

FROM runtime AS training
ENV MPLCONFIGDIR=/tmp/matplotlib
COPY --from=training-environment /opt/ratecast /opt/ratecast
CMD ["train"]

# Reached from outside the container only, so `ratecast web` wants a token there: set RATECAST_WEB_TOKEN.
FROM runtime AS web
ENV RATECAST_WEB_HOST=0.0.0.0 \
    RATECAST_WEB_PORT=8000
COPY --from=web-environment /opt/ratecast /opt/ratecast
EXPOSE 8000
CMD ["web"]

# The last stage is the default of `docker build .`.
FROM runtime AS worker
COPY --from=worker-environment /opt/ratecast /opt/ratecast
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['RATECAST_HTTP_PORT']), timeout=3); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
CMD ["worker"]
