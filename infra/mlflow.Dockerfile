FROM python:3.11-slim-bookworm

RUN useradd --create-home --uid 1000 mlflow \
  && mkdir -p /var/lib/mlflow/artifacts \
  && chown -R mlflow:mlflow /var/lib/mlflow
RUN pip install --no-cache-dir mlflow==3.17.2 psycopg2-binary==2.9.11

USER mlflow
WORKDIR /home/mlflow
ENV MLFLOW_DISABLE_TELEMETRY=true \
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
  MLFLOW_ARTIFACTS_DESTINATION=/var/lib/mlflow/artifacts
EXPOSE 5000
VOLUME /var/lib/mlflow/artifacts

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
# The address of the database comes as MLFLOW_BACKEND_STORE_URI, which no process list shows.
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "2"]
