/* sound.c: the codec's samples, to memory and back by DMA, a block in each half of a double buffer.
 *
 * SAI2 A sends and has the clock, SAI2 B receives in step with it. Both streams of DMA2 begin with the same frame, so when
 * a block has come in, the one before has gone out: whatever answers it has the time of a block until it is wanted.
 *
 *     in    | block 0 | block 1 | block 2 | …
 *     work            | 0 ··    | 1 ··    | …
 *     out             |         | block 0 | …
 *
 * The buffers lie in TCM, which has no cache and which DMA reaches, in sleep too: RM0385, chapters 2 and 5, DTCMLPEN. */
#include "board.h"
#include "interrupts.h"
#include "pcm.h"
#include "pins.h"
#include "wm8994.h"

enum {
    CHANNELS = 2,
    OUT_STREAM = 4, /* of DMA2, as the table of its requests in RM0385, chapter 8, has it */
    OUT_CHANNEL = 3,
    IN_STREAM = 7, /* channel 0 */
    IN_CHANNEL = 0,
    SLOTS = 4,
    OUT_SLOTS = 1 << 0 | 1 << 2, /* of the codec's timeslot 0, left and right */
    IN_SLOTS = 1 << 1 | 1 << 3,  /* of its timeslot 1 */
};

typedef int16_t block[BOARD_BLOCK_SAMPLES * CHANNELS];
static block in[2] __attribute__((section(".tcm"))), out[2] __attribute__((section(".tcm")));
static volatile uint32_t complete; /* blocks that have come in */
static uint32_t taken;             /* those that were read */
static int half;                   /* where the one that was read last lies, and its answer will */

void block_is_complete(void) {
    DMA2_HIFCR = DMA_FLAGS_OF_STREAM_7 | DMA_FLAGS_OF_STREAM_4;
    ++complete;
    __asm__ volatile("dsb"); /* the flag is gone before the interrupt ends */
}

static void start_stream(int stream, int channel, uint32_t flags, uint32_t port, block *memory) {
    DMA2_SPAR(stream) = port;
    DMA2_SM0AR(stream) = (uint32_t)memory[0];
    DMA2_SM1AR(stream) = (uint32_t)memory[1];
    DMA2_SNDTR(stream) = BOARD_BLOCK_SAMPLES * CHANNELS;
    DMA2_SCR(stream) = DMA_SCR_CHANNEL(channel) | DMA_SCR_DBM | DMA_SCR_PRIORITY_HIGH | DMA_SCR_HALF_WORDS |
                       DMA_SCR_MINC | flags;
    DMA2_SCR(stream) |= DMA_SCR_EN;
}

/* 16 kHz: 1 MHz of the crystal, times 344, by 7, by 12 is a clock of 4.095 MHz for the codec, 256 a frame: 15,997 Hz. */
static void start_clock(void) {
    RCC_PLLI2SCFGR = RCC_PLLI2SCFGR_N(344) | RCC_PLLI2SCFGR_Q(7) | RCC_PLLI2SCFGR_R(2);
    RCC_DCKCFGR1 |= RCC_DCKCFGR1_SAI2_PLLI2S;
    RCC_CR |= RCC_CR_PLLI2SON;
    while (!(RCC_CR & RCC_CR_PLLI2SRDY)) continue;
    RCC_APB2ENR |= RCC_APB2ENR_SAI2;
    RCC_AHB1ENR |= RCC_AHB1ENR_DMA2;
    (void)RCC_AHB1ENR;
}

/* Frames of I2S, of four slots of 16 bits. */
static void set_up(uint32_t sai, uint32_t mode, uint32_t slots) {
    SAI_CR1(sai) = mode | SAI_CR1_DS_16 | SAI_CR1_CKSTR | SAI_CR1_DMAEN;
    SAI_CR2(sai) = SAI_CR2_FTH_QUARTER | SAI_CR2_FFLUSH;
    SAI_FRCR(sai) = SAI_FRCR_FRL(16 * SLOTS) | SAI_FRCR_FSALL(16 * SLOTS / 2) | SAI_FRCR_FSDEF | SAI_FRCR_FSOFF;
    SAI_SLOTR(sai) = SAI_SLOTR_NBSLOT(SLOTS) | SAI_SLOTR_SLOTEN(slots);
}

const char *board_start_sound(void) {
    for (int pin = 4; pin <= 7; ++pin) pin_set_function('I', pin, 10); /* SAI2 A: MCLK, SCK, SD, FS */
    pin_set_function('G', 10, 10);                                     /* SAI2 B: SD */
    for (int i = 0; i < BOARD_BLOCK_SAMPLES * CHANNELS; ++i) out[0][i] = out[1][i] = 0;
    start_clock();
    set_up(SAI2_A, SAI_CR1_MASTER_SENDS | SAI_CR1_OUTDRIV | SAI_CR1_MCKDIV(12), OUT_SLOTS);
    set_up(SAI2_B, SAI_CR1_SLAVE_RECEIVES | SAI_CR1_SYNCEN_OTHER_BLOCK, IN_SLOTS);
    DMA2_HIFCR = DMA_FLAGS_OF_STREAM_7 | DMA_FLAGS_OF_STREAM_4;
    start_stream(IN_STREAM, IN_CHANNEL, DMA_SCR_TCIE, SAI_DR(SAI2_B), in);
    start_stream(OUT_STREAM, OUT_CHANNEL, DMA_SCR_FROM_MEMORY, SAI_DR(SAI2_A), out);
    NVIC_ISER(DMA2_STREAM_7_INTERRUPT) = BIT(DMA2_STREAM_7_INTERRUPT % 32);
    SAI_CR1(SAI2_B) |= SAI_CR1_SAIEN; /* the slave first, which then waits for frames */
    SAI_CR1(SAI2_A) |= SAI_CR1_SAIEN;

    wm8994_open();
    const char *const trouble = wm8994_start(); /* by the clock that runs since now */
    taken = complete;
    return trouble;
}

int board_read(float *samples) {
    for (;;) {
        __asm__ volatile("cpsid i");
        if (complete != taken) break;
        __asm__ volatile("wfi"); /* ends when an interrupt waits, which comes below */
        __asm__ volatile("cpsie i\n isb");
    }
    taken = complete;
    half = !(DMA2_SCR(IN_STREAM) & DMA_SCR_CT); /* DMA writes to the other one */
    __asm__ volatile("cpsie i");
    for (int i = 0; i < BOARD_BLOCK_SAMPLES; ++i)
        samples[i] = 0.5f * (float_of_pcm(in[half][2 * i]) + float_of_pcm(in[half][2 * i + 1]));
    return 1;
}

int board_write(const float *samples) {
    for (int i = 0; i < BOARD_BLOCK_SAMPLES; ++i) out[half][2 * i] = out[half][2 * i + 1] = pcm_of_float(samples[i]);
    return complete == taken;
}
