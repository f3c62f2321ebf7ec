package undin.app;

/** Sound, some samples later: what went into a stream, in step with what comes out. */
final class Delay {
    private final float[] ring;
    private int place;

    /** @param floats by how many, those of all channels */
    Delay(int floats) {
        ring = new float[floats];
    }

    void process(float[] in, float[] out, int floats) {
        if (ring.length == 0) {
            System.arraycopy(in, 0, out, 0, floats);
            return;
        }
        for (int i = 0; i < floats; i++) {
            float late = ring[place];
            ring[place] = in[i];
            out[i] = late;
            place = place + 1 == ring.length ? 0 : place + 1;
        }
    }
}
