#Requires -Version 5.1
<#
.SYNOPSIS
Builds and starts Kafka, workers, Prometheus, Alertmanager and Grafana, waits until all are healthy, prints where they are.
.DESCRIPTION
Without GRAFANA_ADMIN_PASSWORD in the environment or in .env, a random one is written to .env, once.
Exit codes: 0 done, 1 failed, 2 wrong use or something is missing.
.PARAMETER Workers
How many workers from now on (2 at first); more than partitions (4) have nothing to do.
.PARAMETER Replay
Publish real rates from 2025 on, again and again.
.PARAMETER PublishAll
Publish Kafka, Prometheus and Alertmanager on 127.0.0.1, too, until started without it.
.PARAMETER Stop
Stop everything; volumes stay (`docker compose --profile replay down --volumes` deletes them).
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

# From the environment, else from .env, else the default; as docker compose does.
function Get-Setting([string] $Name, [string] $Default) {
    $value = [Environment]::GetEnvironmentVariable($Name)
    if (-not $value -and (Test-Path .env)) {
        $line = Get-Content .env | Where-Object { $_.StartsWith("$Name=") } | Select-Object -Last 1
        if ($line) { $value = $line.Substring($Name.Length + 1).Trim('"', "'") }
    }
    if ($value) { $value } else { $Default }
}

# Into .env, once; an empty value takes the name out.
function Set-Setting([string] $Name, [string] $Value) {
    $before = @()
    if (Test-Path .env) { $before = @(Get-Content .env) }
    $lines = @($before | Where-Object { -not $_.StartsWith("$Name=") })
    if ($Value) { $lines += "$Name=$Value" }
    if (($lines -join "`n") -eq ($before -join "`n")) { return }
    # Not Set-Content: Windows PowerShell would write a byte order mark, and compose would read it as part of a name.
    [IO.File]::WriteAllLines((Join-Path $PSScriptRoot '.env'), [string[]] $lines)
}

function Invoke-Compose { docker compose @script:Options @args }

function Test-Docker {
    if (-not (Get-Command docker -ErrorAction SilentlyContinue)) {
        Stop-Missing 'docker is not installed: Docker Engine 20.10 or newer, or Docker Desktop, is needed'
    }
    $version = docker compose version --short 2>$null
    if ($LASTEXITCODE -ne 0 -or "$version" -notmatch '^v?([2-9]|[1-9][0-9]+)\.') {
        Stop-Missing 'docker compose version 2 or newer is needed (the plugin, not docker-compose 1.x)'
    }
    docker info *> $null
    if ($LASTEXITCODE -ne 0) { Stop-Missing 'the Docker engine does not answer: is it running, and may you use it?' }
}

function Test-Brokers {
    $brokers = Get-Setting 'RATECAST_BOOTSTRAP_SERVERS' 'kafka:9092'
    if (",$brokers" -match ',(localhost:|127\.)') {
        Stop-Missing "RATECAST_BOOTSTRAP_SERVERS is '$brokers', which a container takes for itself: unset it, here or in .env"
    }
}

function Initialize-Password {
    $password = Get-Setting 'GRAFANA_ADMIN_PASSWORD' ''
    if ($password -eq 'admin') {
        Stop-Missing "GRAFANA_ADMIN_PASSWORD is 'admin': choose another, or delete the line from .env for a random one"
    }
    if ($password) { return }
    $bytes = New-Object byte[] 18
    $random = [Security.Cryptography.RandomNumberGenerator]::Create()
    $random.GetBytes($bytes)
    $random.Dispose()
    Set-Setting 'GRAFANA_ADMIN_PASSWORD' (($bytes | ForEach-Object { $_.ToString('x2') }) -join '')
    Write-Output 'a random GRAFANA_ADMIN_PASSWORD was written to .env'
}

function Test-Port([string] $Service, [string] $Name, [string] $Default) {
    $port = Get-Setting $Name $Default
    if (Invoke-Compose ps --quiet --status running $Service) { return } # ours
    $client = New-Object Net.Sockets.TcpClient
    try { $client.Connect('127.0.0.1', [int] $port) } catch { return } finally { $client.Dispose() }
    Stop-Missing "port $port, for $Service, is taken: set $Name in .env to a free one"
}

# The services with a container that is not healthy, or with none.
function Get-Unhealthy {
    foreach ($service in 'kafka', 'worker', 'prometheus', 'alertmanager', 'grafana') {
        $ids = @(Invoke-Compose ps --quiet $service) # not its --format, which needs Compose 2.21
        if ($ids.Count -eq 0) { $service; continue }
        $healthy = @(docker inspect --format '{{.State.Health.Status}}' $ids 2>$null | Where-Object { $_ -eq 'healthy' })
        if ($healthy.Count -ne $ids.Count) { $service }
    }
}

# What compose reads; a COMPOSE_FILE of the user's holds.
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
    # Compose reads the whole file even to stop: any password will do. What a script sets stays in the session.
    $before = $env:GRAFANA_ADMIN_PASSWORD
    $env:GRAFANA_ADMIN_PASSWORD = Get-Setting 'GRAFANA_ADMIN_PASSWORD' 'unused'
    Invoke-Compose stop
    $env:GRAFANA_ADMIN_PASSWORD = $before
    if ($LASTEXITCODE -ne 0) { exit 1 }
    Write-Output 'stopped; the volumes are kept'
    exit 0
}
Test-Brokers
Initialize-Password
Test-Port 'grafana' 'GRAFANA_PORT' '3000'
if ($PublishAll) {
    Test-Port 'kafka' 'KAFKA_HOST_PORT' '9092'
    Test-Port 'prometheus' 'PROMETHEUS_PORT' '9090'
    Test-Port 'alertmanager' 'ALERTMANAGER_PORT' '9093'
}
# Else the next plain `docker compose up` or `run` would start Kafka anew, not published.
$list = $Files -join $Separator
$plain = 'docker-compose.yml', (@('docker-compose.yml', 'docker-compose.override.yml') -join $Separator)
if ($plain -contains $list) { $list = '' } # read without being told
Set-Setting 'COMPOSE_FILE' $list
if ($PSBoundParameters.ContainsKey('Workers')) { Set-Setting 'WORKERS' "$Workers" } else { $Workers = Get-Setting 'WORKERS' '2' }
Write-Output 'starting; the first time, images are fetched and built and a model is trained: some minutes'
Invoke-Compose up --detach --build --scale "worker=$Workers"
if ($LASTEXITCODE -ne 0) {
    [Console]::Error.WriteLine('error: docker compose could not start everything')
    exit 1
}
Write-Output 'waiting until all are healthy'
$deadline = (Get-Date).AddMinutes(3)
while ($waiting = @(Get-Unhealthy)) {
    if ((Get-Date) -gt $deadline) {
        [Console]::Error.WriteLine("error: not healthy after 3 minutes: $($waiting -join ', '); the end of their logs:")
        Invoke-Compose logs --tail 10 @waiting
        exit 1
    }
    Start-Sleep -Seconds 2
}

Write-Output ''
Write-Output "Grafana       http://127.0.0.1:$(Get-Setting 'GRAFANA_PORT' '3000')   user admin, password in .env"
if ($PublishAll) {
    Write-Output "Prometheus    http://127.0.0.1:$(Get-Setting 'PROMETHEUS_PORT' '9090')"
    Write-Output "Alertmanager  http://127.0.0.1:$(Get-Setting 'ALERTMANAGER_PORT' '9093')"
    Write-Output "Kafka         127.0.0.1:$(Get-Setting 'KAFKA_HOST_PORT' '9092')"
}
else {
    Write-Output 'Prometheus, Alertmanager and Kafka are not published (-PublishAll does)'
}
if (-not $Replay) { Write-Output 'nothing is published to Kafka yet (-Replay does)' }
Write-Output 'stop with .\start-monitoring.ps1 -Stop'
