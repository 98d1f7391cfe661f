"""Nats, bits and bits per dimension: the only place that knows log 2."""

import math

NATS_PER_BIT = math.log(2.0)


def nats_to_bits(nats):
    """nats / log 2; works on floats and arrays."""
    return nats / NATS_PER_BIT


def bits_to_nats(bits):
    """bits * log 2; works on floats and arrays."""
    return bits * NATS_PER_BIT


def bits_to_bpd(bits, n_dims):
    """Bits of a whole image to bits per dimension; n_dims = H * W * C of the original."""
    return bits / n_dims
