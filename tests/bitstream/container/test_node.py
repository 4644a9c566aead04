from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from imfn_cli.bitstream.container.node import NodeEntry, nodes_under


@given(levels=st.lists(st.integers(0, 4), min_size=1, max_size=30), data=st.data())
def test_nodes_under_some_frames(levels: list[int], data: st.DataObject) -> None:
    firsts = [0, *accumulate(1 << level for level in levels)]
    nodes = tuple(
        NodeEntry(index, level, 0, 0, 0, first)
        for index, (level, first) in enumerate(zip(levels, firsts[:-1], strict=True))
    )
    start = data.draw(st.integers(0, firsts[-1] - 1))
    stop = data.draw(st.integers(start + 1, firsts[-1]))
    wanted = [node for node in nodes if set(node.frames) & set(range(start, stop))]
    assert list(nodes_under(nodes, start, stop)) == wanted
