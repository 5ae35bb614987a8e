"""The page's certificate, which is renewed in its file while the page runs: later connections get the new one."""

import asyncio
import logging
import ssl
from pathlib import Path

from uvicorn import Config
from uvicorn.config import create_ssl_context

from crime_ui import limits

log = logging.getLogger("uvicorn.error")


async def follow(config: Config) -> None:
    """Serve what the certificate's and the key's files hold now. One that can't be used leaves the one before."""
    assert isinstance(config.ssl, ssl.SSLContext)
    assert config.ssl_certfile
    assert config.ssl_keyfile
    files = Path(config.ssl_certfile), Path(config.ssl_keyfile)
    served = config.ssl

    def use_served(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = served

    config.ssl.sni_callback = use_served  # called for each new connection
    known = None
    while True:
        found = await asyncio.to_thread(_contents, *files)
        if found is not None and found != known:
            known = found
            try:
                served = await asyncio.to_thread(_context, config)
                log.info("The page serves the certificate in %s", files[0])
            except OSError as error:  # such as an `ssl.SSLError`, where the key is of another certificate
                log.error("The certificate in %s can't be used, so the one before stays: %s", files[0], error)
        await asyncio.sleep(limits.CERTIFICATE_SECONDS)


def _contents(*files: Path) -> list[bytes] | None:
    """None while a file is not there."""
    try:
        return [file.read_bytes() for file in files]
    except OSError:
        return None


def _context(config: Config) -> ssl.SSLContext:
    """As uvicorn makes it when it starts."""
    assert config.ssl_certfile
    return create_ssl_context(
        certfile=config.ssl_certfile,
        keyfile=config.ssl_keyfile,
        password=config.ssl_keyfile_password,
        ssl_version=config.ssl_version,
        cert_reqs=config.ssl_cert_reqs,
        ca_certs=config.ssl_ca_certs,
        ciphers=config.ssl_ciphers,
    )
