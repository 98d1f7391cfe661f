/* "From indices to samples": the tree coder, which makes standard normals out of indices. */
#include "rec.h"

#include <stdlib.h>

enum { MAX_STEPS = 5910 };

/* "K, the number of steps": "its place among the numbers on offer". */
static void offer_steps(Coder *coder)
{
    int64_t j, k;
    int n = 2;
    coder->offered = allocate(MAX_STEPS + 1, sizeof *coder->offered);
    coder->offered[1] = 1;
    for (j = 2; (k = round_shift(53184 * j * j, 16)) < MAX_STEPS; j++)
        if (k > coder->offered[n - 1])
            coder->offered[n++] = (int)k;
    coder->offered[n++] = MAX_STEPS;
    coder->n_offered = n;
}

Coder make_coder(int preset)
{
    Coder coder;
    if (preset == 3)
        fail("files of preset irec are not decoded: their deviations need 40 decimal digits");
    if (preset > 3)
        fail("a preset that no coder has");
    coder.n_candidates = 16;
    coder.sequence_length = preset == 2 ? 16384 : 4096;
    coder.one_sequence = 0;
    offer_steps(&coder);
    return coder;
}

void cut_into_blocks(Call *call, int block)
{
    call->n_blocks = (int)ceil_divide(call->n_dims, block);
    call->block_dims = (int)ceil_divide(call->n_dims, call->n_blocks);
}

/* c_i, the cumulated shares of the dims of a block. What fills up the last block has share 1. */
static int64_t *cumulated_shares(const Call *call, const int *order, int block)
{
    int64_t *c = allocate((size_t)call->block_dims, sizeof *c), sum = 0;
    int i;
    for (i = 0; i < call->block_dims; i++) {
        int place = block * call->block_dims + i;
        sum += place < call->n_dims ? call->shares[order[place]] : 1;
        c[i] = sum;
    }
    for (i = 0; i < call->block_dims; i++)
        c[i] *= sum < WHOLE ? WHOLE / sum : 1;
    return c;
}

/* The first `lead` steps fix no dim. */
static int64_t count_lead(const Coder *coder, int n_steps)
{
    int64_t lead = 0, reach = (int64_t)coder->n_candidates * coder->n_candidates;
    for (; reach <= coder->sequence_length; reach *= coder->n_candidates)
        lead++;
    return n_steps == 0 ? 0 : smaller(lead, n_steps - 1);
}

/* The normals of a block's dims, in the random order: the p-th dim of step j takes the normal of the p-th
   word from the place in the step's sequence that the path to it and its index choose. */
static void sample_block(const Tables *t, const Coder *coder, const Call *call, const int64_t *c, Key key,
                         const uint8_t *indices, int n_steps, int32_t *u)
{
    Key sequences = child(key, 0), path = child(key, 1);
    int64_t lead = count_lead(coder, n_steps), m = (n_steps > 1 ? n_steps : 1) - lead, j = 0;
    int64_t part = ceil_divide(c[call->block_dims - 1], m);
    uint32_t p = 0, f = coder->sequence_length;
    int i;
    for (i = 0; i < call->block_dims; i++, p++) {
        int64_t step = lead + smaller((c[i] - 1) / part, m - 1);
        uint32_t start;
        for (; j < step; j++, p = 0)
            path = child(path, indices[j]);
        start = n_steps ? path.a + indices[j] * (path.b | 1) : 0;
        u[i] = normal(t, random_word(sequences, (p / f << 16) + (coder->one_sequence ? 0 : (uint32_t)j), (start + p) % f));
    }
}

static uint8_t *decode_indices(RangeDecoder *decoder, const Coder *coder, int n_steps)
{
    uint8_t *indices = allocate((size_t)n_steps, 1);
    int j;
    for (j = 0; j < n_steps; j++)
        indices[j] = (uint8_t)decode_uniform(decoder, coder->n_candidates);
    return indices;
}

/* The normals of a call's dims, from the indices of its blocks. */
int32_t *decode_normals(RangeDecoder *decoder, const Tables *t, const Coder *coder, const Call *call, const int *steps)
{
    static const Key order_key = {0, 0x5EED};
    int32_t *normals = allocate((size_t)call->n_dims, sizeof *normals);
    int32_t *u = allocate((size_t)call->block_dims, sizeof *u);
    int *order = random_order(child(order_key, (uint32_t)call->n_dims), call->n_dims), b, i;
    for (b = 0; b < call->n_blocks; b++) {
        uint8_t *indices = decode_indices(decoder, coder, steps[b]);
        int64_t *c = cumulated_shares(call, order, b);
        sample_block(t, coder, call, c, child(call->key, (uint32_t)b), indices, steps[b], u);
        for (i = 0; i < call->block_dims && b * call->block_dims + i < call->n_dims; i++)
            normals[order[b * call->block_dims + i]] = u[i];
        free(indices);
        free(c);
    }
    free(u);
    free(order);
    return normals;
}
