#!/bin/sh
# Run by the image on the first start, on an empty volume: a role and databases of its own for each program.
set -eu

create_role() {
  psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --set role="$1" --set password="$2" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
SQL
}

create_database() {
  psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --set database="$1" --set owner="$2" <<'SQL'
CREATE DATABASE :"database" OWNER :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
}

create_role temporal "$TEMPORAL_DB_PASSWORD"
create_database temporal temporal
create_database temporal_visibility temporal
create_role mlflow "$MLFLOW_DB_PASSWORD"
create_database mlflow mlflow
