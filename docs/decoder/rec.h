/*
 * What the files of this decoder share, file by file. Names in quotes are the sections of FORMAT.md.
 */
#ifndef REC_H
#define REC_H

#include <stddef.h>
#include <stdint.h>

/* ---- bytes.c: errors, memory, files, integers ---- */

#define MAX_FILE_SIZE ((size_t)1 << 30)

typedef struct {
    uint8_t *data;
    size_t size;
} Bytes;

void fail(const char *format, ...);            /* one line to stderr, and out; it never returns */
void *allocate(size_t n, size_t size);         /* zeros */
Bytes read_file(const char *path);
uint64_t little_endian(Bytes bytes, size_t offset, size_t n);
int64_t signed_little_endian(Bytes bytes, size_t offset, size_t n);
Bytes slice(Bytes bytes, uint64_t offset, uint64_t size);

int64_t floor_shift(int64_t x, int n);         /* floor(x / 2^n) */
int64_t round_shift(int64_t x, int n);         /* round(x / 2^n), halves up */
int64_t ceil_divide(int64_t a, int64_t b);
int64_t clip(int64_t x, int64_t low, int64_t high);
int64_t smaller(int64_t a, int64_t b);
int floor_log2(uint64_t x);
int32_t clip_activation(int64_t x);            /* to +-(2^20 - 1) */
int32_t clip_output(int64_t x);                /* to +-(2^24 - 1) */

/* ---- checks.c: checksums ---- */

uint16_t crc16(uint16_t crc, const uint8_t *data, size_t n);
uint32_t crc32_number(uint32_t crc, uint64_t value, int n_bytes);
uint32_t sha256_first_two_bytes(Bytes file);

/* ---- json.c: values are pointers into a text that ends with a NUL; NULL: there is no such value ---- */

const char *member(const char *object, const char *key);
const char *element(const char *array, int i);
int number_array(const char *array, uint64_t *numbers, int capacity);   /* how many, -1: not such an array */
uint64_t number(const char *value, uint64_t high);                      /* 0 .. high, or it fails */
int is_string(const char *value, const char *text);
char *string_content(const char *value);

/* ---- tables.c: the tables of "Numbers" ---- */

enum { N_ELU = 49153, N_SCALE = 3073, N_INVERSE_SCALE = 3585, N_WEIGHT = 2305, N_LOGISTIC = 4097, N_NORMAL = 31744 };

typedef struct {
    int32_t *elu, *scale, *inverse_scale, *weight, *logistic, *normal;
} Tables;

Tables read_tables(const char *path);
int32_t entry(const int32_t *table, int n, int64_t i);                  /* i clipped to the table's ends */

/* ---- model.c: "Model files" ---- */

typedef struct {
    char *header, *metadata;
    const char *config, *coder;                /* of the metadata: the model's and the coder's config */
    Bytes data;
    uint32_t id;
} Model;

typedef struct {
    int n_dims;
    uint64_t dims[5];
    size_t n;
    int32_t *values;
} Tensor;

#define UNSTACKED (-1)

Model open_model(const char *path);
int has_tensor(const Model *model, const char *name);
Tensor read_tensor(const Model *model, const char *name);
Tensor read_part(const Model *model, const char *name, const char *part, int block);
int32_t *read_vector(const Model *model, const char *name, int n);
int32_t *read_knots(const Model *model, const char *name, int block, int quality, int n);

/* ---- network.c: "The network", convolutions of maps ---- */

typedef struct {
    int size, n_in, n_out;                     /* size of the square kernel, channels */
    int repeats_border;                        /* of what it looks at; otherwise zeros surround a plane */
    int32_t *w, *bits, *b;                     /* w[row][column][input][output] */
} Conv;

/* A rectangle of a plane: rows row .. row + height - 1, columns column .. column + width - 1. */
typedef struct {
    int64_t row, column, height, width;
} Window;

typedef struct {
    Window window;
    int n_channels;
    int32_t *values;                           /* [height][width][n_channels] */
} Map;

enum { ACTIVATIONS, OUTPUTS };                 /* what a convolution gives: OUTPUTS keep 4 bits more */

Conv read_conv(const Model *model, const char *name, int block, int n_in, int n_out);
void free_conv(Conv *conv);
Map new_map(int64_t height, int64_t width, int n_channels);
Map new_window_map(Window window, int n_channels);
Map copy_map(const Map *map);
void free_map(Map *map);
void replace_map(Map *map, Map by);            /* frees the map first */
size_t map_pixels(const Map *map);
size_t map_size(const Map *map);
int32_t *at(const Map *map, int64_t row, int64_t column);
Map convolve_window(const Conv *conv, const Map *in, Window window, int unit);
Map convolve(const Conv *conv, const Map *in, int unit);
Map repeat_vector(const int32_t *vector, int64_t height, int64_t width, int n);
void relu(Map *map);
void add_to(Map *map, const Map *x);
Map concatenate(const Map *a, const Map *b);
Map squares(const Map *x, int side);           /* squares of pixels, as they lie in the channels */
void modulate(Map *map, const int32_t *gains, int64_t low);   /* m(x) of "Lossy files" */

/* ---- symbols.c: "Symbols" ---- */

#define PRECISION 24
#define WHOLE ((uint32_t)1 << PRECISION)

typedef struct {
    Bytes payload;
    uint64_t position;                         /* of the next byte, which may lie beyond the end */
    uint64_t point, range;                     /* point: FORMAT.md's less its lower */
} RangeDecoder;

typedef struct {
    int n;
    uint32_t *frequencies;                     /* they sum to 2^24 */
} Law;

RangeDecoder start_decoding(Bytes payload);
int decode_bit(RangeDecoder *decoder, uint32_t p);
uint32_t decode_uniform(RangeDecoder *decoder, uint32_t n);
int decode_symbol(RangeDecoder *decoder, const Law *law);
int decode_once(RangeDecoder *decoder, Law law);   /* frees the law */
Law normalise(const uint64_t *weights, int n);
Law two_sided_geometric(int64_t centre, uint32_t a, int n);

/* ---- pixels.c: pictures, mixtures of logistics, "Pixels of a group" ---- */

#define MAX_COMPONENTS 64

typedef struct {
    int64_t height, width;
    int n_colours, depth;
    uint16_t *pixels;                          /* [height][width][n_colours] */
} Picture;

/* Values of `depth` bits; the lower edge of value v is first + v step, in units of 2^-16. */
typedef struct {
    int depth;
    int64_t first, step;
} Scale;

typedef struct {
    int32_t weight, loc, inverse_scale;
} Logistic;

/* What is known of a value: lo, and U at both ends of what is left. */
typedef struct {
    int64_t lo, u_lo, u_hi;
} Search;

/* Rows of n of a pixel's law: R, G, B of each; slopes g on r, b on r, b on g. */
enum { LOGITS = 0, LOCS = 3, LOG_SCALES = 6, SLOPES = 9, N_ROWS = 12 };

uint16_t *pixel_at(const Picture *picture, int64_t row, int64_t column);
void make_mixture(const Tables *t, int n, const int32_t *logits, const int64_t *locs, const int32_t *log_scales,
                  Logistic *mixture);
void decode_values(RangeDecoder *decoder, const Tables *t, const Logistic *mixtures, int n, Scale scale,
                   Search *values, size_t n_values);
void decode_pixels(RangeDecoder *decoder, const Tables *t, const int32_t *laws, int n, uint16_t **pixels,
                   size_t n_pixels, const Picture *picture);

/* ---- threefry.c: Threefry and normals of "Numbers" ---- */

typedef struct {
    uint32_t a, b;
} Key;

extern const Key ROOT;                         /* of seed 0 */

Key child(Key key, uint32_t i);
uint32_t random_word(Key key, uint32_t c0, uint32_t i);
int32_t normal(const Tables *t, uint32_t word);
int *random_order(Key key, int n);

/* ---- tree.c: "From indices to samples" ---- */

typedef struct {
    uint32_t n_candidates, sequence_length;    /* M, F */
    int one_sequence;                          /* that all steps of a block share */
    int n_offered, *offered;                   /* the numbers of steps K on offer */
} Coder;

/* What a coder codes at once: a layer of a tile, or a call of a lossy file. */
typedef struct {
    Key key;
    int n_dims, n_blocks, block_dims;
    const int32_t *locs, *scales;              /* of the dims' priors */
    const uint32_t *shares;                    /* of the dims */
} Call;

Coder make_coder(int preset);
void cut_into_blocks(Call *call, int block);
int32_t *decode_normals(RangeDecoder *decoder, const Tables *t, const Coder *coder, const Call *call, const int *steps);

/* ---- latents.c: outliers, numbers of steps, and latents ---- */

enum { MAX_OUTLIERS = 128 };

typedef struct {
    int dim, exponent, length;
    int64_t shift;
} Outlier;

typedef struct {
    int n;
    Outlier items[MAX_OUTLIERS];
} Outliers;

typedef struct {
    int32_t *locs, *scales;                    /* scales in units of 2^-16 */
} Prior;

Prior split_prior(const Tables *t, const Map *prior);
void free_prior(Prior *prior);
Outliers decode_outliers(RangeDecoder *decoder, int n_dims, int in_parts);
int *decode_step_counts(RangeDecoder *decoder, const Coder *coder, int n_blocks, const int64_t law[3]);
void decode_latents(RangeDecoder *decoder, const Tables *t, const Coder *coder, const Call *call, const int *steps,
                    const Outliers *outliers, int32_t *z);

/* ---- lossy.c: "Lossy files" ---- */

typedef struct LossyDecoder LossyDecoder;

const Model *lossy_model(const LossyDecoder *d);
int lossy_quality(const LossyDecoder *d);
Map decode_lossy_layer(LossyDecoder *d, const Map *prior);   /* its z; layers come in order */
void decode_lossy(const Model *model, const Tables *tables, uint8_t method, Bytes payload, Picture *picture);

/* ---- The models: rd_vae.c, two_level.c, phases.c, resnet_vae.c, idf.c ---- */

int rd_vae_stride(const Model *model);         /* pictures are padded to multiples of it */
Map rd_vae(LossyDecoder *d, int64_t height, int64_t width);
int two_level_stride(const Model *model);
Map two_level(LossyDecoder *d, int64_t height, int64_t width);

void decode_phases(const Model *model, const Tables *tables, Bytes payload, Picture *picture);
void decode_resnet_vae(const Model *model, const Tables *tables, uint8_t method, Bytes payload, Picture *picture);
void decode_idf(const Model *model, const Tables *tables, Bytes payload, Picture *picture);

#endif
