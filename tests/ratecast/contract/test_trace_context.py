from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ratecast.contract.trace_context import TraceContext, continued, trace_of

TRACE, PARENT, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01".encode()
BATCH = TraceContext("0af7651916cd43dd8448eb211c80319c", SPAN, 1)

MALFORMED = [
    None,
    b"",
    b"00",
    b"00-abc-def-01",
    VALID.upper(),
    VALID + b" ",
    VALID + b"\n",
    VALID + b"-more",
    b"ff" + VALID[2:],
    f"00-{'0' * 32}-{PARENT}-01".encode(),
    f"00-{TRACE}-{'0' * 16}-01".encode(),
    f"00-{TRACE}-{PARENT}-zz".encode(),
    f"00-{TRACE}-{PARENT}".encode(),
    f"00_{TRACE}_{PARENT}_01".encode(),
    b"\xff" * 55,
    b"cc" + VALID[2:] + b"-" + b"x" * 1000,
]


def test_a_message_names_its_trace():
    assert trace_of([("other", b"1"), ("traceparent", VALID)]) == TraceContext(TRACE, PARENT, 1)


def test_a_later_version_is_read_as_far_as_it_is_known():
    assert trace_of([("traceparent", b"cc" + VALID[2:] + b"-new\nfield")]) == TraceContext(TRACE, PARENT, 1)


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_trace_is_ignored(value):
    assert trace_of([("traceparent", value)]) is None


def test_of_several_traces_none_counts():
    assert trace_of([("traceparent", VALID), ("traceparent", VALID)]) is None


HEX = "0123456789abcdef"
LIKELY = st.builds(
    "-".join,
    st.tuples(
        st.sampled_from(["00", "01", "ff", "0"]),
        st.sampled_from([TRACE, "0" * 32, TRACE.upper(), TRACE[1:]]),
        st.sampled_from([PARENT, "0" * 16, "g" * 16]),
        st.text(HEX, min_size=2, max_size=2),
    ),
)


@settings(max_examples=60)
@given(st.builds(lambda text, end: text.encode() + end, LIKELY, st.sampled_from([b"", b"-", b"-x", b"\xff"])))
def test_what_is_read_is_what_opentelemetry_reads(value):
    ours = trace_of([("traceparent", value)])
    text = value.decode("latin-1")
    theirs = get_current_span(
        TraceContextTextMapPropagator().extract({"traceparent": text})
    ).get_span_context()
    if ours is None:
        assert not theirs.is_valid
    else:
        assert (int(ours.trace_id, 16), int(ours.span_id, 16), ours.flags) == (
            theirs.trace_id,
            theirs.span_id,
            theirs.trace_flags,
        )


def test_an_outcome_stays_in_the_trace_of_its_message():
    headers = [
        ("a", b"1"),
        ("traceparent", VALID[:-2] + b"00"),
        ("tracestate", b"vendor=1"),
        ("nothing", None),
    ]
    assert continued(headers, BATCH) == [
        ("a", b"1"),
        ("tracestate", b"vendor=1"),
        ("nothing", None),
        ("traceparent", f"00-{TRACE}-{SPAN}-00".encode()),
    ]


@pytest.mark.parametrize(
    "headers",
    [[], [("traceparent", b"00-abc-def-01"), ("tracestate", b"vendor=1")], [("traceparent", VALID)] * 2],
)
def test_an_outcome_without_a_trace_continues_that_of_its_span(headers):
    assert continued(headers, BATCH) == [("traceparent", BATCH.written())]


def test_flags_that_version_00_does_not_know_are_not_passed_on():
    assert TraceContext(TRACE, SPAN, 0xFF).written().endswith(b"-03")
