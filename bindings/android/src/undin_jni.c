/* undin_jni.c: the native methods of undin/Native.java. Java owns the memory of streams, as direct buffers.
 *
 * Java has checked every argument before it comes here, and holds a lock for each stream. build.py writes the
 * header with the names of the models. */
#include <jni.h>

#include "undin.h"
#include "undin_models.h"

#define METHOD(type, name) JNIEXPORT type JNICALL Java_undin_Native_##name

enum { PIECE = 1024 }; /* floats of all channels that are copied at a time, on the stack; a channel has at least 16 */

static const struct {
    const char *name;
    const undin_model *model;
} models[] = {UNDIN_MODELS};

static void *memory_of(JNIEnv *java, jobject buffer) { return (*java)->GetDirectBufferAddress(java, buffer); }

/* NULL behind the last. */
METHOD(jstring, name)(JNIEnv *java, jclass class, jint model) {
    (void)class;
    return model < (jint)(sizeof models / sizeof *models) ? (*java)->NewStringUTF(java, models[model].name) : NULL;
}

METHOD(jlong, bytes)(JNIEnv *java, jclass class, jint model, jint sample_rate_hz, jint channels) {
    (void)java, (void)class;
    return (jlong)undin_stream_bytes(models[model].model, sample_rate_hz, channels);
}

METHOD(jint, init)(JNIEnv *java, jclass class, jobject stream, jint model, jint sample_rate_hz, jint channels) {
    (void)class;
    return undin_stream_init(memory_of(java, stream), models[model].model, sample_rate_hz, channels);
}

METHOD(jstring, error)(JNIEnv *java, jclass class, jint error) {
    (void)class;
    return (*java)->NewStringUTF(java, undin_error(error));
}

METHOD(jint, latencySamples)(JNIEnv *java, jclass class, jobject stream) {
    (void)class;
    return undin_stream_latency_samples(memory_of(java, stream));
}

METHOD(void, reset)(JNIEnv *java, jclass class, jobject stream) {
    (void)class;
    undin_stream_reset(memory_of(java, stream));
}

METHOD(void, set)(JNIEnv *java, jclass class, jobject stream, jfloat atten_lim_db, jboolean bypass, jboolean link) {
    (void)class;
    undin_stream *s = memory_of(java, stream);
    undin_stream_set_atten_lim_db(s, atten_lim_db);
    undin_stream_set_bypass(s, bypass);
    undin_stream_set_link_channels(s, link);
}

/* Arrays come and go in pieces: pinning one whole would keep the garbage collector waiting for as long as it lasts. */
METHOD(void, processArrays)(JNIEnv *java, jclass class, jobject stream, jint channels, jfloatArray in, jint in_start,
                            jfloatArray out, jint out_start, jint samples) {
    (void)class;
    undin_stream *s = memory_of(java, stream);
    float piece[PIECE];
    for (jint done = 0; done < samples;) {
        jint count = PIECE / channels < samples - done ? PIECE / channels : samples - done;
        (*java)->GetFloatArrayRegion(java, in, in_start + done * channels, count * channels, piece);
        undin_stream_process_interleaved(s, piece, piece, (size_t)count);
        (*java)->SetFloatArrayRegion(java, out, out_start + done * channels, count * channels, piece);
        done += count;
    }
}

/* False, and nothing is done, where the two overlap without being the same. */
METHOD(jboolean, processBuffers)(JNIEnv *java, jclass class, jobject stream, jint channels, jobject in, jint in_start,
                                 jobject out, jint out_start, jint samples) {
    (void)class;
    const float *from = (const float *)memory_of(java, in) + in_start;
    float *to = (float *)memory_of(java, out) + out_start;
    size_t floats = (size_t)samples * (size_t)channels;
    if (from != to && from < to + floats && to < from + floats) return JNI_FALSE;
    undin_stream_process_interleaved(memory_of(java, stream), from, to, (size_t)samples);
    return JNI_TRUE;
}

METHOD(void, flush)(JNIEnv *java, jclass class, jobject stream, jobject out) {
    (void)class;
    undin_stream_flush_interleaved(memory_of(java, stream), memory_of(java, out));
}

/* What the four numbers of `undin_levels` are, in its order. */
METHOD(void, levels)(JNIEnv *java, jclass class, jobject stream, jfloatArray levels) {
    (void)class;
    undin_levels found;
    undin_stream_get_levels(memory_of(java, stream), &found);
    jfloat numbers[] = {found.input_dbfs, found.output_dbfs, found.reduction_db, found.presence};
    (*java)->SetFloatArrayRegion(java, levels, 0, sizeof numbers / sizeof *numbers, numbers);
}
