"""Paths of the REST services as tables: a tree of segments, and S3's buckets and keys.

A path may belong to several operations of one method; query parameters and headers tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from outcrop.aws.http import HttpRequest
from outcrop.aws.service_models import Service


@dataclass(frozen=True, slots=True)
class Candidate:
    """One operation at a path.

    Attributes:
        literals: query parameters that the model's URI fixes; a value of "" means any.
        required: query parameters and lower-case headers without which the operation makes no sense.
    """

    name: str
    labels: tuple[str, ...]
    literals: tuple[tuple[str, str], ...]
    required_queries: tuple[str, ...]
    required_headers: tuple[str, ...]

    def is_complete(self, request: HttpRequest) -> bool:
        """Whether the request has all that only this operation asks for."""
        for header in self.required_headers:
            if header not in request.headers:
                return False
        return all(name in request.query for name in self.required_queries)

    def has_literals(self, query: dict[str, list[str]]) -> bool:
        """Whether the query has what the model's URI fixes."""
        return all(
            name in query and (not value or value in query[name]) for name, value in self.literals
        )

    @property
    def demands(self) -> int:
        """How many conditions a request must meet."""
        return len(self.literals) + len(self.required_queries) + len(self.required_headers)


class _Choice:
    """The operations that share a method and a path, told apart by query and headers."""

    __slots__ = ("_by_literal", "_plain")

    def __init__(self) -> None:
        self._plain: list[Candidate] = []
        self._by_literal: dict[str, list[Candidate]] = {}

    def add(self, candidate: Candidate) -> None:
        """Add an operation; the most demanding stay first, equals in order of arrival."""
        literals = candidate.literals
        group = self._by_literal.setdefault(literals[0][0], []) if literals else self._plain
        group.append(candidate)
        group.sort(key=lambda item: -item.demands)

    def select(self, request: HttpRequest) -> Candidate | None:
        """Return the operation that fits best; one that lacks a required member is left to validation."""
        if self._by_literal and request.query_string:
            query = request.query
            for name in query:
                group = self._by_literal.get(name)
                if group is not None:
                    fitting = [item for item in group if item.has_literals(query)]
                    if fitting:
                        return _best(fitting, request)
        if not self._plain:
            return None
        return _best(self._plain, request)


def _best(candidates: list[Candidate], request: HttpRequest) -> Candidate:
    if len(candidates) > 1:
        for candidate in candidates:
            if candidate.is_complete(request):
                return candidate
    return candidates[-1]


@dataclass(slots=True)
class _Node:
    """One position in the tree of path segments; each leaf has a choice by method."""

    literals: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    greedy: dict[str, _Choice] = field(default_factory=dict)
    leaf: dict[str, _Choice] = field(default_factory=dict)


def _candidate(service: Service, name: str) -> tuple[str, list[str], Candidate]:
    model = service.model.operation_model(name)
    path, _, query = model.http["requestUri"].partition("?")
    segments = path.strip("/").split("/")
    queries, headers = [], []
    shape = model.input_shape
    for member_name in () if shape is None else shape.required_members:
        member = shape.members[member_name]
        wire_name = member.serialization.get("name", member_name)
        location = member.serialization.get("location")
        if location == "querystring":
            queries.append(wire_name)
        elif location == "header":
            headers.append(wire_name.lower())
    candidate = Candidate(
        name=name,
        labels=tuple(part.strip("{}+") for part in segments if part.startswith("{")),
        literals=tuple(parse_qsl(query, keep_blank_values=True)),
        required_queries=tuple(queries),
        required_headers=tuple(headers),
    )
    return model.http["method"], segments, candidate


def _current_first(service: Service) -> list[str]:
    names = sorted(service.operation_names)
    # S3 keeps superseded operations at the path of their successors; they must not win.
    return sorted(names, key=lambda name: service.model.operation_model(name).deprecated)


class PathTable:
    """Paths of one REST service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._root = _Node()
        for name in _current_first(service):
            method, segments, candidate = _candidate(service, name)
            self._insert(method, segments, candidate)

    def _insert(self, method: str, segments: list[str], candidate: Candidate) -> None:
        node = self._root
        for segment in segments:
            if segment.endswith("+}"):
                node.greedy.setdefault(method, _Choice()).add(candidate)
                return
            if segment.startswith("{"):
                node.label = node.label or _Node()
                node = node.label
            else:
                node = node.literals.setdefault(segment, _Node())
        node.leaf.setdefault(method, _Choice()).add(candidate)

    def find(self, request: HttpRequest) -> tuple[Candidate, list[str]] | None:
        """Return the operation and the raw values of its labels."""
        segments = request.raw_path[1:].removesuffix("/").split("/")
        values: list[str] = []
        choice = _walk(self._root, segments, 0, request.method, values)
        candidate = None if choice is None else choice.select(request)
        return None if candidate is None else (candidate, values)


def _walk(
    node: _Node, segments: list[str], index: int, method: str, values: list[str]
) -> _Choice | None:
    if index == len(segments):
        return node.leaf.get(method)
    segment = segments[index]
    following = node.literals.get(segment)
    if following is not None:
        found = _walk(following, segments, index + 1, method, values)
        if found is not None:
            return found
    if node.label is not None and segment:
        values.append(segment)
        found = _walk(node.label, segments, index + 1, method, values)
        if found is not None:
            return found
        values.pop()
    if method in node.greedy:
        values.append("/".join(segments[index:]))
        return node.greedy[method]
    return None


class BucketTable:
    """S3's paths: nothing, a bucket, or a bucket and a key, told apart by sub-resource."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._levels: dict[tuple[str, int], _Choice] = {}
        self._fixed: dict[tuple[str, str], Candidate] = {}
        for name in _current_first(service):
            method, segments, candidate = _candidate(service, name)
            if segments[0] and not candidate.labels:
                self._fixed[method, segments[0]] = candidate
            else:
                level = len(candidate.labels)
                self._levels.setdefault((method, level), _Choice()).add(candidate)

    def find(self, request: HttpRequest, bucket: str) -> tuple[Candidate, list[str]] | None:
        """Return the operation and the raw values of its labels.

        Args:
            request: the request.
            bucket: name of the bucket if the host names it, else "".
        """
        path = request.raw_path[1:]
        if bucket:
            key = path
        else:
            bucket, _, key = path.partition("/")
            fixed = self._fixed.get((request.method, bucket))
            if fixed is not None and not key:
                return fixed, []
        values = [bucket, key] if key else [bucket] if bucket else []
        choice = self._levels.get((request.method, len(values)))
        candidate = None if choice is None else choice.select(request)
        return None if candidate is None else (candidate, values)
