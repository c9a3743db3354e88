"""What GitHub's Markdown writes otherwise than the site's."""

import re
from typing import Any

PIPE_IN_CODE = re.compile(r"`[^`\n]*\\\|[^`\n]*`")


def on_page_markdown(markdown: str, **options: Any) -> str:
    r"""In code within a table, a vertical line is ``\|`` there, and here it is itself."""
    return PIPE_IN_CODE.sub(lambda code: code[0].replace(r"\|", "|"), markdown)
