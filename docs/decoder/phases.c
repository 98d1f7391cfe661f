/* "Lossless files of a model without latents": models of kind phases. */
#include "rec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SETS 64
#define MAX_POINTWISE 16
#define BLOCK_SIZE ((int64_t)1 << 15)          /* pixels of a block */

typedef struct {
    Conv first, base, last, border, in, mix, out, up[MAX_POINTWISE], down[MAX_POINTWISE];
    int has_border, has_mix, n_pointwise;
} PhaseNetwork;

/* "Every convolution repeats its input's border." */
static Conv read_phase_conv(const Model *model, const char *network, const char *name, int n_in, int n_out)
{
    char path[128];
    Conv conv;
    snprintf(path, sizeof path, "%s/%s", network, name);
    conv = read_conv(model, path, UNSTACKED, n_in, n_out);
    conv.repeats_border = 1;
    return conv;
}

static int has_conv(const Model *model, const char *network, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s/w", network, name);
    return has_tensor(model, path);
}

static void require_pointwise(const Conv *conv, const char *network)
{
    if (conv->size != 1)
        fail("%s: a convolution that should be 1x1", network);
}

static void read_pointwise(const Model *model, const char *network, int width, PhaseNetwork *net)
{
    char name[16];
    int k;
    for (k = 0; k < MAX_POINTWISE; k++) {
        snprintf(name, sizeof name, "up%d", k);
        if (!has_conv(model, network, name))
            break;
        net->up[k] = read_phase_conv(model, network, name, width, 0);
        snprintf(name, sizeof name, "down%d", k);
        net->down[k] = read_phase_conv(model, network, name, net->up[k].n_out, width);
        require_pointwise(&net->up[k], network);
        require_pointwise(&net->down[k], network);
    }
    net->n_pointwise = k;
}

static void read_mix(const Model *model, const char *network, int width, PhaseNetwork *net)
{
    net->has_mix = has_conv(model, network, "mix");
    if (!net->has_mix)
        return;
    net->in = read_phase_conv(model, network, "in", width, 0);
    net->mix = read_phase_conv(model, network, "mix", net->in.n_out, 0);
    net->out = read_phase_conv(model, network, "out", net->mix.n_out, width);
    require_pointwise(&net->in, network);
    require_pointwise(&net->out, network);
    if (net->mix.size != 3)
        fail("%s: a mix that is not 3x3", network);
}

static PhaseNetwork read_phase_network(const Model *model, int set, const char *kind, int n_planes, int n)
{
    PhaseNetwork net;
    char network[64];
    snprintf(network, sizeof network, "likelihood/sets/%d/%s", set, kind);
    net.first = read_phase_conv(model, network, "first", 3 * n_planes, 0);
    net.base = read_phase_conv(model, network, "base", 3 * n_planes, 3);
    net.last = read_phase_conv(model, network, "last", net.first.n_out, N_ROWS * n);
    require_pointwise(&net.last, network);
    net.has_border = has_conv(model, network, "border");
    if (net.has_border)
        net.border = read_phase_conv(model, network, "border", 1, net.first.n_out);
    read_mix(model, network, net.first.n_out, &net);
    read_pointwise(model, network, net.first.n_out, &net);
    return net;
}

static void free_phase_network(PhaseNetwork *net)
{
    int k;
    free_conv(&net->first);
    free_conv(&net->base);
    free_conv(&net->last);
    if (net->has_border)
        free_conv(&net->border);
    if (net->has_mix) {
        free_conv(&net->in);
        free_conv(&net->mix);
        free_conv(&net->out);
    }
    for (k = 0; k < net->n_pointwise; k++) {
        free_conv(&net->up[k]);
        free_conv(&net->down[k]);
    }
}

/* A pixel of an input plane, whose pixels lie at (row0 + step i, column0 + step j): where (i, j) is
   outside the picture, the last of its row, column or both; a plane of none is the first plane. */
static const uint16_t *plane_pixel(const Picture *p, int64_t row0, int64_t column0, int64_t step, int64_t i, int64_t j)
{
    if (row0 >= p->height || column0 >= p->width)
        row0 = column0 = 0;
    i = clip(i, 0, (p->height - 1 - row0) / step);
    j = clip(j, 0, (p->width - 1 - column0) / step);
    return pixel_at(p, row0 + step * i, column0 + step * j);
}

/* A value of d bits in units of 2^-12. */
static int32_t input_value(int64_t v, int depth)
{
    return (int32_t)round_shift(2 * v + 1 - (1 << depth), depth - 11);
}

/* "What a network sees" in a window of the squares of side 2s, in this order of planes. */
static Map network_input(const Picture *p, int64_t s, int n_planes, Window window)
{
    const int64_t row0[3] = {0, s, 0}, column0[3] = {0, s, s};
    Map map = new_window_map(window, 3 * n_planes);
    int32_t *to = map.values;
    int64_t i, j;
    int plane, c;
    for (i = window.row; i < window.row + window.height; i++)
        for (j = window.column; j < window.column + window.width; j++)
            for (plane = 0; plane < n_planes; plane++) {
                const uint16_t *pixel = plane_pixel(p, row0[plane], column0[plane], 2 * s, i, j);
                for (c = 0; c < 3; c++)
                    *to++ = input_value(pixel[p->n_colours == 3 ? c : 0], p->depth);
            }
    return map;
}

static Map convolve_relu(const Conv *conv, const Map *in, Window window)
{
    Map out = convolve_window(conv, in, window, ACTIVATIONS);
    relu(&out);
    return out;
}

/* y becomes ReLU(y + last * x), in a window that y's holds. */
static void add_relu(Map *y, const Conv *last, const Map *x, Window w)
{
    Map sum = convolve_window(last, x, w, ACTIVATIONS);
    int64_t row, column;
    int c;
    for (row = w.row; row < w.row + w.height; row++)
        for (column = w.column; column < w.column + w.width; column++) {
            int32_t *to = at(&sum, row, column), *from = at(y, row, column);
            for (c = 0; c < sum.n_channels; c++)
                to[c] = clip_activation((int64_t)to[c] + from[c]);
        }
    relu(&sum);
    replace_map(y, sum);
}

/* The window and a margin around it, as far as the plane of height x width goes. */
static Window grow(Window w, int64_t margin, int64_t height, int64_t width)
{
    Window grown;
    grown.row = clip(w.row - margin, 0, height - 1);
    grown.column = clip(w.column - margin, 0, width - 1);
    grown.height = clip(w.row + w.height - 1 + margin, 0, height - 1) - grown.row + 1;
    grown.width = clip(w.column + w.width - 1 + margin, 0, width - 1) - grown.column + 1;
    return grown;
}

/* `m`: 1 at the squares outside a plane of height x width, in a window and a margin around it. */
static Map outside(Window w, int margin, int64_t height, int64_t width)
{
    Map map;
    int64_t row, column;
    w.row -= margin;
    w.column -= margin;
    w.height += 2 * margin;
    w.width += 2 * margin;
    map = new_window_map(w, 1);
    for (row = w.row; row < w.row + w.height; row++)
        for (column = w.column; column < w.column + w.width; column++)
            *at(&map, row, column) = row < 0 || row >= height || column < 0 || column >= width ? 1 << 12 : 0;
    return map;
}

/* The first line of "The network" in a window of a plane of height x width squares. */
static Map first_layer(const PhaseNetwork *net, const Map *x, Window window, int64_t height, int64_t width)
{
    Map m, y;
    if (!net->has_border)
        return convolve_relu(&net->first, x, window);
    m = outside(window, net->border.size / 2, height, width);
    y = convolve_window(&net->border, &m, window, ACTIVATIONS);
    add_relu(&y, &net->first, x, window);
    free_map(&m);
    return y;
}

/* `o` in a window of a plane of height x width squares. */
static Map run_trunk(const PhaseNetwork *net, const Map *x, Window window, int64_t height, int64_t width)
{
    Map y = first_layer(net, x, net->has_mix ? grow(window, 1, height, width) : window, height, width);
    int k;
    if (net->has_mix) {
        Map in = convolve_relu(&net->in, &y, y.window);
        replace_map(&in, convolve_relu(&net->mix, &in, window));
        add_relu(&y, &net->out, &in, window);
        free_map(&in);
    }
    for (k = 0; k < net->n_pointwise; k++) {
        Map up = convolve_relu(&net->up[k], &y, window);
        add_relu(&y, &net->down[k], &up, window);
        free_map(&up);
    }
    replace_map(&y, convolve_window(&net->last, &y, window, OUTPUTS));
    return y;
}

static int64_t product(int64_t a, int64_t b)
{
    return clip_output(round_shift(a * b, 16));
}

/* m becomes loc: relative to the base, less what the slopes will add for it. */
static void add_base(int32_t *law, const int32_t *b, int n)
{
    const int32_t *slopes = law + SLOPES * n;
    int k;
    for (k = 0; k < n; k++) {
        int64_t move_b = product(slopes[n + k], b[0]) + product(slopes[2 * n + k], b[1]);
        int64_t moves[3] = {0, product(slopes[k], b[0]), move_b};
        int c;
        for (c = 0; c < 3; c++) {
            int32_t *m = law + (LOCS + c) * n + k;
            *m = clip_output(round_shift(*m, 4) + b[c] - moves[c]);
        }
    }
}

/* The laws of a block of pixels, one for each square of the window. */
static Map phase_laws(const PhaseNetwork *net, const Picture *p, int64_t s, int n_planes, int n, Window window)
{
    int64_t height = ceil_divide(p->height, 2 * s), width = ceil_divide(p->width, 2 * s), i;
    int look = net->first.size > net->base.size ? net->first.size / 2 : net->base.size / 2;
    Map x = network_input(p, s, n_planes, grow(window, look + net->has_mix, height, width));
    Map laws = run_trunk(net, &x, window, height, width);
    Map base = convolve_window(&net->base, &x, window, OUTPUTS);
    for (i = 0; i < window.height * window.width; i++)
        add_base(laws.values + N_ROWS * n * i, base.values + 3 * i, n);
    free_map(&x);
    free_map(&base);
    return laws;
}

typedef struct {
    RangeDecoder decoder;
    const Tables *tables;
    const Model *model;
    Picture *picture;
    int n, n_sets;                             /* components, sets of networks */
} PhaseDecoder;

static int count_sets(const Model *model)
{
    char path[64];
    int n;
    for (n = 0; n < MAX_SETS; n++) {
        snprintf(path, sizeof path, "likelihood/sets/%d/11/first/w", n);
        if (!has_tensor(model, path))
            break;
    }
    if (n == 0)
        fail("the model has no networks");
    return n;
}

/* The law of the pixel (0, 0), in the order of `o`. */
static int32_t *read_coarsest(const Model *model, int *n)
{
    static const char *names[4] = {"logits", "loc", "log_scale", "slopes"};
    int32_t *law = NULL;
    int i;
    for (i = 0; i < 4; i++) {
        Tensor tensor = read_part(model, "likelihood/coarsest", names[i], UNSTACKED);
        if (i == 0) {
            *n = (int)clip((int64_t)(tensor.n / 3), 1, MAX_COMPONENTS);
            law = allocate(N_ROWS * (size_t)*n, sizeof *law);
        }
        if (tensor.n_dims != 2 || tensor.dims[0] != 3 || tensor.n != 3 * (size_t)*n)
            fail("coarsest/%s: damaged shape", names[i]);
        memcpy(law + 3 * i * *n, tensor.values, tensor.n * sizeof *law);
        free(tensor.values);
    }
    return law;
}

static void decode_coarsest(PhaseDecoder *d)
{
    uint16_t *pixel = d->picture->pixels;
    int n = 0, i;
    int32_t *law = read_coarsest(d->model, &n);
    for (i = 0; i < N_ROWS * n; i++)
        law[i] = clip_output(law[i]);
    d->n = n;
    decode_pixels(&d->decoder, d->tables, law, n, &pixel, 1, d->picture);
    free(law);
}

/* The pixels (row0 + step i, column0 + step j) of the picture, for the squares (i, j) of a window. */
static uint16_t **window_pixels(const Picture *p, Window w, int64_t step, int64_t row0, int64_t column0)
{
    uint16_t **pixels = allocate((size_t)(w.height * w.width), sizeof *pixels), **next = pixels;
    int64_t i, j;
    for (i = w.row; i < w.row + w.height; i++)
        for (j = w.column; j < w.column + w.width; j++)
            *next++ = pixel_at(p, row0 + step * i, column0 + step * j);
    return pixels;
}

/* One phase: the pixels (row0 + 2 s i, column0 + 2 s j), in blocks. */
static void decode_phase(PhaseDecoder *d, const PhaseNetwork *net, int n_planes, int64_t s, int64_t row0,
                         int64_t column0)
{
    int64_t height = ceil_divide(d->picture->height - row0, 2 * s);
    int64_t width = ceil_divide(d->picture->width - column0, 2 * s);
    int64_t block_width = smaller(width, BLOCK_SIZE), block_height = BLOCK_SIZE / block_width;
    Window w;
    for (w.row = 0; w.row < height; w.row += block_height)
        for (w.column = 0; w.column < width; w.column += block_width) {
            Map laws;
            uint16_t **pixels;
            w.height = smaller(block_height, height - w.row);
            w.width = smaller(block_width, width - w.column);
            laws = phase_laws(net, d->picture, s, n_planes, d->n, w);
            pixels = window_pixels(d->picture, w, 2 * s, row0, column0);
            decode_pixels(&d->decoder, d->tables, laws.values, d->n, pixels, (size_t)(w.height * w.width), d->picture);
            free(pixels);
            free_map(&laws);
        }
}

static void decode_level(PhaseDecoder *d, int level)
{
    static const char *kinds[3] = {"11", "01", "10"};
    int64_t s = (int64_t)1 << level;
    const int64_t rows[3] = {s, 0, s}, columns[3] = {s, s, 0};
    int phase, set = level < d->n_sets ? level : d->n_sets - 1;
    for (phase = 0; phase < 3; phase++) {
        PhaseNetwork net;
        if (rows[phase] >= d->picture->height || columns[phase] >= d->picture->width)
            continue;
        net = read_phase_network(d->model, set, kinds[phase], phase + 1, d->n);
        decode_phase(d, &net, phase + 1, s, rows[phase], columns[phase]);
        free_phase_network(&net);
    }
}

void decode_phases(const Model *model, const Tables *tables, Bytes payload, Picture *picture)
{
    PhaseDecoder d;
    int level = 0;
    d.decoder = start_decoding(payload);
    d.tables = tables;
    d.model = model;
    d.picture = picture;
    d.n_sets = count_sets(model);
    decode_coarsest(&d);
    while ((int64_t)1 << level < picture->height || (int64_t)1 << level < picture->width)
        level++;
    while (level-- > 0)
        decode_level(&d, level);
}
