/* undin_string.c: what string.h declares, for libraries that depend on no other.
 *
 * Build it with -fno-builtin and, with gcc, -fno-tree-loop-distribute-patterns, or the compiler turns these loops into
 * calls of the very functions that they are. Hidden, so that they replace nothing in a process that has its own. */
#include <string.h>
#undef memcpy
#undef memmove
#undef memset

#define UNDIN_HIDDEN __attribute__((visibility("hidden")))

UNDIN_HIDDEN void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    char *target = to;
    const char *source = from;
    for (size_t i = 0; i < size; ++i) target[i] = source[i];
    return to;
}

UNDIN_HIDDEN void *memmove(void *to, const void *from, size_t size) {
    char *target = to;
    const char *source = from;
    if (target < source)
        for (size_t i = 0; i < size; ++i) target[i] = source[i];
    else
        for (size_t i = size; i > 0; --i) target[i - 1] = source[i - 1];
    return to;
}

UNDIN_HIDDEN void *memset(void *to, int byte, size_t size) {
    char *target = to;
    for (size_t i = 0; i < size; ++i) target[i] = (char)byte;
    return to;
}
