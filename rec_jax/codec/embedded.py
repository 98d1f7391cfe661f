"""Files of kind embedded: a picture in the smallest classical format at hand (fallback.py); they need no model."""

import numpy as np

from rec_jax.codec import container

Packed = tuple[int, bytes]  # which of fallback.py's formats, and its payload


def quick_embedded(image: np.ndarray) -> Packed:
    """What a picture takes at most; see fallback.quick."""
    from rec_jax.codec import fallback  # and with it Pillow, which a file with a model does without

    return fallback.quick(image)


def pack_embedded(image: np.ndarray, known: Packed | None = None) -> bytes:
    """A file that holds the picture in the smallest of fallback.py's formats; known: what quick_embedded gave."""
    from rec_jax.codec import fallback

    method, payload = fallback.smallest(image, known)
    return container.pack(container.image_header(image, container.EMBEDDED, method), payload)


def unpack_embedded(header: container.Header, payload: bytes) -> np.ndarray:
    """The pixels of such a file, checked."""
    from rec_jax.codec import fallback

    image = fallback.unpack(header.method, payload, header.shape, header.dtype)
    container.check_pixels(header, image)
    return image
