package undin.app;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import undin.SoundSource;
import undin.UndinFiles;
import undin.UndinStream;
import undin.WavWriter;

/**
 * What the app does, apart from Android: listens, records, plays, opens and exports, one at a time.
 *
 * <p>A take is what the microphone or a file gave, as it was. It is enhanced whenever it is played or exported, so that
 * switch, limit and model can be tried on it. All methods are called in the thread of the screen; work is done in a
 * thread for each job, which hands its end back there.
 */
final class Studio {
    /** What is being done. */
    enum State {
        IDLE,
        LISTENING,
        RECORDING,
        PLAYING,
        OPENING,
        EXPORTING
    }

    /** What the user is told. */
    enum Message {
        NONE,
        DENIED,
        DENIED_FOR_EVER,
        NO_HEADPHONES,
        UNPLUGGED,
        BUSY,
        INTERRUPTED,
        LEFT,
        NO_MICROPHONE,
        MICROPHONE_LOST,
        NO_SPEAKER,
        CANNOT_OPEN,
        CANNOT_WRITE,
        DISK_FULL,
        SAVED
    }

    /** Where it shows; the screen may be another after the phone was turned. */
    interface Screen {
        /** State, take or message have changed. */
        void onChanged();

        /** Asks the user for the microphone; {@link #onPermission} hears the answer. */
        void askToRecord();

        /** A file is ready to be saved or shared. */
        void onExported(File wav, boolean isToBeShared);
    }

    /** Opens where a file is copied to, in the thread that copies. */
    interface Target {
        OutputStream open() throws IOException;
    }

    /** Opens a sound in the thread that reads it. */
    interface Opener {
        SoundSource open() throws IOException;
    }

    static final float NO_LIMIT = Float.POSITIVE_INFINITY;
    /** At the rate that nearly all phones record at. */
    private static final String FIRST_MODEL = UndinStream.defaultModel(48000);
    private static final int BLOCKS_PER_SECOND = 100;
    private static final long BLOCKS_PER_LOOK_AT_DISK = 100;

    final Spectrogram before = new Spectrogram();
    final Spectrogram after = new Spectrogram();

    private final Device device;
    private final long reserveBytes;
    private final File take;
    private final File export;
    private Screen screen;
    private Job job;
    private Job next;
    private State wanted = State.IDLE;
    private Message message = Message.NONE;
    private String model = FIRST_MODEL;
    private volatile float attenLimDb = NO_LIMIT;
    private volatile boolean isOn = true;
    private volatile boolean isHeard;
    private volatile UndinStream stream;
    private volatile LoadMeter load = new LoadMeter();
    private volatile long position;
    private volatile float share;
    private volatile float speakerMs;
    private volatile int missed;

    /** @param reserveBytes what a recording leaves of the disk */
    Studio(Device device, long reserveBytes) {
        this.device = device;
        this.reserveBytes = reserveBytes;
        take = new File(device.folder(), "take.wav");
        export = new File(device.folder(), "undin.wav");
        new File(take.getPath() + ".part").delete(); // of a recording whose end the system did not wait for
        new File(export.getPath() + ".part").delete();
    }

    // What is to be seen.

    State state() {
        return job == null ? State.IDLE : job.state;
    }

    Message message() {
        return message;
    }

    boolean hasTake() {
        return take.exists();
    }

    String model() {
        return model;
    }

    float attenLimDb() {
        return attenLimDb;
    }

    boolean isOn() {
        return isOn;
    }

    /** Whether the microphone is heard while it is recorded. */
    boolean isHeard() {
        return isHeard;
    }

    /** How much of a file is opened or exported, 0 to 1. */
    float share() {
        return share;
    }

    /** Seconds of work for a second of sound. */
    float realTimeFactor() {
        return load.realTimeFactor();
    }

    /** By how much sound comes later, ms: undin, and what waits for the loudspeaker. */
    float latencyMs() {
        UndinStream current = stream;
        return current == null ? 0 : 1000f * current.latencySamples() / current.sampleRateHz() + speakerMs;
    }

    /** Buffers that came too late. */
    int missed() {
        return missed + load.lateBlocks();
    }

    // What the user does.

    /** Shows on another screen, or on none. */
    void setScreen(Screen screen) {
        this.screen = screen;
    }

    /** Begins to listen to the microphone by headphones, or ends it. */
    void listen() {
        if (state() == State.LISTENING) {
            stop(Message.NONE);
        } else {
            useMicrophone(State.LISTENING);
        }
    }

    /** Begins to record the microphone, or ends it. */
    void record() {
        if (state() == State.RECORDING) {
            stop(Message.NONE);
        } else {
            useMicrophone(State.RECORDING);
        }
    }

    /** Begins to play the take, or ends it; it goes on from where it was. */
    void play() {
        if (state() == State.PLAYING) {
            stop(Message.NONE);
        } else if (hasTake() && hasFocus()) {
            begin(new Loop(State.PLAYING));
        }
    }

    /** Makes a sound the take. */
    void open(Opener opener) {
        begin(new Opening(opener));
    }

    /** Enhances the take into a file; {@link Screen#onExported} hears of it. */
    void export(boolean isToBeShared) {
        if (hasTake()) {
            begin(new Exporting(isToBeShared));
        }
    }

    /** Copies what was exported to where the user wants it. */
    void copy(Target target) {
        begin(new Copying(target));
    }

    /** Ends opening or exporting. */
    void cancel() {
        if (state() == State.OPENING || state() == State.EXPORTING) {
            stop(Message.NONE);
        }
    }

    void setOn(boolean isOn) {
        this.isOn = isOn;
        UndinStream current = stream;
        if (current != null) {
            current.setBypass(!isOn);
        }
    }

    void setAttenLimDb(float attenLimDb) {
        this.attenLimDb = attenLimDb;
        UndinStream current = stream;
        if (current != null) {
            current.setAttenLimDb(attenLimDb);
        }
    }

    /** Takes another model: at once, where sound runs that can begin again; a recording goes on with its own. */
    void setModel(String model) {
        if (model.equals(this.model)) {
            return;
        }
        this.model = model;
        State state = state();
        if (state == State.LISTENING || state == State.PLAYING) {
            begin(new Loop(state));
        }
    }

    // What happens.

    /** The user has answered. */
    void onPermission(boolean isGiven, boolean mayBeAskedAgain) {
        State state = wanted;
        wanted = State.IDLE;
        if (!isGiven) {
            say(mayBeAskedAgain ? Message.DENIED : Message.DENIED_FOR_EVER);
        } else if (state != State.IDLE) {
            useMicrophone(state);
        }
    }

    /** Headphones came, or went: then nothing may come out of the loudspeaker, least of all into the microphone. */
    void onHeadphones() {
        boolean isSafe = device.hasHeadphones();
        State state = state();
        if (state == State.RECORDING) {
            isHeard = isSafe;
            changed();
        } else if (state == State.LISTENING && !isSafe) {
            stop(Message.UNPLUGGED);
        }
    }

    /** The system says that what plays would be heard by others. */
    void onBecomingNoisy() {
        isHeard = false;
        if (state() == State.PLAYING || state() == State.LISTENING) {
            stop(Message.UNPLUGGED);
        }
    }

    /** A call, or another app that sounds. What was recorded is kept. */
    void onFocusLost() {
        if (state() == State.LISTENING || state() == State.RECORDING || state() == State.PLAYING) {
            stop(Message.INTERRUPTED);
        }
    }

    /** The app is not seen any more, and the system would give it silence for sound. Files go on. */
    void onBackground() {
        if (state() == State.LISTENING || state() == State.RECORDING || state() == State.PLAYING) {
            stop(Message.LEFT);
        }
    }

    private void useMicrophone(State state) {
        if (!device.mayRecord()) {
            wanted = state;
            screen.askToRecord();
        } else if (state == State.LISTENING && !device.hasHeadphones()) {
            say(Message.NO_HEADPHONES);
        } else if (hasFocus()) {
            isHeard = device.hasHeadphones();
            begin(new Loop(state));
        }
    }

    private boolean hasFocus() {
        boolean isGiven = device.takeFocus();
        if (!isGiven) {
            say(Message.BUSY);
        }
        return isGiven;
    }

    /** Starts a job once the one before it has ended. */
    private void begin(Job wanted) {
        if (job != null) {
            job.isWanted = false;
            next = wanted;
            return;
        }
        job = wanted;
        share = 0;
        new Thread(job, "undin " + job.state).start();
        say(Message.NONE);
    }

    private void stop(Message why) {
        next = null;
        if (job != null) {
            job.isWanted = false;
            job.why = why;
        }
    }

    private void onEnded(Job ended, Message failure) {
        job = null;
        if (next != null) {
            Job wanted = next;
            next = null;
            begin(wanted);
            return;
        }
        device.giveFocus();
        say(failure != Message.NONE ? failure : ended.why);
        if (failure == Message.NONE) {
            ended.tell();
        }
    }

    private void say(Message message) {
        this.message = message;
        changed();
    }

    private void changed() {
        if (screen != null) {
            screen.onChanged();
        }
    }

    /** What is done in a thread of its own. */
    private abstract class Job implements Runnable {
        final State state;
        volatile boolean isWanted = true;
        volatile Message why = Message.NONE;

        Job(State state) {
            this.state = state;
        }

        /** Works to the end, or while it is wanted; what went wrong. */
        abstract Message work();

        /** Hands over what it made, in the thread of the screen. */
        void tell() {}

        @Override
        public final void run() {
            final Message failure = work();
            device.post(new Runnable() {
                @Override
                public void run() {
                    onEnded(Job.this, failure);
                }
            });
        }
    }

    /** Sound runs: from the microphone or the take, through a stream, to the ears. */
    private final class Loop extends Job {
        private final String model = Studio.this.model;

        Loop(State state) {
            super(state);
        }

        @Override
        Message work() {
            device.hurry();
            SoundSource source = null;
            try {
                source = state == State.PLAYING ? openTake() : device.openMicrophone();
                return state == State.RECORDING ? record(source) : run(source, null);
            } catch (IOException error) {
                return state == State.PLAYING ? Message.CANNOT_OPEN : Message.NO_MICROPHONE;
            } finally {
                stream = null;
                close(source);
            }
        }

        private SoundSource openTake() throws IOException {
            WavSound sound = new WavSound(take);
            sound.seek(position);
            return sound;
        }

        private Message record(SoundSource source) {
            try (WavWriter writer = new WavWriter(take, source.sampleRateHz(), source.channels())) {
                Message failure = run(source, writer);
                if (writer.samples() > 0) {
                    writer.finish();
                    position = 0;
                }
                return failure;
            } catch (IOException error) {
                return Message.CANNOT_WRITE;
            }
        }

        private Message run(SoundSource source, WavWriter writer) throws IOException {
            int rate = source.sampleRateHz();
            int channels = source.channels();
            UndinStream current = new UndinStream(rate, channels, model);
            stream = current; // settings that change from here on find it
            current.setAttenLimDb(attenLimDb);
            current.setBypass(!isOn);
            load = new LoadMeter();
            missed = 0;
            before.begin(rate, channels);
            after.begin(rate, channels);
            Delay delay = new Delay(current.latencySamples() * channels);
            float[] in = new float[Math.max(1, rate / BLOCKS_PER_SECOND) * channels];
            float[] out = new float[in.length];
            Ears ears = new Ears(rate, channels);
            try {
                for (long block = 0; isWanted; block++) {
                    int samples = source.read(in);
                    if (samples <= 0) {
                        return atEnd(current, ears);
                    }
                    if (writer != null) {
                        writer.write(in, 0, samples * channels);
                        if (block % BLOCKS_PER_LOOK_AT_DISK == 0 && take.getParentFile().getUsableSpace() < reserveBytes) {
                            return Message.DISK_FULL;
                        }
                    }
                    long start = System.nanoTime();
                    current.process(in, 0, out, 0, samples);
                    load.add(System.nanoTime() - start, samples, rate);
                    if (!ears.hear(out, samples * channels)) {
                        return Message.NO_SPEAKER;
                    }
                    delay.process(in, in, samples * channels);
                    before.feed(in, samples);
                    after.feed(out, samples);
                    if (state == State.PLAYING) {
                        position += samples;
                    }
                }
                return Message.NONE;
            } finally {
                ears.close();
            }
        }

        /** The take was played to its end, and the next time begins anew; a microphone has none. */
        private Message atEnd(UndinStream current, Ears ears) {
            if (state != State.PLAYING) {
                return Message.MICROPHONE_LOST;
            }
            float[] rest = current.flush();
            ears.hear(rest, rest.length);
            position = 0;
            return Message.NONE;
        }

        /** The loudspeaker, open while something is to be heard. */
        private final class Ears {
            private final int sampleRateHz;
            private final int channels;
            private Device.Speaker speaker;

            Ears(int sampleRateHz, int channels) {
                this.sampleRateHz = sampleRateHz;
                this.channels = channels;
            }

            /** Lets a block be heard, if any is; false if that was all there was to do, and cannot be done. */
            boolean hear(float[] samples, int floats) {
                if (state != State.PLAYING && !isHeard) {
                    close();
                    return true;
                }
                try {
                    if (speaker == null) {
                        speaker = device.openSpeaker(sampleRateHz, channels);
                    }
                    speaker.write(samples, floats);
                    missed = speaker.missed();
                    speakerMs = speaker.latencyMs();
                    return true;
                } catch (IOException error) {
                    isHeard = false; // a recording goes on
                    return state == State.RECORDING;
                }
            }

            void close() {
                if (speaker != null) {
                    speaker.close();
                    speaker = null;
                    speakerMs = 0;
                }
            }
        }
    }

    /** A sound becomes the take. */
    private final class Opening extends Job {
        private final Opener opener;

        Opening(Opener opener) {
            super(State.OPENING);
            this.opener = opener;
        }

        @Override
        Message work() {
            SoundSource source = null;
            try {
                source = opener.open();
                return copy(source);
            } catch (IOException error) {
                return Message.CANNOT_OPEN;
            } finally {
                close(source);
            }
        }

        private Message copy(SoundSource source) throws IOException {
            int channels = source.channels();
            if (channels > UndinStream.MAX_CHANNELS || source.sampleRateHz() < UndinStream.MIN_SAMPLE_RATE_HZ
                    || source.sampleRateHz() > UndinStream.MAX_SAMPLE_RATE_HZ) {
                return Message.CANNOT_OPEN;
            }
            before.begin(source.sampleRateHz(), channels);
            float[] block = new float[4096 * channels];
            WavWriter writer;
            try {
                writer = new WavWriter(take, source.sampleRateHz(), channels);
            } catch (IOException error) {
                return Message.CANNOT_WRITE;
            }
            try {
                for (int samples = source.read(block); samples > 0; samples = source.read(block)) {
                    if (!isWanted) {
                        return Message.NONE;
                    }
                    if (take.getParentFile().getUsableSpace() < reserveBytes) {
                        return Message.DISK_FULL;
                    }
                    writer.write(block, 0, samples * channels);
                    before.feed(block, samples);
                    share = shareOf(writer.samples(), source.expectedSamples());
                }
                if (writer.samples() == 0) {
                    return Message.CANNOT_OPEN;
                }
                writer.finish();
                position = 0;
                return Message.NONE;
            } finally {
                writer.close();
            }
        }
    }

    /** The take becomes a file, enhanced. */
    private final class Exporting extends Job {
        private final boolean isToBeShared;
        private final String model = Studio.this.model;
        private volatile boolean isWhole;

        Exporting(boolean isToBeShared) {
            super(State.EXPORTING);
            this.isToBeShared = isToBeShared;
        }

        @Override
        Message work() {
            try {
                final WavSound source = new WavSound(take);
                isWhole = UndinFiles.enhance(source, export, model, attenLimDb, new UndinFiles.Progress() {
                    @Override
                    public boolean onSamples(long samples) {
                        share = shareOf(samples, source.expectedSamples());
                        return isWanted;
                    }
                });
                return Message.NONE;
            } catch (IOException error) {
                return Message.CANNOT_WRITE;
            }
        }

        @Override
        void tell() {
            if (isWhole && screen != null) {
                screen.onExported(export, isToBeShared);
            }
        }
    }

    /** What was exported goes to where the user wants it. */
    private final class Copying extends Job {
        private final Target target;

        Copying(Target target) {
            super(State.EXPORTING);
            this.target = target;
        }

        @Override
        Message work() {
            try (InputStream from = new FileInputStream(export);
                    OutputStream to = target.open()) {
                byte[] bytes = new byte[1 << 16];
                for (int count = from.read(bytes); count > 0; count = from.read(bytes)) {
                    to.write(bytes, 0, count);
                }
                why = Message.SAVED;
                return Message.NONE;
            } catch (IOException | SecurityException error) {
                return Message.CANNOT_WRITE;
            }
        }
    }

    private static float shareOf(long samples, long all) {
        return all <= 0 ? 0 : Math.min(1, (float) samples / all);
    }

    private static void close(SoundSource source) {
        try {
            if (source != null) {
                source.close();
            }
        } catch (IOException error) {
            // What was to be read is read.
        }
    }
}
