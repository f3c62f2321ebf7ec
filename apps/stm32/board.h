/* board.h: all that the application wants of a board. Each folder of boards/ has these functions for its own.
 *
 * Sound is one channel of floats, full scale is 1, in blocks of the length of undin's hop. */
#ifndef BOARD_H
#define BOARD_H

enum { BOARD_SAMPLE_RATE_HZ = 16000, BOARD_BLOCK_SAMPLES = 256 };

/* What a count of `board_clock_stop` means: it is so many cycles, in hundredths, of a processor of `clock_hz`. A counter
 * of cycles says 100 and 100; where instructions are counted the two bound what each of them may take. */
typedef struct board_facts {
    const char *name;
    unsigned clock_hz;
    int least_cycles_percent, most_cycles_percent;
} board_facts;

extern const board_facts board;

/* Clocks and whatever `board_print` needs: the first that is called. */
void board_start(void);

/* Let the sound begin. Returns 0, or a sentence about what does not answer. */
const char *board_start_sound(void);

/* Wait for the next block and copy it to `samples`; 0 when there will be none any more. */
int board_read(float *samples);

/* Hand over the block that answers the one read last. Returns whether it comes in time to be heard. */
int board_write(const float *samples);

/* Whether the button is down. */
int board_button(void);

/* The light that shows whether noise is taken out. */
void board_light(int on);

/* Count from the one to the other, less than half a second. */
void board_clock_start(void);
unsigned board_clock_stop(void);

/* Write a text to the line. */
void board_print(const char *text);

/* The end, in success (0) or not. */
__attribute__((noreturn)) void board_stop(int status);

#endif
