package undin.app;

import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import undin.SoundSource;

/** What {@link Studio} wants of the phone. */
interface Device {
    /** Where takes are kept. */
    File folder();

    /** Whether the microphone may be used. */
    boolean mayRecord();

    /** Whether what is played stays out of the microphone. */
    boolean hasHeadphones();

    /** Asks for the right to sound, which a call takes away; whether it was given. */
    boolean takeFocus();

    void giveFocus();

    /** Opens the microphone, unprocessed where that can be had. */
    SoundSource openMicrophone() throws IOException;

    Speaker openSpeaker(int sampleRateHz, int channels) throws IOException;

    /** Called first in a thread that sound runs in. */
    void hurry();

    /** Runs something in the thread of the screen, later. */
    void post(Runnable task);

    /** Where sound goes. */
    interface Speaker extends Closeable {
        /** Waits until there is room. */
        void write(float[] samples, int floats) throws IOException;

        /** How often it had nothing to play, so far. */
        int missed();

        /** How late what is written now will be heard, without the way through the hardware. */
        float latencyMs();

        @Override
        void close();
    }
}
