#!/usr/bin/env bash
# tests/postgres.sh COMMAND...: runs COMMAND with a PostgreSQL cluster of its own, named in PORTAL_TEST_POSTGRES.
# The cluster lies in a temporary folder, answers on a socket there, and is gone when COMMAND ends.
set -euo pipefail

bin=
for folder in /usr/lib/postgresql/*/bin "$(dirname "$(readlink -f "$(command -v postgres || echo /)")")"; do
  if [ -x "$folder/initdb" ]; then bin=$folder; fi
done
if [ -z "$bin" ]; then
  echo "PostgreSQL is not installed (Debian: apt-get install postgresql)." >&2
  exit 1
fi

home=$(mktemp -d /tmp/portal-postgres.XXXXXX)
as_owner=()
if [ "$(id -u)" -eq 0 ]; then # the server refuses to run as root
  chown postgres "$home"
  as_owner=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi

in_home() { (cd "$home" && "${as_owner[@]}" "$@"); }
stop() {
  status=$?
  in_home "$bin/pg_ctl" -D "$home/data" -m immediate -s stop >/dev/null 2>&1 || true
  rm -rf "$home"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

in_home "$bin/initdb" -D "$home/data" -U portal -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$home.log" 2>&1 ||
  { cat "$home.log" >&2; exit 1; }
rm -f "$home.log"
# Durability is the product's promise, not this cluster's: it lives for one run.
in_home "$bin/pg_ctl" -D "$home/data" -l "$home/server.log" -s -w -t 60 start -o "\
  -c listen_addresses='' -c unix_socket_directories='$home' -c max_connections=200 \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off" >/dev/null ||
  { cat "$home/server.log" >&2; exit 1; }

export PORTAL_TEST_POSTGRES="postgresql+psycopg://portal@/postgres?host=$home"
"$@"
