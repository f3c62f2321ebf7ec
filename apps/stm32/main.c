/* main.c: sound in, noise out of it, sound out; once a second a line says how that goes.
 *
 * MODEL and MODEL_MACRO name the model, -DMODEL=undin_nano -DMODEL_MACRO=UNDIN_NANO; its header is included by the
 * command line. The order to read in: board.h, this file, start.c, then the folder of a board. */
#include "board.h"
#include "say.h"
#include "start.h"
#include "undin.h"

#define JOINED_(a, b) a##_##b
#define JOINED(a, b) JOINED_(a, b)
#define OF_MODEL(name) JOINED(MODEL_MACRO, name) /* UNDIN_NANO_name */
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

_Static_assert(OF_MODEL(SAMPLE_RATE_HZ) == BOARD_SAMPLE_RATE_HZ, "the model hears at another rate than the board");
_Static_assert(OF_MODEL(HOP_SAMPLES) == BOARD_BLOCK_SAMPLES, "a block of the board is a hop of the model");

enum { BLOCKS_A_LINE = BOARD_SAMPLE_RATE_HZ / BOARD_BLOCK_SAMPLES };

static char memory[OF_MODEL(STREAM_BYTES)] __attribute__((aligned(8), section(".tcm.stream")));
static float samples[BOARD_BLOCK_SAMPLES];

/* What blocks took, in counts of the board's clock. */
typedef struct load {
    unsigned long long sum;
    unsigned most, blocks;
} load;

/* Of the time that a block lasts, percent. */
static float share(float counts, int cycles_percent) {
    const float available = (float)board.clock_hz / BOARD_SAMPLE_RATE_HZ * BOARD_BLOCK_SAMPLES;
    return counts * (float)cycles_percent / available;
}

static void say_load(line *to, const char *before, float counts) {
    say_tenths(to, before, share(counts, board.least_cycles_percent));
    if (board.most_cycles_percent > board.least_cycles_percent)
        say_tenths(to, " to ", share(counts, board.most_cycles_percent));
    say(to, " %");
}

static void report(const undin_stream *stream, const load *of, unsigned missed, int is_bypassed) {
    undin_levels levels;
    line text = {0};
    undin_stream_get_levels(stream, &levels);
    say_load(&text, "load ", (float)of->sum / (float)of->blocks);
    say_load(&text, ", at most ", (float)of->most);
    say_tenths(&text, ", in ", levels.input_dbfs);
    say_tenths(&text, " dBFS, out ", levels.output_dbfs);
    say_number(&text, " dBFS, missed ", (long)missed);
    say_number(&text, ", stack ", (long)stack_used_bytes());
    say_number(&text, " of ", (long)stack_bytes());
    say(&text, is_bypassed ? " bytes, bypass\n" : " bytes\n");
    board_print(text.text);
}

static void fail(const char *why) {
    board_print("undin cannot start: ");
    board_print(why);
    board_print("\n");
    board_stop(1);
}

int main(void) {
    undin_stream *const stream = (undin_stream *)(void *)memory;
    int is_bypassed = 0, was_down = 0;
    unsigned missed = 0;
    load second = {0};

    board_start();
    board_print("undin: " TEXT(MODEL) " on ");
    board_print(board.name);
    board_print("\n");
    if (undin_stream_bytes(&MODEL, BOARD_SAMPLE_RATE_HZ, 1) > sizeof memory) fail("the stream needs more memory");
    const int error = undin_stream_init(stream, &MODEL, BOARD_SAMPLE_RATE_HZ, 1);
    if (error) fail(undin_error(error));
    board_light(1);
    const char *const trouble = board_start_sound();
    if (trouble) fail(trouble);

    while (board_read(samples)) {
        const int is_down = board_button(); /* a block apart: no bounce lasts as long */
        if (is_down && !was_down) {
            is_bypassed = !is_bypassed;
            undin_stream_set_bypass(stream, is_bypassed);
            board_light(!is_bypassed);
        }
        was_down = is_down;

        board_clock_start();
        undin_stream_process_interleaved(stream, samples, samples, BOARD_BLOCK_SAMPLES);
        const unsigned counts = board_clock_stop();
        missed += !board_write(samples);

        second.sum += counts;
        second.most = counts > second.most ? counts : second.most;
        if (++second.blocks == BLOCKS_A_LINE) {
            report(stream, &second, missed, is_bypassed);
            second = (load){0};
        }
    }
    if (second.blocks) report(stream, &second, missed, is_bypassed);
    return 0;
}
