package undin;

import java.io.File;
import java.io.IOException;

/** Enhances whole recordings: a loop over {@link UndinStream}. */
public final class UndinFiles {
    private static final int BLOCK_FLOATS = 1 << 14;

    /** Hears how far it is. */
    public interface Progress {
        /**
         * Called after each block, in the thread that works.
         *
         * @param samples of a channel that were read
         * @return whether to go on
         */
        boolean onSamples(long samples);
    }

    private UndinFiles() {}

    /**
     * Enhances a recording of any length, in the memory of a block.
     *
     * @param source its sound, which is read to its end and closed
     * @param wav where a WAV file of 16 bits goes, of the same rate, channels and length, and in line with the source; it
     *     appears whole or not at all
     * @param model a name out of {@link UndinStream#models()}
     * @param attenLimDb the most that any sound is attenuated, dB; {@code Float.POSITIVE_INFINITY} sets no limit
     * @param progress hears how far it is, and may end it; or null
     * @return whether it came to the end
     * @throws IOException if the source is damaged, or the file cannot be written
     * @throws IllegalArgumentException if rate, channels, model or limit are not undin's
     */
    public static boolean enhance(SoundSource source, File wav, String model, float attenLimDb, Progress progress)
            throws IOException {
        try {
            int channels = source.channels();
            UndinStream stream = new UndinStream(source.sampleRateHz(), channels, model);
            stream.setAttenLimDb(attenLimDb);
            WavWriter writer = new WavWriter(wav, source.sampleRateHz(), channels);
            try {
                float[] block = new float[BLOCK_FLOATS / channels * channels];
                int early = stream.latencySamples() * channels; // floats that come before the first of the input
                long read = 0;
                for (int samples = source.read(block); samples > 0; samples = source.read(block)) {
                    int floats = samples * channels;
                    stream.process(block, 0, block, 0, samples);
                    int skipped = Math.min(early, floats);
                    writer.write(block, skipped, floats - skipped);
                    early -= skipped;
                    read += samples;
                    if (progress != null && !progress.onSamples(read)) {
                        return false;
                    }
                }
                float[] rest = stream.flush();
                writer.write(rest, early, rest.length - early);
                writer.finish();
                return true;
            } finally {
                writer.close();
            }
        } finally {
            source.close();
        }
    }
}
