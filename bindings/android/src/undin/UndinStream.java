package undin;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Takes the noise out of a signal that comes in blocks, in real time.
 *
 * <pre>{@code
 * UndinStream stream = new UndinStream(48000, 1);
 * while (record.read(block, 0, block.length, AudioRecord.READ_BLOCKING) > 0) {
 *     stream.process(block, block); // of any length; the sound of stream.latencySamples() ago
 *     track.write(block, 0, block.length, AudioTrack.WRITE_BLOCKING);
 * }
 * }</pre>
 *
 * <p>Samples are floats, full scale is 1, those of several channels lie interleaved. How a signal is cut into blocks
 * changes no bit of the output. What is not finite, or a million times full scale, is taken as silence.
 *
 * <p>Sound goes through in one thread at a time; a second one waits. Settings and levels are for any thread, and keep
 * none waiting. Nothing is allocated while sound runs, and nothing needs to be closed: the memory is a direct buffer.
 */
public final class UndinStream {
    public static final int MIN_SAMPLE_RATE_HZ = 4000;
    public static final int MAX_SAMPLE_RATE_HZ = 384000;
    public static final int MAX_CHANNELS = 64;

    private final int sampleRateHz;
    private final int channels;
    private final String model;
    private final int latencySamples;
    private final ByteBuffer memory;
    private final float[] numbers = new float[4];

    private volatile float attenLimDb = Float.POSITIVE_INFINITY;
    private volatile boolean bypass;
    private volatile boolean linkChannels;
    private volatile boolean isSettingNew;
    private volatile float inputDbfs = -120;
    private volatile float outputDbfs = -120;
    private volatile float reductionDb;
    private volatile float presence;

    /** Name of the model that is taken for a rate if none is named: full band from 32 kHz up. */
    public static String defaultModel(int sampleRateHz) {
        return sampleRateHz >= 32000 ? "undin-small-48k" : "undin-small";
    }

    /** Opens a stream of {@link #defaultModel}; see the other constructor. */
    public UndinStream(int sampleRateHz, int channels) {
        this(sampleRateHz, channels, defaultModel(sampleRateHz));
    }

    /**
     * Opens a fresh stream: no limit of attenuation, no bypass, channels linked if there are two.
     *
     * @param sampleRateHz of the blocks, 4,000 to 384,000
     * @param channels 1 to 64
     * @param model a name out of {@link #models()}
     * @throws IllegalArgumentException if one of them is none of these
     */
    public UndinStream(int sampleRateHz, int channels, String model) {
        int index = models().indexOf(model);
        if (index < 0) {
            throw new IllegalArgumentException("there is no model " + model + ": take one of " + join(models()));
        }
        if (sampleRateHz < MIN_SAMPLE_RATE_HZ || sampleRateHz > MAX_SAMPLE_RATE_HZ) {
            throw new IllegalArgumentException("sampleRateHz must be " + MIN_SAMPLE_RATE_HZ + " to "
                    + MAX_SAMPLE_RATE_HZ + ", got " + sampleRateHz);
        }
        if (channels < 1 || channels > MAX_CHANNELS) {
            throw new IllegalArgumentException("channels must be 1 to " + MAX_CHANNELS + ", got " + channels);
        }
        this.sampleRateHz = sampleRateHz;
        this.channels = channels;
        this.model = model;
        memory = ByteBuffer.allocateDirect((int) Native.bytes(index, sampleRateHz, channels));
        int error = Native.init(memory, index, sampleRateHz, channels);
        if (error != 0) {
            throw new IllegalStateException("undin refuses " + model + ": " + Native.error(error));
        }
        latencySamples = Native.latencySamples(memory);
        linkChannels = channels == 2;
    }

    /** Names of the models inside, the fastest first. */
    public static List<String> models() {
        return Models.NAMES;
    }

    /** Of the blocks, Hz. */
    public int sampleRateHz() {
        return sampleRateHz;
    }

    /** Number of channels. */
    public int channels() {
        return channels;
    }

    /** Name of the model. */
    public String model() {
        return model;
    }

    /** By how many samples of a channel the output comes after the input, whatever the blocks. */
    public int latencySamples() {
        return latencySamples;
    }

    /**
     * Enhances the next block, whole arrays.
     *
     * @param in interleaved samples, a multiple of the channels
     * @param out where as many go; it may be {@code in}
     * @throws IllegalArgumentException if the lengths do not fit
     */
    public void process(float[] in, float[] out) {
        if (in.length % channels != 0 || out.length != in.length) {
            throw new IllegalArgumentException("in and out must be of one length, a multiple of " + channels
                    + " channels, got " + in.length + " and " + out.length);
        }
        process(in, 0, out, 0, in.length / channels);
    }

    /**
     * Enhances the next block, parts of arrays.
     *
     * @param in where interleaved samples are, from {@code inStart}
     * @param out where as many go, from {@code outStart}; the parts may be the same, else they must not overlap
     * @param samples of each channel, any number
     * @throws IllegalArgumentException if a part is not inside its array, or they overlap
     */
    public void process(float[] in, int inStart, float[] out, int outStart, int samples) {
        long floats = (long) samples * channels;
        if (samples < 0 || inStart < 0 || outStart < 0 || inStart + floats > in.length
                || outStart + floats > out.length) {
            throw new IllegalArgumentException(samples + " samples of " + channels + " channels from " + inStart
                    + " to " + outStart + " are not inside arrays of " + in.length + " and " + out.length);
        }
        if (in == out && inStart != outStart && Math.abs((long) inStart - outStart) < floats) {
            throw overlapping();
        }
        synchronized (memory) {
            applySettings();
            Native.processArrays(memory, channels, in, inStart, out, outStart, samples);
            readLevels();
        }
    }

    /**
     * Enhances what remains in a direct buffer, and moves both positions behind it.
     *
     * @param in interleaved samples, a multiple of the channels, direct and of the native byte order
     * @param out where as many go, likewise; it may be {@code in}, or {@code in.duplicate()}, else they must not overlap
     * @throws IllegalArgumentException if a buffer is of another kind, too short, or they overlap
     */
    public void process(FloatBuffer in, FloatBuffer out) {
        int floats = in.remaining();
        if (!in.isDirect() || !out.isDirect() || out.isReadOnly() || in.order() != ByteOrder.nativeOrder()
                || out.order() != ByteOrder.nativeOrder()) {
            throw new IllegalArgumentException("buffers must be direct, of the native byte order, and out writeable: "
                    + "ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder()).asFloatBuffer()");
        }
        if (floats % channels != 0 || out.remaining() < floats) {
            throw new IllegalArgumentException("in must hold a multiple of " + channels + " channels and out have "
                    + "room for it, got " + floats + " and " + out.remaining());
        }
        synchronized (memory) {
            applySettings();
            if (!Native.processBuffers(
                    memory, channels, in, in.position(), out, out.position(), floats / channels)) {
                throw overlapping();
            }
            readLevels();
        }
        int end = out.position() + floats;
        in.position(in.limit());
        out.position(end);
    }

    /**
     * Ends a signal.
     *
     * @return the last {@link #latencySamples()} samples of each channel; the stream is fresh again
     */
    public float[] flush() {
        float[] rest = new float[latencySamples * channels];
        FloatBuffer out =
                ByteBuffer.allocateDirect(4 * rest.length).order(ByteOrder.nativeOrder()).asFloatBuffer();
        synchronized (memory) {
            applySettings();
            Native.flush(memory, out);
            readLevels();
        }
        out.get(rest);
        return rest;
    }

    /** Goes back to a fresh state: silence came before the next sample. What was set stays. */
    public void reset() {
        synchronized (memory) {
            Native.reset(memory);
        }
    }

    /** The most that any sound is attenuated, dB. */
    public float attenLimDb() {
        return attenLimDb;
    }

    /**
     * Attenuates no sound by more than this, from the next block on, faded over a hop of the model.
     *
     * @param attenLimDb dB; 0 returns the delayed input bit for bit, {@code Float.POSITIVE_INFINITY} sets no limit
     * @throws IllegalArgumentException if it is negative or NaN
     */
    public void setAttenLimDb(float attenLimDb) {
        if (!(attenLimDb >= 0)) {
            throw new IllegalArgumentException("attenLimDb must be 0 dB or more, got " + attenLimDb);
        }
        this.attenLimDb = attenLimDb;
        isSettingNew = true;
    }

    /** Whether the delayed input comes out as it is. */
    public boolean bypass() {
        return bypass;
    }

    /** Lets the delayed input out as it is, or not, from the next block on, faded over a hop of the model. */
    public void setBypass(boolean bypass) {
        this.bypass = bypass;
        isSettingNew = true;
    }

    /** Whether all channels get the same gain. */
    public boolean linkChannels() {
        return linkChannels;
    }

    /**
     * Gives all channels the same gain, so that what is left of the noise does not wander between the ears, or each its
     * own. Linked channels cost one run of the network for all.
     */
    public void setLinkChannels(boolean linkChannels) {
        this.linkChannels = linkChannels;
        isSettingNew = true;
    }

    /** Root mean square of the last block's input over all channels, dB, 0 at full scale, -120 in silence. */
    public float inputDbfs() {
        return inputDbfs;
    }

    /** The same of its output. */
    public float outputDbfs() {
        return outputDbfs;
    }

    /** How much softer the last hops of the output are than they went in, dB. */
    public float reductionDb() {
        return reductionDb;
    }

    /**
     * How much of their sound between 200 Hz and 4 kHz was kept, 0 to 1 in energy: high in speech, low in noise, but no
     * trained detector of either.
     */
    public float presence() {
        return presence;
    }

    private void applySettings() {
        if (isSettingNew) {
            isSettingNew = false; // before they are read, so that what changes now is applied the next time
            Native.set(memory, attenLimDb, bypass, linkChannels);
        }
    }

    private void readLevels() {
        Native.levels(memory, numbers);
        inputDbfs = numbers[0];
        outputDbfs = numbers[1];
        reductionDb = numbers[2];
        presence = numbers[3];
    }

    private static IllegalArgumentException overlapping() {
        return new IllegalArgumentException("in and out overlap: they must be the same samples, or share none");
    }

    private static String join(List<String> names) {
        StringBuilder text = new StringBuilder();
        for (String name : names) {
            text.append(text.length() == 0 ? "" : ", ").append(name);
        }
        return text.toString();
    }

    /** Asked for once. */
    private static final class Models {
        static final List<String> NAMES;

        static {
            List<String> names = new ArrayList<String>();
            for (String name = Native.name(0); name != null; name = Native.name(names.size())) {
                names.add(name);
            }
            NAMES = Collections.unmodifiableList(names);
        }
    }
}
