#Requires -Version 5.1
<#
.SYNOPSIS
Builds and starts Kafka, workers, the page, Prometheus, Alertmanager and Grafana. Waits until all are healthy and prints their addresses.
.DESCRIPTION
If GRAFANA_ADMIN_PASSWORD or RATECAST_WEB_TOKEN is neither in the environment nor in .env, the script writes a random one to .env.
Exit codes: 0 done, 1 failed, 2 wrong use or something is missing.
.PARAMETER Workers
Number of workers, kept for later starts. Default: 2. Workers beyond the 4 partitions have nothing to do.
.PARAMETER Replay
Publish real exchange rates from 2025 on, in an endless loop.
.PARAMETER PublishAll
Also publish Kafka, Prometheus and Alertmanager on 127.0.0.1, until a start without this option.
.PARAMETER Stop
Stop everything and keep the volumes (`docker compose --profile replay down --volumes` deletes them).
#>
param(
    [ValidateRange(1, 1000)] [int] $Workers = 2,
    [switch] $Replay,
    [switch] $PublishAll,
    [switch] $Stop
)
Set-StrictMode -Version Latest
Set-Location -LiteralPath $PSScriptRoot

function Stop-Missing([string] $Message) {
    [Console]::Error.WriteLine("error: $Message")
    exit 2
}

# From the environment, else from .env, else the default, as docker compose reads it.
function Get-Setting([string] $Name, [string] $Default) {
    $value = [Environment]::GetEnvironmentVariable($Name)
    if (-not $value -and (Test-Path .env)) {
        $line = Get-Content .env | Where-Object { $_.StartsWith("$Name=") } | Select-Object -Last 1
        if ($line) { $value = $line.Substring($Name.Length + 1).Trim('"', "'") }
    }
    if ($value) { $value } else { $Default }
}

# Replaces the line in .env. An empty value removes it.
function Set-Setting([string] $Name, [string] $Value) {
    $before = @()
    if (Test-Path .env) { $before = @(Get-Content .env) }
    $lines = @($before | Where-Object { -not $_.StartsWith("$Name=") })
    if ($Value) { $lines += "$Name=$Value" }
    if (($lines -join "`n") -eq ($before -join "`n")) { return }
    # Set-Content of Windows PowerShell would write a byte order mark, which compose would read as part of a name.
    [IO.File]::WriteAllLines((Join-Path $PSScriptRoot '.env'), [string[]] $lines)
}

function Invoke-Compose { docker compose @script:Options @args }

function Test-Docker {
    if (-not (Get-Command docker -ErrorAction SilentlyContinue)) {
        Stop-Missing 'docker is not installed: install Docker Engine 20.10 or newer, or Docker Desktop'
    }
    $version = docker compose version --short 2>$null
    if ($LASTEXITCODE -ne 0 -or "$version" -notmatch '^v?([2-9]|[1-9][0-9]+)\.') {
        Stop-Missing 'docker compose version 2 or newer is needed (the plugin, not docker-compose 1.x)'
    }
    docker info *> $null
    if ($LASTEXITCODE -ne 0) { Stop-Missing 'the Docker engine does not answer: start it, and check that you may use it' }
}

function Test-Brokers {
    $brokers = Get-Setting 'RATECAST_BOOTSTRAP_SERVERS' 'kafka:9092'
    if (",$brokers" -match ',(localhost:|127\.)') {
        Stop-Missing "RATECAST_BOOTSTRAP_SERVERS is '$brokers'. Inside a container that is the container itself: unset it in the shell or in .env"
    }
}

function Initialize-Secrets {
    $password = Get-Setting 'GRAFANA_ADMIN_PASSWORD' ''
    if ($password -eq 'admin') {
        Stop-Missing "GRAFANA_ADMIN_PASSWORD is 'admin': choose another password, or delete the line from .env to get a random one"
    }
    foreach ($name in 'GRAFANA_ADMIN_PASSWORD', 'RATECAST_WEB_TOKEN') {
        if (Get-Setting $name '') { continue }
        $bytes = New-Object byte[] 18
        $random = [Security.Cryptography.RandomNumberGenerator]::Create()
        $random.GetBytes($bytes)
        $random.Dispose()
        Set-Setting $name (($bytes | ForEach-Object { $_.ToString('x2') }) -join '')
        Write-Output "a random $name was written to .env"
    }
}

function Test-Port([string] $Service, [string] $Name, [string] $Default) {
    $port = Get-Setting $Name $Default
    if (Invoke-Compose ps --quiet --status running $Service) { return } # started by us
    $client = New-Object Net.Sockets.TcpClient
    try { $client.Connect('127.0.0.1', [int] $port) } catch { return } finally { $client.Dispose() }
    Stop-Missing "port $port for $Service is in use: set $Name in .env to a free port"
}

# Services that have no container or an unhealthy one.
function Get-Unhealthy {
    foreach ($service in 'kafka', 'worker', 'web', 'prometheus', 'alertmanager', 'grafana') {
        $ids = @(Invoke-Compose ps --quiet $service) # --format would need Compose 2.21
        if ($ids.Count -eq 0) { $service; continue }
        $healthy = @(docker inspect --format '{{.State.Health.Status}}' $ids 2>$null | Where-Object { $_ -eq 'healthy' })
        if ($healthy.Count -ne $ids.Count) { $service }
    }
}

# The files that compose reads. The user's COMPOSE_FILE is kept.
$Separator = [IO.Path]::PathSeparator
$Files = @((Get-Setting 'COMPOSE_FILE' 'docker-compose.yml').Split($Separator) | Where-Object { $_ -ne 'docker-compose.host.yml' })
if (($Files -join '') -eq 'docker-compose.yml' -and (Test-Path docker-compose.override.yml)) {
    $Files += 'docker-compose.override.yml'
}
if ($PublishAll) { $Files += 'docker-compose.host.yml' }
$Options = @($Files | ForEach-Object { '-f', $_ })
if ($Replay -or $Stop) { $Options += '--profile', 'replay' }

Test-Docker
if ($Stop) {
    # Compose needs the variables even to stop. Any value works. They are reset, because they would stay set in the session.
    $before = $env:GRAFANA_ADMIN_PASSWORD, $env:RATECAST_WEB_TOKEN
    $env:GRAFANA_ADMIN_PASSWORD = Get-Setting 'GRAFANA_ADMIN_PASSWORD' 'unused'
    $env:RATECAST_WEB_TOKEN = Get-Setting 'RATECAST_WEB_TOKEN' 'unused'
    Invoke-Compose stop
    $env:GRAFANA_ADMIN_PASSWORD, $env:RATECAST_WEB_TOKEN = $before
    if ($LASTEXITCODE -ne 0) { exit 1 }
    Write-Output 'stopped; the volumes are kept'
    exit 0
}
Test-Brokers
Initialize-Secrets
Test-Port 'web' 'WEB_PORT' '8000'
Test-Port 'grafana' 'GRAFANA_PORT' '3000'
if ($PublishAll) {
    Test-Port 'kafka' 'KAFKA_HOST_PORT' '9092'
    Test-Port 'prometheus' 'PROMETHEUS_PORT' '9090'
    Test-Port 'alertmanager' 'ALERTMANAGER_PORT' '9093'
}
# Otherwise the next plain `docker compose up` or `run` would restart Kafka without its published port.
$list = $Files -join $Separator
$plain = 'docker-compose.yml', (@('docker-compose.yml', 'docker-compose.override.yml') -join $Separator)
if ($plain -contains $list) { $list = '' } # compose reads these by default
Set-Setting 'COMPOSE_FILE' $list
if ($PSBoundParameters.ContainsKey('Workers')) { Set-Setting 'WORKERS' "$Workers" } else { $Workers = Get-Setting 'WORKERS' '2' }
Write-Output 'starting; the first start fetches and builds images and trains a model, which takes some minutes'
Invoke-Compose up --detach --build --scale "worker=$Workers"
if ($LASTEXITCODE -ne 0) {
    [Console]::Error.WriteLine('error: docker compose could not start everything')
    exit 1
}
Write-Output 'waiting until all services are healthy'
$deadline = (Get-Date).AddMinutes(3)
while ($waiting = @(Get-Unhealthy)) {
    if ((Get-Date) -gt $deadline) {
        [Console]::Error.WriteLine("error: not healthy after 3 minutes: $($waiting -join ', '). The last lines of their logs:")
        Invoke-Compose logs --tail 10 @waiting
        exit 1
    }
    Start-Sleep -Seconds 2
}

Write-Output ''
Write-Output "Page          http://127.0.0.1:$(Get-Setting 'WEB_PORT' '8000')/   RATECAST_WEB_TOKEN in .env"
Write-Output "Grafana       http://127.0.0.1:$(Get-Setting 'GRAFANA_PORT' '3000')   user admin, password in .env"
if ($PublishAll) {
    Write-Output "Prometheus    http://127.0.0.1:$(Get-Setting 'PROMETHEUS_PORT' '9090')"
    Write-Output "Alertmanager  http://127.0.0.1:$(Get-Setting 'ALERTMANAGER_PORT' '9093')"
    Write-Output "Kafka         127.0.0.1:$(Get-Setting 'KAFKA_HOST_PORT' '9092')"
}
else {
    Write-Output 'Prometheus, Alertmanager and Kafka are not published; -PublishAll publishes them'
}
if (-not $Replay) { Write-Output 'no rates are sent to Kafka yet; -Replay sends real ones' }
Write-Output 'stop with .\start-monitoring.ps1 -Stop'
