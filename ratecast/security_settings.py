"""The settings of connections to brokers that need TLS or a login."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations when it runs
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from typing import Self

# A token endpoint receives the client's secret, so only a program on this machine may get it without TLS.
_TOKEN_URL = re.compile(
    r"(https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?(/[^\s?#]*)?"
)


class SecuritySettings(BaseSettings):
    """The part of `ratecast.settings.Settings` by which every client of the brokers encrypts and logs in."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Protocol of the connections to the brokers."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "PLAIN", description="How to authenticate to the brokers. Used with a SASL protocol only."
    )
    sasl_username: str | None = Field(
        None,
        description="User name to authenticate with. A SASL protocol needs it, except with `OAUTHBEARER`.",
    )
    sasl_password: SecretStr | None = Field(
        None,
        description="Password to authenticate with. A SASL protocol needs it, except with `OAUTHBEARER`.",
    )
    sasl_password_file: Path | None = Field(
        None,
        description="File that contains the password, instead of `RATECAST_SASL_PASSWORD`. It is read again for each new "
        "connection.",
    )
    ssl_cafile: Path | None = Field(
        None,
        description="File of CA certificates to check the brokers with. Without it the system's are used. TLS files are read "
        "again when they change.",
    )
    ssl_certfile: Path | None = Field(
        None, description="File of the client certificate, for brokers that ask for one."
    )
    ssl_keyfile: Path | None = Field(
        None, description="File of the client certificate's private key. Needs the certificate as well."
    )
    ssl_password: SecretStr | None = Field(None, description="Password of the private key file.")
    ssl_password_file: Path | None = Field(
        None,
        description="File that contains the password of the private key file, instead of `RATECAST_SSL_PASSWORD`.",
    )
    ssl_check_hostname: bool = Field(
        default=True, description="Check that a broker's certificate is for the broker's host name."
    )
    oauth_token_url: str | None = Field(
        None,
        description="Address of the token endpoint for `OAUTHBEARER`, which gives out tokens for client credentials (RFC 6749, "
        "section 4.4). It must begin with `https://`, or lead to this machine.",
    )
    oauth_client_id: str | None = Field(None, description="Client id for the token endpoint.")
    oauth_client_secret: SecretStr | None = Field(None, description="Client secret for the token endpoint.")
    oauth_client_secret_file: Path | None = Field(
        None,
        description="File that contains the client secret, instead of `RATECAST_OAUTH_CLIENT_SECRET`. It is read again for each "
        "new token.",
    )
    oauth_scope: str | None = Field(None, description="Scope to ask the token endpoint for.")
    oauth_token_file: Path | None = Field(
        None,
        description="File that contains a token for `OAUTHBEARER`, instead of a token endpoint. Another program must renew it. "
        "It is read again for each new connection.",
    )
    oauth_aws_region: str | None = Field(
        None,
        pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$",
        description="AWS region of an MSK cluster with IAM, instead of a token endpoint. Tokens are signed with the AWS "
        "credentials of the environment. Needs the extra `msk` and the mechanism `OAUTHBEARER`.",
    )

    @field_validator("oauth_token_url")
    @classmethod
    def _token_url_is_safe(cls, text: str | None) -> str | None:
        if text is not None and not _TOKEN_URL.fullmatch(text):
            # Without the value: an address may contain a password.
            raise ValueError("must be an address like https://login.example/oauth2/token, without a query")
        return text

    @model_validator(mode="after")
    def _credentials_go_with_sasl(self) -> Self:
        if not self.security_protocol.startswith("SASL"):
            return self
        if self.sasl_mechanism == "OAUTHBEARER":
            self._one_source_of_tokens()
        elif not (self.sasl_username and self.sasl_password):
            raise ValueError(
                f"the security protocol {self.security_protocol} needs RATECAST_SASL_USERNAME and RATECAST_SASL_PASSWORD, "
                "or RATECAST_SASL_PASSWORD_FILE"
            )
        return self

    def _one_source_of_tokens(self) -> None:
        sources = (self.oauth_token_url, self.oauth_token_file, self.oauth_aws_region)
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "the mechanism OAUTHBEARER needs exactly one of RATECAST_OAUTH_TOKEN_URL, RATECAST_OAUTH_TOKEN_FILE and "
                "RATECAST_OAUTH_AWS_REGION"
            )
        if self.oauth_token_url is not None and not (self.oauth_client_id and self.oauth_client_secret):
            raise ValueError(
                "RATECAST_OAUTH_TOKEN_URL needs RATECAST_OAUTH_CLIENT_ID and RATECAST_OAUTH_CLIENT_SECRET, or "
                "RATECAST_OAUTH_CLIENT_SECRET_FILE"
            )

    @model_validator(mode="after")
    def _a_client_key_goes_with_its_certificate(self) -> Self:
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError(
                "RATECAST_SSL_KEYFILE is the key of a client certificate: set RATECAST_SSL_CERTFILE as well"
            )
        return self
