/* undin_string.c: what string.h declares, for libraries that depend on no other.
 *
 * Build it with -fno-builtin and, with gcc, -fno-tree-loop-distribute-patterns, or the compiler turns these loops into
 * calls of the very functions that they are. Hidden, so that they replace nothing in a process that has its own. */
#include <string.h>
#undef memcpy
#undef memmove
#undef memset

#include <stdint.h>

#define UNDIN_HIDDEN __attribute__((visibility("hidden")))

typedef uint32_t undin_string_word __attribute__((may_alias));
enum { WORD = sizeof(undin_string_word) };

/* Whether two addresses are both those of words. */
static int are_aligned(const void *a, const void *b) { return !(((uintptr_t)a | (uintptr_t)b) % WORD); }

UNDIN_HIDDEN void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    char *target = to;
    const char *source = from;
    if (are_aligned(to, from))
        for (; size >= WORD; size -= WORD, target += WORD, source += WORD)
            *(undin_string_word *)(void *)target = *(const undin_string_word *)(const void *)source;
    for (size_t i = 0; i < size; ++i) target[i] = source[i];
    return to;
}

UNDIN_HIDDEN void *memmove(void *to, const void *from, size_t size) {
    char *target = to;
    const char *source = from;
    if (target < source) {
        if (are_aligned(to, from))
            for (; size >= WORD; size -= WORD, target += WORD, source += WORD)
                *(undin_string_word *)(void *)target = *(const undin_string_word *)(const void *)source;
        for (size_t i = 0; i < size; ++i) target[i] = source[i];
    } else {
        for (size_t i = size; i > 0; --i) target[i - 1] = source[i - 1];
    }
    return to;
}

UNDIN_HIDDEN void *memset(void *to, int byte, size_t size) {
    char *target = to;
    const undin_string_word word = (unsigned char)byte * 0x01010101u;
    if (are_aligned(to, to))
        for (; size >= WORD; size -= WORD, target += WORD) *(undin_string_word *)(void *)target = word;
    for (size_t i = 0; i < size; ++i) target[i] = (char)byte;
    return to;
}
