package undin;

import android.content.Context;
import android.media.AudioFormat;
import android.media.MediaCodec;
import android.media.MediaExtractor;
import android.media.MediaFormat;
import android.net.Uri;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The sound of a file, of any kind that the system decodes; the first of its tracks, where there are several. */
public final class MediaSound implements SoundSource {
    private static final long WAIT_US = 10000;
    private static final int PATIENCE = 1000; // waits in a row without a sign of the decoder: 10 s

    private final MediaExtractor extractor = new MediaExtractor();
    private MediaCodec codec;
    private final MediaCodec.BufferInfo info = new MediaCodec.BufferInfo();
    private int sampleRateHz;
    private int channels;
    private boolean isFloat;
    private long expectedSamples;
    private boolean isInputAtEnd;
    private boolean hasBegun;
    private boolean isLast;
    private boolean isAtEnd;
    private int index;
    private ByteBuffer decoded;

    /**
     * Opens a file.
     *
     * @throws IOException if it cannot be read, or the system decodes no sound in it
     */
    public MediaSound(Context context, Uri uri) throws IOException {
        try {
            extractor.setDataSource(context, uri, null);
            MediaFormat format = selectTrack();
            codec = MediaCodec.createDecoderByType(format.getString(MediaFormat.KEY_MIME));
            codec.configure(format, null, null, 0);
            codec.start();
            readFormat(format);
            decode(); // only a decoder knows what comes out of it: AAC may have twice the rate of its header
            if (format.containsKey(MediaFormat.KEY_DURATION)) {
                expectedSamples = format.getLong(MediaFormat.KEY_DURATION) * sampleRateHz / 1000000;
            }
        } catch (IOException error) {
            close();
            throw error;
        } catch (RuntimeException error) { // of a decoder, or of the app that the file is another's
            close();
            throw new IOException("the system cannot decode " + uri, error);
        }
    }

    private MediaFormat selectTrack() throws IOException {
        for (int track = 0; track < extractor.getTrackCount(); track++) {
            MediaFormat format = extractor.getTrackFormat(track);
            String kind = format.getString(MediaFormat.KEY_MIME);
            if (kind != null && kind.startsWith("audio/")) {
                extractor.selectTrack(track);
                return format;
            }
        }
        throw new IOException("there is no sound in this file");
    }

    private void readFormat(MediaFormat format) {
        sampleRateHz = format.getInteger(MediaFormat.KEY_SAMPLE_RATE);
        channels = format.getInteger(MediaFormat.KEY_CHANNEL_COUNT);
        int encoding = format.containsKey(MediaFormat.KEY_PCM_ENCODING)
                ? format.getInteger(MediaFormat.KEY_PCM_ENCODING)
                : AudioFormat.ENCODING_PCM_16BIT;
        isFloat = encoding == AudioFormat.ENCODING_PCM_FLOAT;
        if (!isFloat && encoding != AudioFormat.ENCODING_PCM_16BIT) {
            throw new IllegalStateException("samples of the encoding " + encoding);
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
        return expectedSamples;
    }

    @Override
    public int read(float[] out) throws IOException {
        int count = 0;
        int room = out.length / channels * channels;
        try {
            while (count < room && !isAtEnd) {
                if (decoded != null && decoded.remaining() >= (isFloat ? 4 : 2)) {
                    out[count++] = isFloat ? decoded.getFloat() : decoded.getShort() / 32768f;
                } else {
                    decode();
                }
            }
        } catch (IllegalArgumentException | IllegalStateException error) {
            throw new IOException("the decoder failed: the file is damaged", error);
        }
        return count / channels;
    }

    /** Hands back what was read, and waits for the next decoded bytes or the end. */
    private void decode() throws IOException {
        if (decoded != null) {
            decoded = null;
            codec.releaseOutputBuffer(index, false);
        }
        isAtEnd = isLast;
        for (int waits = 0; decoded == null && !isAtEnd; waits++) {
            if (waits > PATIENCE) {
                throw new IOException("the decoder gave no sign for ten seconds");
            }
            feed();
            int next = codec.dequeueOutputBuffer(info, WAIT_US);
            if (next == MediaCodec.INFO_OUTPUT_FORMAT_CHANGED) {
                int rate = sampleRateHz;
                int before = channels;
                readFormat(codec.getOutputFormat());
                if (hasBegun && (rate != sampleRateHz || before != channels)) {
                    throw new IOException("the sound changes its rate or its channels in the middle");
                }
            } else if (next >= 0) {
                index = next;
                hasBegun = true;
                isLast = (info.flags & MediaCodec.BUFFER_FLAG_END_OF_STREAM) != 0;
                decoded = codec.getOutputBuffer(next);
                decoded.order(ByteOrder.nativeOrder()).clear();
                decoded.limit(info.offset + info.size).position(info.offset);
            }
        }
    }

    private void feed() {
        int free = isInputAtEnd ? -1 : codec.dequeueInputBuffer(0);
        if (free < 0) {
            return;
        }
        int size = extractor.readSampleData(codec.getInputBuffer(free), 0);
        isInputAtEnd = size < 0;
        int flags = isInputAtEnd ? MediaCodec.BUFFER_FLAG_END_OF_STREAM : 0;
        codec.queueInputBuffer(free, 0, Math.max(size, 0), isInputAtEnd ? 0 : extractor.getSampleTime(), flags);
        extractor.advance();
    }

    @Override
    public void close() {
        if (codec != null) {
            codec.release();
            codec = null;
        }
        extractor.release();
    }
}
