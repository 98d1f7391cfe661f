/* Errors, memory, files and integers. */
#include "rec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("rec_decode: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *allocate(size_t n, size_t size)
{
    void *memory = calloc(n ? n : 1, size);
    if (!memory)
        fail("out of memory");
    return memory;
}

Bytes read_file(const char *path)
{
    Bytes bytes;
    long size = -1;
    FILE *file = fopen(path, "rb");
    if (!file)
        fail("%s: cannot open", path);
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size < 0 || (unsigned long)size > MAX_FILE_SIZE || fseek(file, 0, SEEK_SET) != 0)
        fail("%s: cannot read, or too large", path);
    bytes.size = (size_t)size;
    bytes.data = allocate(bytes.size, 1);
    if (fread(bytes.data, 1, bytes.size, file) != bytes.size)
        fail("%s: cannot read", path);
    fclose(file);
    return bytes;
}

/* The little-endian number of n bytes at an offset; almost the only way this program reads bytes. */
uint64_t little_endian(Bytes bytes, size_t offset, size_t n)
{
    uint64_t value = 0;
    if (offset > bytes.size || n > bytes.size - offset)
        fail("a file ends too early");
    while (n--)
        value = value << 8 | bytes.data[offset + n];
    return value;
}

int64_t signed_little_endian(Bytes bytes, size_t offset, size_t n)
{
    uint64_t sign = (uint64_t)1 << (8 * n - 1);
    return (int64_t)(little_endian(bytes, offset, n) ^ sign) - (int64_t)sign;
}

Bytes slice(Bytes bytes, uint64_t offset, uint64_t size)
{
    Bytes part;
    if (offset > bytes.size || size > bytes.size - offset)
        fail("a file ends too early");
    part.data = bytes.data + offset;
    part.size = (size_t)size;
    return part;
}

/* Portably: C leaves >> of a negative number to the compiler. */
int64_t floor_shift(int64_t x, int n)
{
    return x >= 0 ? x >> n : ~(~x >> n);
}

/* A negative n multiplies. */
int64_t round_shift(int64_t x, int n)
{
    if (n <= 0)
        return x * ((int64_t)1 << -n);
    return floor_shift(x + ((int64_t)1 << (n - 1)), n);
}

int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t clip(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int floor_log2(uint64_t x)
{
    int n = 0;
    while (x >>= 1)
        n++;
    return n;
}

int32_t clip_activation(int64_t x)
{
    return (int32_t)clip(x, -(1 << 20) + 1, (1 << 20) - 1);
}

int32_t clip_output(int64_t x)
{
    return (int32_t)clip(x, -(1 << 24) + 1, (1 << 24) - 1);
}
