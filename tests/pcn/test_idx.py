"""IDX files: what is read, and that nothing else is. Oracle: the bytes of the format's definition, written here."""

import gzip
import math
import re
import struct
import tracemalloc

import hypothesis.extra.numpy as arrays_of
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlntheory.pcn.data.idx import read_idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def header(code, *shape):
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def encoded(array):
    big = array.astype(array.dtype.newbyteorder(">"))
    return header(CODES[array.dtype.str[1:]], *array.shape) + big.tobytes()


def written(tmp_path, data, name="file"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


SHAPES = arrays_of.array_shapes(max_dims=4, max_side=4)
ARRAYS = st.sampled_from(sorted(CODES)).flatmap(lambda code: arrays_of.arrays(np.dtype(code), SHAPES))


@given(ARRAYS, st.booleans())
def test_every_array_survives(tmp_path_factory, array, compressed):
    data = encoded(array)
    path = tmp_path_factory.getbasetemp() / "survivor"
    path.write_bytes(gzip.compress(data) if compressed else data)
    found = read_idx(path)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable


def test_names_do_not_matter(tmp_path):
    data = encoded(np.arange(6, dtype="u1").reshape(2, 3))
    assert read_idx(str(written(tmp_path, data, "plain.gz"))).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read_idx(written(tmp_path, gzip.compress(data), "compressed")).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_empty_arrays_are_arrays(tmp_path):
    assert read_idx(written(tmp_path, header(8, 0, 3))).shape == (0, 3)


WHOLE = encoded(np.arange(12, dtype="i4").reshape(3, 4))
DAMAGED = {
    "empty": (b"", "ends after 0 of the 4 bytes of a header"),
    "three bytes": (b"\0\0\x08", "ends after 3 of the 4 bytes of a header"),
    "text": (b"label,pixel0,pixel1\n", "starts with 6c 61 62 65; wanted an IDX file"),
    "a NumPy file": (b"\x93NUMPY\x01\0", "starts with 93 4e 55 4d; wanted an IDX file"),
    "a pickle": (b"\x80\x04K\x01.", "wanted an IDX file"),
    "an unknown type": (header(10, 1) + b"\0", "starts with 00 00 0a 01; wanted an IDX file: 00 00, one of 0x08, 0x09"),
    "no dimensions": (header(8), "wanted an IDX file: .* and the number of dimensions"),
    "little-endian": (b"\x03\x08\0\0" + WHOLE[4:], "wanted an IDX file"),
    "half a shape": (WHOLE[:9], "ends after 5 of the 8 bytes of a header"),
    "one byte short": (WHOLE[:-1], r"ends after 47 of the 48 bytes of numbers of shape \(3, 4\)"),
    "one byte more": (WHOLE + b"\0", r"goes on after the numbers of shape \(3, 4\)"),
}  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("data", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused(tmp_path, data, message, compressed):
    path = written(tmp_path, gzip.compress(data) if compressed else data)
    with pytest.raises(ValueError, match=f"`path` is {re.escape(str(path))}, which .*{message}"):
        read_idx(path)


@pytest.mark.parametrize("cut", [3, 15, -9, -1])
def test_half_a_gzip_file_is_refused(tmp_path, cut):
    path = written(tmp_path, gzip.compress(WHOLE)[:cut])
    with pytest.raises(ValueError, match="a damaged gzip file"):
        read_idx(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    data = bytearray(gzip.compress(np.random.default_rng(0).bytes(2000)))
    data[1000] ^= 1
    with pytest.raises(ValueError, match=r"a damaged gzip file|wanted an IDX file"):
        read_idx(written(tmp_path, bytes(data)))


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (2**32 - 1,) * 255, (2**31,)], ids=["3", "255", "1"])
def test_a_huge_header_allocates_nothing(tmp_path, shape, compressed):
    data = header(14, *shape) + bytes(100)
    path = written(tmp_path, gzip.compress(data) if compressed else data)
    tracemalloc.start()
    with pytest.raises(ValueError, match="the file is too small to hold that"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21


def test_a_header_just_below_the_limit_allocates_what_the_file_gives(tmp_path):
    path = tmp_path / "file"
    for size in (1 << 20, 1 << 24):
        path.write_bytes(gzip.compress(header(8, size) + np.random.default_rng(0).bytes(40_000)))
        tracemalloc.start()
        with pytest.raises(ValueError, match=f"ends after 40000 of the {size} bytes"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**22
    assert math.prod((1 << 24,)) < path.stat().st_size * 1032


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file"):
        read_idx(tmp_path / "none")
    with pytest.raises(ValueError, match="a directory; wanted a file"):
        read_idx(tmp_path)
    with pytest.raises(TypeError, match="wanted the path of a file"):
        read_idx(3)
