/* "Numbers": Threefry-2x32, standard normals from its words, and random orders. */
#include "rec.h"

#include <stdlib.h>

const Key ROOT = {0, 0};

static uint32_t rotate_left(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

/* T(k, c) */
static Key threefry(Key k, uint32_t c0, uint32_t c1)
{
    static const int rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    uint32_t schedule[3];
    int i;
    schedule[0] = k.a;
    schedule[1] = k.b;
    schedule[2] = k.a ^ k.b ^ 0x1BD11BDA;
    c0 += k.a;
    c1 += k.b;
    for (i = 0; i < 20; i++) {
        c0 += c1;
        c1 = rotate_left(c1, rotations[i % 8]) ^ c0;
        if (i % 4 == 3) {
            uint32_t round = (uint32_t)i / 4 + 1;
            c0 += schedule[round % 3];
            c1 += schedule[(round + 1) % 3] + round;
        }
    }
    k.a = c0;
    k.b = c1;
    return k;
}

Key child(Key k, uint32_t i)
{
    return threefry(k, 0, i);
}

/* Word i of the sequence of words that a key has under counters (c0, 0), (c0, 1), ... */
uint32_t random_word(Key k, uint32_t c0, uint32_t i)
{
    Key pair = threefry(k, c0, i / 2);
    return i % 2 ? pair.b : pair.a;
}

/* "A standard normal from a word", in units of 2^-12. */
int32_t normal(const Tables *t, uint32_t word)
{
    uint32_t u = word >> 1, cell;
    int zeros = u ? 30 - floor_log2(u) : 31;
    int32_t magnitude;
    cell = (u << zeros) >> 20 & 0x3FF;
    magnitude = t->normal[(zeros < 30 ? zeros : 30) * 1024 + (int)cell];
    return word & 1 ? -magnitude : magnitude;
}

typedef struct {
    uint64_t words;
    int i;
} Place;

static int compare_places(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    if (x->words != y->words)
        return x->words < y->words ? -1 : 1;
    return x->i < y->i ? -1 : 1;
}

/* 0 .. n - 1 in the order of the words T(key, (0, i)), "compared as one number of 64 bits". */
int *random_order(Key key, int n)
{
    Place *places = allocate((size_t)n, sizeof *places);
    int *order = allocate((size_t)n, sizeof *order), i;
    for (i = 0; i < n; i++) {
        Key pair = child(key, (uint32_t)i);
        places[i].words = (uint64_t)pair.a << 32 | pair.b;
        places[i].i = i;
    }
    qsort(places, (size_t)n, sizeof *places, compare_places);
    for (i = 0; i < n; i++)
        order[i] = places[i].i;
    free(places);
    return order;
}
