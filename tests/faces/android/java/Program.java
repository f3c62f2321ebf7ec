import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Random;
import undin.SoundSource;
import undin.UndinFiles;
import undin.UndinStream;

/** What the tests in test_stream.py ask of undin in Java: {@code Program TASK ARGUMENTS}. */
public final class Program {
    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "stream":
                stream(arguments[1], arguments[2], arguments[3], Integer.parseInt(arguments[4]),
                        Integer.parseInt(arguments[5]), arguments[6], Float.parseFloat(arguments[7]));
                break;
            case "file":
                file(arguments[1], arguments[2], arguments[3], Integer.parseInt(arguments[4]),
                        Integer.parseInt(arguments[5]));
                break;
            case "models":
                System.out.println(UndinStream.models());
                break;
            case "refusals":
                refusals();
                break;
            case "settings":
                settings();
                break;
            case "threads":
                threads(arguments[1], arguments[2]);
                break;
            case "soak":
                soak(Integer.parseInt(arguments[1]));
                break;
            default:
                throw new IllegalArgumentException(arguments[0]);
        }
    }

    /** Brings raw floats of a file through a stream by arrays or by buffers, in blocks of changing length. */
    private static void stream(
            String in, String out, String how, int rate, int channels, String model, float attenLimDb)
            throws IOException {
        float[] samples = read(in);
        UndinStream stream = new UndinStream(rate, channels, model);
        stream.setAttenLimDb(attenLimDb);
        float[] output = how.equals("buffers") ? byBuffers(stream, samples) : byArrays(stream, samples);
        write(out, output, stream.flush());
        System.out.println(stream.latencySamples());
    }

    private static float[] byArrays(UndinStream stream, float[] samples) {
        float[] output = new float[samples.length];
        Random random = new Random(0);
        int channels = stream.channels();
        for (int start = 0; start < samples.length;) {
            int count = Math.min(random.nextInt(3000), (samples.length - start) / channels);
            stream.process(samples, start, output, start, count);
            start += count * channels;
        }
        return output;
    }

    private static float[] byBuffers(UndinStream stream, float[] samples) {
        FloatBuffer buffer = direct(samples.length);
        buffer.put(samples).rewind();
        FloatBuffer to = buffer.duplicate();
        Random random = new Random(1);
        while (buffer.position() < samples.length) {
            int left = (samples.length - buffer.position()) / stream.channels();
            buffer.limit(buffer.position() + Math.min(random.nextInt(3000), left) * stream.channels());
            stream.process(buffer, to);
            buffer.limit(samples.length);
        }
        float[] output = new float[samples.length];
        to.rewind();
        to.get(output);
        return output;
    }

    private static void file(String in, String wav, String model, int rate, int channels) throws IOException {
        Floats source = new Floats(read(in), rate, channels);
        long[] told = new long[2];
        boolean isWhole = UndinFiles.enhance(source, new File(wav), model, Float.POSITIVE_INFINITY, samples -> {
            if (samples < told[0]) {
                throw new IllegalStateException("progress goes back");
            }
            told[0] = samples;
            return true;
        });
        File stopped = new File(wav + ".stopped");
        Floats again = new Floats(read(in), rate, channels);
        boolean isAll = UndinFiles.enhance(again, stopped, model, Float.POSITIVE_INFINITY, samples -> false);
        System.out.println(isWhole + " " + told[0] + " " + source.isClosed + " " + isAll + " " + stopped.exists());
    }

    private static void refusals() {
        UndinStream stream = new UndinStream(16000, 2, "undin-nano");
        float[] four = new float[4];
        FloatBuffer floats = direct(8);
        FloatBuffer half = floats.duplicate();
        half.limit(6);
        FloatBuffer behind = floats.duplicate();
        behind.position(2);
        ByteOrder foreign =
                ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        Runnable[] tries = {
            () -> new UndinStream(3999, 1),
            () -> new UndinStream(384001, 1),
            () -> new UndinStream(16000, 0),
            () -> new UndinStream(16000, 65),
            () -> new UndinStream(16000, 1, "undin-huge"),
            () -> new UndinStream(16000, 1, null),
            () -> stream.setAttenLimDb(-1),
            () -> stream.setAttenLimDb(Float.NaN),
            () -> stream.process(new float[3], new float[3]),
            () -> stream.process(four, new float[2]),
            () -> stream.process(four, 0, four, 0, 3),
            () -> stream.process(four, 0, four, 0, -1),
            () -> stream.process(four, -2, four, 0, 1),
            () -> stream.process(four, 4, four, 4, Integer.MAX_VALUE),
            () -> stream.process(new float[6], Integer.MAX_VALUE, four, 0, 1),
            () -> {
                float[] six = new float[6];
                stream.process(six, 0, six, 2, 2);
            },
            () -> stream.process(FloatBuffer.allocate(4), direct(4)),
            () -> stream.process(direct(4), direct(4).asReadOnlyBuffer()),
            () -> stream.process(ByteBuffer.allocateDirect(16).order(foreign).asFloatBuffer(), direct(4)),
            () -> stream.process(direct(3), direct(4)),
            () -> stream.process(direct(4), direct(2)),
            () -> stream.process(half, behind),
        };
        for (Runnable one : tries) {
            try {
                one.run();
                System.out.println("accepted");
            } catch (IllegalArgumentException error) {
                System.out.println(error.getMessage());
            }
        }
        stream.process(four, four); // and goes on
    }

    /** What is set is heard from the next block on, and levels are told. */
    private static void settings() {
        UndinStream stream = new UndinStream(48000, 2, "undin-nano");
        float[] block = new float[48000];
        Random random = new Random(2);
        for (int i = 0; i < block.length; i++) {
            block[i] = random.nextFloat() - 0.5f;
        }
        float[] out = new float[block.length];
        System.out.println(stream.inputDbfs() + " " + stream.linkChannels() + " " + stream.bypass());
        stream.process(block, out);
        stream.process(block, out);
        System.out.println(stream.inputDbfs() + " " + stream.outputDbfs() + " " + stream.reductionDb() + " "
                + stream.presence());
        stream.setBypass(true);
        stream.process(block, out);
        stream.process(block, out);
        int late = 2 * stream.latencySamples();
        int wrong = 0;
        for (int i = late; i < block.length; i++) {
            wrong += out[i] == block[i - late] ? 0 : 1;
        }
        System.out.println(wrong);
        stream.setBypass(false);
        stream.reset();
        stream.process(block, out);
        float[] again = new float[block.length];
        stream.reset();
        stream.process(block, again);
        System.out.println(java.util.Arrays.equals(out, again));
        stream.process(new float[0], new float[0]);
    }

    /** Two streams in two threads, while a third changes what is of no consequence; then two threads on one stream. */
    private static void threads(String in, String out) throws Exception {
        float[] samples = read(in);
        float[][] outputs = new float[2][];
        UndinStream[] streams = {new UndinStream(16000, 1, "undin-tiny"), new UndinStream(16000, 1, "undin-tiny")};
        Thread[] workers = new Thread[2];
        for (int i = 0; i < 2; i++) {
            int which = i;
            workers[i] = new Thread(() -> outputs[which] = byArrays(streams[which], samples));
            workers[i].start();
        }
        while (workers[0].isAlive() || workers[1].isAlive()) {
            for (UndinStream stream : streams) {
                stream.setAttenLimDb(Float.POSITIVE_INFINITY);
                if (!(stream.inputDbfs() < 20)) {
                    throw new IllegalStateException("levels of " + stream.inputDbfs());
                }
            }
            Thread.sleep(1);
        }
        write(out, outputs[0], outputs[1]);
        Thread[] rivals = new Thread[2];
        for (int i = 0; i < 2; i++) {
            rivals[i] = new Thread(() -> byArrays(streams[0], samples));
            rivals[i].start();
        }
        for (Thread rival : rivals) {
            rival.join();
        }
    }

    /** A million buffers of 10 samples and arrays of 10; how much the process has grown meanwhile, bytes. */
    private static void soak(int rounds) throws IOException {
        UndinStream stream = new UndinStream(16000, 1, "undin-nano");
        FloatBuffer buffer = direct(10);
        float[] array = new float[10];
        long before = 0;
        for (int i = 0; i < rounds; i++) {
            buffer.clear();
            stream.process(buffer, buffer);
            stream.process(array, array);
            if (i == rounds / 10) { // everything is compiled and warm
                System.gc();
                before = residentBytes();
            }
        }
        System.gc();
        System.out.println(residentBytes() - before);
    }

    private static long residentBytes() throws IOException {
        String pages = new String(Files.readAllBytes(Paths.get("/proc/self/statm")), "US-ASCII").split(" ")[1];
        return Long.parseLong(pages) * 4096;
    }

    private static FloatBuffer direct(int floats) {
        return ByteBuffer.allocateDirect(4 * floats).order(ByteOrder.nativeOrder()).asFloatBuffer();
    }

    private static float[] read(String path) throws IOException {
        FloatBuffer floats =
                ByteBuffer.wrap(Files.readAllBytes(Paths.get(path))).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        float[] samples = new float[floats.remaining()];
        floats.get(samples);
        return samples;
    }

    private static void write(String path, float[]... parts) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path, "rw")) {
            for (float[] part : parts) {
                ByteBuffer bytes = ByteBuffer.allocate(4 * part.length).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(part);
                file.write(bytes.array());
            }
        }
    }

    /** Sound in memory. */
    private static final class Floats implements SoundSource {
        private final float[] samples;
        private final int rate;
        private final int channels;
        private int place;
        boolean isClosed;

        Floats(float[] samples, int rate, int channels) {
            this.samples = samples;
            this.rate = rate;
            this.channels = channels;
        }

        @Override
        public int sampleRateHz() {
            return rate;
        }

        @Override
        public int channels() {
            return channels;
        }

        @Override
        public long expectedSamples() {
            return samples.length / channels;
        }

        @Override
        public int read(float[] out) {
            int count = Math.min(out.length / channels * channels, samples.length - place);
            System.arraycopy(samples, place, out, 0, count);
            place += count;
            return count / channels;
        }

        @Override
        public void close() {
            isClosed = true;
        }
    }
}
