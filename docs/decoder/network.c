/* "The network": convolutions and the other operations on maps, in exact integers. */
#include "rec.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHANNELS 4096
#define MAX_KERNEL 31

/* "On opening, every convolution is checked": no input whatever may leave the exact numbers. */
static void check_conv(const Conv *conv, const char *name)
{
    int64_t limit = (int64_t)1 << 50;
    size_t n_taps = (size_t)conv->size * (size_t)conv->size * (size_t)conv->n_in, i;
    int c;
    for (c = 0; c < conv->n_out; c++) {
        int64_t sum = 0;
        for (i = 0; i < n_taps; i++)
            sum += llabs((long long)conv->w[i * (size_t)conv->n_out + (size_t)c]);
        if (sum >= limit >> 20 || (sum << 20) + llabs((long long)conv->b[c]) >= limit)
            fail("%s: weights too large to be exact", name);
        if (conv->bits[c] < 5 || conv->bits[c] > 26)
            fail("%s: damaged bits", name);
    }
}

/* A convolution of n_in channels to n_out (0: as many as it has). */
Conv read_conv(const Model *model, const char *name, int block, int n_in, int n_out)
{
    Tensor w = read_part(model, name, "w", block), bits = read_part(model, name, "bits", block);
    Tensor b = read_part(model, name, "b", block);
    Conv conv;
    if (w.n_dims != 4 || w.dims[0] != w.dims[1] || w.dims[0] % 2 == 0 || w.dims[0] > MAX_KERNEL ||
        w.dims[2] > MAX_CHANNELS || w.dims[3] > MAX_CHANNELS || bits.n != w.dims[3] || b.n != w.dims[3])
        fail("%s: damaged shape", name);
    conv.size = (int)w.dims[0];
    conv.n_in = (int)w.dims[2];
    conv.n_out = (int)w.dims[3];
    conv.repeats_border = 0;
    if (conv.n_in != n_in || (n_out && conv.n_out != n_out))
        fail("%s: channels that do not fit", name);
    conv.w = w.values;
    conv.bits = bits.values;
    conv.b = b.values;
    check_conv(&conv, name);
    return conv;
}

void free_conv(Conv *conv)
{
    free(conv->w);
    free(conv->bits);
    free(conv->b);
}

Map new_window_map(Window window, int n_channels)
{
    Map map;
    map.window = window;
    map.n_channels = n_channels;
    map.values = allocate(map_pixels(&map), (size_t)n_channels * sizeof *map.values);
    return map;
}

Map new_map(int64_t height, int64_t width, int n_channels)
{
    Window window = {0, 0, 0, 0};
    window.height = height;
    window.width = width;
    return new_window_map(window, n_channels);
}

Map copy_map(const Map *map)
{
    Map copy = new_window_map(map->window, map->n_channels);
    memcpy(copy.values, map->values, map_size(map) * sizeof *map->values);
    return copy;
}

void free_map(Map *map)
{
    free(map->values);
    map->values = NULL;
}

void replace_map(Map *map, Map by)
{
    free_map(map);
    *map = by;
}

size_t map_pixels(const Map *map)
{
    return (size_t)map->window.height * (size_t)map->window.width;
}

size_t map_size(const Map *map)
{
    return map_pixels(map) * (size_t)map->n_channels;
}

int32_t *at(const Map *map, int64_t row, int64_t column)
{
    const Window *w = &map->window;
    return map->values + ((row - w->row) * w->width + column - w->column) * map->n_channels;
}

void relu(Map *map)
{
    size_t i;
    for (i = 0; i < map_size(map); i++)
        if (map->values[i] < 0)
            map->values[i] = 0;
}

/* Adds the weights of one tap times its inputs. Many inputs are 0 after a ReLU. */
static void accumulate(int64_t *sums, const int32_t *x, int n_in, const int32_t *w, int n_out)
{
    int i, c;
    for (i = 0; i < n_in; i++, w += n_out)
        if (x[i] != 0)
            for (c = 0; c < n_out; c++)
                sums[c] += (int64_t)x[i] * w[c];
}

/* The exact sums of one output pixel. A border is that of `in`, which ends where the plane ends or holds
   all that is looked at. */
static void convolve_pixel(const Conv *conv, const Map *in, int64_t row, int64_t column, int64_t *sums)
{
    const Window *w = &in->window;
    const int32_t *weights = conv->w;
    int half = conv->size / 2, i, j, c;
    for (c = 0; c < conv->n_out; c++)
        sums[c] = conv->b[c];
    for (i = 0; i < conv->size; i++)
        for (j = 0; j < conv->size; j++, weights += conv->n_in * conv->n_out) {
            int64_t y = clip(row + i - half, w->row, w->row + w->height - 1);
            int64_t x = clip(column + j - half, w->column, w->column + w->width - 1);
            if (conv->repeats_border || (y == row + i - half && x == column + j - half))
                accumulate(sums, at(in, y, x), conv->n_in, weights, conv->n_out);
        }
}

/* A convolution where `window` is: activations are divided by 2^bits, outputs by 2^(bits - 4). */
Map convolve_window(const Conv *conv, const Map *in, Window window, int unit)
{
    Map out = new_window_map(window, conv->n_out);
    int64_t *sums = allocate((size_t)conv->n_out, sizeof *sums), row, column;
    int c;
    for (row = window.row; row < window.row + window.height; row++)
        for (column = window.column; column < window.column + window.width; column++) {
            int32_t *pixel = at(&out, row, column);
            convolve_pixel(conv, in, row, column, sums);
            for (c = 0; c < conv->n_out; c++)
                pixel[c] = unit == OUTPUTS ? clip_output(round_shift(sums[c], conv->bits[c] - 4))
                                           : clip_activation(round_shift(sums[c], conv->bits[c]));
        }
    free(sums);
    return out;
}

Map convolve(const Conv *conv, const Map *in, int unit)
{
    return convolve_window(conv, in, in->window, unit);
}

/* The vector of n activations at every pixel: `top`. */
Map repeat_vector(const int32_t *vector, int64_t height, int64_t width, int n)
{
    Map map = new_map(height, width, n);
    size_t i;
    for (i = 0; i < map_size(&map); i++)
        map.values[i] = clip_activation(vector[i % (size_t)n]);
    return map;
}

void add_to(Map *map, const Map *x)
{
    size_t i;
    for (i = 0; i < map_size(map); i++)
        map->values[i] = clip_activation((int64_t)map->values[i] + x->values[i]);
}

/* The channels of a followed by those of b. */
Map concatenate(const Map *a, const Map *b)
{
    Map both = new_window_map(a->window, a->n_channels + b->n_channels);
    size_t n_a = (size_t)a->n_channels, n_b = (size_t)b->n_channels, i;
    for (i = 0; i < map_pixels(a); i++) {
        int32_t *to = both.values + i * (n_a + n_b);
        memcpy(to, a->values + i * n_a, n_a * sizeof *to);
        memcpy(to + n_a, b->values + i * n_b, n_b * sizeof *to);
    }
    return both;
}

/* Squares of side x side pixels, [row, column, channel], out of the channels. */
Map squares(const Map *x, int side)
{
    int n = x->n_channels / (side * side);
    Map y = new_map(x->window.height * side, x->window.width * side, n);
    int64_t i, j;
    for (i = 0; i < y.window.height; i++)
        for (j = 0; j < y.window.width; j++)
            memcpy(at(&y, i, j), at(x, i / side, j / side) + (i % side * side + j % side) * n,
                   (size_t)n * sizeof *y.values);
    return y;
}

/* m(x) = clip(round(x g / 2^12) + h), where `gains` is g followed by h. Low is 0 where it is a ReLU too. */
void modulate(Map *map, const int32_t *gains, int64_t low)
{
    size_t n = (size_t)map->n_channels, i;
    for (i = 0; i < map_size(map); i++) {
        int64_t x = round_shift((int64_t)map->values[i] * gains[i % n], 12) + gains[n + i % n];
        map->values[i] = (int32_t)clip(x, low, (1 << 20) - 1);
    }
}
