/* "Lossless files of an integer flow": models of kind idf. */
#include "rec.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_LEVELS = 6, MAX_STEPS = 16, MAX_DEPTH = 32, N_OWN = 5, HALF = 512, LOC_LIMIT = 1 << 20 };

/* D and S of a coupling or a prior; only couplings have a gate. */
typedef struct {
    int depth;
    Conv in[MAX_DEPTH], out[MAX_DEPTH], last, linear;
    int32_t gate;
} Network;

typedef struct {
    Network prior;                             /* of all levels but the last */
    Network steps[MAX_STEPS];
} Level;

typedef struct {
    RangeDecoder decoder;
    const Tables *tables;
    int n_levels, n_steps, n;                  /* n: components of priors */
    Level *levels;
    int32_t *logits, *loc, *log_scale;         /* of the law of z, [channel][N_OWN] */
} Flow;

static int config_number(const Model *model, const char *key, uint64_t high)
{
    return (int)number(member(model->config, key), high);
}

static Conv read_flow_conv(const Model *model, const char *network, const char *name, int n_in, int n_out)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", network, name);
    return read_conv(model, path, UNSTACKED, n_in, n_out);
}

/* D gives n_out numbers of n_in channels, S n_shifts. */
static void read_network(const Model *model, const char *path, int n_in, int n_out, int n_shifts, Network *net)
{
    char name[32];
    int n = n_in, i;
    net->depth = config_number(model, "depth", MAX_DEPTH);
    for (i = 0; i < net->depth; i++, n += net->out[i - 1].n_out) {
        snprintf(name, sizeof name, "net/layers/[%d]/in", i);
        net->in[i] = read_flow_conv(model, path, name, n, 0);
        snprintf(name, sizeof name, "net/layers/[%d]/out", i);
        net->out[i] = read_flow_conv(model, path, name, net->in[i].n_out, 0);
    }
    net->last = read_flow_conv(model, path, "net/last", n, n_out);
    net->linear = read_flow_conv(model, path, "linear", n_in, n_shifts);
}

/* C of level l: those of l - 1, of which half went away as y, times 2x2. */
static int level_channels(int l)
{
    return 3 << (l + 1);
}

static void read_level(const Model *model, Flow *flow, int l)
{
    Level *level = &flow->levels[l - 1];
    int n = level_channels(l), n_b = n / 4, k;
    char path[64], gate[80];
    for (k = 0; k < flow->n_steps; k++) {
        int32_t *value;
        snprintf(path, sizeof path, "levels/[%d]/steps/[%d]", l - 1, k);
        read_network(model, path, n - n_b, n_b, n_b, &level->steps[k]);
        snprintf(gate, sizeof gate, "%s/gate", path);
        value = read_vector(model, gate, 1);
        level->steps[k].gate = *value;
        free(value);
    }
    snprintf(path, sizeof path, "levels/[%d]/prior", l - 1);
    if (l < flow->n_levels)
        read_network(model, path, n / 2, 3 * flow->n * (n / 2), n / 2, &level->prior);
}

static void read_flow(const Model *model, Flow *flow)
{
    int n_z, l;
    flow->n_levels = config_number(model, "levels", MAX_LEVELS);
    flow->n_steps = config_number(model, "steps", MAX_STEPS);
    flow->n = config_number(model, "n_components", MAX_COMPONENTS);
    if (flow->n_levels == 0 || flow->n == 0)
        fail("a flow without levels or components");
    flow->levels = allocate((size_t)flow->n_levels, sizeof *flow->levels);
    for (l = 1; l <= flow->n_levels; l++)
        read_level(model, flow, l);
    n_z = level_channels(flow->n_levels);
    flow->logits = read_vector(model, "likelihood/logits", n_z * N_OWN);
    flow->loc = read_vector(model, "likelihood/loc", n_z * N_OWN);
    flow->log_scale = read_vector(model, "likelihood/log_scale", n_z * N_OWN);
}

/* "A network sees n as clip(2^4 n)." */
static Map seen(const Map *integers)
{
    Map x = new_window_map(integers->window, integers->n_channels);
    size_t i;
    for (i = 0; i < map_size(&x); i++)
        x.values[i] = clip_activation((int64_t)integers->values[i] * 16);
    return x;
}

static void convolve_relu(const Conv *conv, Map *x)
{
    replace_map(x, convolve(conv, x, ACTIVATIONS));
    relu(x);
}

/* D(x): x <- x followed by ReLU(out * ReLU(in * x)), layer by layer, then last * x */
static Map run_dense(const Network *net, const Map *x)
{
    Map all = copy_map(x);
    int i;
    for (i = 0; i < net->depth; i++) {
        Map y = copy_map(&all);
        convolve_relu(&net->in[i], &y);
        convolve_relu(&net->out[i], &y);
        replace_map(&all, concatenate(&all, &y));
        free_map(&y);
    }
    replace_map(&all, convolve(&net->last, &all, OUTPUTS));
    return all;
}

/* S(x) = round(linear * x / 2^3) */
static Map run_linear(const Network *net, const Map *x)
{
    Map s = convolve(&net->linear, x, OUTPUTS);
    size_t i;
    for (i = 0; i < map_size(&s); i++)
        s.values[i] = (int32_t)round_shift(s.values[i], 3);
    return s;
}

/* "Then, of those that are 0 or 1023, in order, how far n + 512 lies beyond": integers of 10 bits become whole. */
static void decode_beyond(RangeDecoder *decoder, int32_t *integers, size_t n)
{
    uint8_t *lengths = allocate(n, 1);         /* of e, 0 for what does not lie beyond */
    Law law = two_sided_geometric(0, 128, 24);
    size_t i;
    int length;
    for (i = 0; i < n; i++)
        if (integers[i] == -HALF || integers[i] == HALF - 1)
            lengths[i] = (uint8_t)(decode_symbol(decoder, &law) + 1);
    for (length = 1; length <= law.n; length++)
        for (i = 0; i < n; i++)
            if (lengths[i] == length) {
                int32_t first = 1 << (length - 1), e = first + (int32_t)decode_uniform(decoder, (uint32_t)first);
                integers[i] += integers[i] < 0 ? 1 - e : e - 1;
            }
    free(law.frequencies);
    free(lengths);
}

/* "Integers n of a part", under their mixtures of n logistics. */
static void decode_integers(Flow *flow, const Logistic *mixtures, int n, Map *integers)
{
    const Scale scale = {10, -HALF * (1 << 8) - (1 << 7), 1 << 8};
    size_t n_values = map_size(integers), i;
    Search *values = allocate(n_values, sizeof *values);
    decode_values(&flow->decoder, flow->tables, mixtures, n, scale, values, n_values);
    for (i = 0; i < n_values; i++)
        integers->values[i] = (int32_t)values[i].lo - HALF;
    decode_beyond(&flow->decoder, integers->values, n_values);
    free(values);
}

/* The mixture of an integer, its locs shifted by s. */
static void integer_mixture(const Flow *flow, int n, const int32_t *logits, const int32_t *loc,
                            const int32_t *log_scale, int32_t s, Logistic *mixture)
{
    int64_t locs[MAX_COMPONENTS];
    int k;
    for (k = 0; k < n; k++)
        locs[k] = clip((int64_t)loc[k] + s, -LOC_LIMIT - (1 << 7), LOC_LIMIT - (1 << 7));
    make_mixture(flow->tables, n, logits, locs, log_scale, mixture);
}

/* z, under the law `likelihood`. */
static Map decode_z(Flow *flow, int64_t height, int64_t width)
{
    Map z = new_map(height, width, level_channels(flow->n_levels));
    Logistic *mixtures = allocate(map_size(&z), N_OWN * sizeof *mixtures);
    size_t i;
    for (i = 0; i < map_size(&z); i++) {
        size_t c = i % (size_t)z.n_channels * N_OWN;
        integer_mixture(flow, N_OWN, flow->logits + c, flow->loc + c, flow->log_scale + c, 0, mixtures + i * N_OWN);
    }
    decode_integers(flow, mixtures, N_OWN, &z);
    free(mixtures);
    return z;
}

/* y of a level, "whose law is made of h": logits, locs and log scales, each channel by channel. */
static Map decode_y(Flow *flow, const Network *prior, const Map *h)
{
    Map x = seen(h), law = run_dense(prior, &x), s = run_linear(prior, &x);
    Map y = new_window_map(h->window, s.n_channels);
    size_t n = (size_t)flow->n, n_c = (size_t)y.n_channels, i;
    Logistic *mixtures = allocate(map_size(&y), n * sizeof *mixtures);
    for (i = 0; i < map_size(&y); i++) {
        const int32_t *logits = law.values + i / n_c * (size_t)law.n_channels + i % n_c * n;
        integer_mixture(flow, flow->n, logits, logits + n_c * n, logits + 2 * n_c * n, s.values[i], mixtures + i * n);
    }
    decode_integers(flow, mixtures, flow->n, &y);
    free(mixtures);
    free_map(&x);
    free_map(&law);
    free_map(&s);
    return y;
}

/* The channels `order` of x. */
static Map take_channels(const Map *x, const int *order, int n)
{
    Map y = new_window_map(x->window, n);
    size_t i;
    int c;
    for (i = 0; i < map_pixels(x); i++)
        for (c = 0; c < n; c++)
            y.values[i * (size_t)n + (size_t)c] = x->values[i * (size_t)x->n_channels + (size_t)order[c]];
    return y;
}

/* b <- b - round((S(a) + G(D(a))) / 2^8), where a are the first channels in this order, and b the others. */
static void undo_coupling(const Network *net, const int *order, Map *h)
{
    int n = h->n_channels, n_b = n / 4, c;
    Map a = take_channels(h, order, n - n_b), d, s;
    size_t i;
    replace_map(&a, seen(&a));
    d = run_dense(net, &a);
    s = run_linear(net, &a);
    for (i = 0; i < map_pixels(h); i++)
        for (c = 0; c < n_b; c++) {
            size_t k = i * (size_t)n_b + (size_t)c;
            int64_t g = clip_output(round_shift((int64_t)d.values[k] * net->gate, 12));
            h->values[i * (size_t)n + (size_t)order[n - n_b + c]] -= (int32_t)round_shift(s.values[k] + g, 8);
        }
    free_map(&a);
    free_map(&d);
    free_map(&s);
}

/* The couplings of level l, from the last to the first. */
static void undo_level(const Flow *flow, int l, Map *h)
{
    int n = h->n_channels, k, i;
    int *order = random_order(child(ROOT, (uint32_t)l - 1), n);
    int *turned = allocate((size_t)n, sizeof *turned);
    for (k = flow->n_steps - 1; k >= 0; k--) {
        for (i = 0; i < n; i++)
            turned[(i + k * (n / 4)) % n] = order[i];
        undo_coupling(&flow->levels[l - 1].steps[k], turned, h);
    }
    free(order);
    free(turned);
}

/* "The flow back to pixels" of a tile; its sides are multiples of 2^L. */
static Map decode_tile(Flow *flow, int64_t height, int64_t width)
{
    int l = flow->n_levels;
    Map h = decode_z(flow, height >> l, width >> l);
    for (; l > 0; l--) {
        if (l < flow->n_levels) {
            Map y = decode_y(flow, &flow->levels[l - 1].prior, &h);
            replace_map(&h, concatenate(&h, &y));
            free_map(&y);
        }
        undo_level(flow, l, &h);
        replace_map(&h, squares(&h, 2));
    }
    return h;
}

/* "In the end h + 128 are the pixels"; the writer's are values of 8 bits. */
static void set_pixels(Picture *p, const Map *h, int64_t row0, int64_t column0)
{
    int64_t i, j;
    int c;
    for (i = 0; i < h->window.height && row0 + i < p->height; i++)
        for (j = 0; j < h->window.width && column0 + j < p->width; j++)
            for (c = 0; c < p->n_colours; c++)
                pixel_at(p, row0 + i, column0 + j)[c] = (uint16_t)clip((int64_t)at(h, i, j)[c] + 128, 0, 255);
}

void decode_idf(const Model *model, const Tables *tables, Bytes payload, Picture *p)
{
    Flow flow;
    int64_t multiple, side, row, column;
    if (p->depth != 8)
        fail("a file of an integer flow of 16 bits per colour");
    read_flow(model, &flow);
    flow.decoder = start_decoding(payload);
    flow.tables = tables;
    multiple = (int64_t)1 << flow.n_levels;
    side = ceil_divide(p->height <= 32 && p->width <= 32 ? 32 : 64, multiple) * multiple;
    for (row = 0; row < p->height; row += side)
        for (column = 0; column < p->width; column += side) {
            int64_t height = ceil_divide(smaller(side, p->height - row), multiple) * multiple;
            int64_t width = ceil_divide(smaller(side, p->width - column), multiple) * multiple;
            Map h = decode_tile(&flow, height, width);
            set_pixels(p, &h, row, column);
            free_map(&h);
        }
}
