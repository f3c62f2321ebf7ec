/* board.c: clocks and caches of the STM32F746G-Discovery, its button and its light. Sound is in sound.c, text in line.c.
 *
 * Pins are those of ST's user manual of the board, UM1907. */
#include "board.h"

#include "interrupts.h"
#include "line.h"
#include "pins.h"

enum { CLOCK_HZ = 216000000 };

const board_facts board = {"STM32F746G-Discovery at 216 MHz", CLOCK_HZ, 100, 100};

/* 25 MHz of the crystal, by 25, times 432, by 2; a voltage and the mode that allow it, in the order of RM0385, chapter 4,
 * "Entering Over-drive mode"; 7 waits of the flash at 3.3 V, after the table of wait states in chapter 3. */
static void start_clock(void) {
    RCC_APB1ENR |= RCC_APB1ENR_PWR;
    (void)RCC_APB1ENR;
    PWR_CR1 |= PWR_CR1_VOS_SCALE_1;
    RCC_CR |= RCC_CR_HSEON;
    while (!(RCC_CR & RCC_CR_HSERDY)) continue;
    RCC_PLLCFGR = RCC_PLLCFGR_M(25) | RCC_PLLCFGR_N(432) | RCC_PLLCFGR_P(2) | RCC_PLLCFGR_HSE | RCC_PLLCFGR_Q(9);
    RCC_CR |= RCC_CR_PLLON;
    PWR_CR1 |= PWR_CR1_ODEN;
    while (!(PWR_CSR1 & PWR_CSR1_ODRDY)) continue;
    PWR_CR1 |= PWR_CR1_ODSWEN;
    while (!(PWR_CSR1 & PWR_CSR1_ODSWRDY)) continue;
    FLASH_ACR = FLASH_ACR_LATENCY(7) | FLASH_ACR_PRFTEN | FLASH_ACR_ARTEN;
    while (!(RCC_CR & RCC_CR_PLLRDY)) continue;
    RCC_CFGR = RCC_CFGR_APB1_BY_4 | RCC_CFGR_APB2_BY_2; /* at most 54 and 108 MHz */
    RCC_CFGR |= RCC_CFGR_SW_PLL;
    while ((RCC_CFGR & RCC_CFGR_SWS) != RCC_CFGR_SWS_PLL) continue;
}

/* Empty caches and turn them on: DDI 0403E, B2.2.7. That of data has its sizes in CCSIDR, and lines of 32 bytes. */
static void start_caches(void) {
    BARRIER();
    SCB_ICIALLU = 0;
    SCB_CSSELR = 0; /* the first cache, of data */
    BARRIER();
    const uint32_t sizes = SCB_CCSIDR, sets = (sizes >> 13 & 0x7FFF) + 1, ways = (sizes >> 3 & 0x3FF) + 1;
    const int way_at = __builtin_clz(ways - 1);
    for (uint32_t set = 0; set < sets; ++set)
        for (uint32_t way = 0; way < ways; ++way) SCB_DCISW = way << way_at | set << 5;
    BARRIER();
    SCB_CCR |= SCB_CCR_IC | SCB_CCR_DC;
    BARRIER();
}

void board_start(void) {
    start_clock();
    start_caches();
    DEMCR |= DEMCR_TRCENA;
    DWT_LAR = DWT_LAR_KEY;
    DWT_CYCCNT = 0;
    DWT_CTRL |= 1;
    pin_set_mode('I', 11, PIN_INPUT);
    pin_set_mode('I', 1, PIN_OUTPUT);
    line_open(CLOCK_HZ / 2);
}

static void unexpected(void) {
    board_print("\nan interrupt that nobody has asked for\n");
    board_stop(1);
}

__attribute__((section(".vectors.board"), used)) static void (*const interrupts[INTERRUPTS])(void) = {
    [0 ... USART1_INTERRUPT - 1] = unexpected,
    [USART1_INTERRUPT] = line_is_free,
    [USART1_INTERRUPT + 1 ... DMA2_STREAM_7_INTERRUPT - 1] = unexpected,
    [DMA2_STREAM_7_INTERRUPT] = block_is_complete,
    [DMA2_STREAM_7_INTERRUPT + 1 ... INTERRUPTS - 1] = unexpected,
};

int board_button(void) { return pin_is_high('I', 11); }

void board_light(int on) { pin_set('I', 1, on); }

static uint32_t started;

void board_clock_start(void) { started = DWT_CYCCNT; }

unsigned board_clock_stop(void) { return DWT_CYCCNT - started; }

void board_stop(int status) {
    (void)status;
    line_drain();
    board_light(0);
    for (;;) __asm__ volatile("wfi");
}
