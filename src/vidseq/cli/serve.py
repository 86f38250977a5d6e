"""`vidseq serve`: a web page and an HTTP endpoint."""

import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from vidseq.errors import VidseqError


def serve(
    project: Annotated[Path, typer.Option(help="Where models/ is, with the run's metrics and model cards.")] = Path(),
    host: Annotated[str, typer.Option(help="Where to listen; by default for this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    allow_host: Annotated[list[str] | None, typer.Option(help="A name by which others may call this server.")] = None,
    max_mb: Annotated[float, typer.Option(min=0.001, help="The largest upload.")] = 200,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="The longest video.")] = 600,
    places: Annotated[int, typer.Option(min=1, help="Requests at a time; beyond, 429 asks to try again.")] = 4,
) -> None:
    """Serve a page to drop a video on, and the same over HTTP (/docs). Needs vidseq[serve]."""
    if any(find_spec(package) is None for package in ("fastapi", "uvicorn", "python_multipart")):
        raise VidseqError("vidseq serve needs FastAPI, uvicorn and python-multipart: install vidseq[serve]")
    import uvicorn

    from vidseq.inference.serve import make_app, upload_folder
    from vidseq.inference.serve_guard import Protocol
    from vidseq.inference.serve_model import Predictor

    # uvicorn ends by the signal that it got: this way the folder of uploads is removed before
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    predictor = Predictor(project, max_seconds)
    with upload_folder() as uploads:
        app = make_app(predictor, project, uploads, int(max_mb * 1e6), places, allow_host or [])
        uvicorn.run(
            app,
            host=host,
            port=port,
            http=Protocol,
            ws="none",
            timeout_graceful_shutdown=5,
            limit_concurrency=16 * places,
            server_header=False,
        )
