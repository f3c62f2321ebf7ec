/* say.h: a line of text, without a C library: what does not fit is left out. */
#ifndef SAY_H
#define SAY_H

#include <stdint.h>

typedef struct line {
    char text[240]; /* ends with a zero */
    unsigned length;
} line;

void say(line *to, const char *text);
void say_number(line *to, const char *before, long number);
void say_hex(line *to, const char *before, uint32_t number);

/* With one digit behind the point, rounded. */
void say_tenths(line *to, const char *before, float number);

#endif
