/*
 * rec_decode: an independent decoder of .rec pictures, written from FORMAT.md without a look at rec_jax.
 *
 *     rec_decode MODEL.safetensors TABLES.npz IN.rec OUT.ppm
 *
 * It decodes lossless files of models of kind phases, resnet_vae (likelihoods logistic and colour_mixture,
 * presets fast, default and best) and idf, and lossy files of models of kind rd_vae and two_level, to a PPM,
 * or a PGM of a grey picture. It refuses embedded files, iREC's (their deviations need decimals of 40 digits),
 * those of models of kind hyperprior, and latents under phases. Checksums of file and pixels are checked.
 *
 * All arithmetic is on integers, so every compiler and machine gives the same pixels. Names in quotes are
 * sections and words of FORMAT.md. Memory of what lives as long as the program is left to its end.
 */
#include "rec.h"

#include <stdio.h>

#define MAX_PIXELS ((uint64_t)1 << 28)

enum { KIND_EMBEDDED, KIND_LOSSLESS, KIND_LOSSY };

/* The method of models without a coder. */
enum { NO_CODER = 0xE0 };

typedef struct {
    int kind, n_colours, depth;
    uint8_t method;
    uint32_t model_id, pixel_crc;
    uint64_t height, width;
    Bytes payload;
} Header;

static uint64_t read_leb128(Bytes file, size_t *offset)
{
    uint64_t value = 0;
    int n;
    for (n = 0; n < 5; n++) {
        uint64_t byte = little_endian(file, (*offset)++, 1);
        value |= (byte & 0x7F) << 7 * n;
        if (byte < 0x80) {
            if (n > 0 && byte == 0)
                break;                         /* not the shortest form */
            return value;
        }
    }
    fail("damaged sizes");
    return 0;
}

static void check_sizes(const Header *h)
{
    if (h->height == 0 || h->width == 0)
        fail("a size of 0");
    if (h->height > MAX_PIXELS || h->width > MAX_PIXELS || h->height * h->width > MAX_PIXELS)
        fail("more than 2^28 pixels");
    if (h->kind != KIND_EMBEDDED && h->height * h->width > 65536 + 4096 * (uint64_t)h->payload.size)
        fail("more pixels than a payload of that length can hold");
}

/* "The header": what a reader refuses, in this order. */
static Header read_header(Bytes file)
{
    Header h;
    size_t offset = 12;
    if (file.size == 0)
        fail("an empty file");
    if (file.size < 2 || file.data[0] != 0xCE || file.data[1] != 0x52)
        fail("not a .rec file");
    if (file.size < 3 || file.data[2] >> 4 != 2)
        fail("another format version than 2");
    if (file.size < 14)
        fail("too short for a header");
    if (little_endian(file, 3, 2) != crc16(crc16(0xFFFF, file.data, 3), file.data + 5, file.size - 5))
        fail("wrong checksum: a damaged file");
    h.kind = file.data[2] >> 2 & 3;
    if (h.kind > KIND_LOSSY)
        fail("unknown kind");
    h.n_colours = file.data[2] & 2 ? 1 : 3;
    h.depth = file.data[2] & 1 ? 16 : 8;
    h.method = file.data[5];
    h.model_id = (uint32_t)little_endian(file, 6, 2);
    h.pixel_crc = (uint32_t)little_endian(file, 8, 4);
    h.height = read_leb128(file, &offset);
    h.width = read_leb128(file, &offset);
    h.payload = slice(file, offset, file.size - offset);
    check_sizes(&h);
    return h;
}

static uint32_t pixel_crc(const Picture *p)
{
    size_t n = (size_t)(p->height * p->width) * (size_t)p->n_colours, i;
    uint32_t crc = 0xFFFFFFFF;
    crc = crc32_number(crc, (uint64_t)p->height, 4);
    crc = crc32_number(crc, (uint64_t)p->width, 4);
    crc = crc32_number(crc, (uint64_t)p->n_colours, 1);
    crc = crc32_number(crc, (uint64_t)p->depth, 1);
    for (i = 0; i < n; i++)
        crc = crc32_number(crc, p->pixels[i], p->depth / 8);
    return ~crc;
}

static Picture new_picture(const Header *h)
{
    Picture p;
    p.height = (int64_t)h->height;
    p.width = (int64_t)h->width;
    p.n_colours = h->n_colours;
    p.depth = h->depth;
    p.pixels = allocate((size_t)(p.height * p.width), (size_t)p.n_colours * sizeof *p.pixels);
    return p;
}

static void decode_lossless(const Header *h, const Model *model, const Tables *tables, Picture *p)
{
    const char *kind = member(model->config, "kind");
    if (is_string(kind, "resnet_vae"))
        decode_resnet_vae(model, tables, h->method, h->payload, p);
    else if (h->method != NO_CODER)
        fail("unknown method %02x", (unsigned)h->method);
    else if (is_string(kind, "phases"))
        decode_phases(model, tables, h->payload, p);
    else if (is_string(kind, "idf"))
        decode_idf(model, tables, h->payload, p);
    else
        fail("of lossless files, only those of models of kind phases, resnet_vae and idf are decoded");
}

static Picture decode(const Header *h, const Model *model, const Tables *tables)
{
    Picture p;
    if (h->kind == KIND_EMBEDDED)
        fail("embedded files are not decoded");
    if (h->model_id != model->id)
        fail("the file was written with model %04x, this is %04x", (unsigned)h->model_id, (unsigned)model->id);
    p = new_picture(h);
    if (h->kind == KIND_LOSSLESS)
        decode_lossless(h, model, tables, &p);
    else
        decode_lossy(model, tables, h->method, h->payload, &p);
    if (pixel_crc(&p) != h->pixel_crc)
        fail("the pixels differ from those of the writer: another model, or a damaged file");
    return p;
}

/* PPM or PGM; its 16 bits are highest byte first. */
static void write_picture(const Picture *p, const char *path)
{
    size_t n = (size_t)(p->height * p->width) * (size_t)p->n_colours, i;
    FILE *file = fopen(path, "wb");
    int failed;
    if (!file)
        fail("%s: cannot write", path);
    fprintf(file, "P%d\n%ld %ld\n%d\n", p->n_colours == 3 ? 6 : 5, (long)p->width, (long)p->height,
            (1 << p->depth) - 1);
    for (i = 0; i < n; i++) {
        if (p->depth == 16)
            fputc(p->pixels[i] >> 8, file);
        fputc(p->pixels[i] & 0xFF, file);
    }
    failed = ferror(file);
    if (fclose(file) != 0 || failed)
        fail("%s: cannot write", path);
}

int main(int argc, char **argv)
{
    Bytes file;
    Header header;
    Model model;
    Tables tables;
    Picture picture;
    if (argc != 5)
        fail("usage: rec_decode MODEL.safetensors TABLES.npz IN.rec OUT.ppm");
    file = read_file(argv[3]);
    header = read_header(file);
    model = open_model(argv[1]);
    tables = read_tables(argv[2]);
    picture = decode(&header, &model, &tables);
    write_picture(&picture, argv[4]);
    return 0;
}
