"""Files in other places, by fsspec's addresses: s3://bucket/clip.mp4, gs://, az://, hf://, memory://.

An object store has no half a file: an object is there when its upload is complete. Elsewhere (sftp://, smb://)
an upload gets a name of its own first and is renamed.
"""

import contextlib
import posixpath
import re
import secrets
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..errors import ImfnError, InputError, OutputError

# Protocols that PyPI's fsspec packages speak, and the package of each; cameras and streams are others.
_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
    "hf": "huggingface_hub",
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "smb": "smbprotocol",
    **dict.fromkeys(("memory", "file", "local"), "fsspec"),
}
#: Where a file appears when its upload is complete, and never before.
_WHOLE_OR_NOTHING = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "memory"}
_ADDRESS = re.compile(r"([a-z][a-z0-9]*)://", re.ASCII)
#: Bytes that are fetched at once where a file is read in parts: a latent's header and table are in the first.
RANGE = 1 << 16


class Stamp(NamedTuple):
    """What tells a file from what it was before: its size in bytes, and its ETag, or time of change in ns."""

    size: int
    changed: str


class Size(NamedTuple):
    """What `os.stat_result` has of the same name."""

    st_size: int


def is_remote(name: object) -> bool:
    """Whether `name` is an address that fsspec opens; a file on this machine is not, file:// neither."""
    match = _ADDRESS.match(name) if isinstance(name, str) else None
    return match is not None and match[1] in _PACKAGES and match[1] != "file"


def without_file_scheme(name: str) -> str:
    """The path of a file:// address; anything else as it is."""
    return name.removeprefix("file://") if name.startswith("file:///") else name


def place_of(name: "str | Path | RemotePath") -> "Path | RemotePath":
    """What opens a file here or elsewhere by its name."""
    if isinstance(name, RemotePath):
        return name
    return RemotePath(str(name)) if is_remote(name) else Path(without_file_scheme(str(name)))


def joined(folder: str, *parts: str) -> str:
    """The address of something in a folder of another place."""
    return "/".join([folder.rstrip("/"), *parts])


class RemotePath:
    """A file in another place, as far as a `Path` is needed to read it.

    Raises `ImfnError` where fsspec, or the package for such addresses, is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._fs, self._key = _file_system(address)

    @property
    def name(self) -> str:
        """The last part of the address."""
        return posixpath.basename(self.address.rstrip("/"))

    @property
    def suffix(self) -> str:
        """Of the name."""
        return posixpath.splitext(self.name)[1]

    @cached_property
    def stamp(self) -> Stamp:
        """As it was when first asked. Raises `InputError`."""
        with asking(self.address):
            return _stamp(self._fs.info(self._key))

    @cached_property
    def size(self) -> int:
        """In bytes. Raises `InputError`."""
        return self.stamp.size

    def open(self, mode: str = "rb") -> BinaryIO:
        """The file for reading, by range requests. Raises `InputError`."""
        assert mode == "rb"
        with asking(self.address):
            return self._fs.open(self._key, "rb", block_size=RANGE, size=self.size)

    def stat(self) -> "Size":
        """What is known of a file without opening it. Raises `InputError`."""
        return Size(self.size)

    def is_file(self) -> bool:
        """Whether there is such a file. Raises `InputError` where nobody can say."""
        with asking(self.address):
            return bool(self._fs.isfile(self._key))

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f"RemotePath({self.address!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self.address}

    def __setstate__(self, state: dict[str, Any]) -> None:
        RemotePath.__init__(self, **state)


def stamp_of(place: str) -> Stamp | None:
    """Of a file here or elsewhere; None where there is none. Raises `InputError` where nobody can say."""
    if not is_remote(place):
        try:
            stat = Path(place).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InputError(f"{place}: cannot be read ({error.strerror or error})") from error
        return Stamp(stat.st_size, str(stat.st_mtime_ns))
    fs, key = _file_system(place)
    with asking(place):
        try:
            return _stamp(fs.info(key, refresh=True)) if _refreshes(place) else _stamp(fs.info(key))
        except FileNotFoundError:
            return None


def found_in(folder: str) -> dict[str, Stamp]:
    """Address → stamp of every file below a folder, in order of their names; of a file, itself.

    Empty where there is nothing. Raises `InputError`.
    """
    fs, key = _file_system(folder)
    with asking(folder):
        fs.invalidate_cache()
        try:
            found = fs.find(key, detail=True)
        except FileNotFoundError:
            return {}
    scheme = folder.split("://")[0]
    addresses = {
        f"{scheme}://{name.lstrip('/') if scheme != 'local' else name}": info for name, info in found.items()
    }
    return {address: _stamp(info) for address, info in sorted(addresses.items())}


def download(address: str, path: Path) -> None:
    """Copy a file to this machine. Raises `InputError`."""
    fs, key = _file_system(address)
    with asking(address):
        fs.get_file(key, str(path))


def upload(path: Path, address: str) -> None:
    """Copy a file of this machine to another place, where it is whole or not there. Raises `OutputError`."""
    fs, key = _file_system(address)
    with _telling(address, OutputError, "cannot be written"):
        if address.split("://")[0] in _WHOLE_OR_NOTHING:
            fs.put_file(str(path), key)
            return
        fs.makedirs(posixpath.dirname(key), exist_ok=True)
        temporary = posixpath.join(posixpath.dirname(key), f".{secrets.token_hex(8)}.imfn-part")
        try:
            fs.put_file(str(path), temporary)
            fs.mv(temporary, key)
        except BaseException:
            with contextlib.suppress(Exception):
                fs.rm_file(temporary)
            raise


def put_bytes(data: bytes, address: str) -> None:
    """Write a small file in one request. Raises `OutputError`."""
    fs, key = _file_system(address)
    with _telling(address, OutputError, "cannot be written"):
        if address.startswith("local://"):
            fs.makedirs(posixpath.dirname(key), exist_ok=True)
        fs.pipe_file(key, data)


def remove_files(*addresses: str) -> None:
    """Remove files, those that are there. Raises `OutputError`."""
    for address in addresses:
        fs, key = _file_system(address)
        with _telling(address, OutputError, "cannot be removed"), contextlib.suppress(FileNotFoundError):
            fs.rm_file(key)


@contextlib.contextmanager
def reading(path: Path | RemotePath, kind: type[ImfnError]) -> Iterator[None]:
    """Turn what goes wrong while reading a file, here or elsewhere, into one line."""
    if isinstance(path, RemotePath):
        with asking(path.address, kind):
            yield
        return
    try:
        yield
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror or error})") from error


@contextlib.contextmanager
def asking(address: str, kind: type[ImfnError] = InputError) -> Iterator[None]:
    """Turn whatever goes wrong while reading there into one line."""
    with _telling(address, kind, "cannot be read"):
        yield


@contextlib.contextmanager
def _telling(address: str, kind: type[ImfnError], what: str) -> Iterator[None]:
    # Each package has exceptions of its own, and of those below it.
    try:
        yield
    except ImfnError:
        raise
    except FileNotFoundError as error:
        raise kind(f"{address}: no such file; check the address") from error
    except PermissionError as error:
        raise kind(f"{address}: access denied; check the credentials and rights") from error
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise kind(
            f"{address}: {what} ({why:.200}); check the address and connection, and try again"
        ) from error


def _file_system(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and what it calls the file. Raises `ImfnError`."""
    protocol = address.split("://")[0]
    package = _PACKAGES.get(protocol, "fsspec")
    remedy = (
        "pip install 'imfn[remote]'" if package in ("fsspec", "s3fs") else f"pip install fsspec {package}"
    )
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise InputError(f"{address}: such addresses need fsspec; {remedy}") from error
    try:
        fs, key = url_to_fs(address)
    except ImportError as error:
        raise InputError(f"{address}: such addresses need {package}; {remedy}") from error
    except Exception as error:
        raise InputError(f"{address}: cannot be opened ({' '.join(str(error).split())}); check it") from error
    return fs, key


def _refreshes(address: str) -> bool:
    """Whether its file system takes `refresh`: others keep no listing."""
    return address.startswith(("s3://", "s3a://"))


def _stamp(info: dict[str, Any]) -> Stamp:
    if info.get("type") == "directory":
        raise FileNotFoundError(info.get("name"))
    changed = next(
        (
            info[name]
            for name in ("ETag", "etag", "md5Hash", "oid", "blob_id", "mtime", "created")
            if info.get(name)
        ),
        "",
    )
    return Stamp(int(info.get("size") or 0), str(changed).strip('"'))
