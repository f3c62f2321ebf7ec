package undin.app;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import undin.SoundSource;

/** The sound of a file that {@link undin.WavWriter} wrote: 16 bits behind a header of 44 bytes. */
final class WavSound implements SoundSource {
    private static final int HEADER_BYTES = 44;

    private final RandomAccessFile file;
    private final int sampleRateHz;
    private final int channels;
    private final long samples;
    private long read;
    private byte[] bytes = new byte[0];

    /** @throws IOException if it is no such file */
    WavSound(File place) throws IOException {
        file = new RandomAccessFile(place, "r");
        try {
            byte[] start = new byte[HEADER_BYTES];
            file.readFully(start);
            ByteBuffer header = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
            channels = header.getShort(22);
            sampleRateHz = header.getInt(24);
            if (header.getInt(0) != 0x46464952 || header.getShort(34) != 16 || channels < 1) {
                throw new IOException(place + " is none of our WAV files");
            }
            samples = (file.length() - HEADER_BYTES) / (2 * channels);
        } catch (IOException error) {
            file.close();
            throw error;
        }
    }

    @Override
    public int sampleRateHz() {
        return sampleRateHz;
    }

    @Override
    public int channels() {
        return channels;
    }

    @Override
    public long expectedSamples() {
        return samples;
    }

    /** Goes on from another sample. */
    void seek(long sample) throws IOException {
        read = Math.max(0, Math.min(samples, sample));
        file.seek(HEADER_BYTES + read * 2 * channels);
    }

    @Override
    public int read(float[] out) throws IOException {
        int count = (int) Math.min(out.length / channels, samples - read);
        if (bytes.length < 2 * count * channels) {
            bytes = new byte[2 * count * channels];
        }
        file.readFully(bytes, 0, 2 * count * channels);
        for (int i = 0; i < count * channels; i++) {
            out[i] = (short) (bytes[2 * i] & 0xFF | bytes[2 * i + 1] << 8) / 32768f;
        }
        read += count;
        return count;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
