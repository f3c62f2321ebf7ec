package undin.app;

import android.Manifest;
import android.content.Context;
import android.content.pm.PackageManager;
import android.media.AudioAttributes;
import android.media.AudioDeviceInfo;
import android.media.AudioFocusRequest;
import android.media.AudioFormat;
import android.media.AudioManager;
import android.media.AudioRecord;
import android.media.AudioTrack;
import android.media.MediaRecorder;
import android.os.Handler;
import android.os.Looper;
import android.os.Process;
import java.io.File;
import java.io.IOException;
import undin.SoundSource;

/** The phone. */
final class AndroidDevice implements Device, AudioManager.OnAudioFocusChangeListener {
    private static final int USUAL_RATE_HZ = 48000;

    private final Context context;
    private final AudioManager audio;
    private final Handler handler = new Handler(Looper.getMainLooper());
    private final AudioAttributes attributes = new AudioAttributes.Builder()
            .setUsage(AudioAttributes.USAGE_MEDIA)
            .setContentType(AudioAttributes.CONTENT_TYPE_SPEECH)
            .build();
    private final AudioFocusRequest focus;
    private Runnable onFocusLost;

    AndroidDevice(Context context) {
        this.context = context;
        audio = (AudioManager) context.getSystemService(Context.AUDIO_SERVICE);
        focus = new AudioFocusRequest.Builder(AudioManager.AUDIOFOCUS_GAIN)
                .setAudioAttributes(attributes)
                .setOnAudioFocusChangeListener(this, handler)
                .build();
    }

    /** What to do when a call or another app wants to sound. */
    void setOnFocusLost(Runnable onFocusLost) {
        this.onFocusLost = onFocusLost;
    }

    @Override
    public File folder() {
        return context.getFilesDir();
    }

    @Override
    public boolean mayRecord() {
        return context.checkSelfPermission(Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED;
    }

    @Override
    public boolean hasHeadphones() {
        for (AudioDeviceInfo device : audio.getDevices(AudioManager.GET_DEVICES_OUTPUTS)) {
            switch (device.getType()) {
                case AudioDeviceInfo.TYPE_WIRED_HEADSET:
                case AudioDeviceInfo.TYPE_WIRED_HEADPHONES:
                case AudioDeviceInfo.TYPE_BLUETOOTH_A2DP:
                case AudioDeviceInfo.TYPE_USB_HEADSET:
                case AudioDeviceInfo.TYPE_HEARING_AID:
                case AudioDeviceInfo.TYPE_BLE_HEADSET:
                    return true;
                default:
                    break;
            }
        }
        return false;
    }

    @Override
    public boolean takeFocus() {
        return audio.requestAudioFocus(focus) == AudioManager.AUDIOFOCUS_REQUEST_GRANTED;
    }

    @Override
    public void giveFocus() {
        audio.abandonAudioFocusRequest(focus);
    }

    @Override
    public void onAudioFocusChange(int change) {
        boolean isLost =
                change == AudioManager.AUDIOFOCUS_LOSS || change == AudioManager.AUDIOFOCUS_LOSS_TRANSIENT;
        if (isLost && onFocusLost != null) {
            onFocusLost.run();
        }
    }

    @Override
    public void hurry() {
        Process.setThreadPriority(Process.THREAD_PRIORITY_URGENT_AUDIO);
    }

    @Override
    public void post(Runnable task) {
        handler.post(task);
    }

    @Override
    public SoundSource openMicrophone() throws IOException {
        return new Microphone(rate(), microphone());
    }

    /** The rate of the hardware, at which the short ways through the system are open. */
    private int rate() {
        String rate = audio.getProperty(AudioManager.PROPERTY_OUTPUT_SAMPLE_RATE);
        return rate == null ? USUAL_RATE_HZ : Integer.parseInt(rate);
    }

    /** What comes without the phone's own suppression of noise, which would take away what undin goes by. */
    private int microphone() {
        boolean isThere = "true".equals(audio.getProperty(AudioManager.PROPERTY_SUPPORT_AUDIO_SOURCE_UNPROCESSED));
        return isThere ? MediaRecorder.AudioSource.UNPROCESSED : MediaRecorder.AudioSource.VOICE_RECOGNITION;
    }

    @Override
    public Speaker openSpeaker(int sampleRateHz, int channels) throws IOException {
        String burst = audio.getProperty(AudioManager.PROPERTY_OUTPUT_FRAMES_PER_BUFFER);
        return new Track(attributes, sampleRateHz, channels, burst == null ? 256 : Integer.parseInt(burst));
    }

    private static final class Microphone implements SoundSource {
        private final AudioRecord record;
        private final int sampleRateHz;

        Microphone(int sampleRateHz, int source) throws IOException {
            this.sampleRateHz = sampleRateHz;
            AudioRecord opened = null;
            try {
                AudioFormat format = new AudioFormat.Builder()
                        .setEncoding(AudioFormat.ENCODING_PCM_FLOAT)
                        .setSampleRate(sampleRateHz)
                        .setChannelMask(AudioFormat.CHANNEL_IN_MONO)
                        .build();
                opened = new AudioRecord.Builder()
                        .setAudioSource(source)
                        .setAudioFormat(format)
                        .setBufferSizeInBytes(4 * sampleRateHz) // a second, for when the disk is slow; it delays nothing
                        .build();
                opened.startRecording();
            } catch (RuntimeException error) { // of several kinds, by what the system cannot do
                if (opened != null) {
                    opened.release();
                }
                throw new IOException("the microphone does not open, or another app has it", error);
            }
            record = opened;
        }

        @Override
        public int sampleRateHz() {
            return sampleRateHz;
        }

        @Override
        public int channels() {
            return 1;
        }

        @Override
        public long expectedSamples() {
            return 0;
        }

        @Override
        public int read(float[] out) {
            return Math.max(0, record.read(out, 0, out.length, AudioRecord.READ_BLOCKING)); // negative: it went away
        }

        @Override
        public void close() {
            record.release();
        }
    }

    /** A low-latency track, whose buffer grows by a burst whenever it has run dry. */
    private static final class Track implements Speaker {
        private final AudioTrack track;
        private final int sampleRateHz;
        private final int burst;
        private int missed;

        Track(AudioAttributes attributes, int sampleRateHz, int channels, int burst) throws IOException {
            this.sampleRateHz = sampleRateHz;
            this.burst = burst;
            AudioTrack opened = null;
            try {
                AudioFormat.Builder format = new AudioFormat.Builder()
                        .setEncoding(AudioFormat.ENCODING_PCM_FLOAT)
                        .setSampleRate(sampleRateHz);
                if (channels <= 2) {
                    int mask = channels == 1 ? AudioFormat.CHANNEL_OUT_MONO : AudioFormat.CHANNEL_OUT_STEREO;
                    format.setChannelMask(mask);
                } else {
                    format.setChannelIndexMask((1 << channels) - 1);
                }
                opened = new AudioTrack.Builder()
                        .setAudioAttributes(attributes)
                        .setAudioFormat(format.build())
                        .setTransferMode(AudioTrack.MODE_STREAM)
                        .setPerformanceMode(AudioTrack.PERFORMANCE_MODE_LOW_LATENCY)
                        .build();
                opened.setBufferSizeInFrames(2 * burst);
                opened.play();
            } catch (RuntimeException error) { // a rate, or as many channels, that the system does not play
                if (opened != null) {
                    opened.release();
                }
                throw new IOException("the loudspeaker does not take this sound", error);
            }
            track = opened;
        }

        @Override
        public void write(float[] samples, int floats) throws IOException {
            for (int done = 0; done < floats;) {
                int written = track.write(samples, done, floats - done, AudioTrack.WRITE_BLOCKING);
                if (written <= 0) {
                    throw new IOException("the loudspeaker went away");
                }
                done += written;
            }
            int runs = track.getUnderrunCount();
            if (runs > missed) {
                missed = runs;
                track.setBufferSizeInFrames(track.getBufferSizeInFrames() + burst);
            }
        }

        @Override
        public int missed() {
            return missed;
        }

        @Override
        public float latencyMs() {
            return 1000f * track.getBufferSizeInFrames() / sampleRateHz;
        }

        @Override
        public void close() {
            try {
                track.stop();
                Thread.sleep((long) latencyMs()); // what was written is heard
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            } finally {
                track.release();
            }
        }
    }
}
