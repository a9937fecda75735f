"""What mkdocs does while it builds the site: tables out of the code, and a navigation of what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts import command_reference, settings_reference

_MADE = {"<!-- settings -->": settings_reference.write, "<!-- commands -->": command_reference.write}


def on_config(config: Any) -> Any:
    """In the navigation, a folder stands for the pages in it, and a page that is not there for none."""
    docs = Path(config["docs_dir"])
    config["nav"] = list(_filled(config["nav"], docs))
    return config


def _filled(nav: list[Any], docs: Path) -> Any:
    for entry in nav:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            yield {title: list(_filled(target, docs))}
        elif target.endswith("/"):
            pages = sorted(path.relative_to(docs).as_posix() for path in (docs / target).glob("*.md"))
            if pages:
                yield {title: pages}
        elif (docs / target).exists():
            yield entry


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the table of settings, and the reference of commands, where a page asks for them."""
    for place, make in _MADE.items():
        if place in markdown:
            markdown = markdown.replace(place, make())
    return markdown
