/* pins.h: the pins of the board, and what they are set to. */
#ifndef PINS_H
#define PINS_H

#include "registers.h"

enum { PIN_INPUT = 0, PIN_OUTPUT = 1, PIN_FUNCTION = 2 };

static inline void pin_set_mode(char port, int pin, int mode) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(port);
    (void)RCC_AHB1ENR; /* the port answers two cycles later: RM0385, chapter 5 */
    GPIO_MODER(port) = (GPIO_MODER(port) & ~FIELD(3, 2 * pin)) | FIELD(mode, 2 * pin);
}

/* A function by its number in the chip's data sheet (DS10916, table of alternate functions). */
static inline void pin_set_function(char port, int pin, unsigned function) {
    pin_set_mode(port, pin, PIN_INPUT);
    GPIO_OSPEEDR(port) |= FIELD(2, 2 * pin);
    GPIO_AFR(port, pin) = (GPIO_AFR(port, pin) & ~FIELD(15, pin % 8 * 4)) | FIELD(function, pin % 8 * 4);
    pin_set_mode(port, pin, PIN_FUNCTION);
}

static inline void pin_set_open_drain(char port, int pin) { GPIO_OTYPER(port) |= BIT(pin); }

static inline int pin_is_high(char port, int pin) { return GPIO_IDR(port) >> pin & 1; }

static inline void pin_set(char port, int pin, int high) { GPIO_BSRR(port) = high ? BIT(pin) : BIT(pin + 16); }

#endif
