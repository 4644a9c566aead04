import dataclasses
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.bitstream.container.header import (
    FORMAT_VERSION,
    INTRA_VERSION,
    MAX_PIXELS,
    MAX_SIDE,
    FutureVersionError,
    Header,
    HeaderError,
)

from ..builders import HEADER
from ..malformed import header_text

positive = st.builds(Fraction, st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
words = st.none() | st.text(max_size=9)
headers = st.builds(
    Header,
    tool=st.text(),
    model=st.text(),
    model_sha256=st.text(),
    ratio=st.integers(0, 20).map(lambda level: 1 << level),
    quality=st.integers(0, 1000).map(lambda tenths: tenths / 10),
    frames=st.integers(1, 2**63 - 1),
    height=st.integers(1, MAX_PIXELS // MAX_SIDE),
    width=st.integers(1, MAX_SIDE),
    channels=st.sampled_from([1, 3]),
    time_base=positive,
    start_time=st.integers(-(2**63), 2**63 - 1),
    frame_ticks=st.none() | st.integers(1, 2**63 - 1),
    frame_rate=st.none() | positive,
    sample_aspect_ratio=st.none() | positive,
    colour=st.fixed_dictionaries({"matrix": words, "range": words, "primaries": words, "transfer": words}),
    value_range=st.none() | st.tuples(st.integers(), st.integers()),
    source_kind=st.text(),
    source_bytes=st.integers(0, 2**63 - 1),
    gop_nodes=st.integers(1, 99),
    student=st.booleans(),
    last_ticks=st.none() | st.integers(1, 2**63 - 1),
    plays=st.integers(0, 2**32 - 1),
)
headers |= headers.map(
    lambda one: dataclasses.replace(one, gop_nodes=one.gop_nodes + 1, whole_numbers=True),
)
headers |= headers.filter(lambda one: one.gop_nodes == 1).map(
    lambda one: dataclasses.replace(one, lanes=True),
)


@given(
    header=headers, checksums=st.dictionaries(st.sampled_from(["table", "ticks"]), st.integers(0, 2**32 - 1))
)
def test_json_round_trip(header: Header, checksums: dict[str, int]) -> None:
    text = header.to_json(**checksums)
    assert Header.from_json(text) == (header, checksums)
    assert header.to_json(**checksums) == text


def test_json_is_sorted_ascii_with_nothing_between() -> None:
    text = dataclasses.replace(HEADER, model="größe").to_json(table=7)
    assert text.isascii()
    values = json.loads(text)
    assert list(values) == sorted(values)
    assert text == json.dumps(values, sort_keys=True, separators=(",", ":"))
    assert values["format"] == INTRA_VERSION
    assert "gop_nodes" not in values
    assert values["time_base"] == "1/1000"
    assert values["checksums"] == {"table": 7}


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, 1),
        ({"gop_nodes": 16}, 3),
        ({"student": True}, 4),
        ({"gop_nodes": 2, "student": True}, 4),
        ({"quality": 43.7}, 5),
        ({"quality": 43.0}, 1),
        ({"last_ticks": 3000}, 5),
        ({"plays": 3}, 5),
        ({"gop_nodes": 16, "whole_numbers": True}, 6),
        ({"lanes": True}, 7),
        ({"lanes": True, "student": True}, 7),
    ],
)
def test_the_lowest_version_that_has_every_field(changes: dict[str, Any], version: int) -> None:
    header = dataclasses.replace(HEADER, **changes)
    values = json.loads(header.to_json(table=7))
    assert values["format"] == header.version == version
    later = {{"gop_nodes": "chain"}.get(name, name) for name in changes} - {"quality"}
    assert {"chain", "student", "last_ticks", "plays", "whole_numbers", "lanes"} & set(values) == later
    assert values["quality"] == header.quality
    assert Header.from_json(header.to_json(table=7)) == (header, {"table": 7})
    grows = Header.from_growing_json(header.to_growing_json())
    assert (grows.gop_nodes, grows.student) == (header.gop_nodes, header.student)


@pytest.mark.parametrize(
    ("version", "fields", "message"),
    [
        (1, {"chain": 16}, "wrong fields: 'chain'"),
        (3, {"chain": 16, "student": True}, "wrong fields: 'student'"),
        (3, {}, "format = 3, its fields are of 1"),
        (3, {"chain": 1}, "format = 3, its fields are of 1"),
        (4, {"chain": 16}, "format = 4, its fields are of 3"),
        (4, {"student": 1}, "student = 1"),
        (3, {"chain": 0}, "chain = 0"),
        (1, {"quality": 43.7}, "format = 1, its fields are of 5"),
        (5, {"quality": 43}, "format = 5, its fields are of 1"),
        (5, {"chain": 16, "whole_numbers": True}, "wrong fields: 'whole_numbers'"),
        (6, {"chain": 16}, "format = 6, its fields are of 3"),
        (6, {"whole_numbers": True}, "no groups of pictures"),
        (6, {"lanes": True}, "wrong fields: 'lanes'"),
        (7, {"chain": 16, "lanes": True}, "not all of its nodes are intra nodes"),
        (7, {"gop_frames": 16, "lanes": True}, "not all of its nodes are intra nodes"),
    ],
)
def test_a_version_and_its_fields_agree(version: int, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(HeaderError, match=message):
        Header.from_json(header_text({}, {"format": version, **fields}))


def test_the_student_was_a_word_in_the_tool_once() -> None:
    header, _ = Header.from_json(header_text({}, {"tool": "imfn 0.1.0 (student)"}))
    assert (header.tool, header.student) == ("imfn 0.1.0", True)


def test_every_sixteenth_node_is_an_intra_node() -> None:
    header = dataclasses.replace(HEADER, gop_nodes=16)
    text = header.to_json(table=7)
    assert Header.from_json(text) == (header, {"table": 7})
    assert [node for node in range(40) if header.is_intra(node)] == [0, 16, 32]
    assert all(HEADER.is_intra(node) for node in range(5))


@pytest.mark.parametrize("gop_nodes", [1, 16])
def test_every_changed_value_is_noticed(gop_nodes: int) -> None:
    values = json.loads(dataclasses.replace(HEADER, gop_nodes=gop_nodes).to_json(table=7))
    for name in values:
        for other in (None, 1, "x", values[name], [values[name]]):
            if other != values[name] and name != "format":
                with pytest.raises(HeaderError):
                    Header.from_json(json.dumps(values | {name: other}))


def test_every_changed_character_is_noticed() -> None:
    text = HEADER.to_json(table=7)
    for place, character in enumerate(text):
        for other in (chr(ord(character) ^ 1), chr(ord(character) ^ 16), " ", "0", '"'):
            if other != character:
                with pytest.raises(HeaderError):
                    Header.from_json(text[:place] + other + text[place + 1 :])


def test_a_future_version_is_told_from_damage() -> None:
    # Its fields are not ours to judge, nor is its checksum.
    with pytest.raises(
        FutureVersionError, match=f"is {FORMAT_VERSION + 1}; this imfn reads 1 to {FORMAT_VERSION}"
    ):
        Header.from_json(json.dumps({"format": FORMAT_VERSION + 1, "anything": "else"}))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ratio", 12, "ratio = 12"),
        ("quality", 3.55, "quality = 3.55"),
        ("quality", True, "quality = True"),
        ("quality", float("nan"), "quality = nan"),
        ("quality", 100.1, "quality = 100.1"),
        ("frames", True, "frames = True"),
        ("time_base", "1/0", "time_base = '1/0'"),
        ("time_base", "1e9", "time_base = '1e9'"),
        ("frame_rate", 25, "frame_rate = 25"),
        ("width", 1 << 17, "width = 131072"),
        ("source_kind", None, "source_kind = None"),
        ("value_range", [1, "2"], "value_range"),
    ],
)
def test_wrong_values_are_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(HeaderError, match=f"its header says {message}"):
        Header.from_json(header_text({}, {name: value}))


def test_wrong_fields_are_named() -> None:
    with pytest.raises(HeaderError, match="wrong fields: 'depth'"):
        Header.from_json(header_text({}, {"depth": 1}))
    with pytest.raises(HeaderError, match="wrong fields: 'quality'"):
        Header.from_json(header_text({}, {}, without="quality"))


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(HeaderError) as caught:
        Header.from_json(header_text({}, {"ratio": "line\n" * 1000}))
    assert len(str(caught.value)) < 100
    assert "\n" not in str(caught.value)
