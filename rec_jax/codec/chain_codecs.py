"""Which models code chains of pictures instead of files, and by what."""

from rec_jax.codec.bit_swap import BitSwapCodec
from rec_jax.codec.bits_back_chain import ChainCodec
from rec_jax.codec.package import Package
from rec_jax.models.base import MarkovModel


def chain_codec(package: Package) -> ChainCodec | None:
    """The codec of a model that codes chains; None of one that writes files."""
    return BitSwapCodec(package) if isinstance(package.model, MarkovModel) else None
