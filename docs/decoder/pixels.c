/* "Pixels of a group": values under mixtures of logistics, bit by bit, and the laws of colours. */
#include "rec.h"

#include <stdlib.h>

uint16_t *pixel_at(const Picture *p, int64_t row, int64_t column)
{
    return p->pixels + (row * p->width + column) * p->n_colours;
}

/* n logistics of logits, locs (already clipped) and log scales. */
void make_mixture(const Tables *t, int n, const int32_t *logits, const int64_t *locs, const int32_t *log_scales,
                  Logistic *mixture)
{
    int64_t largest = logits[0];
    int k;
    for (k = 1; k < n; k++)
        if (logits[k] > largest)
            largest = logits[k];
    for (k = 0; k < n; k++) {
        mixture[k].weight = entry(t->weight, N_WEIGHT, round_shift(largest - logits[k], 8));
        mixture[k].loc = (int32_t)locs[k];
        mixture[k].inverse_scale =
            entry(t->inverse_scale, N_INVERSE_SCALE, round_shift(log_scales[k], 8) + 2048);
    }
}

/* F_k, in units of 2^-24, at an edge in units of 2^-16. */
static int64_t logistic_cdf(const Tables *t, const Logistic *law, int64_t edge)
{
    int64_t z = floor_shift((edge - law->loc) * law->inverse_scale, 13) + (1 << 23);
    const int32_t *cell;
    z = clip(z, 0, WHOLE - 1);
    cell = t->logistic + (z >> 12);
    return cell[0] + ((cell[1] - cell[0]) * (z & 0xFFF) >> 12);
}

static int64_t sum_weights(const Logistic *mixture, int n)
{
    int64_t sum = 0;
    int k;
    for (k = 0; k < n; k++)
        sum += mixture[k].weight;
    return sum;
}

/* U(v) for v inside the range of values. */
static int64_t mixture_cdf(const Tables *t, const Logistic *mixture, int n, int64_t v, Scale scale)
{
    int64_t sum = v * sum_weights(mixture, n);
    int k;
    for (k = 0; k < n; k++)
        sum += mixture[k].weight * logistic_cdf(t, &mixture[k], scale.first + v * scale.step);
    return sum;
}

/* floor(2^24 part / whole) in two steps, so that nothing exceeds 64 bits. */
static int64_t ratio(int64_t part, int64_t whole)
{
    int64_t high = (part << 12) / whole, rest = (part << 12) % whole;
    return high << 12 | (rest << 12) / whole;
}

static void decode_next_bit(RangeDecoder *decoder, const Tables *t, const Logistic *mixture, int n, int bit,
                            Scale scale, Search *value)
{
    int64_t mid = value->lo + ((int64_t)1 << bit);
    int64_t u_mid = mixture_cdf(t, mixture, n, mid, scale);
    int64_t p = clip(ratio(value->u_hi - u_mid, value->u_hi - value->u_lo), 1, WHOLE - 1);
    if (decode_bit(decoder, (uint32_t)p)) {
        value->lo = mid;
        value->u_lo = u_mid;
    } else {
        value->u_hi = u_mid;
    }
}

/* A value under each of the mixtures: "the top bits of all of them, then their next bits, and so on". */
void decode_values(RangeDecoder *decoder, const Tables *t, const Logistic *mixtures, int n, Scale scale,
                   Search *values, size_t n_values)
{
    size_t i;
    int bit;
    for (i = 0; i < n_values; i++) {
        values[i].lo = values[i].u_lo = 0;
        values[i].u_hi = ((int64_t)WHOLE + (1 << scale.depth)) * sum_weights(mixtures + i * (size_t)n, n);
    }
    for (bit = scale.depth - 1; bit >= 0; bit--)
        for (i = 0; i < n_values; i++)
            decode_next_bit(decoder, t, mixtures + i * (size_t)n, n, bit, scale, &values[i]);
}

/* X of a colour that is known. */
static int64_t centred(int64_t v, int depth)
{
    return (2 * v + 1 - (1 << depth)) * (1 << (16 - depth));
}

/* The locs of a colour, moved by those of the pixel that are known, and clipped. */
static void moved_locs(const int32_t *law, int n, int colour, const uint16_t *known, int depth, int64_t *locs)
{
    const int32_t *slopes = law + SLOPES * n;
    int k;
    for (k = 0; k < n; k++) {
        int64_t move = 0;
        if (colour == 1)
            move = slopes[k] * centred(known[0], depth);
        if (colour == 2)
            move = slopes[n + k] * centred(known[0], depth) + slopes[2 * n + k] * centred(known[1], depth);
        locs[k] = clip(law[(LOCS + colour) * n + k] + round_shift(move, 17), -(1 << 18), 1 << 18);
    }
}

static Scale pixel_scale(int depth)
{
    Scale scale;
    scale.depth = depth;
    scale.first = -(1 << 15);
    scale.step = 1 << (16 - depth);
    return scale;
}

/* Pixels of known laws of N_ROWS n numbers, colour by colour. */
void decode_pixels(RangeDecoder *decoder, const Tables *t, const int32_t *laws, int n, uint16_t **pixels,
                   size_t n_pixels, const Picture *picture)
{
    Logistic *mixtures = allocate(n_pixels, (size_t)n * sizeof *mixtures);
    Search *values = allocate(n_pixels, sizeof *values);
    int64_t locs[MAX_COMPONENTS];
    size_t i;
    int colour;
    for (colour = 0; colour < picture->n_colours; colour++) {
        for (i = 0; i < n_pixels; i++) {
            const int32_t *law = laws + i * (size_t)(N_ROWS * n);
            moved_locs(law, n, colour, pixels[i], picture->depth, locs);
            make_mixture(t, n, law + (LOGITS + colour) * n, locs, law + (LOG_SCALES + colour) * n,
                         mixtures + i * (size_t)n);
        }
        decode_values(decoder, t, mixtures, n, pixel_scale(picture->depth), values, n_pixels);
        for (i = 0; i < n_pixels; i++)
            pixels[i][colour] = (uint16_t)values[i].lo;
    }
    free(mixtures);
    free(values);
}
