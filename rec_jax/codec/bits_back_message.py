"""The bytes of a bits-back message: 16 of header, then the words of the stack, big-endian.

| bytes | field, little-endian |
|---|---|
| 1 | the method: 0xBB HiLLoC, 0xB5 Bit-Swap, 0xBF local bits-back |
| 1 | version: 2 |
| 2 | model id |
| 1, 1 | bin bits, posterior bits; of local bits-back grid bits, local bits |
| 2, 2, 2 | number of images, height, width |
| 4 | CRC-32 of all pixels, image by image, of the start's words and of the header's bytes before it |
"""

import dataclasses
import struct
import zlib

import numpy as np

from rec_jax.codec import container
from rec_jax.core.errors import BitstreamMismatch, CorruptFile, UnsupportedVersion

VERSION = 2  # 1: the floats of a network decided over the pixels
HILLOC, BIT_SWAP, LOCAL = 0xBB, 0xB5, 0xBF
_FIELDS = struct.Struct("<BBHBBHHH")
_CRC = struct.Struct("<I")
_WORD = np.dtype(">u4")
_HEADER_BYTES = _FIELDS.size + _CRC.size
HEADER_BITS = 8 * _HEADER_BYTES


@dataclasses.dataclass(frozen=True)
class MessageHeader:
    """What a reader must know besides the words; the precisions fit in 8 bits, all else in 16."""

    magic: int
    model_id: int
    bin_bits: int
    posterior_bits: int
    n_images: int
    height: int
    width: int

    def packed(self) -> bytes:
        """The bytes before the CRC."""
        magic, *others = dataclasses.astuple(self)
        return _FIELDS.pack(magic, VERSION, *others)


def pixel_crc32(images: np.ndarray) -> int:
    """CRC-32 of images uint8 [N, H, W, 3]: of them all as one picture, one below the other."""
    return container.pixel_crc32(images.reshape(-1, *images.shape[2:]))


def check_of(header: MessageHeader, pixel_crc32: int, start: np.ndarray) -> int:
    """The CRC-32 of everything that a decoder gives back.

    pixel_crc32: of the images.  start: uint32 [n].
    """
    return zlib.crc32(header.packed(), zlib.crc32(_word_bytes(start), pixel_crc32))


def pack(header: MessageHeader, check: int, words: np.ndarray) -> bytes:
    """The bytes of a message; words: uint32 [n]."""
    return header.packed() + _CRC.pack(check) + _word_bytes(words)


def unpack(data: bytes) -> tuple[MessageHeader, int, np.ndarray]:
    """(header, check, words uint32 [n]) of a message.

    Raises CorruptFile (foreign, truncated) or UnsupportedVersion.
    """
    if len(data) < _HEADER_BYTES or data[0] not in (HILLOC, BIT_SWAP, LOCAL):
        raise CorruptFile("this is not a bits-back message (too short, or its first byte differs)")
    if data[1] != VERSION:
        raise UnsupportedVersion(f"the message has version {data[1]}; this program reads {VERSION}")
    if (len(data) - _HEADER_BYTES) % _WORD.itemsize:
        raise CorruptFile("the message is truncated: it does not end with a whole word; get it again")
    magic, _, *fields = _FIELDS.unpack_from(data)
    (check,) = _CRC.unpack_from(data, _FIELDS.size)
    return MessageHeader(magic, *fields), check, np.frombuffer(data, _WORD, offset=_HEADER_BYTES).astype(np.uint32)


def mismatch(portable: bool) -> BitstreamMismatch:
    """The error to raise when decoding went another way than encoding did; portable: as ChainCodec's."""
    if portable:
        return BitstreamMismatch("decoding did not give back what was encoded: the message is damaged; get it again")
    return BitstreamMismatch(
        "decoding did not give back what was encoded: the message is damaged, or it was written on another machine or "
        "by another jax or numpy, whose floats differ in their last bits; decode it where it was written"
    )


def words_of_files(files: list[bytes]) -> np.ndarray:
    """Files as a start, uint32 [n]: one behind the other, each after its length in 4 bytes, filled up to a word."""
    data = b"".join(struct.pack("<I", len(file)) + file for file in files)
    return np.frombuffer(data + bytes(-len(data) % _WORD.itemsize), _WORD).astype(np.uint32)


def files_of_words(words: np.ndarray, n_files: int) -> list[bytes]:
    """The files that `words_of_files` took; CorruptFile if the words do not hold n_files of them."""
    data, files, position = _word_bytes(words), [], 0
    for _ in range(n_files):
        head = data[position : position + 4]
        end = position + 4 + (struct.unpack("<I", head)[0] if len(head) == 4 else len(data))
        if end > len(data):
            raise CorruptFile(f"the start does not hold {n_files} files; the message is damaged")
        files.append(data[position + 4 : end])
        position = end
    return files


def _word_bytes(words: np.ndarray) -> bytes:
    return np.asarray(words).astype(_WORD).tobytes()
