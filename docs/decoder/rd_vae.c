/* "Lossy files", "The network": models of kind rd_vae. */
#include "rec.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_LEVELS = 8, MAX_WIDTH = 1024, PATH_SIZE = 64 };

/* Of the config, [stride, channels of h, layers, channels of z, ...]. */
typedef struct {
    int stride, width, n_layers, n_latents;
} Level;

static Level read_level(const Model *model, int i)
{
    static const uint64_t most[5] = {256, MAX_WIDTH, 64, MAX_WIDTH, UINT64_MAX};
    uint64_t numbers[5];
    Level level;
    int k;
    if (number_array(element(member(model->config, "levels"), i), numbers, 5) != 5)
        fail("damaged levels in the model file");
    for (k = 0; k < 5; k++)
        if (numbers[k] == 0 || numbers[k] > most[k])
            fail("damaged levels in the model file");
    level.stride = (int)numbers[0];
    level.width = (int)numbers[1];
    level.n_layers = (int)numbers[2];
    level.n_latents = (int)numbers[3];
    return level;
}

static int count_levels(const Model *model)
{
    const char *levels = member(model->config, "levels");
    int n = 0;
    while (element(levels, n))
        n++;
    if (n == 0 || n > MAX_LEVELS)
        fail("damaged levels in the model file");
    return n;
}

int rd_vae_stride(const Model *model)
{
    return read_level(model, count_levels(model) - 1).stride;
}

/* The name of an array of `layers/[i]`. */
static const char *layer_path(char path[PATH_SIZE], int i, const char *name)
{
    snprintf(path, PATH_SIZE, "layers/[%d]/%s", i, name);
    return path;
}

static Map convolve_layer(const LossyDecoder *d, int i, const char *name, int block, const Map *x, int n_out)
{
    char path[PATH_SIZE];
    Conv conv = read_conv(lossy_model(d), layer_path(path, i, name), block, x->n_channels, n_out);
    Map y = convolve(&conv, x, ACTIVATIONS);
    free_conv(&conv);
    return y;
}

/* "log scale = l + prior_scale" of the second half of the prior's channels. */
static void add_prior_scale(const LossyDecoder *d, int i, int block, Map *prior)
{
    char path[PATH_SIZE];
    int n = prior->n_channels / 2, c;
    int32_t *scales = read_knots(lossy_model(d), layer_path(path, i, "prior_scale"), block, lossy_quality(d), n);
    size_t p;
    for (p = 0; p < map_pixels(prior); p++)
        for (c = 0; c < n; c++) {
            int32_t *log_scale = prior->values + p * 2 * (size_t)n + n + c;
            *log_scale = clip_activation((int64_t)*log_scale + scales[c]);
        }
    free(scales);
}

/* y = m(front * h), z of the law prior * y, h <- h + merge * (y followed by z) */
static void run_layer(LossyDecoder *d, const Level *level, int i, int block, Map *h)
{
    char path[PATH_SIZE];
    int32_t *gains = read_knots(lossy_model(d), layer_path(path, i, "front_at"), block, lossy_quality(d),
                                2 * level->width);
    Map y = convolve_layer(d, i, "front", block, h, level->width), prior, z;
    modulate(&y, gains, 0);
    prior = convolve_layer(d, i, "prior", block, &y, 2 * level->n_latents);
    add_prior_scale(d, i, block, &prior);
    z = decode_lossy_layer(d, &prior);
    replace_map(&y, concatenate(&y, &z));
    replace_map(&y, convolve_layer(d, i, "merge", block, &y, level->width));
    add_to(h, &y);
    free(gains);
    free_map(&y);
    free_map(&prior);
    free_map(&z);
}

/* h as squares of the next finer level, or as pixels. */
static void refine(const LossyDecoder *d, const char *name, int side, int n_out, int unit, Map *h)
{
    Conv conv = read_conv(lossy_model(d), name, UNSTACKED, h->n_channels, n_out * side * side);
    replace_map(h, convolve(&conv, h, unit));
    replace_map(h, squares(h, side));
    free_conv(&conv);
}

/* h <- h + second * m(first * h) */
static void run_tail(const LossyDecoder *d, Map *h)
{
    int n = h->n_channels;
    Conv first = read_conv(lossy_model(d), "tail/first", UNSTACKED, n, n);
    Conv second = read_conv(lossy_model(d), "tail/second", UNSTACKED, n, n);
    int32_t *gains = read_knots(lossy_model(d), "tail/at", UNSTACKED, lossy_quality(d), 2 * n);
    Map y = convolve(&first, h, ACTIVATIONS);
    modulate(&y, gains, 0);
    replace_map(&y, convolve(&second, &y, ACTIVATIONS));
    add_to(h, &y);
    free(gains);
    free_conv(&first);
    free_conv(&second);
    free_map(&y);
}

/* o of a picture of height x width, multiples of the stride. */
Map rd_vae(LossyDecoder *d, int64_t height, int64_t width)
{
    int i = count_levels(lossy_model(d)) - 1, block;
    Level level = read_level(lossy_model(d), i);
    int32_t *top = read_vector(lossy_model(d), "top", level.width);
    Map h = repeat_vector(top, height / level.stride, width / level.stride, level.width);
    for (; i >= 0; i--) {
        char path[PATH_SIZE];
        Level finer;
        for (block = 0; block < level.n_layers; block++)
            run_layer(d, &level, i, block, &h);
        if (i == 0)
            break;
        finer = read_level(lossy_model(d), i - 1);
        if (level.stride % finer.stride)
            fail("damaged levels in the model file");
        snprintf(path, sizeof path, "up_sample/[%d]", i - 1);
        refine(d, path, level.stride / finer.stride, finer.width, ACTIVATIONS, &h);
        level = finer;
    }
    run_tail(d, &h);
    refine(d, "output", level.stride, 3, OUTPUTS, &h);
    free(top);
    return h;
}
