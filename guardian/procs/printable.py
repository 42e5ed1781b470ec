"""Text that processes chose themselves, made safe to print: no escapes, no second line."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with everything that is no visible character as a backslash escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def shown_command(command: tuple[str, ...], name: str, *, width: int = 0) -> str:
    """Render a command line for one line of output; the bare name in brackets when there is none.

    argv[0] loses its folder, unless it is a title with blanks before its last slash ("nginx: master
    process /usr/sbin/nginx"). `width` > 0 cuts the end off, with an ellipsis.
    """
    line = ""
    if command:
        folder, _, base = command[0].rpartition("/")
        line = printable(" ".join((command[0] if " " in folder else base, *command[1:])).strip())
    line = line or f"[{printable(name)}]"
    return line[: width - 1] + "…" if 0 < width < len(line) else line
