"""One intra picture of HEVC, 4:4:4, by libx265 in PyAV: a stand-in for BPG, which is such a picture with less header.

As in BPG the colours are JPEG's full-range YCbCr in 8 bits, the quantiser is constant and x265 is tuned for SSIM. The
conversion is done here, because that of FFmpeg takes the narrow range and rounds twice.
"""

import io

import numpy as np

from experiments.figure3.file_codec import FileCodec
from experiments.optional import optional_module
from rec_jax.core.errors import RecError

_PRESET = "slow"
_TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])  # JFIF
_TO_RGB = np.linalg.inv(_TO_YCBCR)
_CENTRE = np.array([0.0, 128.0, 128.0])


def _av():
    return optional_module("av", "HEVC", "figure3")


def made_by() -> str:
    """MissingFile if PyAV is not there."""
    av = _av()
    codec = av.library_versions["libavcodec"]
    return f"PyAV {av.__version__} (libavcodec {'.'.join(map(str, codec))}), libx265, {_PRESET}, tune ssim, one thread"


def encode(image: np.ndarray, qp: int) -> bytes:
    """A raw stream of one picture; qp: the quantiser, 0 to 51."""
    av, buffer = _av(), io.BytesIO()
    planes = np.clip(np.rint(image @ _TO_YCBCR.T + _CENTRE), 0, 255).astype(np.uint8).transpose(2, 0, 1)
    try:
        with av.open(buffer, "w", format="hevc") as container:
            stream = container.add_stream("libx265", rate=1)
            stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv444p"
            stream.options = {"preset": _PRESET, "tune": "ssim", "x265-params": _parameters(qp)}
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv444p")
            frame.pts = 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise RecError(f"HEVC: {error}") from error
    return buffer.getvalue()


def _parameters(qp: int) -> str:
    """No text about the encoder in the file, and one thread."""
    return f"qp={qp}:keyint=1:info=0:log-level=none:pools=none:frame-threads=1:wpp=0"


def decode(data: bytes) -> np.ndarray:
    """uint8 [H, W, 3]."""
    av = _av()
    try:
        with av.open(io.BytesIO(data), format="hevc") as container:
            planes = next(container.decode(video=0)).to_ndarray()
    except (av.FFmpegError, StopIteration) as error:
        raise RecError(f"HEVC: {error}") from error
    return np.clip(np.rint((planes.transpose(1, 2, 0) - _CENTRE) @ _TO_RGB.T), 0, 255).astype(np.uint8)


HEVC = FileCodec(
    id="hevc",
    title="HEVC intra 4:4:4 (libx265), a stand-in for BPG",
    suffix=".hevc",
    setting_name="QP",
    settings=(47, 44, 41, 38, 35, 32, 29, 26, 23, 20),
    made_by=made_by,
    encode=encode,
    decode=decode,
    source=__file__,
)
