"""The web page and the HTTP endpoint of a project's models."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from threading import Event
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, HTMLResponse
from filelock import FileLock, Timeout

from vidseq.errors import VideoError
from vidseq.files import read_json, remove
from vidseq.inference.serve_guard import Guard
from vidseq.inference.serve_model import Predictor, Stopped

PAGE = Path(__file__).with_name("page")
SHOWN = ("accuracy", "f1", "log_loss", "expected_calibration_error")
GONE = 499  # nginx's status of a client that has closed its connection: nobody reads it
PREFIX = "vidseq-serve-"


@contextmanager
def upload_folder() -> Iterator[Path]:
    """Yield a folder for uploads that is removed at the end, and remove those of servers that were killed."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(Timeout, OSError), FileLock(old / "lock", timeout=0):
            remove(old)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, FileLock(Path(folder, "lock")):
        yield Path(folder)


def make_app(
    predictor: Predictor, project: Path, uploads: Path, max_bytes: int, places: int, names: Iterable[str] = ()
) -> FastAPI:
    """Return the application: at most `places` requests at a time with at most `max_bytes` each, kept in `uploads`.

    `names` are those of `Guard`. Of `project` it reads metrics/evaluation.json, plots/confusion/ and model_cards/, and
    leaves out what is absent.
    """
    app = FastAPI(
        title="vidseq", docs_url=None, redoc_url=None, telemetry={"tracing": False, "metrics": False, "logs": False}
    )
    app.add_middleware(Guard, max_bytes=max_bytes, places=places, names=names)
    pool = ThreadPoolExecutor(places)
    files = {"confusion.png": "plots/confusion/{}.png", "card.md": "model_cards/{}.md"}

    def known(name: str) -> str:
        if name not in predictor.models:
            raise HTTPException(404, f"there is no model {name}: there are {', '.join(predictor.models)}")
        return name

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the server answers."""
        return {"status": "ok"}

    @app.get("/models")
    async def models() -> list[dict[str, Any]]:
        """List the models, with the metrics of the run and the addresses of their files, where there are any."""
        evaluation = project / "metrics" / "evaluation.json"
        measured = read_json(evaluation)["models"] if evaluation.is_file() else {}
        listed = []
        for name, served in predictor.models.items():
            of_run = measured.get(name)
            listed.append({
                "name": name,
                "classes": served.model.classes,
                "metrics": of_run and {m: {"value": of_run[m], "interval": of_run["intervals"][m]} for m in SHOWN},
                "files": [file for file, path in files.items() if (project / path.format(name)).is_file()],
            })  # fmt: skip
        return listed

    @app.get("/models/{name}/{file}")
    async def model_file(name: str, file: str) -> FileResponse:
        """Return a model's confusion.png or card.md."""
        path = project / files.get(file, "").format(known(name))
        if file not in files or not path.is_file():
            raise HTTPException(404, f"the run has no {file} of {name}")
        return FileResponse(path)

    @app.post("/predict")
    async def predict(
        request: Request,
        video: Annotated[UploadFile, File(description="A video file.")],
        model: Annotated[str, Form(description="The name of a model.")] = predictor.default,
        details: Annotated[bool, Form(description="Add probabilities over time, frames, and what each adds.")] = False,
    ) -> Any:
        """Say what a video shows. The upload is deleted before the answer is sent."""
        known(model)
        stopped, loop = Event(), asyncio.get_running_loop()

        def work() -> dict:
            with tempfile.TemporaryDirectory(dir=uploads) as folder:
                path = Path(folder, "video")
                with path.open("wb") as copy:
                    shutil.copyfileobj(video.file, copy)
                return predictor.predict(path, model, details, stopped)

        working: asyncio.Future[Any] = loop.run_in_executor(pool, work)
        gone: asyncio.Future[Any] = asyncio.create_task(_disconnected(request))
        try:
            await asyncio.wait([working, gone], return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                stopped.set()
            return await working
        except Stopped:
            return Response(status_code=GONE)
        except VideoError as error:
            raise HTTPException(422, f"the video cannot be used: {error}") from error
        finally:
            stopped.set()
            gone.cancel()

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs() -> str:
        return _docs(app.openapi())

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/page/{file}", include_in_schema=False)
    async def page_file(file: str) -> FileResponse:
        if file not in ("app.js", "app.css"):
            raise HTTPException(404)
        return FileResponse(PAGE / file)

    return app


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _docs(schema: dict) -> str:
    """Return the OpenAPI schema as a page, without anything from elsewhere."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            fields = _fields(schema, operation)
            items = "".join(f"<dt><code>{escape(name)}</code></dt><dd>{escape(said)}</dd>" for name, said in fields)
            rows.append(
                f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
                f"<p>{escape(operation['description'])}</p><dl>{items}</dl></section>"
            )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>vidseq: HTTP</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page/app.css">'
        f'<main><h1>vidseq</h1><p><a href="/openapi.json">openapi.json</a></p>{"".join(rows)}</main></html>'
    )


def _fields(schema: dict, operation: dict) -> list[tuple[str, str]]:
    """Return the names of what an operation takes, with what they are."""
    fields = [(field["name"], f"in the {field['in']}") for field in operation.get("parameters", [])]
    for body in operation.get("requestBody", {}).get("content", {}).values():
        of = schema["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
        for name, field in of["properties"].items():
            required = " (required)" if name in of.get("required", []) else f" (by default {field.get('default')})"
            fields.append((name, field.get("description", "") + required))
    return fields
