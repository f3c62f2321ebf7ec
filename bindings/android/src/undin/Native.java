package undin;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** The functions of undin.h, by undin_jni.c. They check nothing: {@link UndinStream} does. */
final class Native {
    static {
        System.loadLibrary("undin");
    }

    private Native() {}

    static native String name(int model);

    static native long bytes(int model, int sampleRateHz, int channels);

    static native int init(ByteBuffer stream, int model, int sampleRateHz, int channels);

    static native String error(int error);

    static native int latencySamples(ByteBuffer stream);

    static native void reset(ByteBuffer stream);

    static native void set(ByteBuffer stream, float attenLimDb, boolean bypass, boolean linkChannels);

    static native void processArrays(
            ByteBuffer stream, int channels, float[] in, int inStart, float[] out, int outStart, int samples);

    static native boolean processBuffers(
            ByteBuffer stream, int channels, FloatBuffer in, int inStart, FloatBuffer out, int outStart, int samples);

    static native void flush(ByteBuffer stream, FloatBuffer out);

    static native void levels(ByteBuffer stream, float[] levels);
}
