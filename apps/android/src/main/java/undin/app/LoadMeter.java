package undin.app;

/** How much of real time the network takes: the real-time factor over about a second. One thread adds, any may read. */
final class LoadMeter {
    private static final double SECONDS = 1;

    private volatile float factor;
    private volatile int late;
    private double spent;
    private double sounded;

    /** A block of so many samples took so long. */
    void add(long nanoseconds, int samples, int sampleRateHz) {
        double seconds = (double) samples / sampleRateHz;
        double kept = Math.max(0, 1 - seconds / SECONDS);
        spent = spent * kept + nanoseconds * 1e-9;
        sounded = sounded * kept + seconds;
        factor = (float) (spent / sounded);
        if (nanoseconds * 1e-9 > seconds) {
            late++; // by this thread alone
        }
    }

    /** Seconds of work for a second of sound; 0 before the first block. */
    float realTimeFactor() {
        return factor;
    }

    /** How many blocks took longer than they last. */
    int lateBlocks() {
        return late;
    }
}
