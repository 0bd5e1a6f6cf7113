#!/usr/bin/env bash
# Starts the stack of docker-compose.yml and waits until it is healthy. --help lists the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'U'
usage: ./start-monitoring.sh [--workers N] [--replay] [--host]
       ./start-monitoring.sh --stop

Builds and starts Kafka, workers, the page, Prometheus, Alertmanager and Grafana. Waits until all are healthy and prints their
addresses.

  --workers N  Number of workers, kept for later starts. Default: 2. Workers beyond the 4 partitions have nothing to do.
  --replay     Publish real exchange rates from 2025 on, in an endless loop.
  --host       Also publish Kafka, Prometheus and Alertmanager on 127.0.0.1, until a start without this option.
  --stop       Stop everything and keep the volumes (`docker compose --profile replay down --volumes` deletes them).

If GRAFANA_ADMIN_PASSWORD or RATECAST_WEB_TOKEN is neither in the environment nor in .env, the script writes a random one
to .env.
Exit codes: 0 done, 1 failed, 2 wrong use or something is missing.
U
}

missing() { echo "error: $*" >&2; exit 2; }

setting() {  # setting NAME DEFAULT: from the environment, else from .env, else the default, as docker compose reads it
  local value=${!1-}
  if [[ -z $value && -f .env ]]; then value=$(sed -n "s/^$1=//p" .env | tail -n 1); fi
  value=${value#[\"\']}; value=${value%[\"\']}
  echo "${value:-$2}"
}

write_setting() {  # write_setting NAME VALUE: replaces the line in .env; an empty VALUE removes it
  local kept
  if [[ $(grep "^$1=" .env 2>/dev/null) == "${2:+$1=$2}" ]]; then return; fi
  kept=$(grep -v "^$1=" .env 2>/dev/null) || true
  (umask 077; printf '%s\n' ${kept:+"$kept"} ${2:+"$1=$2"} > .env)
}

check_docker() {
  command -v docker >/dev/null || missing "docker is not installed: install Docker Engine 20.10 or newer"
  docker compose version --short 2>/dev/null | grep -qE '^v?([2-9]|[1-9][0-9]+)\.' \
    || missing "docker compose version 2 or newer is needed (the plugin, not docker-compose 1.x)"
  docker info >/dev/null 2>&1 || missing "the Docker engine does not answer: start it, and check that $(id -un) may use it"
}

check_brokers() {
  local brokers
  brokers=$(setting RATECAST_BOOTSTRAP_SERVERS kafka:9092)
  case ,$brokers in
    *,localhost:* | *,127.*)
      missing "RATECAST_BOOTSTRAP_SERVERS is '$brokers'. Inside a container that is the container itself: unset it in the shell or in .env" ;;
  esac
}

ensure_secrets() {
  local password name
  password=$(setting GRAFANA_ADMIN_PASSWORD "")
  [[ $password != admin ]] || missing "GRAFANA_ADMIN_PASSWORD is 'admin': choose another password, or delete the line from .env to get a random one"
  if [[ -O .env ]]; then chmod 600 .env; fi  # also if the user wrote it, because it contains passwords
  for name in GRAFANA_ADMIN_PASSWORD RATECAST_WEB_TOKEN; do
    if [[ -n $(setting $name "") ]]; then continue; fi
    write_setting $name "$(od -An -N18 -tx1 /dev/urandom | tr -d ' \n')"
    echo "a random $name was written to .env"
  done
}

check_port() {  # check_port SERVICE NAME DEFAULT
  local port
  port=$(setting "$2" "$3")
  if [[ -n $(compose ps --quiet --status running "$1") ]]; then return; fi  # started by us
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    missing "port $port for $1 is in use: set $2 in .env to a free port"
  fi
}

choose_files() {  # the files that compose reads; the user's COMPOSE_FILE is kept
  COMPOSE_FILE=$(setting COMPOSE_FILE docker-compose.yml)
  COMPOSE_FILE=${COMPOSE_FILE%:docker-compose.host.yml}
  if [[ $COMPOSE_FILE == docker-compose.yml && -f docker-compose.override.yml ]]; then
    COMPOSE_FILE+=:docker-compose.override.yml
  fi
  if $host; then COMPOSE_FILE+=:docker-compose.host.yml; fi
  export COMPOSE_FILE
}

remember_files() {  # otherwise the next plain `docker compose up` or `run` would restart Kafka without its published port
  case $COMPOSE_FILE in
    docker-compose.yml | docker-compose.yml:docker-compose.override.yml) write_setting COMPOSE_FILE "" ;;  # compose reads these by default
    *) write_setting COMPOSE_FILE "$COMPOSE_FILE" ;;
  esac
}

# In bash 3.2 of macOS "${profiles[@]}" of an empty array is an unbound variable.
compose() { docker compose ${profiles[@]+"${profiles[@]}"} "$@"; }

unhealthy() {  # services that have no container or an unhealthy one
  local service ids health found=""
  for service in kafka worker web prometheus alertmanager grafana; do
    ids=$(compose ps --quiet "$service")  # --format would need Compose 2.21
    # shellcheck disable=SC2086 # one word a container
    health=$(docker inspect --format '{{.State.Health.Status}}' $ids 2>&1) || true
    if grep -qvx healthy <<<"$health"; then found+=" $service"; fi
  done
  echo "${found# }"
}

wait_healthy() {
  local deadline=$((SECONDS + 180)) waiting
  echo "waiting until all services are healthy"
  while waiting=$(unhealthy); [[ -n $waiting ]]; do
    if ((SECONDS > deadline)); then
      echo "error: not healthy after 3 minutes: ${waiting// /, }. The last lines of their logs:" >&2
      # shellcheck disable=SC2086 # one word a service
      compose logs --tail 10 $waiting >&2
      exit 1
    fi
    sleep 2
  done
}

workers="" host=false replay=false stop=false
while (($#)); do
  case $1 in
    --workers) [[ ${2-} =~ ^[1-9][0-9]*$ ]] || missing "--workers needs a number of 1 or more"; workers=$2; shift ;;
    --replay) replay=true ;;
    --host) host=true ;;
    --stop) stop=true ;;
    -h | --help) usage; exit ;;
    *) missing "unknown option $1 (--help lists the options)" ;;
  esac
  shift
done

profiles=()
if $replay || $stop; then profiles=(--profile replay); fi

check_docker
choose_files
if $stop; then
  # Compose needs these variables even to stop. Any value works.
  GRAFANA_ADMIN_PASSWORD=$(setting GRAFANA_ADMIN_PASSWORD unused) \
    RATECAST_WEB_TOKEN=$(setting RATECAST_WEB_TOKEN unused) compose stop
  echo "stopped; the volumes are kept"
  exit
fi
check_brokers
ensure_secrets
check_port web WEB_PORT 8000
check_port grafana GRAFANA_PORT 3000
if $host; then
  check_port kafka KAFKA_HOST_PORT 9092
  check_port prometheus PROMETHEUS_PORT 9090
  check_port alertmanager ALERTMANAGER_PORT 9093
fi
remember_files
if [[ -n $workers ]]; then write_setting WORKERS "$workers"; else workers=$(setting WORKERS 2); fi
echo "starting; the first start fetches and builds images and trains a model, which takes some minutes"
compose up --detach --build --scale "worker=$workers" || { echo "error: docker compose could not start everything" >&2; exit 1; }
wait_healthy

echo
echo "Page          http://127.0.0.1:$(setting WEB_PORT 8000)/   RATECAST_WEB_TOKEN in .env"
echo "Grafana       http://127.0.0.1:$(setting GRAFANA_PORT 3000)   user admin, password in .env"
if $host; then
  echo "Prometheus    http://127.0.0.1:$(setting PROMETHEUS_PORT 9090)"
  echo "Alertmanager  http://127.0.0.1:$(setting ALERTMANAGER_PORT 9093)"
  echo "Kafka         127.0.0.1:$(setting KAFKA_HOST_PORT 9092)"
else
  echo "Prometheus, Alertmanager and Kafka are not published; --host publishes them"
fi
if ! $replay; then echo "no rates are sent to Kafka yet; --replay sends real ones"; fi
echo "stop with ./start-monitoring.sh --stop"
