"""Write the page with its project as a folder for any static host.

``index.html``, ``assets/``        the same page as the program serves
``backbone.onnx.gz``               the backbone, gzipped because not every host compresses
``model.bin.gz``               the model; see ``model_file.py``
``thumbnails.bin``                 a thumbnail of each example
``sw.js``, ``manifest.webmanifest``, ``*.png``  offline after the first visit, installable
``embed.js``, ``embed.html``       the page inside another page
``_headers``                       headers for some hosts; they allow the page several threads
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import html
import json
import shutil
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from classify_anything.errors import BuildError
from classify_anything.export.formats.icons import icon
from classify_anything.export.formats.model_file import BrowserModel, write_browser_model
from classify_anything.workers import worker_count

STATIC = Path(__file__).parents[2] / "static"
"""The built page; see ``hatch_build.py``."""

_COMPRESSION = 6
_GZIP_RATIO = 0.26
"""Of ONNX Runtime's binary."""
_ICON_SIDES, _APPLE_ICON_SIDE = (192, 512), 180
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; base-uri 'none'; object-src 'none'"
)
"""The page loads nothing from elsewhere, and sends nothing."""

_HEADERS = """/*
  Cross-Origin-Embedder-Policy: require-corp
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Resource-Policy: cross-origin
"""

_EMBED_PAGE = """<!doctype html>
<meta charset="utf-8" />
<title>Classify Anything inside another page</title>
<script type="module" src="embed.js"></script>
<classify-anything src="./"></classify-anything>
<p id="said"></p>
<script type="module" src="embed-example.js"></script>
"""

_EMBED_EXAMPLE = """const said = document.getElementById("said");
document.addEventListener("prediction", ({ detail }) => {
  said.textContent = detail.label ?? "none of these";
});
"""


def write_web(
    folder: Path,
    model: BrowserModel,
    backbone: bytes,
    thumbnails: Sequence[bytes],
    *,
    read_only: bool = False,
    embed: bool = False,
) -> None:
    """Write the page into an empty folder.

    Args:
        folder: an existing, empty folder.
        model: the model.
        backbone: the ONNX graph: ``image`` uint8 [n, size, size, 3] → ``embedding`` float32 [n, d].
        thumbnails: a WebP of each example, oldest first.
        read_only: whether the page is read-only.
        embed: whether to add the element for other pages.

    Raises:
        BuildError: the package was installed without its page.
    """
    if not (STATIC / "index.html").is_file():
        raise BuildError("The page is not in this installation. Install the package again.")
    _copy_page(folder)
    for name, data in (
        ("backbone.onnx", backbone),
        ("model.bin", write_browser_model(model)),
    ):
        (folder / f"{name}.gz").write_bytes(_packed(data))
    (folder / "thumbnails.bin").write_bytes(_joined(thumbnails))
    made = _fingerprint(folder, read_only=read_only)
    metadata = {"made": made, "size": model.backbone["size"], "read_only": read_only}
    _write_metadata(folder / "index.html", metadata, model.project)
    _write_manifest(folder / "manifest.webmanifest", model.project)
    (folder / "_headers").write_text(_HEADERS)
    shutil.copyfile(STATIC / "export" / "from-file.js", folder / "from-file.js")
    if embed:
        shutil.copyfile(STATIC / "export" / "embed.js", folder / "embed.js")
        (folder / "embed.html").write_text(_EMBED_PAGE)
        (folder / "embed-example.js").write_text(_EMBED_EXAMPLE)
    _write_service_worker(folder, made)


def page_bytes() -> int:
    """Estimate the size of the page without the model in bytes, with binaries gzipped."""
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    binary = sum(path.stat().st_size for path in files if path.suffix == ".wasm")
    return sum(path.stat().st_size for path in files) - binary + int(binary * _GZIP_RATIO)


def _copy_page(folder: Path) -> None:
    """Copy the page's files, with ONNX Runtime's binaries gzipped."""
    for source in sorted(STATIC.rglob("*")):
        place = source.relative_to(STATIC)
        if source.is_dir() or place.parts[0] == "export":
            continue
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".wasm":
            target.with_name(f"{target.name}.gz").write_bytes(_packed_files()[source])
        else:
            shutil.copyfile(source, target)


@functools.cache
def _packed_files() -> dict[Path, bytes]:
    """Gzip ONNX Runtime's binaries on all cores, since this takes most of an export's time."""
    paths = sorted(STATIC.rglob("*.wasm"))
    with ThreadPoolExecutor(worker_count()) as pool:
        return dict(zip(paths, pool.map(_packed, map(Path.read_bytes, paths)), strict=True))


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, _COMPRESSION, mtime=0)


def _joined(pictures: Sequence[bytes]) -> bytes:
    """Pack the number of pictures and their lengths, uint32 little-endian, then the pictures."""
    lengths = [len(pictures), *(len(picture) for picture in pictures)]
    return struct.pack(f"<{len(lengths)}I", *lengths) + b"".join(pictures)


def _fingerprint(folder: Path, *, read_only: bool) -> str:
    digest = hashlib.sha256(b"read_only" if read_only else b"")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _write_metadata(index: Path, metadata: dict[str, object], project: str) -> None:
    """Mark the page as the export of a project."""
    head = (
        f'<meta name="classify-anything-export" content="{html.escape(json.dumps(metadata))}" />\n'
        f'    <meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}" />\n'
        '    <link rel="manifest" href="manifest.webmanifest" />\n'
        '    <link rel="apple-touch-icon" href="apple-touch-icon.png" />\n'
        '    <script src="from-file.js"></script>\n'
    )
    page = index.read_text(encoding="utf-8")
    page = page.replace(
        "<title>Classify Anything</title>", f"<title>{html.escape(project)}</title>"
    )
    page = page.replace('<meta charset="utf-8" />', f'<meta charset="utf-8" />\n    {head}', 1)
    index.write_text(page, encoding="utf-8")


def _write_manifest(path: Path, project: str) -> None:
    manifest = {
        "name": project,
        "short_name": project[:24],
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f6f4ef",
        "theme_color": "#f6f4ef",
        "icons": [
            {"src": "favicon.svg", "sizes": "any", "type": "image/svg+xml"},
            *(
                {
                    "src": f"icon-{side}.png",
                    "sizes": f"{side}x{side}",
                    "type": "image/png",
                    "purpose": "any maskable",
                }
                for side in _ICON_SIDES
            ),
        ],
    }
    path.write_text(json.dumps(manifest, indent=2))
    for side in _ICON_SIDES:
        (path.parent / f"icon-{side}.png").write_bytes(icon(side))
    (path.parent / "apple-touch-icon.png").write_bytes(icon(_APPLE_ICON_SIDE))


def _write_service_worker(folder: Path, made: str) -> None:
    """Write a worker that caches the page at once, and large files as the page fetches them."""
    small = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".js", ".mjs", ".css", ".svg", ".webmanifest"}
    ]
    template = (STATIC / "export" / "sw.js").read_text(encoding="utf-8")
    page = json.dumps(["./", *small])
    (folder / "sw.js").write_text(
        template.replace("{{made}}", made).replace("{{page}}", page), encoding="utf-8"
    )
