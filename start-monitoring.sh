#!/usr/bin/env bash
# Starts the stack of docker-compose.yml and waits until it is healthy; --help says the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'U'
usage: ./start-monitoring.sh [--workers N] [--replay] [--host]
       ./start-monitoring.sh --stop

Builds and starts Kafka, workers, Prometheus, Alertmanager and Grafana, waits until all are healthy, prints where they are.

  --workers N  how many workers from now on (2 at first; more than partitions, 4, have nothing to do)
  --replay     publish real rates from 2025 on, again and again
  --host       publish Kafka, Prometheus and Alertmanager on 127.0.0.1, too, until started without it
  --stop       stop everything; volumes stay (`docker compose --profile replay down --volumes` deletes them)

Without GRAFANA_ADMIN_PASSWORD in the environment or in .env, a random one is written to .env, once.
Exit codes: 0 done, 1 failed, 2 wrong use or something is missing.
U
}

missing() { echo "error: $*" >&2; exit 2; }

setting() {  # setting NAME DEFAULT: from the environment, else from .env, else the default; as docker compose does
  local value=${!1-}
  if [[ -z $value && -f .env ]]; then value=$(sed -n "s/^$1=//p" .env | tail -n 1); fi
  value=${value#[\"\']}; value=${value%[\"\']}
  echo "${value:-$2}"
}

write_setting() {  # write_setting NAME VALUE: into .env, once; an empty VALUE takes NAME out
  local kept
  if [[ $(grep "^$1=" .env 2>/dev/null) == "${2:+$1=$2}" ]]; then return; fi
  kept=$(grep -v "^$1=" .env 2>/dev/null) || true
  (umask 077; printf '%s\n' ${kept:+"$kept"} ${2:+"$1=$2"} > .env)
}

check_docker() {
  command -v docker >/dev/null || missing "docker is not installed: Docker Engine 20.10 or newer is needed"
  docker compose version --short 2>/dev/null | grep -qE '^v?([2-9]|[1-9][0-9]+)\.' \
    || missing "docker compose version 2 or newer is needed (the plugin, not docker-compose 1.x)"
  docker info >/dev/null 2>&1 || missing "the Docker engine does not answer: is it running, and may $(id -un) use it?"
}

check_brokers() {
  local brokers
  brokers=$(setting RATECAST_BOOTSTRAP_SERVERS kafka:9092)
  case ,$brokers in
    *,localhost:* | *,127.*)
      missing "RATECAST_BOOTSTRAP_SERVERS is '$brokers', which a container takes for itself: unset it, here or in .env" ;;
  esac
}

ensure_password() {
  local password
  password=$(setting GRAFANA_ADMIN_PASSWORD "")
  [[ $password != admin ]] || missing "GRAFANA_ADMIN_PASSWORD is 'admin': choose another, or delete the line from .env for a random one"
  if [[ -O .env ]]; then chmod 600 .env; fi  # whoever wrote it: it holds the password, perhaps Kafka's, too
  [[ -z $password ]] || return 0
  write_setting GRAFANA_ADMIN_PASSWORD "$(od -An -N18 -tx1 /dev/urandom | tr -d ' \n')"
  echo "a random GRAFANA_ADMIN_PASSWORD was written to .env"
}

check_port() {  # check_port SERVICE NAME DEFAULT
  local port
  port=$(setting "$2" "$3")
  if [[ -n $(compose ps --quiet --status running "$1") ]]; then return; fi  # ours
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    missing "port $port, for $1, is taken: set $2 in .env to a free one"
  fi
}

choose_files() {  # what compose reads; a COMPOSE_FILE of the user's holds
  COMPOSE_FILE=$(setting COMPOSE_FILE docker-compose.yml)
  COMPOSE_FILE=${COMPOSE_FILE%:docker-compose.host.yml}
  if [[ $COMPOSE_FILE == docker-compose.yml && -f docker-compose.override.yml ]]; then
    COMPOSE_FILE+=:docker-compose.override.yml
  fi
  if $host; then COMPOSE_FILE+=:docker-compose.host.yml; fi
  export COMPOSE_FILE
}

remember_files() {  # else the next plain `docker compose up` or `run` would start Kafka anew, not published
  case $COMPOSE_FILE in
    docker-compose.yml | docker-compose.yml:docker-compose.override.yml) write_setting COMPOSE_FILE "" ;;  # read without being told
    *) write_setting COMPOSE_FILE "$COMPOSE_FILE" ;;
  esac
}

# macOS has bash 3.2, to which "${profiles[@]}" of an empty array is an unbound variable.
compose() { docker compose ${profiles[@]+"${profiles[@]}"} "$@"; }

unhealthy() {  # the services with a container that is not healthy, or with none
  local service ids health found=""
  for service in kafka worker prometheus alertmanager grafana; do
    ids=$(compose ps --quiet "$service")  # not its --format, which needs Compose 2.21
    # shellcheck disable=SC2086 # one word a container
    health=$(docker inspect --format '{{.State.Health.Status}}' $ids 2>&1) || true
    if grep -qvx healthy <<<"$health"; then found+=" $service"; fi
  done
  echo "${found# }"
}

wait_healthy() {
  local deadline=$((SECONDS + 180)) waiting
  echo "waiting until all are healthy"
  while waiting=$(unhealthy); [[ -n $waiting ]]; do
    if ((SECONDS > deadline)); then
      echo "error: not healthy after 3 minutes: ${waiting// /, }; the end of their logs:" >&2
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
    --workers) [[ ${2-} =~ ^[1-9][0-9]*$ ]] || missing "--workers takes a number"; workers=$2; shift ;;
    --replay) replay=true ;;
    --host) host=true ;;
    --stop) stop=true ;;
    -h | --help) usage; exit ;;
    *) missing "unknown option $1 (--help lists them)" ;;
  esac
  shift
done

profiles=()
if $replay || $stop; then profiles=(--profile replay); fi

check_docker
choose_files
if $stop; then
  # Compose reads the whole file even to stop: any password will do.
  GRAFANA_ADMIN_PASSWORD=$(setting GRAFANA_ADMIN_PASSWORD unused) compose stop
  echo "stopped; the volumes are kept"
  exit
fi
check_brokers
ensure_password
check_port grafana GRAFANA_PORT 3000
if $host; then
  check_port kafka KAFKA_HOST_PORT 9092
  check_port prometheus PROMETHEUS_PORT 9090
  check_port alertmanager ALERTMANAGER_PORT 9093
fi
remember_files
if [[ -n $workers ]]; then write_setting WORKERS "$workers"; else workers=$(setting WORKERS 2); fi
echo "starting; the first time, images are fetched and built and a model is trained: some minutes"
compose up --detach --build --scale "worker=$workers" || { echo "error: docker compose could not start everything" >&2; exit 1; }
wait_healthy

echo
echo "Grafana       http://127.0.0.1:$(setting GRAFANA_PORT 3000)   user admin, password in .env"
if $host; then
  echo "Prometheus    http://127.0.0.1:$(setting PROMETHEUS_PORT 9090)"
  echo "Alertmanager  http://127.0.0.1:$(setting ALERTMANAGER_PORT 9093)"
  echo "Kafka         127.0.0.1:$(setting KAFKA_HOST_PORT 9092)"
else
  echo "Prometheus, Alertmanager and Kafka are not published (--host does)"
fi
if ! $replay; then echo "nothing is published to Kafka yet (--replay does)"; fi
echo "stop with ./start-monitoring.sh --stop"
