#include "line.h"

#include "board.h"
#include "interrupts.h"
#include "pins.h"

enum { BAUD = 115200, SIZE = 512 };

static char waiting[SIZE];
static volatile unsigned written, sent; /* characters, ever */

static void send_next(void) {
    if (sent == written)
        USART1_CR1 &= ~USART_CR1_TXEIE;
    else if (USART1_ISR & USART_ISR_TXE)
        USART1_TDR = (uint8_t)waiting[sent++ % SIZE];
}

void line_is_free(void) { send_next(); }

void line_open(unsigned bus_hz) {
    pin_set_function('A', 9, 7); /* USART1 TX */
    RCC_APB2ENR |= RCC_APB2ENR_USART1;
    (void)RCC_APB2ENR;
    USART1_BRR = (bus_hz + BAUD / 2) / BAUD;
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE;
    NVIC_ISER(USART1_INTERRUPT) = BIT(USART1_INTERRUPT % 32);
}

/* A line of 120 characters takes 10 ms to go out, most of a block: nobody waits for it but where the buffer is full. */
void board_print(const char *text) {
    for (; *text; ++text) {
        __asm__ volatile("cpsid i" ::: "memory");
        while (written - sent == SIZE) send_next();
        waiting[written++ % SIZE] = *text;
        USART1_CR1 |= USART_CR1_TXEIE;
        __asm__ volatile("cpsie i" ::: "memory");
    }
}

void line_drain(void) {
    __asm__ volatile("cpsid i" ::: "memory");
    while (written != sent) send_next();
    while (!(USART1_ISR & USART_ISR_TC)) continue;
}
