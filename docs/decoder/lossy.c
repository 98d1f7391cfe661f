/* "Lossy files": the stream of calls, and the pixels that come out. */
#include "rec.h"

#include <stdlib.h>

enum { MAX_LAYERS = 256, N_BINS = 36, CALL_DIMS = 32768, BLOCK_DIMS = 4096, MAX_SHARE = 1 << 20 };

/* The way in which the latents are coded: the low half of the method. */
enum { COUNTS_APART, COUNTS_AS_PLACES, LONG_SEQUENCES };

struct LossyDecoder {
    RangeDecoder decoder;
    const Tables *tables;
    const Model *model;
    Coder coder;
    int quality, way;
    int layer;                                 /* that is next, the top first */
    int last_layer, last_n;                    /* of the call before: its layer, its blocks, 0 before the first */
    int64_t last_sum;                          /* and the sum of their places */
};

const Model *lossy_model(const LossyDecoder *d)
{
    return d->model;
}

int lossy_quality(const LossyDecoder *d)
{
    return d->quality;
}

/* The shares of a layer at the quality, by the bins of scales; 1 where the model has none. */
static void read_shares(const LossyDecoder *d, uint64_t shares[N_BINS])
{
    const char *knots = element(member(d->model->coder, "layer_weights_by_scale"), d->layer);
    int n = 0, i;
    for (i = 0; i < N_BINS; i++)
        shares[i] = 1;
    while (element(knots, n))
        n++;
    if (n > 0 && number_array(element(knots, (2 * d->quality * (n - 1) + 100) / 200), shares, N_BINS) != N_BINS)
        fail("damaged layer_weights_by_scale in the model file");
    for (i = 0; i < N_BINS; i++)
        if (shares[i] < 1 || shares[i] > MAX_SHARE)
            fail("damaged layer_weights_by_scale in the model file");
}

/* "with e = floor(log2 scale), bin 2 (e - 7), plus 1 if scale >= 1.5 2^e" */
static int scale_bin(int32_t scale)
{
    int e = floor_log2((uint64_t)scale);
    int bin = 2 * (e - 7) + (2 * (int64_t)scale >= 3 * ((int64_t)1 << e));
    return (int)clip(bin, 0, N_BINS - 1);
}

/* The law of a place among r: two_sided_geometric of quarters, at the whole places. */
static int decode_place(LossyDecoder *d, int64_t quarters, uint32_t a)
{
    int r = d->coder.n_offered, i;
    uint64_t *weights = allocate((size_t)r, sizeof *weights);
    Law all = two_sided_geometric(quarters, a, 4 * r - 3);
    for (i = 0; i < r; i++)
        weights[i] = all.frequencies[4 * i];
    i = decode_once(&d->decoder, normalise(weights, r));
    free(weights);
    free(all.frequencies);
    return i;
}

/* The mean of k numbers, in quarters. */
static int64_t mean_in_quarters(int64_t sum, int64_t k)
{
    return (8 * sum + k) / (2 * k);
}

static int decode_first_place(LossyDecoder *d)
{
    if (d->last_n == 0)
        return decode_place(d, 32, 246);
    return decode_place(d, mean_in_quarters(d->last_sum, d->last_n), d->last_layer == d->layer ? 216 : 246);
}

/* The numbers of steps of a call's blocks, as places among the numbers on offer. */
static int *decode_places(LossyDecoder *d, int n_blocks)
{
    int *steps = allocate((size_t)n_blocks, sizeof *steps), k;
    int64_t sum = 0;
    for (k = 0; k < n_blocks; k++) {
        int place = k ? decode_place(d, mean_in_quarters(sum, k), 128) : decode_first_place(d);
        steps[k] = d->coder.offered[place];
        sum += place;
    }
    d->last_n = n_blocks;
    d->last_sum = sum;
    d->last_layer = d->layer;
    return steps;
}

static void decode_call(LossyDecoder *d, Call *call, int32_t *z)
{
    static const int64_t apart[3] = {0, 254, 240};
    Outliers outliers = decode_outliers(&d->decoder, call->n_dims, 1);
    int *steps;
    cut_into_blocks(call, BLOCK_DIMS);
    steps = d->way == COUNTS_APART ? decode_step_counts(&d->decoder, &d->coder, call->n_blocks, apart)
                                   : decode_places(d, call->n_blocks);
    decode_latents(&d->decoder, d->tables, &d->coder, call, steps, &outliers, z);
    free(steps);
}

/* "n = ceil(D / 32,768) calls of ceil(D / n) dims" */
Map decode_lossy_layer(LossyDecoder *d, const Map *prior_map)
{
    Prior prior = split_prior(d->tables, prior_map);
    Map z = new_window_map(prior_map->window, prior_map->n_channels / 2);
    int64_t n_dims = (int64_t)map_size(&z), size = ceil_divide(n_dims, ceil_divide(n_dims, CALL_DIMS)), first, i;
    uint32_t *shares = allocate((size_t)n_dims, sizeof *shares);
    uint64_t by_bin[N_BINS];
    read_shares(d, by_bin);
    for (i = 0; i < n_dims; i++)
        shares[i] = (uint32_t)by_bin[scale_bin(prior.scales[i])];
    for (first = 0; first < n_dims; first += size) {
        Call call;
        call.key = child(child(child(ROOT, 0), (uint32_t)(first / size)), (uint32_t)d->layer);
        call.n_dims = (int)smaller(size, n_dims - first);
        call.locs = prior.locs + first;
        call.scales = prior.scales + first;
        call.shares = shares + first;
        decode_call(d, &call, z.values + first);
    }
    d->layer++;
    free(shares);
    free_prior(&prior);
    return z;
}

/* What an output says of a colour; it is still to be "divided by 2^3, rounded". */
static int64_t colour_value(int32_t output)
{
    return clip(round_shift(round_shift(output, 3) - (1 << 7), 8) + 128, 0, 255);
}

/* "Grey pictures ... come out as floor((2 (r + g + b) + 3) / 6)." */
static void set_pixels(Picture *p, const Map *outputs)
{
    int64_t i, j;
    int c;
    for (i = 0; i < p->height; i++)
        for (j = 0; j < p->width; j++) {
            uint16_t *pixel = pixel_at(p, i, j);
            int64_t rgb[3];
            for (c = 0; c < 3; c++)
                rgb[c] = colour_value(at(outputs, i, j)[c]);
            for (c = 0; c < p->n_colours; c++)
                pixel[c] = (uint16_t)(p->n_colours == 3 ? rgb[c] : (2 * (rgb[0] + rgb[1] + rgb[2]) + 3) / 6);
        }
}

static LossyDecoder start_lossy(const Model *model, const Tables *tables, uint8_t method, Bytes payload)
{
    LossyDecoder d;
    d.coder = make_coder(method >> 4);
    d.way = method & 0xF;
    if (d.way > LONG_SEQUENCES)
        fail("unknown method %02x", (unsigned)method);
    if (d.way == LONG_SEQUENCES) {
        d.coder.sequence_length = method >> 4 == 0 ? 8192 : 65536;
        d.coder.one_sequence = 1;
    }
    d.quality = (int)little_endian(payload, 0, 1);
    if (d.quality > 100)
        fail("a quality above 100");
    d.decoder = start_decoding(slice(payload, 1, payload.size - 1));
    d.tables = tables;
    d.model = model;
    d.layer = d.last_layer = d.last_n = 0;
    d.last_sum = 0;
    return d;
}

void decode_lossy(const Model *model, const Tables *tables, uint8_t method, Bytes payload, Picture *picture)
{
    const char *kind = member(model->config, "kind");
    int two_levels = is_string(kind, "two_level");
    LossyDecoder d;
    int64_t stride;
    Map outputs;
    if (!two_levels && !is_string(kind, "rd_vae"))
        fail("of lossy files, only those of models of kind rd_vae and two_level are decoded");
    if (picture->depth != 8)
        fail("a lossy file of 16 bits per colour");
    d = start_lossy(model, tables, method, payload);
    stride = two_levels ? two_level_stride(model) : rd_vae_stride(model);
    outputs = (two_levels ? two_level : rd_vae)(&d, ceil_divide(picture->height, stride) * stride,
                                                ceil_divide(picture->width, stride) * stride);
    set_pixels(picture, &outputs);
    free_map(&outputs);
}
