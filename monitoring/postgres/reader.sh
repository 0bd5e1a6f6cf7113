#!/bin/sh
# Runs once, when the database is created: Grafana's user may read everything and write nothing.
set -eu
: "${POSTGRES_READER_PASSWORD:?set POSTGRES_READER_PASSWORD in .env (see .env.example)}"
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$POSTGRES_READER_PASSWORD" <<'SQL'
CREATE ROLE grafana LOGIN PASSWORD :'password' IN ROLE pg_read_all_data;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
SQL
