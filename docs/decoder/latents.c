/* "Latents of a group": outliers, numbers of steps, and the latents of a layer or call. */
#include "rec.h"

#include <stdlib.h>

enum { N_EXPONENTS = 12, MIN_EXPONENT = -4, N_LENGTHS = 21 };

/* The locs and scales of a map of [.., locs followed by log scales]. */
Prior split_prior(const Tables *t, const Map *prior)
{
    size_t n = (size_t)prior->n_channels / 2, n_dims = map_pixels(prior) * n, i;
    Prior p;
    p.locs = allocate(n_dims, sizeof *p.locs);
    p.scales = allocate(n_dims, sizeof *p.scales);
    for (i = 0; i < n_dims; i++) {
        const int32_t *law = prior->values + i / n * 2 * n + i % n;
        p.locs[i] = law[0];
        p.scales[i] = entry(t->scale, N_SCALE, round_shift(law[n], 4) + 1536);
    }
    return p;
}

void free_prior(Prior *prior)
{
    free(prior->locs);
    free(prior->scales);
}

static Law outlier_count_law(void)
{
    uint64_t weights[MAX_OUTLIERS + 1], sum = 0, n;
    for (n = 1; n <= MAX_OUTLIERS; n++)
        sum += weights[n] = WHOLE / ((n + 1) * (n + 1));
    weights[0] = 9 * sum;
    return normalise(weights, MAX_OUTLIERS + 1);
}

static Law exponent_law(void)
{
    uint64_t weights[N_EXPONENTS];
    int i;
    for (i = 0; i < N_EXPONENTS; i++)
        weights[i] = i + MIN_EXPONENT < 0 ? 1 : (uint64_t)1 << (8 - (i + MIN_EXPONENT));
    return normalise(weights, N_EXPONENTS);
}

/* The shift s of an outlier, of which the bit length of |s| is known. */
static int64_t decode_shift(RangeDecoder *decoder, int length)
{
    int64_t place, magnitude;
    if (length == 0)
        return 0;
    place = decode_uniform(decoder, (uint32_t)1 << length);
    magnitude = (place >> 1) + ((int64_t)1 << (length - 1));
    return place & 1 ? -magnitude : magnitude;
}

/* "Lossy files: the stream": the dims of outliers by parts of 2^t dims; rising, so that of each part only
   how far it is from the last one. */
static void decode_dims_in_parts(RangeDecoder *decoder, int n_dims, Outliers *o)
{
    int t = floor_log2((uint64_t)(n_dims / o->n)), part = 0, i;
    Law law = two_sided_geometric(0, 128, (n_dims >> t) + 1);
    for (i = 0; i < o->n; i++) {
        part = (int)smaller((int64_t)part + decode_symbol(decoder, &law), n_dims);
        o->items[i].dim = part;
    }
    for (i = 0; i < o->n; i++) {
        int64_t dim = ((int64_t)o->items[i].dim << t) + decode_uniform(decoder, (uint32_t)1 << t);
        o->items[i].dim = (int)smaller(dim, n_dims - 1);
    }
    free(law.frequencies);
}

Outliers decode_outliers(RangeDecoder *decoder, int n_dims, int in_parts)
{
    Outliers o;
    int i;
    o.n = decode_once(decoder, outlier_count_law());
    if (in_parts && o.n > 0)
        decode_dims_in_parts(decoder, n_dims, &o);
    for (i = 0; i < o.n && !in_parts; i++)
        o.items[i].dim = (int)decode_uniform(decoder, (uint32_t)n_dims);
    for (i = 0; i < o.n; i++)
        o.items[i].exponent = decode_once(decoder, exponent_law()) + MIN_EXPONENT;
    for (i = 0; i < o.n; i++)
        o.items[i].length = decode_once(decoder, two_sided_geometric(2, 128, N_LENGTHS));
    for (i = 0; i < o.n; i++)
        o.items[i].shift = decode_shift(decoder, o.items[i].length);
    return o;
}

/* A number of steps: the law over all of them, taken at those on offer. */
static int decode_step_count(RangeDecoder *decoder, const Coder *coder, int64_t centre, int64_t a)
{
    uint64_t *weights = allocate((size_t)coder->n_offered, sizeof *weights);
    Law all = two_sided_geometric(centre, (uint32_t)a, coder->offered[coder->n_offered - 1] + 1);
    int i;
    for (i = 0; i < coder->n_offered; i++)
        weights[i] = all.frequencies[coder->offered[i]];
    i = decode_once(decoder, normalise(weights, coder->n_offered));
    free(weights);
    free(all.frequencies);
    return coder->offered[i];
}

/* "K, the number of steps, of each block": law is c, a, b. */
int *decode_step_counts(RangeDecoder *decoder, const Coder *coder, int n_blocks, const int64_t law[3])
{
    int *steps = allocate((size_t)n_blocks, sizeof *steps);
    int64_t sum = 0, k;
    for (k = 0; k < n_blocks; k++) {
        if (k == 0)
            steps[k] = decode_step_count(decoder, coder, law[0], law[1]);
        else
            steps[k] = decode_step_count(decoder, coder, (2 * sum + k) / (2 * k), law[2]);
        sum += steps[k];
    }
    return steps;
}

/* z = loc + scale u; that of an outlier is shifted, and finer or coarser. */
static int32_t latent(const Call *call, int dim, int64_t u, int exponent)
{
    return clip_activation(call->locs[dim] + round_shift(call->scales[dim] * u, 16 + 2 * exponent));
}

void decode_latents(RangeDecoder *decoder, const Tables *t, const Coder *coder, const Call *call, const int *steps,
                    const Outliers *outliers, int32_t *z)
{
    int32_t *normals = decode_normals(decoder, t, coder, call, steps);
    int i;
    for (i = 0; i < call->n_dims; i++)
        z[i] = latent(call, i, normals[i], 0);
    for (i = 0; i < outliers->n; i++) {
        const Outlier *o = &outliers->items[i];
        z[o->dim] = latent(call, o->dim, normals[o->dim] + 2 * o->shift * 4096, o->exponent);
    }
    free(normals);
}
