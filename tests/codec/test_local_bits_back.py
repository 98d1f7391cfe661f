"""Local bits-back: a map costs its slope, chains come back at about the bound, a start is what theory says of it."""

import dataclasses

import jax
import numpy as np
import optax
import pytest
from tiny_codec import tiny_package

from rec_jax.codec.bits_back_chain import Ledger
from rec_jax.codec.bits_back_costs import evaluate_chain
from rec_jax.codec.grid_normals import Grid
from rec_jax.codec.local_bits_back import Exchange, LocalBitsBackCodec
from rec_jax.core.errors import BitstreamMismatch, ConfigError, UnsupportedImage, WrongModel
from rec_jax.entropy.stack import StackExhausted, SymbolStack
from rec_jax.models.float_net import FloatNet
from rec_jax.models.flow_maps import Affine, PixelLogit, Sigmoid
from rec_jax.train.losses import negative_elbo
from tests.codec.damaged_messages import check_damage_is_refused
from tests.codec.new_process import said_without_jax
from tests.codec.tiny_local import MODEL_ID, tiny_local, with_id
from tests.models.tiny_flow_pp import coupling, smooth_pictures, tiny_flow

GRID = Grid(-256.0, 41, 32)
N_DIMS = 8 * 8 * 3


def random_words(n, seed=0):
    return np.random.default_rng(seed).integers(0, 2**32, n, np.uint32)


@pytest.mark.parametrize("name", ["affine", "sigmoid", "pixel_logit", "coupling"])
def test_an_exchange_costs_the_log_slope_and_is_undone(name):
    rng = np.random.default_rng(0)
    shape = (1, 50, 30, 3)
    maps = {"affine": Affine(np.array([-3.0, 0.5, 2.0]), np.ones(3)), "sigmoid": Sigmoid(), "pixel_logit": PixelLogit()}
    f = maps[name] if name in maps else coupling(shape)
    x = rng.uniform(0, 256, shape) if name == "pixel_logit" else rng.normal(size=shape)
    x = GRID.numbers(GRID.cells(x))
    words = random_words(20_000)
    stack = SymbolStack(words)
    before = stack.n_bits
    y = Exchange(stack, GRID, 2.0**-14).push(f, x, Ledger())
    image, log_slope = f.forward(x, np)
    assert np.abs((y - image) / np.exp(log_slope)).max() < 8 * 2.0**-14
    net_bits = (stack.n_bits - before) / x.size
    assert net_bits == pytest.approx(-log_slope.mean() / np.log(2), abs=0.005)
    np.testing.assert_array_equal(Exchange(stack, GRID, 2.0**-14).pop(f, y), x)
    np.testing.assert_array_equal(stack.start(), words)


@pytest.fixture(scope="module")
def codec():
    return tiny_local()


@pytest.fixture(scope="module")
def images():
    return smooth_pictures()


@pytest.fixture(scope="module")
def single(codec, images):
    return codec.encode_chain(images[:1], random_words(codec.enough_words(8, 8))).with_shortest_start()


def test_a_chain_comes_back_with_its_start(codec, images):
    chain = codec.encode_chain(images, random_words(codec.enough_words(8, 8)))
    decoded, start = codec.decode_chain(chain.with_shortest_start().blob)
    np.testing.assert_array_equal(decoded, images)
    np.testing.assert_array_equal(start, chain.with_shortest_start().start)


def with_biases(params, biases):
    """Parameters with other biases of what each network ends in."""
    main, dequantiser = params["main"], params["dequantiser"]
    couplings = [
        c | {"out": c["out"] | {"b": b}} for c, b in zip([*main, *dequantiser["couplings"]], biases, strict=True)
    ]
    return {"main": couplings[: len(main)], "dequantiser": dequantiser | {"couplings": couplings[len(main) :]}}


def test_a_trained_flow_codes_at_its_bound():
    """After a few steps, which gain something; the bound is a mean over draws, and so is the chain.

    Only biases are trained: the gradients of all weights take long to compile.
    """
    model, params = tiny_flow(spread=0.0)
    images, optimizer = smooth_pictures(8), optax.adam(0.03)

    def loss_of(biases, params, key):
        return negative_elbo(with_biases(params, biases), model, FloatNet(), images, key, free_nats=0.0)[0]

    fast = {"xla_backend_optimization_level": 0}  # to compile
    gradient = jax.jit(jax.value_and_grad(loss_of), compiler_options=fast)
    biases = [c["out"]["b"] for c in [*params["main"], *params["dequantiser"]["couplings"]]]
    state, losses = optimizer.init(biases), []
    for i in range(12):
        loss, slopes = gradient(biases, params, jax.random.key(i))
        updates, state = optimizer.update(slopes, state)
        biases = optax.apply_updates(biases, updates)
        losses.append(float(loss))
    assert losses[-1] < losses[0] - 0.1
    bound_nats = np.mean([gradient(biases, params, jax.random.key(100 + i))[0] for i in range(8)])
    codec = LocalBitsBackCodec(with_id(model, jax.device_get(with_biases(params, biases))))
    net = [codec.encode_chain(images, random_words(codec.enough_words(8, 8), seed)).net_bits for seed in range(2)]
    assert np.mean(net) / N_DIMS == pytest.approx(bound_nats / np.log(2), rel=0.02)


def test_pictures_that_no_model_expects_and_other_sizes(codec):
    noise = np.random.default_rng(0).integers(0, 256, (1, 4, 12, 3), np.uint8)
    for images in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        chain = codec.encode_chain(images, random_words(codec.enough_words(4, 12)))
        np.testing.assert_array_equal(codec.decode_chain(chain.blob)[0], images)


@pytest.mark.parametrize("precisions", [(32, 10), (20, 10), (16, 8)])
def test_coarser_grids_need_shorter_starts(codec, images, precisions):
    """Of N(0, 1) on a grid: grid bits + log2 sqrt(2 pi e) a number, and of local pops one chunk."""
    codec = dataclasses.replace(codec, bin_bits=precisions[0], posterior_bits=precisions[1])
    chain = codec.encode_chain(images[:1], random_words(codec.enough_words(8, 8))).with_shortest_start()
    np.testing.assert_array_equal(codec.decode_chain(chain.blob)[0], images[:1])
    start = 32 * len(chain.start) / N_DIMS
    assert start == pytest.approx(chain.start_bits / N_DIMS, abs=96 / N_DIMS)
    assert precisions[0] + 2.05 - 0.5 < start < precisions[0] + 2.05 + (precisions[0] - precisions[1]) / 8 + 2.5


def test_costs(codec, images):
    cost = evaluate_chain(codec, images[:2])
    for image in cost.images:
        assert image.single_random_bits > image.initial_bits + 0.8 * image.net_bits
    assert cost.message_bits > sum(image.net_bits for image in cost.images) + cost.initial_bits - 64


def test_a_new_process_without_jax_decodes(codec, images, single, tmp_path):
    path = tmp_path / "message"
    path.write_bytes(single.blob)
    found = f"(found := codec.decode_chain(Path({str(path)!r}).read_bytes()))"
    said = said_without_jax(codec, tmp_path, f"{found}[0].tobytes().hex(), found[1].tobytes().hex()")
    assert said == [images[:1].tobytes().hex(), single.start.tobytes().hex()]


def test_another_model_or_precision_is_refused_by_name(codec, single):
    other = dataclasses.replace(codec, package=dataclasses.replace(codec.package, model_id=1))
    with pytest.raises(WrongModel, match=f"{MODEL_ID:04x}.*0001"):
        other.decode_chain(single.blob)
    with pytest.raises(WrongModel, match=r"\(32, 14\)"):
        dataclasses.replace(codec, posterior_bits=10).decode_chain(single.blob)
    with pytest.raises(ConfigError, match="is no flow"):
        LocalBitsBackCodec(tiny_package())
    with pytest.raises(ConfigError, match="need 4 <= posterior_bits"):
        dataclasses.replace(codec, bin_bits=12)


def test_floats_that_differ_in_their_last_bit_never_give_another_picture(codec, single, monkeypatch):
    """As another numpy's might: every logarithm of the slope, by one unit in the last place."""
    forward = Affine.forward

    def differing(self, x, xp):
        y, log_slope = forward(self, x, xp)
        return np.nextafter(y, np.inf) if xp is np else y, log_slope

    monkeypatch.setattr(Affine, "forward", differing)
    try:
        decoded, _ = codec.decode_chain(single.blob)
    except BitstreamMismatch as error:
        assert "decode it where it was written" in str(error)
    else:
        np.testing.assert_array_equal(decoded, smooth_pictures()[:1])


def test_damage_is_refused(codec, single):
    check_damage_is_refused(codec, single.blob, 16, 8)


def test_other_images_and_short_starts_are_refused(codec, images, single):
    with pytest.raises(UnsupportedImage, match="multiples of 4"):
        codec.encode_chain(images[:, :6], random_words(10))
    with pytest.raises(StackExhausted, match="words are enough"):
        codec.encode_chain(images[:1], single.start[1:])
