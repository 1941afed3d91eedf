"""Generate the option tables of docs/command-line.md from the command line.

``python -m tests.reference`` rewrites them; a test in test_docs.py compares them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from classify_anything.cli import app

PAGE = Path(__file__).parent.parent / "docs" / "command-line.md"


def _commands(group: Any, prefix: str = "") -> dict[str, Any]:
    """Return all commands by name, including subcommands."""
    found = {}
    for name, command in group.commands.items():
        found[prefix + name] = command
        if hasattr(command, "commands"):
            found |= _commands(command, f"{prefix}{name} ")
    return found


COMMANDS = _commands(typer.main.get_command(app))


def with_tables(text: str) -> str:
    """Return the page with the part between each pair of marks regenerated."""
    return re.sub(
        r"(<!-- options of ([\w ]+) -->\n).*?(<!-- end of options -->)",
        lambda found: found[1] + table(found[2]) + found[3],
        text,
        flags=re.DOTALL,
    )


def table(name: str) -> str:
    """Return a command's usage line, and a row for each argument and option."""
    parameters = COMMANDS[name].params
    arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
    words = ["classify-anything", name, "[OPTIONS]", *map(_shown, arguments)]
    lines = [
        "```",
        " ".join(words),
        "```",
        "",
        "| option | environment variable | what it does |",
        "|---|---|---|",
        *(f"| {_names(one)} | {_code(one.envvar)} | {_help(one)} |" for one in parameters),
    ]
    return "\n".join(lines) + "\n"


def _shown(argument: Any) -> str:
    shown = argument.metavar + ("..." if argument.nargs == -1 else "")
    return shown if argument.required else f"[{shown}]"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _code(parameter.metavar)
    if parameter.secondary_opts:
        return _code("/".join([*parameter.opts, *parameter.secondary_opts]))
    return ", ".join(map(_code, parameter.opts))


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _help(parameter: Any) -> str:
    text: str = parameter.help.replace("|", "\\|")
    if isinstance(parameter.default, float):
        text = f"{text.removesuffix('.')} (default: {parameter.default:g})."
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
