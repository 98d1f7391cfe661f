/* The tables of "Numbers", from an uncompressed .npz file. */
#include "rec.h"

#include <stdlib.h>
#include <string.h>

/* The offset of the first entry of the zip's central directory, and how many entries it has. */
static size_t central_directory(Bytes zip, size_t *n_entries)
{
    size_t end = zip.size < 22 ? 0 : zip.size - 22;
    while (end > 0 && little_endian(zip, end, 4) != 0x06054B50)
        end--;
    if (end == 0)
        fail("the tables are not a zip file");
    *n_entries = (size_t)little_endian(zip, end + 10, 2);
    return (size_t)little_endian(zip, end + 16, 4);
}

/* The stored bytes of a member. Sizes come from the central directory: numpy's local headers hide them
   in zip64 fields. */
static Bytes zip_member(Bytes zip, const char *name)
{
    size_t n_entries, entry = central_directory(zip, &n_entries);
    for (; n_entries > 0; n_entries--) {
        size_t n_name = (size_t)little_endian(zip, entry + 28, 2);
        Bytes its_name = slice(zip, entry + 46, n_name);
        size_t local = (size_t)little_endian(zip, entry + 42, 4);
        if (n_name == strlen(name) && memcmp(its_name.data, name, n_name) == 0) {
            if (little_endian(zip, entry + 10, 2) != 0)
                fail("the tables are compressed");
            return slice(zip, local + 30 + little_endian(zip, local + 26, 2) + little_endian(zip, local + 28, 2),
                         little_endian(zip, entry + 24, 4));
        }
        entry += 46 + n_name + (size_t)little_endian(zip, entry + 30, 2) + (size_t)little_endian(zip, entry + 32, 2);
    }
    fail("no table %s", name);
    return zip;
}

/* The n entries of a table: a .npy array of int16 or int32, by the size of its data. */
static int32_t *read_table(Bytes zip, const char *name, size_t n)
{
    Bytes npy = zip_member(zip, name);
    size_t start = 10 + (size_t)little_endian(npy, 8, 2);
    size_t size = npy.size >= start ? (npy.size - start) / n : 0, i;
    int32_t *table = allocate(n, sizeof *table);
    if ((size != 2 && size != 4) || npy.size - start != size * n || memcmp(npy.data, "\x93NUMPY\x01", 7) != 0)
        fail("table %s is damaged", name);
    for (i = 0; i < n; i++)
        table[i] = (int32_t)signed_little_endian(npy, start + size * i, size);
    return table;
}

/* Laws are monotone and positive only if the tables are. */
static void check_table(const int32_t *table, size_t n, const char *name, int32_t low, int32_t high, int direction)
{
    size_t i;
    for (i = 0; i < n; i++)
        if (table[i] < low || table[i] > high || (i > 0 && ((int64_t)table[i] - table[i - 1]) * direction < 0))
            fail("table %s is damaged", name);
}

Tables read_tables(const char *path)
{
    Bytes zip = read_file(path);
    Tables t;
    t.inverse_scale = read_table(zip, "inverse_scale.npy", N_INVERSE_SCALE);
    t.weight = read_table(zip, "weight.npy", N_WEIGHT);
    t.logistic = read_table(zip, "logistic.npy", N_LOGISTIC);
    t.elu = read_table(zip, "elu.npy", N_ELU);
    t.scale = read_table(zip, "scale.npy", N_SCALE);
    t.normal = read_table(zip, "normal.npy", N_NORMAL);
    free(zip.data);
    check_table(t.elu, N_ELU, "elu", 0, 1 << 12, 1);
    check_table(t.scale, N_SCALE, "scale", 1, 1 << 25, 1);
    check_table(t.normal, N_NORMAL, "normal", 0, INT16_MAX, 0);
    check_table(t.inverse_scale, N_INVERSE_SCALE, "inverse_scale", 1, 1 << 28, -1);
    check_table(t.weight, N_WEIGHT, "weight", 1, 1 << 12, -1);
    check_table(t.logistic, N_LOGISTIC, "logistic", 0, 1 << 24, 1);
    return t;
}

int32_t entry(const int32_t *table, int n, int64_t i)
{
    return table[clip(i, 0, n - 1)];
}
