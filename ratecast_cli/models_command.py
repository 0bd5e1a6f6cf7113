"""``ratecast models``: list bundles, verify them, sign them, and copy them from and to a URL."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import ModelBundleError, OperationError, UsageError
from ratecast_cli import console, parameters
from ratecast_cli.help_pages import App

if TYPE_CHECKING:
    from ratecast.model.signatures import TrustedKeys

_NO_URL = "RATECAST_MODELS_URL is not set: set it to where the models are, such as s3://bucket/models"
Version = Annotated[
    str | None, typer.Argument(metavar="VERSION", help=r"Version of the model. \[default: the current one]")
]


def register(app: typer.Typer) -> None:
    """Attach the commands."""
    group = App(help="Show, verify, sign, fetch and publish the models that workers load.")
    group.callback(invoke_without_command=True)(_help)
    group.command(
        "list",
        help="List the models with their use and who signed them. Each is verified as a worker would verify it, and one "
        "that would be refused is shown with the reason.",
        short_help="List the models and whether they are sound.",
        epilog="Example: ratecast models list",
    )(list_models)
    group.command(
        "verify",
        help="Verify a model as a worker does: its checksums, the answers of its ONNX model and, if RATECAST_MODEL_KEY or "
        "RATECAST_MODEL_KEY_FILE is set, its signature. The exit code is 1 if a worker would refuse it.",
        short_help="Verify a model as a worker does.",
        epilog="Example: RATECAST_MODEL_KEY=ed25519:... ratecast models verify",
    )(verify)
    group.command(
        "sign",
        help="Verify the checksums of a model, then sign it with a private key. A signature says that you vouch for this "
        "model, its pickle included, so sign only what you trained.",
        short_help="Sign a model with a private key.",
        epilog="Example: ratecast models sign --key signing.pem",
    )(sign)
    group.command(
        "keygen",
        help="Make a key pair. The private key is written to a new file that only you can read. The public key is printed, "
        "for RATECAST_MODEL_KEY of the workers.",
        short_help="Make a key pair for signing models.",
        epilog="Example: ratecast models keygen signing.pem",
    )(keygen)
    group.command(
        "pull",
        help="Fetch the model that `current` names at RATECAST_MODELS_URL, and the one that `shadow` names, verify them, and "
        "put them into use in the models directory. Workers do this by themselves.",
        short_help="Fetch the models that a URL names.",
        epilog="Example: RATECAST_MODELS_URL=https://models.example/fx ratecast models pull",
    )(pull)
    group.command(
        "push",
        help="Verify a model, copy it to RATECAST_MODELS_URL, and name it there in `current`. Workers with this URL then "
        "load it. A version at the URL is never replaced by another model.",
        short_help="Copy a model to a URL and put it into use there.",
        epilog="Example: RATECAST_MODELS_URL=s3://bucket/fx ratecast models push",
    )(push)
    app.add_typer(group, name="models")


def _help(context: typer.Context) -> None:
    """Show the help if no command was given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@dataclass(frozen=True)
class ListedModel:
    """A row of the list.

    Attributes:
        version: the directory's name.
        use: ``current``, ``shadow`` or empty.
        signed_with: id of the key that its signature names; None if it is not signed.
        refused: why a worker would refuse it; None if it would not.
        trained_until: date of the newest rate it was trained on; None if it is refused.
    """

    version: str
    use: str
    signed_with: str | None
    refused: str | None
    trained_until: str | None


def list_models(*, models_dir: parameters.ModelsDir = None, json: parameters.Json = False) -> None:
    """Verify each model and print a row for it."""
    from ratecast.model.bundle import is_version
    from ratecast.model.signatures import TrustedKeys
    from ratecast.settings import load_settings

    settings = load_settings(models_dir=models_dir)
    keys = TrustedKeys.of(settings)
    try:
        names = sorted(
            path.name for path in settings.models_dir.iterdir() if path.is_dir() and is_version(path.name)
        )
    except FileNotFoundError:
        names = []
    rows = [_listed(settings.models_dir, name, keys) for name in names]
    if json:
        console.print_json([asdict(row) for row in rows])
    elif rows:
        _show(rows)
    else:
        console.line(f"there is no model in {settings.models_dir}: run `ratecast train` first")


def _listed(models_dir: Path, version: str, keys: TrustedKeys | None) -> ListedModel:
    from ratecast.model.bundle import CURRENT, load, read_pointer
    from ratecast.model.shadow_pointer import SHADOW

    uses = []
    for pointer in (CURRENT, SHADOW):
        try:
            uses += [pointer] if read_pointer(models_dir / pointer) == version else []
        except ModelBundleError:
            continue
    refused, until = None, None
    try:
        until = load(models_dir, version, keys).stats.trained_until
    except ModelBundleError as error:
        refused = str(error)
    return ListedModel(version, ", ".join(uses), _signer(models_dir / version), refused, until)


def _signer(directory: Path) -> str | None:
    """Returns the key that a bundle's signature names, without checking it; None if it is not signed."""
    from ratecast.model import bundle_files, signatures

    try:
        with bundle_files.opened(directory) as opened:
            content = opened.read(signatures.SIGNATURE, signatures.MOST_SIGNATURE_BYTES)
        return signatures.signer(content, directory / signatures.SIGNATURE)
    except (ModelBundleError, OSError):
        return None


def _show(rows: list[ListedModel]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("model", "use", "trained until", "signed with", "state"):
        table.add_column(name, no_wrap=name != "state")
    for row in rows:
        state = Text("sound", "green") if row.refused is None else Text(f"refused: {row.refused}", "red")
        table.add_row(row.version, row.use, row.trained_until or "-", row.signed_with or "-", state)
    console.show(table)


def verify(
    version: Version = None,
    *,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,
) -> None:
    """Load a model as a worker does and print what was verified."""
    from ratecast.model.bundle import load
    from ratecast.model.signatures import TrustedKeys
    from ratecast.settings import load_settings

    settings = load_settings(models_dir=models_dir)
    keys = TrustedKeys.of(settings)
    bundle = load(settings.models_dir, version, keys)
    name = _signer(bundle.directory)
    if json:
        console.print_json(
            {
                "version": bundle.version,
                "files": sorted(bundle.digests),
                "signed_with": name,
                "signature_verified": keys is not None,
            }
        )
        return
    console.line(f"model      {bundle.version}")
    console.line(f"checksums  match: {', '.join(sorted(bundle.digests))}")
    console.line("answers    the ONNX model gives the answers of the scikit-learn model")
    if keys is not None:
        console.line(f"signature  valid, with the key {name}")
    elif name is None:
        console.line("signature  none")
    else:
        console.line(
            f"signature  not verified, because RATECAST_MODEL_KEY is not set; it names the key {name}"
        )


def sign(
    version: Version = None,
    *,
    key: Annotated[
        str, typer.Option(metavar="FILE", help="The private key, as `ratecast models keygen` writes it.")
    ],
    models_dir: parameters.ModelsDir = None,
) -> None:
    """Verify a model and sign it."""
    from ratecast.model.bundle import load
    from ratecast.model.signing_key import SigningKey
    from ratecast.settings import load_settings

    settings = load_settings(models_dir=models_dir)
    signing_key = SigningKey.load(Path(key))
    bundle = load(settings.models_dir, version)
    try:
        signing_key.sign(bundle.directory, bundle.version, bundle.manifest)
    except OSError as error:
        raise OperationError(
            f"the signature of {bundle.version} cannot be written: {error.strerror}"
        ) from None
    console.line(f"model   {bundle.version}")
    console.line(f"signed  with the key {signing_key.id}")


def keygen(
    file: Annotated[str, typer.Argument(metavar="FILE", help="New file for the private key.")],
    *,
    json: parameters.Json = False,
) -> None:
    """Make a key pair, write the private key, print the public one."""
    from ratecast.model.signing_key import SigningKey
    from ratecast.settings import check_environment

    check_environment()
    key = SigningKey.make(Path(file))
    if json:
        console.print_json({"private_key": file, "public_key": key.public_key, "id": key.id})
        return
    console.line(f"private key  {file}: keep it secret")
    console.line(f"public key   {key.public_key}")
    console.line(f"id           {key.id}")


def pull(*, models_dir: parameters.ModelsDir = None) -> None:
    """Fetch the current and the shadow model."""
    from ratecast.remote.bundle_mirror import BundleMirror
    from ratecast.settings import load_settings

    mirror = BundleMirror.of(load_settings(models_dir=models_dir))
    if mirror is None:
        raise UsageError(_NO_URL)
    console.line(f"model   {mirror.fetch_current()} (now current)")
    if (shadow := mirror.fetch_shadow()) is not None:
        console.line(f"shadow  {shadow}")


def push(version: Version = None, *, models_dir: parameters.ModelsDir = None) -> None:
    """Verify a model and publish it."""
    from ratecast.model.signatures import TrustedKeys
    from ratecast.remote.publishing_bundles import publish
    from ratecast.remote.remote_files import RemoteFiles
    from ratecast.settings import load_settings

    settings = load_settings(models_dir=models_dir)
    if settings.models_url is None:
        raise UsageError(_NO_URL)
    remote = RemoteFiles(settings.models_url.get_secret_value())
    pushed = publish(settings.models_dir, version, TrustedKeys.of(settings), remote)
    console.line(f"model   {pushed} (now current at {remote.shown})")
