/* "Lossy files", "The network": models of kind two_level. */
#include "rec.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_LEVELS = 8, PATH_SIZE = 64, LOWEST = -(1 << 20) + 1 };

static int count_levels(const Model *model, const char *format)
{
    char path[PATH_SIZE];
    int n = 0;
    while (snprintf(path, sizeof path, format, n) > 0 && has_tensor(model, path))
        n++;
    if (n == 0 || n > MAX_LEVELS)
        fail("the model file has no levels, or too many");
    return n;
}

static int count_hyper_levels(const Model *model)
{
    return count_levels(model, "hyper_synthesis/levels/[%d]/in/w");
}

static int count_synthesis_levels(const Model *model)
{
    return count_levels(model, "synthesis/[%d]/in/w");
}

static int hyper_stride(const Model *model)
{
    return 1 << count_hyper_levels(model);
}

/* Every level of either synthesis, and the output, doubles the sides. */
static int synthesis_stride(const Model *model)
{
    return 2 << count_synthesis_levels(model);
}

int two_level_stride(const Model *model)
{
    return hyper_stride(model) * synthesis_stride(model);
}

static int32_t *read_gains(const LossyDecoder *d, const char *name, int n)
{
    return read_knots(lossy_model(d), name, UNSTACKED, lossy_quality(d), n);
}

static void convolve_map(const LossyDecoder *d, const char *name, int n_out, int unit, Map *h)
{
    Conv conv = read_conv(lossy_model(d), name, UNSTACKED, h->n_channels, n_out);
    replace_map(h, convolve(&conv, h, unit));
    free_conv(&conv);
}

/* h <- m(squares of 2x2 of `in` * h) */
static void run_level(const LossyDecoder *d, const char *level, int64_t low, Map *h)
{
    char path[2 * PATH_SIZE];
    int32_t *gains;
    snprintf(path, sizeof path, "%s/in", level);
    convolve_map(d, path, 0, ACTIVATIONS, h);
    replace_map(h, squares(h, 2));
    snprintf(path, sizeof path, "%s/at", level);
    gains = read_gains(d, path, 2 * h->n_channels);
    modulate(h, gains, low);
    free(gains);
}

static Map absolute(const Map *x)
{
    Map y = new_window_map(x->window, x->n_channels);
    size_t i;
    for (i = 0; i < map_size(x); i++)
        y.values[i] = x->values[i] < 0 ? -x->values[i] : x->values[i];
    return y;
}

static void drop_negatives(int32_t *values, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++)
        if (values[i] < 0)
            values[i] = 0;
}

/* x -> clip(round(x f / 2^12)), f of |x| */
static void run_igdn(const LossyDecoder *d, const char *level, Map *x)
{
    char path[2 * PATH_SIZE];
    Conv conv;
    Map f = absolute(x);
    size_t n = (size_t)x->n_channels, i;
    snprintf(path, sizeof path, "%s/igdn", level);
    conv = read_conv(lossy_model(d), path, UNSTACKED, x->n_channels, x->n_channels);
    drop_negatives(conv.w, (size_t)(conv.size * conv.size) * n * n);
    drop_negatives(conv.b, n);
    replace_map(&f, convolve(&conv, &f, ACTIVATIONS));
    for (i = 0; i < map_size(x); i++)
        x->values[i] = clip_activation(round_shift((int64_t)x->values[i] * f.values[i], 12));
    free_conv(&conv);
    free_map(&f);
}

/* The law of the first layer, "the same everywhere": loc followed by log scale. */
static Map top_prior(const LossyDecoder *d, int64_t height, int64_t width)
{
    int n = (int)number(member(lossy_model(d)->config, "hyper_channels"), 4096), c;
    int32_t *loc = read_gains(d, "top/loc", n), *log_scale = read_gains(d, "top/log_scale", n);
    int32_t *both = allocate(2 * (size_t)n, sizeof *both);
    Map prior;
    for (c = 0; c < n; c++) {
        both[c] = loc[c];
        both[n + c] = log_scale[c];
    }
    prior = repeat_vector(both, height, width, 2 * n);
    free(loc);
    free(log_scale);
    free(both);
    return prior;
}

/* From z of the first layer to the law of the second. */
static void hyper_synthesis(const LossyDecoder *d, Map *h)
{
    char path[PATH_SIZE];
    int n_levels = count_hyper_levels(lossy_model(d)), n, i;
    int32_t *log_scale;
    size_t k;
    for (i = 0; i < n_levels; i++) {
        snprintf(path, sizeof path, "hyper_synthesis/levels/[%d]", i);
        run_level(d, path, 0, h);
    }
    convolve_map(d, "hyper_synthesis/heads", 0, ACTIVATIONS, h);
    if (h->n_channels % 2)
        fail("hyper_synthesis/heads: damaged shape");
    n = h->n_channels / 2;
    log_scale = read_gains(d, "hyper_synthesis/log_scale", n);
    for (k = 0; k < map_size(h); k++) {
        int c = (int)(k % (2 * (size_t)n));
        if (c >= n)
            h->values[k] = clip_activation((int64_t)h->values[k] + log_scale[c - n]);
    }
    free(log_scale);
}

/* From z of the second layer to o. */
static void synthesis(const LossyDecoder *d, Map *h)
{
    char path[PATH_SIZE];
    int i = count_synthesis_levels(lossy_model(d)) - 1;
    for (; i >= 0; i--) {
        snprintf(path, sizeof path, "synthesis/[%d]", i);
        run_level(d, path, LOWEST, h);
        run_igdn(d, path, h);
    }
    convolve_map(d, "output", 12, OUTPUTS, h);
    replace_map(h, squares(h, 2));
}

/* o of a picture of height x width, multiples of the stride. */
Map two_level(LossyDecoder *d, int64_t height, int64_t width)
{
    int stride = two_level_stride(lossy_model(d));
    Map prior = top_prior(d, height / stride, width / stride), h = decode_lossy_layer(d, &prior);
    replace_map(&prior, h);
    hyper_synthesis(d, &prior);
    h = decode_lossy_layer(d, &prior);
    synthesis(d, &h);
    free_map(&prior);
    return h;
}
