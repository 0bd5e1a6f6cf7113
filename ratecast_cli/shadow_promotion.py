"""``ratecast retrain --promote``: reads the workers' live figures, and makes the shadow model current if it is not worse."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from monitoring.windows.shadow_comparison import ModelSums, PairSums
from ratecast.errors import OperationError, UsageError
from ratecast.model.bundle import current_version, load, set_current
from ratecast.model.ranges import LEVELS
from ratecast.model.shadow_pointer import remove_shadow, shadow_version
from ratecast.model.signatures import TrustedKeys
from ratecast_cli import console, retrain_view
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ratecast.settings import Settings
    from training.shadow_trial import Trial, TrialLimits

_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class WorkerFigures:
    """What one worker says of a shadow model.

    Attributes:
        champion: version of its current model; None if it has no shadow model.
        shadow: version of its shadow model; None if it has none.
        pairs: pair -> sums over the forecasts that both models made.
    """

    champion: str | None
    shadow: str | None
    pairs: dict[str, PairSums]


def promote(
    settings: Settings, urls: Sequence[str], limits: TrialLimits, *, dry_run: bool, json: bool
) -> None:
    """Judge the shadow model by the workers' figures, print both models' scores, and make it current if it is not worse.

    Args:
        settings: where the models are, and the port of this machine's worker.
        urls: the workers' metrics; when empty, those of this machine's worker.
        limits: when the shadow model may take over.
        dry_run: judge only.
        json: print JSON.

    Raises:
        UsageError: there is no shadow model.
        OperationError: a worker cannot be read or compares other models, or the shadow model may not take over.
    """
    from training.shadow_trial import judge

    champion, shadow = current_version(settings.models_dir), shadow_version(settings.models_dir)
    if shadow is None:
        raise UsageError("there is no shadow model: `ratecast retrain --shadow` trains one")
    load(settings.models_dir, shadow, TrustedKeys.of(settings))  # a broken one must not become current
    urls = tuple(dict.fromkeys(urls)) or (_own_url(settings),)  # one worker must not count twice
    sums = _sums(urls, asyncio.run(_read_all(urls)), champion, shadow)
    trial = judge(sums, limits)
    promoted = None if dry_run or trial.objections else shadow
    if promoted is not None:
        _take_over(settings.models_dir, champion, shadow)
    if json:
        console.print_json(
            {
                "champion": champion,
                "shadow": shadow,
                "promoted": promoted,
                "workers": len(urls),
                **asdict(trial),
            }
        )
    else:
        _show(trial, champion, shadow, len(urls))
        _show_verdict(trial, promoted)
    if trial.objections:
        raise OperationError(
            f"the shadow model may not take over: {' and '.join(trial.objections)}; "
            f"{champion} is still the current model"
        )


def _own_url(settings: Settings) -> str:
    if not settings.http_port:
        raise UsageError("RATECAST_HTTP_PORT is 0, so the worker's port is not known: give --metrics-url")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.http_host, settings.http_host)
    return f"http://{host}:{settings.http_port}/metrics"


async def _read_all(urls: Sequence[str]) -> list[str]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:

        async def read(url: str) -> str:
            try:
                async with session.get(url) as response:
                    return await response.text()
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                reason = str(error) or type(error).__name__
                raise OperationError(
                    f"the figures of the worker at {url} cannot be read: {reason}; --metrics-url names a worker"
                ) from None

        return list(await asyncio.gather(*map(read, urls)))


def _sums(urls: Sequence[str], texts: Iterable[str], champion: str, shadow: str) -> dict[str, PairSums]:
    """Returns sums over all workers, which must compare these two models.

    Raises:
        OperationError: a worker compares others or none, or there is no figure yet.
    """
    merged: dict[str, PairSums] = {}
    for url, text in zip(urls, texts, strict=True):
        found = worker_figures(text)
        if found.shadow is None:
            raise OperationError(f"the worker at {url} has no shadow model in use; its log says why")
        if (found.champion, found.shadow) != (champion, shadow):
            raise OperationError(
                f"the worker at {url} compares {found.champion} with the shadow model {found.shadow}, not {champion} "
                f"with {shadow}: it uses another models directory, or has not loaded them yet"
            )
        for pair, sums in found.pairs.items():
            merged[pair] = merged[pair] + sums if pair in merged else sums
    if not any(sums.forecasts for sums in merged.values()):
        raise OperationError(
            "no forecast was compared yet: messages of more than 3 rates have to be scored first"
        )
    return merged


def worker_figures(text: str) -> WorkerFigures:
    """Returns the figures in a worker's metrics, which are in Prometheus's text format."""
    from prometheus_client.parser import text_string_to_metric_families

    versions: tuple[str | None, str | None] = None, None
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            if name == "shadow_model_info":
                versions = labels["champion"], labels["version"]
            elif name.startswith("shadow_") and "pair" in labels:
                rest = (labels[label] for label in ("model", "level") if label in labels)
                found[name, labels["pair"], *rest] = value

    def of_model(pair: str, model: str) -> ModelSums:
        return ModelSums(
            found["shadow_absolute_error_total", pair, model],
            tuple(found["shadow_winkler_score_total", pair, model, level] for level in LEVELS),
            tuple(int(found["shadow_rates_inside_total", pair, model, level]) for level in LEVELS),
        )

    pairs = {
        pair: PairSums(
            int(value),
            found["shadow_last_rate_error_total", pair],
            of_model(pair, "champion"),
            of_model(pair, "shadow"),
        )
        for (name, pair, *_), value in found.items()
        if name == "shadow_compared_forecasts_total"
    }
    return WorkerFigures(*versions, pairs)


def _take_over(models_dir: Path, champion: str, shadow: str) -> None:
    if (current_version(models_dir), shadow_version(models_dir)) != (champion, shadow):
        raise OperationError("the models changed in the meantime, so nothing was changed; run it again")
    set_current(models_dir, shadow)
    remove_shadow(models_dir)


def _show(trial: Trial, champion: str, shadow: str, workers: int) -> None:
    console.line(
        f"The current model {champion} (old) and the shadow model {shadow} (new) on "
        f"{counted(trial.all.champion.n, 'live forecast')} of {counted(workers, 'worker')}\n"
    )
    retrain_view.show_duels(trial.all, trial.pairs)
    if trial.unjudged:
        from training.shadow_trial import PAIR_FORECASTS

        console.line(f"not judged alone: {', '.join(trial.unjudged)} (fewer than {PAIR_FORECASTS} forecasts)")


def _show_verdict(trial: Trial, promoted: str | None) -> None:
    if promoted is not None:
        console.line("the shadow model is not worse")
        console.line(f"model   {promoted} (now current; there is no shadow model any more)")
    elif not trial.objections:
        console.line("the shadow model is not worse: without --dry-run it would become the current model")
