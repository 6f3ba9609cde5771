"""axe-core: what it finds on a page against WCAG 2.2, levels A and AA.

The package lies in the virtual environment: `npm install --prefix .venv axe-core@4.11.0` (`make test` does so).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

LIBRARY = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

needs_axe = pytest.mark.skipif(not LIBRARY.exists(), reason=f"{LIBRARY} is not there: make test installs it")


def violations(page: Any) -> list[str]:  # noqa: ANN401  playwright's page
    """Each with the places where it is; the page's own policy lets no script in, so the context has to bypass it."""
    page.add_script_tag(path=str(LIBRARY))
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", TAGS)
    assert len(found["passes"]) > 10, "it has looked"
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]
