"""Pages from templates: everything inline, nothing from the network, and every text escaped."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from ...numerics.extras import require
from ..words import chain, fixed, number

LIBRARIES = ("altair", "jinja2", "vl_convert")
"""Libraries that the extra ``report`` installs."""
TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("common.js",)


def check_libraries() -> None:
    """Refuse early where the extra is missing."""
    for library in LIBRARIES:
        require(library, "report")


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, BSD-3-Clause, which the extra's library brings along."""
    return require("vl_convert", "report").javascript_bundle()


def render(template: str, scripts: tuple[str, ...] = (), connect: bool = False, **values: Any) -> str:
    """The page of a template, with Vega and the named scripts in it.

    The page's own policy allows these scripts only, by their hashes, and no connection; with ``connect``, one to the
    server that the page came from.
    """
    sources = [vega(), *((TEMPLATES / name).read_text(encoding="utf-8") for name in (*SCRIPTS, *scripts))]
    policy = [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "script-src " + " ".join(map(_hash, sources)),
        "base-uri 'none'",
        "form-action 'none'",
        *(["connect-src 'self'"] if connect else []),
    ]
    return (
        _environment()
        .get_template(template)
        .render(
            policy="; ".join(policy),
            scripts=sources,
            style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
            **values,
        )
    )


def _hash(source: str) -> str:
    """The name of a script in a policy: its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


@cache
def _environment() -> Any:
    jinja2 = require("jinja2", "report")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.policies["json.dumps_function"] = _dumps
    environment.filters |= {"number": number, "fixed": fixed, "chain": chain}
    return environment


def _dumps(value: Any, **options: Any) -> str:
    """JSON as browsers read it: numbers that are not finite have no word there."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
