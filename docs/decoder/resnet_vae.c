/* "Lossless files: the stream" of models of kind resnet_vae, and their network. */
#include "rec.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_LEVELS = 16, MAX_LAYERS = 256, MAX_WIDTH = 1024, GROUP_SIZE = 16, MAX_STEPS = 5910, BLOCK = 65536 };

typedef struct {
    int stride, n_blocks, width, n_latents;
    Conv up_sample;
    Conv *prior, *conv1, *conv2;               /* of each block */
} Level;

/* What the config says of a layer of latents. */
typedef struct {
    int64_t steps[3];                          /* c, a, b, "for tiles of 32" */
    uint64_t shares[MAX_WIDTH];                /* of each channel */
} LayerLaw;

typedef struct {
    int n_levels, n_layers;
    Level levels[MAX_LEVELS];                  /* the finest first */
    LayerLaw *layers;                          /* the top first */
    int32_t *top;
    int n;                                     /* components of a pixel's mixtures */
    int32_t *own_law;                          /* the likelihood's own numbers, [N_ROWS][n] */
    int is_logistic;
} ResNet;

typedef struct {
    RangeDecoder decoder;
    const Tables *tables;
    Coder coder;
    int block;                                 /* dims of a block, at most */
    const ResNet *net;
    Picture *picture;
    int64_t tile_side;
} LatentDecoder;

static void read_blocks(const Model *model, int l, Level *level)
{
    char prior[64], conv1[64], conv2[64];
    int b;
    snprintf(prior, sizeof prior, "down/[%d]/prior", l);
    snprintf(conv1, sizeof conv1, "down/[%d]/conv1", l);
    snprintf(conv2, sizeof conv2, "down/[%d]/conv2", l);
    level->prior = allocate((size_t)level->n_blocks, sizeof *level->prior);
    level->conv1 = allocate((size_t)level->n_blocks, sizeof *level->conv1);
    level->conv2 = allocate((size_t)level->n_blocks, sizeof *level->conv2);
    for (b = 0; b < level->n_blocks; b++) {
        level->prior[b] = read_conv(model, prior, b, level->width, 2 * level->n_latents);
        level->conv1[b] = read_conv(model, conv1, b, level->width, level->width);
        level->conv2[b] = read_conv(model, conv2, b, level->width + level->n_latents, level->width);
    }
}

/* [stride, blocks, channels of h, of z] */
static Level read_level(const char *config)
{
    static const uint64_t most[4] = {64, MAX_LAYERS, MAX_WIDTH, MAX_WIDTH};
    uint64_t numbers[4];
    Level level;
    int i;
    if (number_array(config, numbers, 4) != 4)
        fail("damaged levels in the model file");
    for (i = 0; i < 4; i++)
        if (numbers[i] == 0 || numbers[i] > most[i])
            fail("damaged levels in the model file");
    level.stride = (int)numbers[0];
    level.n_blocks = (int)numbers[1];
    level.width = (int)numbers[2];
    level.n_latents = (int)numbers[3];
    return level;
}

static void read_levels(const Model *model, int n_outputs, ResNet *net)
{
    const char *levels = member(model->config, "levels");
    int l, finer_stride = 1, finer_width = n_outputs;
    for (l = 0; element(levels, l); l++) {
        Level *level = &net->levels[l];
        char name[64];
        int side;
        if (l == MAX_LEVELS)
            fail("too many levels in the model file");
        *level = read_level(element(levels, l));
        if (level->stride % finer_stride)
            fail("damaged levels in the model file");
        side = level->stride / finer_stride;
        read_blocks(model, l, level);
        snprintf(name, sizeof name, "up_sample/[%d]", l);
        level->up_sample = read_conv(model, name, UNSTACKED, level->width, finer_width * side * side);
        net->n_layers += level->n_blocks;
        finer_stride = level->stride;
        finer_width = level->width;
    }
    net->n_levels = l;
    if (l == 0 || net->n_layers > MAX_LAYERS)
        fail("damaged levels in the model file");
}

static LayerLaw read_layer(const Model *model, int index, int n_channels)
{
    const char *shares = element(member(model->coder, "layer_weights"), index);
    uint64_t steps[3];
    LayerLaw law;
    int i;
    if (number_array(element(member(model->coder, "layer_step_counts"), index), steps, 3) != 3 ||
        steps[0] > MAX_STEPS || steps[1] < 1 || steps[1] > 255 || steps[2] < 1 || steps[2] > 255)
        fail("damaged layer_step_counts in the model file");
    for (i = 0; i < 3; i++)
        law.steps[i] = (int64_t)steps[i];
    for (i = 0; i < n_channels; i++)
        law.shares[i] = 1;
    if (shares && number_array(shares, law.shares, n_channels) != n_channels)
        fail("damaged layer_weights in the model file");
    for (i = 0; i < n_channels; i++)
        if (law.shares[i] < 1 || law.shares[i] > 1 << 20)
            fail("damaged layer_weights in the model file");
    return law;
}

/* "Of a `logistic` likelihood ... Of a `colour_mixture` ...": the likelihood's own numbers, as rows of a law. */
static void read_likelihood(const Model *model, ResNet *net)
{
    const char *likelihood = member(model->config, "likelihood");
    int32_t *loc = NULL, *log_scale;
    int c, k, n;
    net->is_logistic = is_string(likelihood, "logistic");
    if (!net->is_logistic && !is_string(likelihood, "colour_mixture"))
        fail("of models with latents, only those of likelihood logistic and colour_mixture are decoded");
    n = net->n = net->is_logistic ? 1 : (int)number(member(model->config, "n_components"), MAX_COMPONENTS);
    if (n == 0)
        fail("a likelihood without components");
    log_scale = read_vector(model, "likelihood/log_scale", n);
    if (!net->is_logistic)
        loc = read_vector(model, "likelihood/loc", n);
    net->own_law = allocate((size_t)(N_ROWS * n), sizeof *net->own_law);
    for (c = 0; c < 3; c++)
        for (k = 0; k < n; k++) {
            net->own_law[(LOG_SCALES + c) * n + k] = clip_output(log_scale[k]);
            net->own_law[(LOCS + c) * n + k] = loc ? clip_output(loc[k]) : 0;
        }
    free(log_scale);
    free(loc);
}

static ResNet *read_resnet(const Model *model)
{
    ResNet *net = allocate(1, sizeof *net);
    int l, b, index = 0;
    read_likelihood(model, net);
    read_levels(model, net->is_logistic ? 3 : N_ROWS * net->n, net);
    net->top = read_vector(model, "top", net->levels[net->n_levels - 1].width);
    net->layers = allocate((size_t)net->n_layers, sizeof *net->layers);
    for (l = net->n_levels - 1; l >= 0; l--)
        for (b = 0; b < net->levels[l].n_blocks; b++, index++)
            net->layers[index] = read_layer(model, index, net->levels[l].n_latents);
    return net;
}

static Map elu(const Tables *t, const Map *x)
{
    Map y = new_window_map(x->window, x->n_channels);
    size_t i;
    for (i = 0; i < map_size(x); i++)
        y.values[i] = x->values[i] >= 0 ? x->values[i] : -entry(t->elu, N_ELU, -(int64_t)x->values[i]);
    return y;
}

/* h becomes h + 0.1 y. */
static void add_tenth(Map *h, const Map *y)
{
    size_t i;
    for (i = 0; i < map_size(h); i++)
        h->values[i] = clip_activation(h->values[i] + round_shift(6554 * (int64_t)y->values[i], 16));
}

/* c, a, b of a layer "for blocks of d dims where those have d'", those of a tile of 32. */
static void stretch_steps(const LayerLaw *law, int64_t d, int64_t base_d, int64_t steps[3])
{
    int64_t decay = (256 - law->steps[1]) * base_d / d;
    steps[0] = law->steps[0] * d / base_d;
    steps[1] = clip(256 - (decay > 1 ? decay : 1), 1, 255);
    steps[2] = law->steps[2];
}

static Call make_call(const Level *level, int64_t side, int block)
{
    Call call;
    call.n_dims = (int)(side * side * level->n_latents);
    cut_into_blocks(&call, block);
    return call;
}

/* The latents of a layer of a tile. */
static Map decode_layer(LatentDecoder *d, const Level *level, int index, Key key, const Map *prior_map)
{
    const LayerLaw *law = &d->net->layers[index];
    Call base = make_call(level, ceil_divide(32, level->stride), BLOCK);
    Call call = make_call(level, prior_map->window.height, d->block);
    Prior prior = split_prior(d->tables, prior_map);
    Map z = new_window_map(prior_map->window, level->n_latents);
    uint32_t *shares = allocate((size_t)call.n_dims, sizeof *shares);
    Outliers outliers = decode_outliers(&d->decoder, call.n_dims, 0);
    int64_t step_law[3];
    int *steps, i;
    for (i = 0; i < call.n_dims; i++)
        shares[i] = (uint32_t)law->shares[i % level->n_latents];
    call.key = key;
    call.shares = shares;
    call.locs = prior.locs;
    call.scales = prior.scales;
    stretch_steps(law, call.block_dims, base.block_dims, step_law);
    steps = decode_step_counts(&d->decoder, &d->coder, call.n_blocks, step_law);
    decode_latents(&d->decoder, d->tables, &d->coder, &call, steps, &outliers, z.values);
    free(steps);
    free(shares);
    free_prior(&prior);
    return z;
}

/* "The network", a block: a = ELU(conv1 * ELU(h)), z of the law prior * a, h <- h + 0.1 conv2 * (a, ELU(z)) */
static void run_block(LatentDecoder *d, const Level *level, int block, int index, Key key, Map *h)
{
    Map x = elu(d->tables, h), a, prior, z;
    replace_map(&x, convolve(&level->conv1[block], &x, ACTIVATIONS));
    a = elu(d->tables, &x);
    prior = convolve(&level->prior[block], &a, ACTIVATIONS);
    z = decode_layer(d, level, index, key, &prior);
    replace_map(&z, elu(d->tables, &z));
    replace_map(&x, concatenate(&a, &z));
    replace_map(&x, convolve(&level->conv2[block], &x, ACTIVATIONS));
    add_tenth(h, &x);
    free_map(&x);
    free_map(&a);
    free_map(&prior);
    free_map(&z);
}

/* What the network puts out at the pixels of a tile. */
static Map decode_tile(LatentDecoder *d, uint32_t tile)
{
    const ResNet *net = d->net;
    const Level *top = &net->levels[net->n_levels - 1];
    int64_t side = d->tile_side / top->stride;
    Key key = child(child(ROOT, 0), tile);
    Map h = repeat_vector(net->top, side, side, top->width);
    int l, b, index = 0;
    for (l = net->n_levels - 1; l >= 0; l--) {
        const Level *level = &net->levels[l];
        for (b = 0; b < level->n_blocks; b++, index++)
            run_block(d, level, b, index, child(key, (uint32_t)index), &h);
        replace_map(&h, elu(d->tables, &h));
        replace_map(&h, convolve(&level->up_sample, &h, l == 0 ? OUTPUTS : ACTIVATIONS));
        replace_map(&h, squares(&h, level->stride / (l > 0 ? level[-1].stride : 1)));
    }
    return h;
}

typedef struct {
    int n_tiles;
    int64_t first;
    Map outputs[GROUP_SIZE];
} Group;

static int64_t tiles_across(const LatentDecoder *d)
{
    return ceil_divide(d->picture->width, d->tile_side);
}

static Group decode_group(LatentDecoder *d, int64_t first, int64_t n_tiles)
{
    Group group;
    int i;
    group.first = first;
    group.n_tiles = (int)smaller(GROUP_SIZE, n_tiles - first);
    for (i = 0; i < group.n_tiles; i++)
        group.outputs[i] = decode_tile(d, (uint32_t)(first + i));
    return group;
}

/* The law of a pixel, of the network's outputs and the likelihood's own numbers. */
static void make_law(const ResNet *net, const int32_t *outputs, int32_t *law)
{
    int n = net->n, first = net->is_logistic ? LOCS : LOGITS, end = net->is_logistic ? LOG_SCALES : N_ROWS, i;
    for (i = 0; i < N_ROWS * n; i++) {
        int32_t output = i >= first * n && i < end * n ? outputs[i - first * n] : 0;
        law[i] = clip_output((int64_t)output + net->own_law[i]);
    }
}

/* "Pixels of a group": those inside the picture, tile after tile in rows. */
static void decode_group_pixels(LatentDecoder *d, Group *group)
{
    size_t capacity = (size_t)(group->n_tiles * d->tile_side * d->tile_side), n = 0;
    size_t law_size = (size_t)(N_ROWS * d->net->n);
    uint16_t **pixels = allocate(capacity, sizeof *pixels);
    int32_t *laws = allocate(capacity, law_size * sizeof *laws);
    int64_t i, j;
    int t;
    for (t = 0; t < group->n_tiles; t++) {
        int64_t row0 = (group->first + t) / tiles_across(d) * d->tile_side;
        int64_t column0 = (group->first + t) % tiles_across(d) * d->tile_side;
        for (i = 0; i < smaller(d->tile_side, d->picture->height - row0); i++)
            for (j = 0; j < smaller(d->tile_side, d->picture->width - column0); j++, n++) {
                pixels[n] = pixel_at(d->picture, row0 + i, column0 + j);
                make_law(d->net, at(&group->outputs[t], i, j), laws + n * law_size);
            }
        free_map(&group->outputs[t]);
    }
    decode_pixels(&d->decoder, d->tables, laws, d->net->n, pixels, n, d->picture);
    free(pixels);
    free(laws);
}

/* The low nibble of the method is the split: "how often the blocks were halved". */
void decode_resnet_vae(const Model *model, const Tables *tables, uint8_t method, Bytes payload, Picture *picture)
{
    LatentDecoder d;
    int64_t stride, n_tiles, first;
    Group group, next;
    if ((method & 0xF) != 0 && (method & 0xF) != 5)
        fail("unknown method %02x", (unsigned)method);
    d.coder = make_coder(method >> 4);
    d.block = BLOCK >> (method & 0xF);
    d.net = read_resnet(model);
    d.decoder = start_decoding(payload);
    d.tables = tables;
    d.picture = picture;
    stride = d.net->levels[d.net->n_levels - 1].stride;
    d.tile_side = ceil_divide(picture->height <= 32 && picture->width <= 32 ? 32 : 64, stride) * stride;
    n_tiles = tiles_across(&d) * ceil_divide(picture->height, d.tile_side);
    group = decode_group(&d, 0, n_tiles);
    for (first = GROUP_SIZE; first < n_tiles; first += GROUP_SIZE) {
        next = decode_group(&d, first, n_tiles);
        decode_group_pixels(&d, &group);
        group = next;
    }
    decode_group_pixels(&d, &group);
}
