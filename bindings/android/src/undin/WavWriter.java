package undin;

import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Writes a WAV file of 16 bits, which every program opens. It lies beside its place, as {@code NAME.part}, until it is
 * whole: {@link #finish} moves it there, {@link #close} without that takes it away.
 */
public final class WavWriter implements Closeable {
    private static final int HEADER_BYTES = 44;
    private static final long MAX_BYTES = 0xFFFFFFFFL - HEADER_BYTES;
    private static final float FULL_SCALE = 32768;

    private final File place;
    private final File part;
    private final RandomAccessFile file;
    private final int sampleRateHz;
    private final int channels;
    private ByteBuffer bytes = ByteBuffer.allocate(1 << 14).order(ByteOrder.LITTLE_ENDIAN);
    private long written;
    private boolean isOpen = true;

    /**
     * Begins a file.
     *
     * @throws IOException if it cannot be written
     */
    public WavWriter(File place, int sampleRateHz, int channels) throws IOException {
        this.place = place;
        this.sampleRateHz = sampleRateHz;
        this.channels = channels;
        part = new File(place.getPath() + ".part");
        file = new RandomAccessFile(part, "rw");
        try {
            file.setLength(0);
            file.write(new byte[HEADER_BYTES]);
        } catch (IOException error) {
            close();
            throw error;
        }
    }

    /**
     * Writes what comes next; what is beyond full scale is cut off, what is no number becomes silence.
     *
     * @param samples interleaved floats, full scale 1
     * @param start of the first to be written
     * @param count of floats, those of all channels
     * @throws IOException if the disk is full, or a WAV file can hold no more
     */
    public void write(float[] samples, int start, int count) throws IOException {
        if (written + 2L * count > MAX_BYTES) {
            throw new IOException("a WAV file holds 4 GB, and this sound is longer");
        }
        for (int i = start; i < start + count; i++) {
            float scaled = samples[i] * FULL_SCALE;
            bytes.putShort((short) Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.rint(scaled))));
            if (!bytes.hasRemaining()) {
                drain();
            }
        }
        written += 2L * count;
    }

    /** Samples of a channel that were written. */
    public long samples() {
        return written / (2 * channels);
    }

    /**
     * Ends the file, and puts it in its place, in that of one that was there.
     *
     * @throws IOException if it cannot be done; nothing is left then
     */
    public void finish() throws IOException {
        try {
            drain();
            file.seek(0);
            file.write(header());
            file.getFD().sync();
            file.close();
            if (!part.renameTo(place)) {
                throw new IOException("cannot write " + place);
            }
            isOpen = false;
        } finally {
            close();
        }
    }

    /** Takes away what was not finished. */
    @Override
    public void close() throws IOException {
        if (isOpen) {
            isOpen = false;
            file.close();
            part.delete();
        }
    }

    private void drain() throws IOException {
        file.write(bytes.array(), 0, bytes.position());
        bytes.clear();
    }

    private byte[] header() {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        header.put(ascii("RIFF")).putInt((int) (written + HEADER_BYTES - 8)).put(ascii("WAVE"));
        header.put(ascii("fmt ")).putInt(16).putShort((short) 1).putShort((short) channels).putInt(sampleRateHz);
        header.putInt(2 * channels * sampleRateHz).putShort((short) (2 * channels)).putShort((short) 16);
        header.put(ascii("data")).putInt((int) written);
        return header.array();
    }

    private static byte[] ascii(String text) {
        byte[] bytes = new byte[text.length()];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) text.charAt(i);
        }
        return bytes;
    }
}
