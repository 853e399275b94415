"""The weights of a model as one archive that is the same bytes wherever and whenever it is made."""

import hashlib
import io
import tarfile
from pathlib import Path


def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o644
    return info


def write_archive(folder: Path, out) -> None:
    """The files of the folder itself; folders within are not part of a model."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                archive.add(path, path.name, filter=plain)


class Digest(io.RawIOBase):
    def __init__(self):
        self.sha256 = hashlib.sha256()

    def write(self, data) -> int:
        self.sha256.update(data)
        return len(data)


def sha256_of(folder: Path) -> str:
    digest = Digest()
    write_archive(folder, digest)
    return digest.sha256.hexdigest()


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_archives(models, folder: Path) -> None:
    """Of the weights that lie on this machine, to be brought to the others."""
    folder.mkdir(parents=True, exist_ok=True)
    for model in models:
        if model.local_weights:
            with (folder / model.archive).open("wb") as out:
                write_archive(model.local_weights, out)
