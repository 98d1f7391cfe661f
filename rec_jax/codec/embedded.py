"""Files of kind embedded: a picture in the smallest classical format at hand (fallback.py); they need no model."""

import numpy as np

from rec_jax.codec import container


def pack_embedded(image: np.ndarray, to_beat: int | None = None) -> bytes:
    """A file that holds the picture in the smallest of fallback.py's formats; to_beat: see there."""
    from rec_jax.codec import fallback  # and with it Pillow, which a file with a model does without

    method, payload = fallback.smallest(image, to_beat)
    return container.pack(container.image_header(image, container.EMBEDDED, method), payload)


def unpack_embedded(header: container.Header, payload: bytes) -> np.ndarray:
    """The pixels of such a file, checked."""
    from rec_jax.codec import fallback

    image = fallback.unpack(header.method, payload, header.shape, header.dtype)
    container.check_pixels(header, image)
    return image
