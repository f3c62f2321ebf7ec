package undin.app;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import undin.SoundSource;
import undin.UndinFiles;
import undin.UndinStream;
import undin.WavWriter;

/**
 * What the app does, without Android: {@code Scenarios NAME FOLDER} runs the method of that name. Streams, files and
 * threads are the app's; the phone is {@link Phone}, whose microphone hears noise that a test can compute too.
 */
public final class Scenarios {
    private static final int RATE = 48000;
    private static final int BLOCK = RATE / 100;

    private final File folder;
    private final Phone phone;
    private final Studio studio;

    private Scenarios(File folder, long reserve) {
        this.folder = folder;
        phone = new Phone(folder);
        studio = new Studio(phone, reserve);
        studio.setScreen(phone);
    }

    public static void main(String[] arguments) throws Exception {
        long reserve = arguments[0].equals("stopsBeforeTheDiskIsFull") ? Long.MAX_VALUE : 0;
        Scenarios scenarios = new Scenarios(new File(arguments[1]), reserve);
        Scenarios.class.getDeclaredMethod(arguments[0]).invoke(scenarios);
        same("jobs left", Studio.State.IDLE, scenarios.studio.state());
        same("microphones left open", 0, scenarios.phone.openMicrophones);
        same("loudspeakers left open", 0, scenarios.phone.openSpeakers);
        for (String name : scenarios.folder.list()) {
            check("no part is left behind, but " + name, !name.endsWith(".part"));
        }
        System.out.println("passed");
    }

    void recordsATakeAndPlaysIt() throws Exception {
        record(30);
        float[] take = take();
        check("a take of " + take.length, take.length >= 30 * BLOCK && take.length % BLOCK == 0);
        same("the microphone's sound", rounded(noise(take.length, 0)), take);
        same("no sound meanwhile", 0, phone.heard.size());
        studio.play();
        await(Studio.State.IDLE);
        same("what is heard", through(take, studio.model(), true), phone.heard());
        check("time was measured", studio.realTimeFactor() > 0 && studio.realTimeFactor() < 1000);
        check("no focus is kept", !phone.hasFocus);
    }

    void goesOnWhereItWasStopped() throws Exception {
        record(60);
        studio.play();
        phone.awaitHeard(20 * BLOCK);
        studio.play();
        await(Studio.State.IDLE);
        int first = phone.heard.size();
        check("it was stopped", first < 60 * BLOCK);
        studio.play();
        await(Studio.State.IDLE);
        int latency = new UndinStream(RATE, 1, studio.model()).latencySamples();
        same("all was heard once, and the end twice", take().length + latency, phone.heard.size());
    }

    void listensByHeadphonesAlone() throws Exception {
        phone.headphones = false;
        studio.listen();
        same("message", Studio.Message.NO_HEADPHONES, studio.message());
        same("state", Studio.State.IDLE, studio.state());
        phone.headphones = true;
        studio.listen();
        same("state", Studio.State.LISTENING, studio.state());
        phone.awaitHeard(50 * BLOCK);
        check("latency of " + studio.latencyMs(), studio.latencyMs() >= 20 && studio.latencyMs() < 20.1 + Phone.SPEAKER_MS);
        phone.headphones = false;
        studio.onHeadphones();
        await(Studio.State.IDLE);
        same("message", Studio.Message.UNPLUGGED, studio.message());
        float[] heard = phone.heard();
        same("what is heard", Arrays.copyOf(through(noise(heard.length, 0), studio.model(), true), heard.length), heard);
        check("nothing is recorded", !studio.hasTake());
        check("no focus is kept", !phone.hasFocus);
    }

    void stopsWhenTheSystemSaysThatOthersWouldHear() throws Exception {
        record(10);
        studio.play();
        studio.onBecomingNoisy();
        await(Studio.State.IDLE);
        same("message", Studio.Message.UNPLUGGED, studio.message());
    }

    void recordsOnWhenHeadphonesGo() throws Exception {
        studio.record();
        phone.awaitHeard(10 * BLOCK);
        phone.headphones = false;
        studio.onHeadphones();
        phone.awaitSpeakers(0);
        same("state", Studio.State.RECORDING, studio.state());
        check("it is not heard", !studio.isHeard());
        phone.headphones = true;
        studio.onHeadphones();
        phone.awaitSpeakers(1);
        studio.record();
        await(Studio.State.IDLE);
        same("the take has no gap", rounded(noise(take().length, 0)), take());
    }

    void asksBeforeItRecords() throws Exception {
        phone.may = false;
        studio.record();
        same("questions", 1, phone.questions);
        same("state", Studio.State.IDLE, studio.state());
        studio.onPermission(false, true);
        same("message", Studio.Message.DENIED, studio.message());
        studio.listen();
        studio.onPermission(false, false);
        same("message", Studio.Message.DENIED_FOR_EVER, studio.message());
        studio.record();
        phone.may = true;
        studio.onPermission(true, false);
        same("state", Studio.State.RECORDING, studio.state());
        studio.record();
        await(Studio.State.IDLE);
        studio.onPermission(true, false); // an answer that nobody waits for
        same("state", Studio.State.IDLE, studio.state());
    }

    void keepsWhatWasRecordedWhenACallComes() throws Exception {
        studio.record();
        phone.awaitRead(20 * BLOCK);
        studio.onFocusLost();
        await(Studio.State.IDLE);
        same("message", Studio.Message.INTERRUPTED, studio.message());
        check("a take", take().length >= 20 * BLOCK);
        phone.isFocusFree = false; // the call goes on
        studio.record();
        same("message", Studio.Message.BUSY, studio.message());
        studio.play();
        same("state", Studio.State.IDLE, studio.state());
    }

    void keepsWhatWasRecordedWhenItIsLeft() throws Exception {
        studio.record();
        phone.awaitRead(20 * BLOCK);
        studio.onBackground();
        await(Studio.State.IDLE);
        same("message", Studio.Message.LEFT, studio.message());
        check("a take", take().length >= 20 * BLOCK);
        Sound sound = new Sound(noise(BLOCK * 40, 3), RATE, 1);
        sound.pauseMs = 5;
        studio.open(() -> sound);
        studio.onBackground();
        await(Studio.State.IDLE);
        same("a file is read to its end all the same", 40 * BLOCK, take().length);
    }

    void outlivesItsScreen() throws Exception {
        studio.record();
        studio.setScreen(null);
        phone.awaitRead(10 * BLOCK);
        studio.onHeadphones();
        same("state", Studio.State.RECORDING, studio.state());
        int shown = phone.changes;
        studio.setScreen(phone);
        studio.record();
        await(Studio.State.IDLE);
        check("the new screen hears of it", phone.changes > shown);
        check("a take", studio.hasTake());
    }

    void tellsWhenTheMicrophoneFails() throws Exception {
        record(10);
        float[] old = take();
        phone.isMicrophoneBroken = true;
        studio.record();
        await(Studio.State.IDLE);
        same("message", Studio.Message.NO_MICROPHONE, studio.message());
        same("the take before", old, take());
        phone.isMicrophoneBroken = false;
        phone.microphoneEnds = 15 * BLOCK;
        studio.record();
        await(Studio.State.IDLE);
        same("message", Studio.Message.MICROPHONE_LOST, studio.message());
        same("what came until then", 15 * BLOCK, take().length);
    }

    void recordsOnWhenTheLoudspeakerFails() throws Exception {
        phone.isSpeakerBroken = true;
        studio.listen();
        await(Studio.State.IDLE);
        same("message", Studio.Message.NO_SPEAKER, studio.message());
        studio.record();
        phone.awaitRead(20 * BLOCK);
        same("state", Studio.State.RECORDING, studio.state());
        studio.record();
        await(Studio.State.IDLE);
        check("a take", take().length >= 20 * BLOCK);
        studio.play();
        await(Studio.State.IDLE);
        same("message", Studio.Message.NO_SPEAKER, studio.message());
    }

    void stopsBeforeTheDiskIsFull() throws Exception {
        studio.record();
        await(Studio.State.IDLE);
        same("message", Studio.Message.DISK_FULL, studio.message());
        same("what was recorded is kept", BLOCK, take().length);
        studio.open(() -> new Sound(noise(BLOCK, 1), RATE, 1));
        await(Studio.State.IDLE);
        same("message", Studio.Message.DISK_FULL, studio.message());
        same("the take before", rounded(noise(BLOCK, 0)), take());
    }

    void opensFiles() throws Exception {
        float[] stereo = noise(2 * 44100, 5);
        Sound sound = new Sound(stereo, 44100, 2);
        studio.open(() -> sound);
        same("state", Studio.State.OPENING, studio.state());
        await(Studio.State.IDLE);
        check("it was closed", sound.isClosed);
        same("share", 1f, studio.share());
        same("its sound", rounded(stereo), take());
        studio.setAttenLimDb(0);
        studio.play();
        await(Studio.State.IDLE);
        float[] heard = phone.heard();
        int late = heard.length - stereo.length;
        same("a limit of 0 dB gives it back", rounded(stereo), Arrays.copyOfRange(heard, late, heard.length));
        same("channels", 2, phone.speakerChannels);
        same("rate", 44100, phone.speakerRate);
    }

    void keepsTheTakeWhereAFileFails() throws Exception {
        record(10);
        float[] old = take();
        Sound damaged = new Sound(noise(20000, 1), RATE, 1);
        damaged.failsAt = 9000;
        Sound slow = new Sound(noise(1 << 20, 1), RATE, 1);
        slow.pauseMs = 5;
        Studio.Opener[] openers = {
            () -> damaged,
            () -> new Sound(new float[0], RATE, 1),
            () -> new Sound(new float[650], RATE, 65),
            () -> new Sound(new float[650], 1000, 1),
            () -> {
                throw new IOException("it is not there");
            }
        };
        for (Studio.Opener opener : openers) {
            studio.open(opener);
            await(Studio.State.IDLE);
            same("message", Studio.Message.CANNOT_OPEN, studio.message());
            same("the take before", old, take());
        }
        studio.open(() -> slow);
        studio.cancel();
        await(Studio.State.IDLE);
        same("message", Studio.Message.NONE, studio.message());
        same("the take before", old, take());
        check("both were closed", damaged.isClosed && slow.isClosed);
    }

    void exportsWhatIsHeard() throws Exception {
        studio.export(false);
        same("nothing to export", Studio.State.IDLE, studio.state());
        float[] sound = noise(RATE, 7);
        studio.open(() -> new Sound(sound, RATE, 1));
        await(Studio.State.IDLE);
        studio.setModel("undin-tiny");
        studio.setAttenLimDb(12);
        studio.export(true);
        await(Studio.State.IDLE);
        same("exported", 1, phone.exported.size());
        check("to be shared", phone.isToBeShared);
        File wanted = new File(folder, "wanted.wav");
        UndinFiles.enhance(new Sound(rounded(sound), RATE, 1), wanted, "undin-tiny", 12, null);
        byte[] exported = Files.readAllBytes(phone.exported.get(0).toPath());
        check("the same file", Arrays.equals(Files.readAllBytes(wanted.toPath()), exported));
        ByteArrayOutputStream copy = new ByteArrayOutputStream();
        studio.copy(() -> copy);
        await(Studio.State.IDLE);
        check("the same bytes", Arrays.equals(exported, copy.toByteArray()));
        same("message", Studio.Message.SAVED, studio.message());
        studio.copy(() -> {
            throw new IOException("no room there");
        });
        await(Studio.State.IDLE);
        same("message", Studio.Message.CANNOT_WRITE, studio.message());
        studio.export(false);
        studio.cancel();
        await(Studio.State.IDLE);
        same("what was broken off is not handed over", 1, phone.exported.size());
    }

    void changesWhileSoundRuns() throws Exception {
        studio.setOn(false);
        studio.listen();
        phone.awaitHeard(30 * BLOCK);
        int latency = new UndinStream(RATE, 1, studio.model()).latencySamples();
        studio.setModel("undin-small");
        same("state", Studio.State.LISTENING, studio.state());
        phone.awaitOpened(2);
        phone.awaitHeard(60 * BLOCK);
        check("latency of " + studio.latencyMs(), studio.latencyMs() > 37 && studio.latencyMs() < 37.6 + Phone.SPEAKER_MS);
        studio.listen();
        await(Studio.State.IDLE);
        float[] heard = phone.heard();
        same("switched off, it is the input, late", noise(20 * BLOCK - latency, 0),
                Arrays.copyOfRange(heard, latency, 20 * BLOCK));
        studio.record();
        phone.awaitRead(BLOCK);
        int microphones = phone.openedMicrophones;
        studio.setModel("undin-nano");
        phone.awaitRead(phone.read + 5 * BLOCK);
        same("a recording is not cut", microphones, phone.openedMicrophones);
        studio.record();
        await(Studio.State.IDLE);
    }

    void doesOneThingAtATime() throws Exception {
        record(100);
        studio.play();
        phone.awaitHeard(BLOCK);
        studio.record();
        studio.listen();
        await(Studio.State.LISTENING);
        phone.awaitOpened(2);
        studio.open(() -> new Sound(noise(BLOCK, 1), RATE, 1));
        await(Studio.State.IDLE);
        same("the last that was wanted", BLOCK, take().length);
        same("microphones at a time", 1, phone.mostMicrophones);
        same("loudspeakers at a time", 1, phone.mostSpeakers);
    }

    void takesUpWhatWasLeft() throws Exception {
        record(10);
        Files.write(new File(folder, "take.wav.part").toPath(), new byte[100]);
        Studio another = new Studio(phone, 0);
        check("the take is there", another.hasTake());
        check("what was not finished is not", !new File(folder, "take.wav.part").exists());
    }

    void drawsSpectrograms() {
        Spectrogram spectrogram = new Spectrogram();
        for (int rate : new int[] {8000, 16000, 44100, 48000, 192000}) {
            spectrogram.begin(rate, 2);
            float[] samples = new float[2 * rate];
            for (int i = 0; i < rate; i++) {
                samples[2 * i] = (float) (0.5 * Math.sin(2 * Math.PI * 1000 * i / rate));
            }
            int first = spectrogram.next();
            spectrogram.feed(samples, rate);
            int drawn = (spectrogram.next() - first + Spectrogram.COLUMNS) % Spectrogram.COLUMNS;
            check("columns of a second: " + drawn, Math.abs(drawn - Spectrogram.COLUMNS_PER_SECOND) <= 1);
            int column = (spectrogram.next() + Spectrogram.COLUMNS - 1) % Spectrogram.COLUMNS;
            double top = Math.min(Spectrogram.TOP_HZ, rate / 2.0);
            int expected = Spectrogram.ROWS - 1 - (int) (1000 / top * Spectrogram.ROWS);
            int loud = Spectrogram.colour(-6.1);
            same("the tone's colour", loud, spectrogram.pixels[expected * Spectrogram.COLUMNS + column]);
            for (int row = 0; row < Spectrogram.ROWS; row++) {
                boolean isNear = Math.abs(row - expected) <= 8;
                int colour = spectrogram.pixels[row * Spectrogram.COLUMNS + column];
                check("silence elsewhere, at " + row, isNear || colour != loud);
            }
        }
        spectrogram.feed(new float[2 * 192000 * 7], 192000 * 7);
        for (int colour : spectrogram.pixels) {
            same("silence", Spectrogram.colour(-200), colour);
        }
        check("colours get lighter", (Spectrogram.colour(-30) & 0xFF00) > (Spectrogram.colour(-60) & 0xFF00));
    }

    void measuresLoad() {
        LoadMeter meter = new LoadMeter();
        same("at first", 0f, meter.realTimeFactor());
        for (int i = 0; i < 300; i++) {
            meter.add(1000000, 480, 48000);
        }
        check("a tenth: " + meter.realTimeFactor(), Math.abs(meter.realTimeFactor() - 0.1) < 1e-4);
        same("in time", 0, meter.lateBlocks());
        meter.add(11000000, 480, 48000);
        same("late", 1, meter.lateBlocks());
        for (int i = 0; i < 1000; i++) {
            meter.add(4000000, 480, 48000);
        }
        check("it follows: " + meter.realTimeFactor(), Math.abs(meter.realTimeFactor() - 0.4) < 1e-3);
    }

    void writesAndReadsFiles() throws Exception {
        float[] hard = {0, 1, -1, 2, -2, Float.NaN, Float.POSITIVE_INFINITY, 0.5f / 32768, 1.5f / 32768, -1 / 32768f};
        float full = 32767 / 32768f;
        float[] wanted = {0, full, -1, full, -1, 0, full, 0, 2 / 32768f, -1 / 32768f};
        File place = new File(folder, "hard.wav");
        try (WavWriter writer = new WavWriter(place, 44100, 2)) {
            writer.write(hard, 0, hard.length);
            check("not there before it is whole", !place.exists());
            writer.finish();
        }
        try (WavSound sound = new WavSound(place)) {
            float[] samples = new float[3];
            same("whole samples of both channels", 1, sound.read(samples));
            same("rate", 44100, sound.sampleRateHz());
            sound.seek(0);
            samples = new float[100];
            same("samples", 5, sound.read(samples));
            same("values", wanted, Arrays.copyOf(samples, 10));
            same("the end", 0, sound.read(samples));
            sound.seek(Long.MAX_VALUE);
            same("behind the end", 0, sound.read(samples));
        }
        try (WavWriter writer = new WavWriter(place, 8000, 1)) {
            writer.write(hard, 0, 3);
        }
        try (WavSound sound = new WavSound(place)) {
            same("the one before stays", 44100, sound.sampleRateHz());
        }
        for (int size : new int[] {0, 10, 100}) {
            File other = new File(folder, "other.wav");
            Files.write(other.toPath(), new byte[size]);
            try (WavSound sound = new WavSound(other)) {
                check("refused, but it has samples: " + sound.expectedSamples(), false);
            } catch (IOException error) {
                // As it should.
            }
        }
    }

    // What the scenarios are made of.

    private void record(int blocks) throws Exception {
        boolean before = phone.headphones;
        phone.headphones = false;
        studio.record();
        same("state", Studio.State.RECORDING, studio.state());
        phone.awaitRead(blocks * BLOCK);
        studio.record();
        await(Studio.State.IDLE);
        same("message", Studio.Message.NONE, studio.message());
        phone.headphones = before;
    }

    /** Does what is posted to the thread of the screen, until a state is reached. */
    private void await(Studio.State state) throws Exception {
        while (studio.state() != state) {
            Runnable task = phone.tasks.poll(30, TimeUnit.SECONDS);
            check("nothing happens in " + studio.state(), task != null);
            task.run();
        }
    }

    private float[] take() throws IOException {
        try (WavSound sound = new WavSound(new File(folder, "take.wav"))) {
            float[] samples = new float[(int) sound.expectedSamples() * sound.channels()];
            sound.read(samples);
            return samples;
        }
    }

    private static float[] through(float[] samples, String model, boolean isOn) {
        UndinStream stream = new UndinStream(RATE, 1, model);
        stream.setBypass(!isOn);
        float[] out = Arrays.copyOf(samples, samples.length + stream.latencySamples());
        stream.process(out, 0, out, 0, samples.length);
        System.arraycopy(stream.flush(), 0, out, samples.length, stream.latencySamples());
        return out;
    }

    /** Noise that is louder in every other fifth of a second. */
    private static float[] noise(int count, long seed) {
        Random random = new Random(seed);
        float[] samples = new float[Math.max(0, count)];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (random.nextFloat() - 0.5f) * (i / (RATE / 5) % 2 == 0 ? 0.02f : 0.5f);
        }
        return samples;
    }

    private static float[] rounded(float[] samples) {
        float[] rounded = new float[samples.length];
        for (int i = 0; i < samples.length; i++) {
            rounded[i] = (float) Math.rint(samples[i] * 32768) / 32768;
        }
        return rounded;
    }

    private static void check(String what, boolean isTrue) {
        if (!isTrue) {
            throw new AssertionError(what);
        }
    }

    private static void same(String what, Object wanted, Object found) {
        check(what + ": " + found + " and not " + wanted, wanted.equals(found));
    }

    private static void same(String what, float[] wanted, float[] found) {
        same(what + ", how many", wanted.length, found.length);
        for (int i = 0; i < wanted.length; i++) {
            check(what + ": " + found[i] + " and not " + wanted[i] + " at " + i, wanted[i] == found[i]);
        }
    }

    /** A phone in a test's hands: the thread of the screen is the test's. */
    private static final class Phone implements Device, Studio.Screen {
        static final float SPEAKER_MS = 10;

        final File folder;
        final LinkedBlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
        final List<Float> heard = new ArrayList<>();
        final List<File> exported = new ArrayList<>();
        volatile boolean may = true;
        volatile boolean headphones = true;
        volatile boolean isFocusFree = true;
        volatile boolean hasFocus;
        volatile boolean isMicrophoneBroken;
        volatile boolean isSpeakerBroken;
        volatile int microphoneEnds = Integer.MAX_VALUE;
        volatile int read;
        volatile int openMicrophones;
        volatile int openSpeakers;
        volatile int mostMicrophones;
        volatile int mostSpeakers;
        volatile int openedMicrophones;
        volatile int openedSpeakers;
        volatile int speakerRate;
        volatile int speakerChannels;
        int questions;
        int changes;
        boolean isToBeShared;

        Phone(File folder) {
            this.folder = folder;
        }

        @Override
        public File folder() {
            return folder;
        }

        @Override
        public boolean mayRecord() {
            return may;
        }

        @Override
        public boolean hasHeadphones() {
            return headphones;
        }

        @Override
        public boolean takeFocus() {
            read = 0; // of the microphone that comes
            hasFocus = isFocusFree;
            return isFocusFree;
        }

        @Override
        public void giveFocus() {
            hasFocus = false;
        }

        @Override
        public synchronized SoundSource openMicrophone() throws IOException {
            if (isMicrophoneBroken) {
                throw new IOException("another app has it");
            }
            read = 0;
            openedMicrophones++;
            mostMicrophones = Math.max(mostMicrophones, ++openMicrophones);
            Sound sound = new Sound(noise(30 * RATE, 0), RATE, 1) {
                @Override
                public int read(float[] out) throws IOException {
                    int count = place >= microphoneEnds ? 0 : super.read(out);
                    read += count;
                    return count;
                }

                @Override
                public void close() {
                    openMicrophones--;
                }
            };
            sound.pauseMs = 1;
            return sound;
        }

        @Override
        public synchronized Speaker openSpeaker(int rate, int channels) throws IOException {
            if (isSpeakerBroken) {
                throw new IOException("it does not sound");
            }
            speakerRate = rate;
            speakerChannels = channels;
            openedSpeakers++;
            mostSpeakers = Math.max(mostSpeakers, ++openSpeakers);
            return new Speaker() {
                @Override
                public void write(float[] samples, int floats) {
                    synchronized (heard) {
                        for (int i = 0; i < floats; i++) {
                            heard.add(samples[i]);
                        }
                    }
                    pause(1);
                }

                @Override
                public int missed() {
                    return 0;
                }

                @Override
                public float latencyMs() {
                    return SPEAKER_MS;
                }

                @Override
                public void close() {
                    openSpeakers--;
                }
            };
        }

        @Override
        public void hurry() {}

        @Override
        public void post(Runnable task) {
            tasks.add(task);
        }

        @Override
        public void onChanged() {
            changes++;
        }

        @Override
        public void askToRecord() {
            questions++;
        }

        @Override
        public void onExported(File wav, boolean isToBeShared) {
            exported.add(wav);
            this.isToBeShared = isToBeShared;
        }

        float[] heard() {
            synchronized (heard) {
                float[] samples = new float[heard.size()];
                for (int i = 0; i < samples.length; i++) {
                    samples[i] = heard.get(i);
                }
                return samples;
            }
        }

        void awaitRead(int samples) {
            awaitThat(() -> read >= samples);
        }

        void awaitHeard(int samples) {
            awaitThat(() -> {
                synchronized (heard) {
                    return heard.size() >= samples;
                }
            });
        }

        void awaitSpeakers(int open) {
            awaitThat(() -> openSpeakers == open);
        }

        /** Until as many loudspeakers were opened, doing what is posted meanwhile. */
        void awaitOpened(int speakers) {
            awaitThat(() -> {
                Runnable task = tasks.poll();
                if (task != null) {
                    task.run();
                }
                return openedSpeakers >= speakers;
            });
        }

        private static void awaitThat(java.util.function.BooleanSupplier condition) {
            for (int waits = 0; !condition.getAsBoolean(); waits++) {
                check("it does not happen in half a minute", waits < 30000);
                pause(1);
            }
        }
    }

    private static void pause(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Sound in memory. */
    private static class Sound implements SoundSource {
        final float[] samples;
        final int rate;
        final int channels;
        int pauseMs;
        int failsAt = Integer.MAX_VALUE;
        volatile int place;
        volatile boolean isClosed;

        Sound(float[] samples, int rate, int channels) {
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
        public int read(float[] out) throws IOException {
            int count = Math.min(out.length / channels * channels, samples.length - place);
            if (place + count > failsAt) {
                throw new IOException("the decoder failed");
            }
            System.arraycopy(samples, place, out, 0, count);
            place += count;
            if (pauseMs > 0) {
                pause(pauseMs);
            }
            return count / channels;
        }

        @Override
        public void close() {
            isClosed = true;
        }
    }
}
