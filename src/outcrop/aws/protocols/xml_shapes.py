"""XML elements to parameters and results to XML text, compiled from shapes.

Reading ignores namespaces, as AWS does. Writing builds text directly: each shape is compiled together with the
name of its element, so opening and closing tags are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from outcrop.aws.errors import SerializationException
from outcrop.aws.protocols.contract import Convert, UnmodelledMemberError
from outcrop.aws.protocols.json_shapes import decode_blob, encode_blob, encode_float
from outcrop.aws.protocols.text_values import read_boolean, read_float, read_integer, read_text
from outcrop.aws.protocols.timestamps import parse_timestamp, text_formatter

if TYPE_CHECKING:
    from botocore.model import Shape

XmlWriter = Callable[[Any], str]
# (member, reader, gather): gather is "list" or "map" where a flattened member repeats its element.
_Entry = tuple[str, Convert, str]

_SCALARS: dict[str, Convert] = {
    "string": read_text,
    "character": read_text,
    "boolean": read_boolean,
    "integer": read_integer,
    "long": read_integer,
    "float": read_float,
    "double": read_float,
    "blob": decode_blob,
    "timestamp": parse_timestamp,
}


def parse_xml(body: bytes) -> ET.Element:
    """Return the root of an XML body.

    Raises:
        SerializationException: not well-formed, or with a document type, which no AWS request has and which
            is where XML attacks live.
    """
    try:
        # As text, so that a declared encoding counts for nothing: in UTF-16 a document type would go unseen.
        text = body.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            raise SerializationException("The request body may not have a document type")
        return ET.fromstring(text)  # noqa: S314  # no document type, so no entities to expand
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise SerializationException(f"The request body is not valid XML: {error}") from None


def local_name(tag: str) -> str:
    """Return an element's or attribute's name without its namespace."""
    return tag[tag.rindex("}") + 1 :] if tag[:1] == "{" else tag


def member_element_name(name: str, shape: Shape) -> str:
    """Return the element name that botocore gives a member: a flattened list has that of its items."""
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        item_name = shape.member.serialization.get("name")
        if item_name is not None:
            return str(item_name)
    return str(shape.serialization.get("name", name))


def other_element_names(name: str, shape: Shape) -> tuple[str, str]:
    """Return names under which other clients write a member, where the models leave a doubt."""
    return (str(shape.serialization.get("name", name)), name)


class XmlDecoder:
    """Compiles shapes into functions from an element to a value; one per service."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def compile(self, shape: Shape) -> Convert:
        """Return the decoder of a shape, called with the element that holds the value."""
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            read_item = self.compile(shape.member)
            return lambda element: [read_item(child) for child in element]
        if kind == "map":
            read_pair = self._pair(shape)
            return lambda element: dict(read_pair(child) for child in element)
        read = _SCALARS[kind]
        return lambda element: read(element.text or "")

    def compile_members(self, shape: Shape, names: Iterable[str]) -> Convert:
        """Return a decoder of the named members of a structure only."""
        entries: dict[str, _Entry] = {}
        attributes: list[tuple[str, str]] = []
        decode = _structure_decoder(entries, attributes)
        self._fill(entries, attributes, shape, names)
        return decode

    def _structure(self, shape: Shape) -> Convert:
        known = self._structures.get(shape.name)
        if known is not None:
            return known
        entries: dict[str, _Entry] = {}
        attributes: list[tuple[str, str]] = []
        # Registered before its members are compiled: shapes may contain themselves.
        decode = self._structures[shape.name] = _structure_decoder(entries, attributes)
        self._fill(entries, attributes, shape, shape.members)
        return decode

    def _fill(
        self,
        entries: dict[str, _Entry],
        attributes: list[tuple[str, str]],
        shape: Shape,
        names: Iterable[str],
    ) -> None:
        doubtful: list[tuple[str, _Entry]] = []
        for name in names:
            member = shape.members[name]
            if member.serialization.get("xmlAttribute"):
                # "xsi:type" is known by "type": prefixes are the sender's choice.
                attributes.append((member.serialization["name"].rpartition(":")[2], name))
                continue
            flattened = member.serialization.get("flattened")
            if flattened and member.type_name == "list":
                entry = (name, self.compile(member.member), "list")
            elif flattened and member.type_name == "map":
                entry = (name, self._pair(member), "map")
            else:
                entry = (name, self.compile(member), "")
            entries[member_element_name(name, member)] = entry
            doubtful.extend((other, entry) for other in other_element_names(name, member))
        for other, entry in doubtful:
            entries.setdefault(other, entry)

    def _pair(self, shape: Shape) -> Callable[[ET.Element], tuple[str, Any]]:
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        read_key, read_value = self.compile(shape.key), self.compile(shape.value)

        def read(element: ET.Element) -> tuple[str, Any]:
            key = value = None
            for child in element:
                name = local_name(child.tag)
                if name == key_name:
                    key = read_key(child)
                elif name == value_name:
                    value = read_value(child)
            if key is None:
                raise SerializationException(f"A map entry has no <{key_name}>")
            return key, value

        return read


def _structure_decoder(
    entries: dict[str, _Entry], attributes: list[tuple[str, str]]
) -> Callable[[ET.Element], dict[str, Any]]:
    def decode(element: ET.Element) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for child in element:
            entry = entries.get(local_name(child.tag))
            if entry is None:
                continue
            member, read, gather = entry
            if not gather:
                result[member] = read(child)
            elif gather == "list":
                result.setdefault(member, []).append(read(child))
            else:
                key, value = read(child)
                result.setdefault(member, {})[key] = value
        if attributes and element.attrib:
            found = {local_name(name): value for name, value in element.attrib.items()}
            for attribute, member in attributes:
                if attribute in found:
                    result[member] = found[attribute]
        return result

    return decode


# --- writing --------------------------------------------------------------------------------------


def escape_text(text: str) -> str:
    """Return text for the inside of an element; a carriage return would otherwise be read as a newline."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if "\r" in text:
        text = text.replace("\r", "&#xD;")
    return text


def escape_attribute(text: str) -> str:
    """Return text for a double-quoted attribute."""
    text = escape_text(text).replace('"', "&quot;")
    return text.replace("\n", "&#xA;").replace("\t", "&#x9;")


def namespace_attribute(shape: Shape) -> str:
    """Return the xmlns attribute that the model puts on a shape's element, with a blank before it, or ""."""
    namespace = shape.serialization.get("xmlNamespace")
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{escape_attribute(namespace)}"'
    prefix = namespace.get("prefix")
    name = f"xmlns:{prefix}" if prefix else "xmlns"
    return f' {name}="{escape_attribute(namespace["uri"])}"'


def _boolean_text(value: object) -> str:
    return "true" if value else "false"


def _plain_text(value: object) -> str:
    return escape_text(value) if isinstance(value, str) else escape_text(str(value))


def _number_text(value: float) -> str:
    return str(encode_float(value))


class XmlEncoder:
    """Compiles a shape and its element's name into a function from a value to XML text; one per service."""

    def __init__(self) -> None:
        self._structures: dict[tuple[str, str, str], XmlWriter] = {}

    def compile(self, shape: Shape, name: str) -> XmlWriter:
        """Return the writer of a value in an element of this name."""
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, name)
        if kind == "list":
            return self._list(shape, name)
        if kind == "map":
            return self._map(shape, name)
        start, end = f"<{name}{namespace_attribute(shape)}>", f"</{name}>"
        write = _scalar_writer(shape)
        return lambda value: f"{start}{write(value)}{end}"

    def compile_members(
        self, shape: Shape, names: Iterable[str], name: str, namespace: str = ""
    ) -> XmlWriter:
        """Return a writer of the named members in one element.

        Args:
            shape: the structure.
            names: members that may occur.
            name: of the element.
            namespace: xmlns attribute with a blank before it, or "".
        """
        writers: dict[str, XmlWriter] = {}
        attributes: dict[str, str] = {}
        write = _structure_writer(shape.name, writers, attributes, name, namespace)
        self._fill(writers, attributes, shape, names)
        return write

    def _structure(self, shape: Shape, name: str) -> XmlWriter:
        namespace = namespace_attribute(shape)
        key = (shape.name, name, namespace)
        known = self._structures.get(key)
        if known is not None:
            return known
        writers: dict[str, XmlWriter] = {}
        attributes: dict[str, str] = {}
        write = _structure_writer(shape.name, writers, attributes, name, namespace)
        self._structures[key] = write
        self._fill(writers, attributes, shape, shape.members)
        return write

    def _fill(
        self,
        writers: dict[str, XmlWriter],
        attributes: dict[str, str],
        shape: Shape,
        names: Iterable[str],
    ) -> None:
        for name in names:
            member = shape.members[name]
            if member.serialization.get("xmlAttribute"):
                attributes[name] = member.serialization["name"]
            else:
                writers[name] = self.compile(member, member_element_name(name, member))

    def _list(self, shape: Shape, name: str) -> XmlWriter:
        if shape.serialization.get("flattened"):
            write_flat = self.compile(shape.member, name)
            return lambda values: "".join([write_flat(value) for value in values])
        item_name = shape.member.serialization.get("name", "member")
        write_item = self.compile(shape.member, item_name)
        start, end = f"<{name}{namespace_attribute(shape)}>", f"</{name}>"
        empty = f"<{item_name}/>"
        return lambda values: (
            start
            + "".join([empty if value is None else write_item(value) for value in values])
            + end
        )

    def _map(self, shape: Shape, name: str) -> XmlWriter:
        write_key = self.compile(shape.key, shape.key.serialization.get("name", "key"))
        write_value = self.compile(shape.value, shape.value.serialization.get("name", "value"))
        flattened = shape.serialization.get("flattened")
        entry = name if flattened else "entry"
        start, end = f"<{name}{namespace_attribute(shape)}>", f"</{name}>"

        def write(pairs: Any) -> str:
            text = "".join(
                f"<{entry}>{write_key(key)}{write_value(value)}</{entry}>"
                for key, value in pairs.items()
                if value is not None
            )
            return text if flattened else start + text + end

        return write


def _scalar_writer(shape: Shape) -> Callable[[Any], str]:
    kind = shape.type_name
    if kind == "boolean":
        return _boolean_text
    if kind == "blob":
        return encode_blob
    if kind in ("float", "double"):
        return _number_text
    if kind == "timestamp":
        format_time = text_formatter(shape.serialization.get("timestampFormat", "iso8601"))
        return lambda value: format_time(
            value if isinstance(value, datetime) else parse_timestamp(value)
        )
    return _plain_text


def _structure_writer(
    shape_name: str,
    writers: dict[str, XmlWriter],
    attributes: dict[str, str],
    name: str,
    namespace: str,
) -> XmlWriter:
    start, end = f"<{name}{namespace}>", f"</{name}>"

    def write(value: Any) -> str:
        opening = start
        parts = []
        for member, item in value.items():
            if item is None:
                continue
            write_member = writers.get(member)
            if write_member is not None:
                parts.append(write_member(item))
            elif member in attributes:
                opening = f'{opening[:-1]} {attributes[member]}="{escape_attribute(str(item))}">'
            else:
                raise UnmodelledMemberError(shape_name, member)
        return opening + "".join(parts) + end

    return write
