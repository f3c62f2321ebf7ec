package undin.app;

/**
 * A picture of sound that scrolls: levels over time and frequency as colours. One thread feeds it, another may draw it
 * meanwhile, and sees a column half new at worst.
 */
final class Spectrogram {
    /** Size of the picture; a column lasts a sixtieth of a second. */
    static final int COLUMNS = 360;

    static final int ROWS = 160;
    static final int COLUMNS_PER_SECOND = 60;

    /** Top of the picture, Hz, where the sound goes as far. */
    static final int TOP_HZ = 12000;

    private static final float SOFTEST_DB = -100;
    private static final float LOUDEST_DB = -20;
    private static final int[] PALETTE = palette(0x0B0B1E, 0x3B1E6E, 0xB0356B, 0xF58A3C, 0xFFF3C4);

    /** ARGB, row by row from the top; the columns are a ring. */
    final int[] pixels = new int[COLUMNS * ROWS];

    private volatile int next;
    private float[] recent = new float[0];
    private float[] window;
    private float[] real;
    private float[] imaginary;
    private int channels;
    private int hop;
    private int untilHop;
    private int place;
    private double binsPerRow;

    Spectrogram() {
        clear();
    }

    /** The column that comes next, which is the oldest. */
    int next() {
        return next;
    }

    /** Makes all of it silence. */
    void clear() {
        java.util.Arrays.fill(pixels, PALETTE[0]);
    }

    /** Begins a sound; the picture stays. */
    void begin(int sampleRateHz, int channels) {
        int size = Integer.highestOneBit(Math.max(64, sampleRateHz / 20)); // 26 to 50 ms
        recent = new float[size];
        real = new float[size];
        imaginary = new float[size];
        window = new float[size];
        for (int i = 0; i < size; i++) { // Hann's; a full-scale sine has the level 0 dB
            window[i] = (float) ((1 - Math.cos(2 * Math.PI * i / size)) * 2 / size);
        }
        this.channels = channels;
        hop = Math.max(1, sampleRateHz / COLUMNS_PER_SECOND);
        untilHop = hop;
        place = 0;
        binsPerRow = Math.min(TOP_HZ, sampleRateHz / 2.0) * size / sampleRateHz / ROWS;
    }

    /** Draws what comes next: interleaved samples, of which it hears the first channel. */
    void feed(float[] samples, int count) {
        for (int i = 0; i < count; i++) {
            recent[place] = samples[i * channels];
            place = (place + 1) & (recent.length - 1);
            if (--untilHop == 0) {
                untilHop = hop;
                draw();
            }
        }
    }

    private void draw() {
        int size = recent.length;
        for (int i = 0; i < size; i++) {
            real[i] = recent[(place + i) & (size - 1)] * window[i];
            imaginary[i] = 0;
        }
        transform(real, imaginary);
        int column = next;
        for (int row = 0; row < ROWS; row++) {
            int from = (int) (row * binsPerRow);
            int to = Math.max(from + 1, (int) ((row + 1) * binsPerRow));
            float power = 0;
            for (int bin = from; bin < to; bin++) {
                power = Math.max(power, real[bin] * real[bin] + imaginary[bin] * imaginary[bin]);
            }
            pixels[(ROWS - 1 - row) * COLUMNS + column] = colour(10 * Math.log10(power + 1e-20));
        }
        next = column + 1 == COLUMNS ? 0 : column + 1;
    }

    /** The colour of a level. */
    static int colour(double db) {
        double share = (db - SOFTEST_DB) / (LOUDEST_DB - SOFTEST_DB);
        return PALETTE[(int) Math.max(0, Math.min(PALETTE.length - 1, share * PALETTE.length))];
    }

    private static int[] palette(int... colours) {
        int[] palette = new int[256];
        for (int i = 0; i < palette.length; i++) {
            float place = i * (colours.length - 1) / (float) palette.length;
            int below = colours[(int) place];
            int above = colours[(int) place + 1];
            float share = place - (int) place;
            int mixed = 0xFF;
            for (int shift = 16; shift >= 0; shift -= 8) {
                int low = below >> shift & 0xFF;
                int high = above >> shift & 0xFF;
                mixed = mixed << 8 | Math.round(low + share * (high - low));
            }
            palette[i] = mixed;
        }
        return palette;
    }

    /** The Fourier transform in place, by Cooley and Tukey's decimation in time. */
    private static void transform(float[] real, float[] imaginary) {
        int size = real.length;
        for (int i = 0, j = 0; i < size; i++) {
            if (i < j) {
                float swapped = real[i];
                real[i] = real[j];
                real[j] = swapped;
            }
            int bit = size >> 1;
            while (bit > 0 && (j & bit) != 0) {
                j ^= bit;
                bit >>= 1;
            }
            j |= bit;
        }
        for (int half = 1; half < size; half <<= 1) {
            for (int k = 0; k < half; k++) {
                float cosine = (float) Math.cos(Math.PI * k / half);
                float sine = (float) -Math.sin(Math.PI * k / half);
                for (int low = k; low < size; low += 2 * half) {
                    int high = low + half;
                    float re = real[high] * cosine - imaginary[high] * sine;
                    float im = real[high] * sine + imaginary[high] * cosine;
                    real[high] = real[low] - re;
                    imaginary[high] = imaginary[low] - im;
                    real[low] += re;
                    imaginary[low] += im;
                }
            }
        }
    }
}
