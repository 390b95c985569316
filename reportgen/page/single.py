"""``FORMAT=single``: the whole page in one HTML file, for mail."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

from reportgen.page.folder import publish

NAME = "single.html"
TYPES: Final = {".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml", ".json": "application/json"}
# A user's name cannot match these: its quotes are escaped.
PICTURE = re.compile(r'(src|href)="(figures/[^"]+)"')
STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
SCRIPT = re.compile(r'<script src="([^"]+)"( defer)?></script>')
POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')
ELSEWHERE = re.compile(
    r'<a href="(?:(?:data|atlas)/[^"]+|report\.pdf|provenance\.html[^"]*|(?:history|compare)\.html)"[^>]*>(.*?)</a>',
    re.DOTALL,
)
ATLAS = re.compile(r' data-atlas="[^"]*"')
METRICS = 'href="metrics.json"'


def write(report: Path) -> Path:
    """Write ``single.html`` beside the page, with everything that the page shows inside; returns its path.

    Links to the arrays, the atlas, the PDF and the page of provenance become plain text: those files are not inside.
    """
    page = (report / "index.html").read_text(encoding="utf-8")
    page = ATLAS.sub("", ELSEWHERE.sub(r"<span>\1</span>", page))
    page = page.replace(METRICS, f'href="{_address(report / "metrics.json")}" download="metrics.json"')
    page = PICTURE.sub(lambda found: f'{found[1]}="{_address(report / found[2])}"', page)
    page = STYLE.sub(lambda found: f"<style>{(report / found[1]).read_text(encoding='utf-8')}</style>", page)
    scripts = [(report / found[1]).read_text(encoding="utf-8") for found in SCRIPT.finditer(page)]
    page = SCRIPT.sub("", page)
    # At the end of the page: `defer` has no effect on a script inside the page.
    page = page.replace("</body>", "".join(f"<script>{script}</script>\n" for script in scripts) + "</body>")
    allowed = " ".join(f"'sha256-{_hash(script)}'" for script in scripts) or "'none'"
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'"
    page = POLICY.sub(lambda found: f"{found[1]}{policy}; form-action 'none'{found[2]}", page)
    publish(report, "single", {NAME: page.encode()})
    return report / NAME


def _address(path: Path) -> str:
    """A file as a data: address that holds its content."""
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
