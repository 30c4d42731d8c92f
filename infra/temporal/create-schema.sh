#!/bin/sh
# Bring Temporal's two databases to the schema of this image's version. Safe to repeat; does an upgrade too.
set -eu

for database in temporal temporal_visibility; do
  case $database in
    temporal) schema=temporal ;;
    *) schema=visibility ;;
  esac
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" --db "$database" setup-schema --version 0.0
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" --db "$database" \
    update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/$schema/versioned"
done
