/* string.h: the three functions of C's library that kernels call, where undin is built to depend on no library.
 *
 * The macros let compilers see through a copy, which they may otherwise not in code without a library; undin_string.c
 * has the functions for copies that they leave, and for those that they find in loops. */
#ifndef UNDIN_STRING_H
#define UNDIN_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memmove(to, from, size) __builtin_memmove(to, from, size)
#define memset(to, byte, size) __builtin_memset(to, byte, size)

#endif
