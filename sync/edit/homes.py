"""The file in which a new entity goes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from schema.documents import document_kind
from schema.keys import Key, split_model
from sync.edit.locate import DOCUMENT_OF, OF_PROVIDERS, Files, container_path, paths_of
from sync.errors import EditError

_SCHEMA_LINE = re.compile(r"#\s*yaml-language-server:\s*\$schema=(\S+)")
_ANYWHERE = "/" + "/".join("abcdefghijklmnop")
"""A place deep enough that relative paths do not climb over the root."""


def home_of(files: Files, key: Key) -> str:
    """The file in which a new entity goes: one of its provider that has such entities, any other, else a new one.

    A dated entry goes to the others of its name.
    """
    paths = paths_of(files, key)
    place = container_path(key) if key.kind != "access" else ()
    held = [path for path in paths if place and files.source(path).node(place) is not None]
    held += [path for path in paths if place and files.source(path).node(place[:1]) is not None]
    if held or paths:
        return (held or paths)[0]
    return _new_file(files, key)


def _new_file(files: Files, key: Key) -> str:
    kind = DOCUMENT_OF[key.kind]
    provider = key.name if key.kind == "provider" else split_model(key.name)[0] if kind in OF_PROVIDERS else ""
    path = f"{kind}/{provider}.yaml" if provider else f"{kind}.yaml"
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./-]*", path) or ".." in path or path in files.all_paths():
        raise EditError(f"no file can be made for {key}: '{path}' is taken or not a fit name")
    line = f"# yaml-language-server: $schema={schema_reference(files.given, path)}\n"
    body = f"provider: {provider}\n" if provider else ""
    files.put(path, files.new_source(path, line + body))
    return path


def schema_reference(files: Mapping[str, bytes], path: str) -> str:
    """The JSON Schema of a file, relative to it, in the folder in which other files find theirs."""
    kind = document_kind(path)
    for other in sorted(files):
        match = _SCHEMA_LINE.search(files[other][:1000].decode("utf-8", "replace"))
        if match and "://" not in match[1]:
            schemas = posixpath.join(_ANYWHERE, posixpath.dirname(other), posixpath.dirname(match[1]))
            wanted = posixpath.normpath(posixpath.join(schemas, f"{kind}.json"))
            return posixpath.relpath(wanted, posixpath.join(_ANYWHERE, posixpath.dirname(path)))
    return posixpath.join("../" * (path.count("/") + 1) + "schema/json", f"{kind}.json")


__all__ = ["home_of", "schema_reference"]
