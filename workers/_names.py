"""File names: what they promise, and what of them is fit to be kept."""

from __future__ import annotations

import re

from workers._text import clean

_SHOWN = "pdf|docx?|xlsx?|pptx?|jpe?g|png|gif|txt|mp4|zip"
_RUNS = "exe|scr|com|pif|dll|bat|cmd|js|jse|vbs|vbe|lnk|hta|ps1|wsf|sct|msi|jar|iso|img|vhdx?|one"

#: A name that a system opens by running it, or by showing what then is run.
PROGRAM = re.compile(rf"\.({_RUNS})$", re.IGNORECASE)
#: A program's name that shows another kind of file to whoever sees no last extension.
DOUBLE_EXTENSION = re.compile(rf"\.({_SHOWN})[\s_.]*\.({_RUNS})$", re.IGNORECASE)


def base_name(name: str) -> str:
    """The last part of a path of any system, printable and short."""
    return clean(name.replace("\\", "/").rpartition("/")[2], 200)
