"""Which models code chains of pictures instead of files, and by what."""

from rec_jax.codec.bit_swap import BitSwapCodec
from rec_jax.codec.bits_back_chain import ChainCodec
from rec_jax.codec.local_bits_back import LocalBitsBackCodec
from rec_jax.codec.package import Package
from rec_jax.models.base import ContinuousFlow, MarkovModel


def chain_codec(package: Package) -> ChainCodec | None:
    """The codec of a model that codes chains; None of one that writes files."""
    if isinstance(package.model, MarkovModel):
        return BitSwapCodec(package)
    return LocalBitsBackCodec(package) if isinstance(package.model, ContinuousFlow) else None
