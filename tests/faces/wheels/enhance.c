/* enhance.c: load the stream's library and a model's as Python does, and bring standard input through a stream to standard
 * output: floats at 16 kHz. For machines where tests have no Python.
 *
 *     enhance LIBRARY_OF_STREAM LIBRARY_OF_MODEL undin_tiny < in.f32 > out.f32 */
#include "undin.h"

#include "loading.h"

enum { RATE_HZ = 16000, BLOCK = 1000 };

int main(int count, char **arguments) {
    if (count != 4) return 2;
    let_bytes_be();
    void *undin = loaded(arguments[1]), *models = loaded(arguments[2]);
    const undin_model *model = found(models, arguments[3]);
    __typeof__(undin_stream_bytes) *bytes = found(undin, "undin_stream_bytes");
    __typeof__(undin_stream_init) *init = found(undin, "undin_stream_init");
    __typeof__(undin_stream_process_interleaved) *process = found(undin, "undin_stream_process_interleaved");
    undin_stream *stream = malloc(bytes(model, RATE_HZ, 1));
    if (!stream || init(stream, model, RATE_HZ, 1)) return 1;
    float block[BLOCK];
    for (size_t samples; (samples = fread(block, sizeof *block, BLOCK, stdin)) > 0;) {
        process(stream, block, block, samples);
        fwrite(block, sizeof *block, samples, stdout);
    }
    free(stream);
    return 0;
}
