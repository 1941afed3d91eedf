"""The documentation is a contract: what exists is in it, and what it shows works."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

import classify_anything
from classify_anything import Classifier, errors, settings
from classify_anything.server import messages
from classify_anything.server.app import _STATUS, describe
from classify_anything.store import tables
from tests.command import COMMAND, run
from tests.photos import encoded, photo, plain
from tests.reference import COMMANDS, with_tables
from tests.server import RunningServer
from tests.videos import write_video

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ADDRESS = "127.0.0.1:7654"


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def sections(text: str, level: str) -> dict[str, str]:
    """The text under each heading of a level that is a `name`, up to the next heading."""
    found = re.split(rf"^{level} `(.+)`\n", text, flags=re.MULTILINE)[1:]
    bodies = [re.split(r"^#", body, flags=re.MULTILINE)[0] for body in found[1::2]]
    return dict(zip(found[::2], bodies, strict=True))


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows whose first cell has a `name`."""
    lines = re.findall(r"^\| `.*\|$", text, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def first_names(text: str) -> set[str]:
    """The names in the first cells, without the calls' parameters."""
    return {name for row in rows(text) for name in re.findall(r"`(\w+)", row[0])}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


# --- what exists is documented ------------------------------------------------------------------


def test_every_command_is_documented_with_its_options() -> None:
    text = page("docs/command-line.md")
    assert text == with_tables(text), "regenerate it: python -m tests.reference"
    parts = {name: text.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0] for name in COMMANDS}
    for name, part in parts.items():
        assert f"<!-- options of {name} -->" in part
        assert name == "serve" or f"\n$ classify-anything {name} " in part, f"{name}: no example"
    assert f"`{settings.DEFAULT_HOST}` by default" in text
    assert f"`{settings.DEFAULT_PORT}` by default" in text


def test_every_environment_variable_that_is_named_exists() -> None:
    parameters = [parameter for command in COMMANDS.values() for parameter in command.params]
    known = {parameter.envvar for parameter in parameters}
    known |= {settings.LABEL_VARIABLE, settings.PROBABILITY_VARIABLE, settings.CACHE_VARIABLE}
    known |= {settings.QUIET_VARIABLE}
    for path in PAGES:
        assert set(re.findall(r"CLASSIFY_ANYTHING_\w+", path.read_text())) <= known, path.name


def test_every_route_is_documented_with_its_status_and_its_errors() -> None:
    routes = {
        f"{method.upper()} {path}": route["responses"]
        for path, methods in describe()["paths"].items()
        for method, route in methods.items()
    }
    documented = sections(page("docs/http.md"), "###")
    assert set(documented) == set(routes)
    for name, responses in routes.items():
        for status in ("404", "409"):
            assert (status in documented[name]) == (status in responses), (name, status)
        (shown,) = blocks(documented[name], "sh")
        assert shown.rstrip()[-3:] in responses, name


WIRE = [
    kind
    for kind in vars(messages).values()
    if inspect.isclass(kind) and issubclass(kind, messages.Message) and kind is not messages.Message
]


@pytest.mark.parametrize("kind", WIRE, ids=lambda kind: kind.__name__)
def test_every_message_is_documented_with_its_fields(kind: type[messages.Message]) -> None:
    assert first_names(sections(page("docs/http.md"), "####")[kind.__name__]) == set(
        kind.model_fields
    )


def test_every_error_is_documented_with_its_status() -> None:
    def kinds(base: type[errors.ClassifyAnythingError]) -> Iterator[type]:
        yield base
        for child in base.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from kinds(child)

    def status(kind: type) -> int:
        if issubclass(kind, errors.AccessError):  # answered by the guard, before the application
            return HTTPStatus.FORBIDDEN
        return next((status for known, status in _STATUS if issubclass(kind, known)), 500)

    expected = {
        f"`{kind.code}`": (f"`{kind.__name__}`", int(status(kind)))
        for kind in kinds(errors.ClassifyAnythingError)
    }
    documented = {
        row[0]: (row[2], int(row[1].removesuffix(" (start)")))
        for row in rows(page("docs/errors.md"))
    }
    assert documented == expected


def test_every_table_and_column_is_documented() -> None:
    text = page("docs/file-format.md")
    documented = {name: first_names(body) for name, body in sections(text, "###").items()}
    assert documented == {
        table.name: {column.name for column in table.columns}
        for table in tables.metadata.sorted_tables
    }
    pragmas = {row[0]: row[1] for row in rows(text)}
    assert pragmas["`application_id`"].startswith(f"`0x{tables.APPLICATION_ID:X}`")
    assert pragmas["`user_version`"] == f"`{tables.SCHEMA_VERSION}`"


@pytest.mark.parametrize("name", classify_anything.__all__)
def test_every_public_name_is_documented_with_its_members(name: str) -> None:
    text = page("docs/python-api.md")
    assert f"\n## `{name}`\n" in text
    section = text.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
    kind = getattr(classify_anything, name)
    if dataclasses.is_dataclass(kind):
        assert first_names(section) == {field.name for field in dataclasses.fields(kind)}
    elif inspect.isclass(kind) and not issubclass(kind, Exception):
        assert {key for key in dir(kind) if not key.startswith("_")} <= first_names(section)


def test_a_classifier_has_few_members_and_all_are_documented(clf: Classifier) -> None:
    members = {name for name in dir(clf) if not name.startswith("_")}
    assert len(members) <= 35
    section = page("docs/python-api.md").partition("\n## `Classifier`\n")[2].partition("\n## ")[0]
    assert first_names(section) == members | {"len"}


# --- what is documented works -------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        assert not link.startswith(("http:", "https:")), f"{link}: the docs need no internet"
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(path: Path) -> None:
    targets = re.search(r"^\.PHONY: (.+)$", page("Makefile"), flags=re.MULTILINE)
    assert targets is not None
    named = re.findall(r"(?:^|`)make ([a-z]+)$|`make ([a-z]+)`", path.read_text(), re.MULTILINE)
    assert {one or other for one, other in named} <= set(targets[1].split())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the pictures that the examples name, and two other views of the mug."""
    coffee = photo("coffee")
    pictures = {
        "mug.jpg": coffee,
        "mug-2.jpg": coffee[:, 50:],
        "what.jpg": coffee[20:, :-40],
        "plant.jpg": photo("rocket"),
    }
    for name, picture in pictures.items():
        (tmp_path / name).write_bytes(encoded(picture, quality=95))
        folder = tmp_path / "photos" / ("plants" if name == "plant.jpg" else "mugs")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(picture, quality=95))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_examples(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Runs a page's Python blocks one after the other; `print(...)  # x` must print x."""

    def run_page(name: str, address: str = ADDRESS) -> None:
        names: dict[str, object] = {}
        found = blocks(page(name), "python")
        assert found, name
        for code in found:
            exec(compile(code.replace(ADDRESS, address), name, "exec"), names)
            printed = capsys.readouterr().out.splitlines()
            for expected in re.findall(r"^ *print\(.*\)  # (.+)$", code, flags=re.MULTILINE):
                assert expected in printed
                del printed[: printed.index(expected) + 1]
            assert printed == []

    return run_page


@pytest.mark.parametrize(
    "name", ["README.md", "docs/python-api.md", "docs/datasets.md", "docs/scikit-learn.md"]
)
def test_the_python_examples_do_what_they_say(
    name: str, desk: Path, run_examples: Callable[..., None]
) -> None:
    run_examples(name)


def test_a_project_is_read_without_this_program_as_the_file_format_says(
    desk: Path, run_examples: Callable[..., None]
) -> None:
    with Classifier("desk.db") as clf:
        for name in ("mug", "plant"):
            clf.add(name, f"{name}.jpg")
    run_examples("docs/file-format.md")


def test_the_socket_is_spoken_to_as_the_page_shows(
    server: RunningServer, desk: Path, run_examples: Callable[..., None]
) -> None:
    run_examples("docs/http.md", f"127.0.0.1:{server.port}")


def as_curl(http: httpx.Client, line: str) -> httpx.Response:
    """Do what curl would do, where there may be none; an option not known here fails."""
    method, content, headers = "GET", None, {}
    address = ""
    words = iter(shlex.split(line)[1:])
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                content = next(words).encode()
            case "--data-binary":
                content = Path(next(words).removeprefix("@")).read_bytes()
            case "-o":
                next(words)
            case _ if not word.startswith("-"):
                address = word
            case _:
                raise ValueError(f"{word}: not an option of curl that this test knows")
    assert address.startswith(f"http://{ADDRESS}/"), line
    path = address.removeprefix(f"http://{ADDRESS}")
    return http.request(method, path, content=content, headers=headers)


def test_the_curl_lines_are_answered_as_the_page_says(server: RunningServer, desk: Path) -> None:
    with server.socket() as client:
        first = client.receive("state")["classes"][0]["id"]
        for number, color in enumerate(("red", "lime", "blue")):
            client.add(first, plain(color), str(number), recording=f"r{number // 2}")
    shown = [line for block in blocks(page("docs/http.md"), "sh") for line in block.splitlines()]
    assert len(shown) > 10
    started = ""
    for line in shown:
        command, _, status = line.rpartition("  # ")
        reply = as_curl(server.http, command.replace("IMPORT", started).replace("EXPORT", started))
        assert reply.status_code == int(status), (command, reply.text)
        if "POST" in command and ("/api/imports " in f"{command} " or "/api/exports " in command):
            started = reply.json()["id"]
        if "/api/exports " in command and started:
            wait_for_export(server, started)


def wait_for_export(server: RunningServer, export_id: str) -> None:
    deadline = time.monotonic() + 30
    while server.http.get(f"/api/exports/{export_id}").json()["status"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_commands_print_what_the_page_shows(
    tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label, name in (("mug", "coffee"), ("cup", "rocket")):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(1, 4):
            picture = encoded(photo(name)[:, 10 * number :])
            (tmp_path / "photos" / label / f"{number}.jpg").write_bytes(picture)
    (tmp_path / "what.jpg").write_bytes(encoded(photo("coffee")[20:, :-40]))
    write_video(tmp_path / "mug.avi", [(220 - 2 * n, 40, 30) for n in range(40)])

    shown = "".join(blocks(page("docs/command-line.md"), "console"))
    steps = re.findall(r"^\$ (.+)\n((?:[^$].*\n)*)", shown, re.MULTILINE)
    assert len(steps) > 15
    monkeypatch.setenv("CLASSIFY_ANYTHING_BACKBONE", str(tiny_backbone))
    monkeypatch.setenv("CLASSIFY_ANYTHING_CACHE", str(tmp_path / "cache"))
    for command, lines in steps:
        if command.startswith("export "):
            monkeypatch.setenv(*command.removeprefix("export ").split("="))
            continue
        output = in_shell(command, tmp_path)
        form = re.escape(lines).replace("…", ".*")
        assert re.fullmatch(form, output), f"{command} prints:\n{output}"


def in_shell(line: str, folder: Path) -> str:
    """Return what a line prints; only one with signs of a shell is given to a shell."""
    words = shlex.split(line)
    if not re.search("[|<>=]", line):
        done = run(*words[1:], cwd=folder)
        return done.stdout + done.stderr
    script = f'classify-anything() {{ {shlex.join(COMMAND)} "$@"; }}; exec 2>&1\n{line}'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, stdout=subprocess.PIPE, text=True
    ).stdout
