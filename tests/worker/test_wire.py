"""Messages between the worker and its preloader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from casework.warm.wire import Frames, packed

messages = st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers()), max_size=5)


@given(messages, st.integers(1, 50))
def test_messages_arrive_as_they_were_sent(sent: list[dict[str, object]], piece: int) -> None:
    """However a stream is cut into pieces, the messages that come out are those that went in, in order."""
    stream = b"".join(packed(message) for message in sent)
    frames = Frames()
    came = [one for at in range(0, len(stream), piece) for one in frames.feed(stream[at : at + piece])]
    assert came == sent
