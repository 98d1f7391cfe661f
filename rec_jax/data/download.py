"""One file from the network, checked and whole, or one clear error."""

import hashlib
import http.client
import pathlib
import urllib.error
import urllib.request

from absl import logging

from rec_jax.core import errors
from rec_jax.core.files import open_atomic

TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1 << 20


def download(url: str, folder: pathlib.Path, sha256: str = "") -> pathlib.Path:
    """Returns the path of the file at `url`, kept in `folder` under its own name and fetched only if absent.

    sha256: hex digest that the file must have; '' takes any. Raises MissingFile if it cannot be fetched and
    CorruptFile if it is another file than expected. A partial file never gets the final name.
    """
    target = folder / url.rsplit("/", 1)[1]
    if target.is_file():
        return target
    logging.info("downloading %s", url)
    folder.mkdir(parents=True, exist_ok=True)
    with open_atomic(target) as file:
        digest = _fetch(url, file)
        if sha256 and digest != sha256:
            raise errors.CorruptFile(f"{url} has SHA-256 {digest}, expected {sha256}; use --manual_dir=FOLDER")
    return target


def _fetch(url: str, file) -> str:
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            while chunk := response.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise errors.MissingFile(
            f"cannot download {url} ({reason}); get the file by other means and give its folder as --manual_dir=FOLDER"
        ) from error
    return digest.hexdigest()
