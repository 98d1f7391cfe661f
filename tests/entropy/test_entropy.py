"""Tables cost what they say; streams give back what went in, and bytes match tables."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rec_jax.core.errors import CorruptFile
from rec_jax.entropy.base import BitCounter
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.entropy.stack import LastFirst, StackExhausted, SymbolStack
from rec_jax.entropy.tables import TOTAL, FrequencyTable, UniformTable, normalise, two_sided_geometric


def test_stream_length_is_the_tables_bits():
    rng = np.random.default_rng(0)
    table = two_sided_geometric(10, 180, 40)
    probabilities = np.array(table.frequencies) / TOTAL
    symbols = rng.choice(40, size=20_000, p=probabilities)
    indices = rng.integers(0, 36, size=20_000)
    writer = SymbolWriter()
    writer.write(symbols, table)
    writer.write(indices, UniformTable(36))
    bits = table.bits(symbols) + UniformTable(36).bits(indices)
    assert bits <= 8 * len(writer.getvalue()) <= 1.0001 * bits + 64


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 20)), max_size=20), st.integers(0, 2**32 - 1))
def test_round_trip_of_mixed_tables(parts, seed):
    rng = np.random.default_rng(seed)
    writer, written = SymbolWriter(), []
    for size, n in parts:
        table = (
            UniformTable(size)
            if rng.random() < 0.5
            else normalise(rng.integers(0, 1000, size) + (np.arange(size) == 0))
        )
        values = rng.integers(0, size, n)
        writer.write(values, table)
        written.append((table, values))
    reader = SymbolReader(writer.getvalue())
    for table, values in written:
        np.testing.assert_array_equal(reader.read(table, len(values)), values)


def bits_and_probabilities(n=3000):
    rng = np.random.default_rng(0)
    ones = rng.integers(1, TOTAL, n)
    ones[: n // 3] = rng.choice([1, 2, 1000, TOTAL - 1000, TOTAL - 1], n // 3)
    bits = (rng.integers(0, TOTAL, n) < ones).astype(np.int32)
    bits[: n : n // 30] ^= 1  # some of them events of 1 in 2^24
    return bits, ones


@pytest.mark.parametrize("medium", ["queue", "stack"])
def test_bits_come_back_at_their_cost(medium):
    bits, ones = bits_and_probabilities()
    runs = [slice(0, 1), slice(1, 1), slice(1, 1700), slice(1700, None)]
    counter = BitCounter()
    counter.write_bits(bits, ones)
    stack = SymbolStack(np.arange(50, dtype=np.uint32))
    before_bits = stack.n_bits
    sink = SymbolWriter() if medium == "queue" else LastFirst()
    for run in runs:
        sink.write_bits(bits[run], ones[run])
    if medium == "queue":
        spent_bits, source = 8 * len(sink.getvalue()), SymbolReader(sink.getvalue())
    else:
        sink.push_on(stack)
        spent_bits, source = stack.n_bits - before_bits, stack
    for run in runs:
        read = source.read_bits(ones[run])
        assert read.dtype == np.int32
        np.testing.assert_array_equal(read, bits[run])
    assert abs(spent_bits - counter.bits) < 64 + 1e-3 * counter.bits
    if medium == "stack":
        np.testing.assert_array_equal(stack.start(), np.arange(50))
        with pytest.raises(StackExhausted, match="fewer bits"):
            stack.read_bits(np.full(2000, TOTAL // 2))


def test_any_bytes_give_symbols_or_one_error():
    rng = np.random.default_rng(1)
    for _ in range(200):
        reader = SymbolReader(rng.bytes(rng.integers(0, 40)))
        try:
            values = reader.read(two_sided_geometric(3, 128, 20), 100)
        except CorruptFile:
            continue
        assert values.min() >= 0 and values.max() < 20


def test_impossible_symbols_and_tables_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        SymbolWriter().write(np.array([36]), UniformTable(36))
    with pytest.raises(ValueError, match="sum to"):
        FrequencyTable((1, 2))
    with pytest.raises(ValueError, match="not all zero"):
        normalise([0, 0])


@pytest.mark.parametrize("centre", [40, 10**9, -1, -(10**9)])
def test_a_centre_beyond_the_symbols_is_the_outermost_one(centre):
    assert two_sided_geometric(centre, 180, 40) == two_sided_geometric(39 if centre > 0 else 0, 180, 40)
