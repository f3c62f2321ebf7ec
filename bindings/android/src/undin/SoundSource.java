package undin;

import java.io.Closeable;
import java.io.IOException;

/** Sound that is read from its beginning to its end: a decoded file, or what an app has of its own. */
public interface SoundSource extends Closeable {
    /** Hz. */
    int sampleRateHz();

    /** Number of channels. */
    int channels();

    /** Samples of a channel that there will be, as far as is known; 0 if it is not. */
    long expectedSamples();

    /**
     * Reads what comes next.
     *
     * @param out where interleaved floats go, full scale 1, from its beginning
     * @return samples of each channel that were read, as many as fit but at the end; 0 behind it
     * @throws IOException if the sound is damaged or went away
     */
    int read(float[] out) throws IOException;
}
