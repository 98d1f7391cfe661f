/* JSON, as much as the header of a safetensors file needs. No function passes the NUL at the end. */
#include "rec.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

static const char *skip_string(const char *p)
{
    for (p++; *p != '"'; p++) {
        if (*p == '\\')
            p++;
        if (*p == '\0')
            fail("damaged JSON in the model file");
    }
    return p + 1;
}

/* Past one value. Brackets are counted, so that there is no recursion to bound. */
static const char *skip_value(const char *p)
{
    int depth = 0;
    do {
        p = skip_space(p);
        if (*p == '\0')
            fail("damaged JSON in the model file");
        if (*p == '"') {
            p = skip_string(p);
        } else if (strchr("{}[],:", *p)) {
            depth += *p == '{' || *p == '[';
            depth -= *p == '}' || *p == ']';
            p++;
        } else {
            p += strcspn(p, "{}[],:\" \t\r\n");
        }
    } while (depth > 0);
    return skip_space(p);
}

/* The value of a key of the object at p, or NULL. */
const char *member(const char *p, const char *key)
{
    size_t n = strlen(key);
    if (!p || *(p = skip_space(p)) != '{')
        return NULL;
    p = skip_space(p + 1);
    while (*p == '"') {
        int found = strncmp(p + 1, key, n) == 0 && p[n + 1] == '"';
        p = skip_space(skip_string(p));
        if (*p != ':')
            fail("damaged JSON in the model file");
        p = skip_space(p + 1);
        if (found)
            return p;
        p = skip_value(p);
        if (*p == ',')
            p = skip_space(p + 1);
    }
    return NULL;
}

/* Up to `capacity` numbers of the flat array at p; returns how many, or -1 for anything else. */
int number_array(const char *p, uint64_t *numbers, int capacity)
{
    int n = 0;
    if (!p || *p != '[')
        return -1;
    p = skip_space(p + 1);
    while (*p != ']') {
        char *end;
        if (n == capacity || *p < '0' || *p > '9')
            return -1;
        numbers[n++] = strtoull(p, &end, 10);
        p = skip_space(end);
        if (*p == ',')
            p = skip_space(p + 1);
    }
    return n;
}

/* Element i of the array at p, or NULL. */
const char *element(const char *p, int i)
{
    if (!p || *p != '[')
        return NULL;
    p = skip_space(p + 1);
    while (*p != ']' && i-- > 0) {
        p = skip_value(p);
        if (*p == ',')
            p = skip_space(p + 1);
    }
    return *p == ']' ? NULL : p;
}

int is_string(const char *p, const char *text)
{
    size_t n = strlen(text);
    return p && *p == '"' && strncmp(p + 1, text, n) == 0 && p[n + 1] == '"';
}

/* A number from 0 to high. */
uint64_t number(const char *p, uint64_t high)
{
    uint64_t value = p && *p >= '0' && *p <= '9' ? strtoull(p, NULL, 10) : UINT64_MAX;
    if (value > high)
        fail("a damaged number in the model file");
    return value;
}

/* What the string at p says; its escapes are only those of quotes and backslashes. */
char *string_content(const char *p)
{
    const char *end;
    char *text, *out;
    if (!p || *p != '"')
        fail("the model file has no metadata");
    end = skip_string(p) - 1;
    text = out = allocate((size_t)(end - p), 1);
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        *out++ = *p;
    }
    return text;
}
