#include "say.h"

static void say_digits(line *to, unsigned long number, unsigned base, int at_least) {
    char digits[12];
    int count = 0;
    do digits[count++] = "0123456789abcdef"[number % base];
    while ((number /= base) || count < at_least);
    while (count--) say(to, (const char[]){digits[count], 0});
}

void say(line *to, const char *text) {
    while (*text && to->length + 1 < sizeof to->text) to->text[to->length++] = *text++;
}

void say_number(line *to, const char *before, long number) {
    say(to, before);
    if (number < 0) say(to, "-");
    say_digits(to, number < 0 ? 0ul - (unsigned long)number : (unsigned long)number, 10, 1);
}

void say_hex(line *to, const char *before, uint32_t number) {
    say(to, before);
    say(to, "0x");
    say_digits(to, number, 16, 8);
}

void say_tenths(line *to, const char *before, float number) {
    const long tenths = (long)(number * 10 + (number < 0 ? -0.5f : 0.5f));
    say(to, before);
    if (tenths < 0) say(to, "-");
    say_number(to, "", (tenths < 0 ? -tenths : tenths) / 10);
    say_number(to, ".", (tenths < 0 ? -tenths : tenths) % 10);
}
