"""Which folders are watched, on folders of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.probes.folders import Watched, files, folders, relative


def watched(base: Path) -> Watched:
    """A service that ignores node_modules at any depth, and logs of its own."""
    return Watched(str(base), lambda path: "node_modules" in path.split("/") or path.endswith(".log"))


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("/a", "/a/b/c", "b/c"),
        ("/a", "/a", ""),
        ("/a", "/ab", None),
        ("/a/b", "/a", None),
        ("/", "/a", "a"),
    ],
)
def test_a_path_is_told_from_the_folder(base: str, path: str, expected: str | None) -> None:
    """A folder's name that only begins alike is another folder."""
    assert relative(base, path) == expected


def test_ignored_folders_are_not_entered(tmp_path: Path) -> None:
    """Nothing below them is watched; neither is what a link leads to."""
    base = tmp_path / "base"
    for name in ("src/deep", "node_modules/a/b", "src/node_modules/c", "empty"):
        (base / name).mkdir(parents=True)
    (tmp_path / "elsewhere" / "inner").mkdir(parents=True)
    (base / "link").symlink_to(tmp_path / "elsewhere")
    expected = {base, base / "src", base / "src/deep", base / "empty"}
    assert folders(watched(base)) == {str(each) for each in expected}


@pytest.mark.parametrize("missing", ["base", "base/deeper/still"])
def test_a_folder_that_is_not_there_is_waited_for_above(missing: str, tmp_path: Path) -> None:
    """The nearest one that exists tells when it is made."""
    assert folders(watched(tmp_path / missing)) == {str(tmp_path)}


def test_a_file_where_the_folder_should_be_is_no_folder(tmp_path: Path) -> None:
    """It is waited for above, too."""
    (tmp_path / "base").write_text("a file")
    assert folders(watched(tmp_path / "base")) == {str(tmp_path)}


def test_the_files_of_new_folders_are_named(tmp_path: Path) -> None:
    """Those right in them that are not ignored; folders are no files, and links are."""
    (tmp_path / "src/deep").mkdir(parents=True)
    for name in ("src/a", "src/b.log", "src/deep/c"):
        (tmp_path / name).touch()
    (tmp_path / "src/link").symlink_to("/nowhere")
    fresh = [str(tmp_path / "src"), str(tmp_path / "gone")]
    assert sorted(files(watched(tmp_path), fresh)) == ["src/a", "src/link"]
