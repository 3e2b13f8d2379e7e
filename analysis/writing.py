"""Writing files so that nothing is half-written, and nobody else's file is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from bench.contract.writing import replace_files


class TakenError(OSError):
    """A name is taken by what must not be lost; the message says so in a sentence."""


#: Lies in a folder that a report was written to, and says what of it is the report's: name -> digests,
#: several where a report was cut short, which may have left files of the one before.
LIST = ".report-files.json"


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """``content`` into the file that ``--json`` names: :func:`write_text`."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n", "--json")


def check_target(path: Path, option: str) -> None:
    """Check that :func:`write_text` may write ``path``, which the user gave as ``option``.

    Raises :class:`TakenError` where it holds measurements, ``FileNotFoundError`` where its folder is missing.
    """
    if path == Path():
        raise TakenError(f"{option} needs the name of a file")
    if path.is_file() and b'"machine_info"' in path.read_bytes():
        raise TakenError(f"{path} holds measurements, which are not replaced: give {option} another name")
    _check_folder(path)


def write_text(path: Path, text: str, option: str) -> None:
    """All of ``text``, or what was there before; a device or a pipe is written to, never replaced.

    ``path`` is what the user gave as ``option``. Raises what :func:`check_target` raises, and ``OSError``
    where it cannot be written.
    """
    check_target(path, option)
    if path.exists() and not path.is_file():
        path.write_bytes(text.encode())
    else:
        replace_files({path: text.encode()})


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}")


def write_new_file(path: Path, content: bytes) -> None:
    """All of ``content``, or nothing; what was there before is never replaced.

    Raises :class:`TakenError` where ``path`` exists, ``OSError`` where it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise TakenError(f"{path} exists already, and is not replaced: give another name")
    _check_folder(path)
    replace_files({path: content})


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put ``contents`` (by their names in ``folder``) there, the last of them last; all of it, or nothing.

    What an earlier call wrote and this one does not is removed; any other file stays. Raises
    :class:`TakenError` where a name is taken by a file that no earlier call wrote, or that was changed
    since, and ``OSError`` where it cannot be written.
    """
    earlier = _find_written_earlier(folder, contents)
    for name in contents:
        if not _is_own(folder / name, earlier.get(name, ())):
            raise TakenError(
                f"{folder / name} was not written by a report, or was changed since: move it away, or choose "
                "another --output"
            )
    digests = {name: [_compute_digest(content)] for name, content in contents.items()}
    both = {name: [*earlier.get(name, ()), *digests.get(name, ())] for name in {**earlier, **digests}}
    # At no moment is there a file that the list does not know.
    all_of_it = {LIST: _format_list(both), **contents}
    replace_files({folder / name: content for name, content in all_of_it.items()})
    for name in earlier:
        old = folder / name
        if name not in contents and old.is_file() and _is_own(old, earlier[name]):
            old.unlink()
    replace_files({folder / LIST: _format_list(digests)})


def _find_written_earlier(folder: Path, contents: Iterable[str]) -> dict[str, list[str]]:
    """What an earlier report left in ``folder``, by name."""
    try:
        listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
        return {name: list(map(str, digests)) for name, digests in listed.items() if _is_inside(name)}
    except FileNotFoundError:
        return _find_written_without_list(folder, contents)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _find_written_without_list(folder: Path, contents: Iterable[str]) -> dict[str, list[str]]:
    """An older report is known by its summary; its files are those with the names of a report's."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not (isinstance(summary, dict) and {"fingerprint", "answer", "verdicts"} <= set(summary)):
        return {}
    files = (name for name in contents if (folder / name).is_file())
    return {name: [_compute_digest((folder / name).read_bytes())] for name in files}


def _is_inside(name: str) -> bool:
    """Whether a listed name is below its folder: a list is a file, which anybody may have changed."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and len(path.parts) in (1, 2)


def _is_own(path: Path, digests: Iterable[str]) -> bool:
    if not (path.exists() or path.is_symlink()):
        return True
    return path.is_file() and _compute_digest(path.read_bytes()) in digests


def _compute_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:20]


def _format_list(names: Mapping[str, list[str]]) -> bytes:
    return (json.dumps(names, indent=0, sort_keys=True) + "\n").encode()
