/* "Model files": arrays of integers by name, from a safetensors file, and vectors with knots. */
#include "rec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 160

static void read_configs(Model *model)
{
    const char *config = member(model->metadata, "config"), *format = member(model->metadata, "format");
    if (!format || number(format, UINT64_MAX - 1) != 2)
        fail("the model file has another format than 2");
    model->config = member(config, "model");
    model->coder = member(config, "coder");
}

Model open_model(const char *path)
{
    Bytes file = read_file(path);
    uint64_t n = little_endian(file, 0, 8);
    Bytes header = slice(file, 8, n);
    Model model;
    model.id = sha256_first_two_bytes(file);
    model.header = allocate(header.size + 1, 1);
    memcpy(model.header, header.data, header.size);
    model.data = slice(file, 8 + n, file.size - 8 - n);
    model.metadata = string_content(member(member(model.header, "__metadata__"), "rec_jax"));
    read_configs(&model);
    return model;
}

/* Elements of the shape, at most so many that sizes cannot overflow. */
static size_t n_elements(const Tensor *tensor, const char *name)
{
    uint64_t n = 1;
    int i;
    for (i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] == 0 || tensor->dims[i] > MAX_FILE_SIZE / n)
            fail("%s: damaged shape", name);
        n *= tensor->dims[i];
    }
    return (size_t)n;
}

static size_t dtype_size(const char *dtype)
{
    return is_string(dtype, "I32") ? 4 : is_string(dtype, "I16") ? 2 : is_string(dtype, "I8") ? 1 : 0;
}

int has_tensor(const Model *model, const char *name)
{
    return member(model->header, name) != NULL;
}

Tensor read_tensor(const Model *model, const char *name)
{
    const char *entry = member(model->header, name);
    size_t size = dtype_size(member(entry, "dtype")), i;
    uint64_t range[2];
    Tensor tensor;
    Bytes data;
    if (!entry || size == 0)
        fail("the model file has no integers %s", name);
    tensor.n_dims = number_array(member(entry, "shape"), tensor.dims, 5);
    if (tensor.n_dims < 0 || number_array(member(entry, "data_offsets"), range, 2) != 2)
        fail("%s: damaged entry", name);
    tensor.n = n_elements(&tensor, name);
    if (range[1] < range[0] || range[1] - range[0] != tensor.n * size)
        fail("%s: damaged offsets", name);
    data = slice(model->data, range[0], range[1] - range[0]);
    tensor.values = allocate(tensor.n, sizeof *tensor.values);
    for (i = 0; i < tensor.n; i++)
        tensor.values[i] = (int32_t)signed_little_endian(data, size * i, size);
    return tensor;
}

/* The array `name`/`part`; where blocks are stacked, that of one block. */
Tensor read_part(const Model *model, const char *name, const char *part, int block)
{
    char path[PATH_SIZE];
    Tensor tensor;
    snprintf(path, sizeof path, "%s/%s", name, part);
    tensor = read_tensor(model, path);
    if (block == UNSTACKED)
        return tensor;
    if (tensor.n_dims < 2 || tensor.dims[0] <= (uint64_t)block)
        fail("%s: no block %d", path, block);
    tensor.n /= (size_t)tensor.dims[0];
    tensor.n_dims--;
    memmove(tensor.dims, tensor.dims + 1, (size_t)tensor.n_dims * sizeof *tensor.dims);
    memmove(tensor.values, tensor.values + (size_t)block * tensor.n, tensor.n * sizeof *tensor.values);
    return tensor;
}

int32_t *read_vector(const Model *model, const char *name, int n)
{
    Tensor tensor = read_tensor(model, name);
    if (tensor.n != (size_t)n)
        fail("%s: damaged shape", name);
    return tensor.values;
}

/* The vector of a quality: "Lossy files", v of the knots [K, n] around it. */
int32_t *read_knots(const Model *model, const char *name, int block, int quality, int n)
{
    Tensor knots = read_part(model, name, "knots", block);
    int32_t *vector = allocate((size_t)n, sizeof *vector);
    int s, i, r, c;
    if (knots.n_dims != 2 || knots.dims[0] < 2 || 100 % (knots.dims[0] - 1) || knots.dims[1] != (uint64_t)n)
        fail("%s: damaged knots", name);
    s = 100 / ((int)knots.dims[0] - 1);
    i = quality / s;
    r = quality % s;
    for (c = 0; c < n; c++) {
        int64_t a = knots.values[i * n + c], b = r ? knots.values[(i + 1) * n + c] : a;
        int64_t twice = 2 * (a * (s - r) + b * r) + s;
        vector[c] = (int32_t)(twice >= 0 ? twice / (2 * s) : -ceil_divide(-twice, 2 * s));
    }
    free(knots.values);
    return vector;
}
