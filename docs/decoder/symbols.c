/* "Symbols": the range decoder, and laws of symbols as frequencies. */
#include "rec.h"

#include <stdlib.h>

/* "Past the end come zeros": four whole words beyond the payload's last, and no more. */
static uint32_t next_word(RangeDecoder *decoder)
{
    uint32_t word = 0;
    int i;
    if (decoder->position >= (uint64_t)ceil_divide((int64_t)decoder->payload.size, 4) * 4 + 4 * 4)
        fail("the stream ends too early: a damaged file");
    for (i = 0; i < 4; i++, decoder->position++)
        word = word << 8 |
               (decoder->position < decoder->payload.size ? decoder->payload.data[decoder->position] : 0);
    return word;
}

RangeDecoder start_decoding(Bytes payload)
{
    RangeDecoder decoder;
    decoder.payload = payload;
    decoder.position = 0;
    decoder.range = UINT64_MAX;
    decoder.point = (uint64_t)next_word(&decoder) << 32;
    decoder.point |= next_word(&decoder);
    return decoder;
}

/* Where in [0, 2^24) the point lies. */
static uint32_t quantile(const RangeDecoder *decoder)
{
    uint64_t q = decoder->point / (decoder->range >> PRECISION);
    if (q >= WHOLE)
        fail("the stream holds what no writer writes: a damaged file");
    return (uint32_t)q;
}

/* Takes the symbol that owns [low, high). */
static void consume(RangeDecoder *decoder, uint32_t low, uint32_t high)
{
    uint64_t scale = decoder->range >> PRECISION;
    decoder->point -= scale * low;
    decoder->range = scale * (high - low);
    if (decoder->range >> 32 == 0) {
        decoder->range <<= 32;
        decoder->point = decoder->point << 32 | next_word(decoder);
    }
}

/* A bit that is 1 with probability p / 2^24. */
int decode_bit(RangeDecoder *decoder, uint32_t p)
{
    uint32_t split = (uint32_t)((uint64_t)(WHOLE - p) * (WHOLE - 2) >> PRECISION) + 1;
    int bit = quantile(decoder) >= split;
    consume(decoder, bit ? split : 0, bit ? WHOLE : split);
    return bit;
}

/* One of n equally probable symbols. */
uint32_t decode_uniform(RangeDecoder *decoder, uint32_t n)
{
    uint32_t size = WHOLE / n, symbol;
    if (n == 1)
        return 0;
    symbol = (uint32_t)smaller(quantile(decoder) / size, n - 1);
    consume(decoder, symbol * size, symbol == n - 1 ? WHOLE : (symbol + 1) * size);
    return symbol;
}

/* The lower end of a symbol, of the frequencies before it. */
static uint32_t lower_end(uint32_t cumulative, int n, int symbol)
{
    if (symbol == n)
        return WHOLE;
    return (uint32_t)((uint64_t)cumulative * (WHOLE - (uint32_t)n) >> PRECISION) + (uint32_t)symbol;
}

int decode_symbol(RangeDecoder *decoder, const Law *law)
{
    uint32_t q, cumulative = 0, low = 0;
    int i;
    if (law->n == 1)
        return 0;
    q = quantile(decoder);
    for (i = 0;; i++) {
        uint32_t high = lower_end(cumulative += law->frequencies[i], law->n, i + 1);
        if (q < high) {
            consume(decoder, low, high);
            return i;
        }
        low = high;
    }
}

int decode_once(RangeDecoder *decoder, Law law)
{
    int symbol = decode_symbol(decoder, &law);
    free(law.frequencies);
    return symbol;
}

/* `normalise`. Weights are at most 2^40, so that products fit. */
Law normalise(const uint64_t *weights, int n)
{
    uint64_t sum = 0, total = 0;
    int i, largest = 0;
    Law law;
    law.n = n;
    law.frequencies = allocate((size_t)n, sizeof *law.frequencies);
    for (i = 0; i < n; i++) {
        sum += weights[i];
        if (weights[i] > weights[largest])
            largest = i;
    }
    if (sum == 0)
        fail("a law without weights: a damaged model file");
    for (i = 0; i < n; i++)
        total += law.frequencies[i] = 1 + (uint32_t)(weights[i] * (WHOLE - (uint32_t)n) / sum);
    law.frequencies[largest] += (uint32_t)(WHOLE - total);
    return law;
}

Law two_sided_geometric(int64_t centre, uint32_t a, int n)
{
    uint64_t *weights = allocate((size_t)n, sizeof *weights), v = (uint64_t)1 << 40;
    int64_t distance;
    Law law;
    if (centre >= n)
        centre = n - 1;
    for (distance = 0; v > 0 && (distance <= centre || distance < n - centre); distance++, v = v * a >> 8) {
        if (centre - distance >= 0 && centre - distance < n)
            weights[centre - distance] = v;
        if (centre + distance < n)
            weights[centre + distance] = v;
    }
    law = normalise(weights, n);
    free(weights);
    return law;
}
