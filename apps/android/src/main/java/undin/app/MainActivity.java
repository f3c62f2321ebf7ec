package undin.app;

import android.Manifest;
import android.app.Activity;
import android.content.BroadcastReceiver;
import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.media.AudioDeviceCallback;
import android.media.AudioDeviceInfo;
import android.media.AudioManager;
import android.net.Uri;
import android.os.Bundle;
import android.provider.Settings;
import android.view.View;
import android.view.WindowManager;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.CompoundButton;
import android.widget.ImageButton;
import android.widget.ProgressBar;
import android.widget.SeekBar;
import android.widget.Spinner;
import android.widget.Switch;
import android.widget.TextView;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import undin.MediaSound;
import undin.SoundSource;
import undin.UndinStream;

/** The one screen: it shows a {@link Studio}, which outlives it, and hands on what is touched. */
public final class MainActivity extends Activity
        implements Studio.Screen,
                View.OnClickListener,
                CompoundButton.OnCheckedChangeListener,
                SeekBar.OnSeekBarChangeListener,
                AdapterView.OnItemSelectedListener,
                Runnable {
    private static final int PERMISSION = 1;
    private static final int OPEN = 2;
    private static final int SAVE = 3;
    private static final int LIMIT_STEP_DB = 3; // and no limit at the right end of the slider
    private static final long RESERVE_BYTES = 64L << 20;
    private static final long FRAME_MS = 33;

    private static Kept kept; // one, so that no two write the same files

    private Studio studio;
    private AudioManager audio;
    private SpectrogramView before;
    private SpectrogramView after;
    private TextView message;
    private TextView numbers;
    private TextView limitText;
    private ProgressBar progress;
    private SeekBar limit;
    private Spinner model;
    private ImageButton record;
    private ImageButton listen;
    private ImageButton play;

    /** What stays when the phone is turned, or the app is left for a while. */
    private static final class Kept {
        final AndroidDevice device;
        final Studio studio;

        Kept(Context context) {
            device = new AndroidDevice(context);
            studio = new Studio(device, RESERVE_BYTES);
            device.setOnFocusLost(new Runnable() {
                @Override
                public void run() {
                    studio.onFocusLost();
                }
            });
        }
    }

    private final BroadcastReceiver noisy = new BroadcastReceiver() {
        @Override
        public void onReceive(Context context, Intent intent) {
            studio.onBecomingNoisy();
        }
    };

    private final AudioDeviceCallback devices = new AudioDeviceCallback() {
        @Override
        public void onAudioDevicesAdded(AudioDeviceInfo[] added) {
            studio.onHeadphones();
        }

        @Override
        public void onAudioDevicesRemoved(AudioDeviceInfo[] removed) {
            studio.onHeadphones();
        }
    };

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        if (kept == null) {
            kept = new Kept(getApplicationContext());
        }
        studio = kept.studio;
        audio = (AudioManager) getSystemService(AUDIO_SERVICE);
        setContentView(R.layout.main);
        before = findViewById(R.id.before);
        after = findViewById(R.id.after);
        before.show(studio.before);
        after.show(studio.after);
        message = findViewById(R.id.message);
        message.setOnClickListener(this);
        numbers = findViewById(R.id.numbers);
        progress = findViewById(R.id.progress);
        record = button(R.id.record);
        listen = button(R.id.listen);
        play = button(R.id.play);
        button(R.id.open);
        button(R.id.save);
        button(R.id.share);
        Switch on = findViewById(R.id.on);
        on.setChecked(studio.isOn());
        on.setOnCheckedChangeListener(this);
        limitText = findViewById(R.id.limit_text);
        limit = findViewById(R.id.limit);
        limit.setProgress(stepOf(studio.attenLimDb()));
        limit.setOnSeekBarChangeListener(this);
        model = findViewById(R.id.model);
        List<String> models = UndinStream.models();
        ArrayAdapter<String> adapter = new ArrayAdapter<String>(this, android.R.layout.simple_spinner_item, models);
        adapter.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
        model.setAdapter(adapter);
        model.setSelection(models.indexOf(studio.model()));
        model.setOnItemSelectedListener(this);
        studio.setScreen(this);
        registerReceiver(noisy, new IntentFilter(AudioManager.ACTION_AUDIO_BECOMING_NOISY));
        audio.registerAudioDeviceCallback(devices, null);
        onChanged();
    }

    private ImageButton button(int id) {
        ImageButton button = findViewById(id);
        button.setOnClickListener(this);
        return button;
    }

    @Override
    protected void onStart() {
        super.onStart();
        before.post(this);
    }

    @Override
    protected void onStop() {
        before.removeCallbacks(this);
        if (!isChangingConfigurations()) {
            studio.onBackground();
        }
        super.onStop();
    }

    @Override
    protected void onDestroy() {
        unregisterReceiver(noisy);
        audio.unregisterAudioDeviceCallback(devices);
        studio.setScreen(null);
        super.onDestroy();
    }

    // What is touched.

    @Override
    public void onClick(View view) {
        int id = view.getId();
        if (id == R.id.record) {
            studio.record();
        } else if (id == R.id.listen) {
            studio.listen();
        } else if (id == R.id.play) {
            studio.play();
        } else if (id == R.id.open) {
            open();
        } else if (id == R.id.save) {
            studio.export(false);
        } else if (id == R.id.share) {
            studio.export(true);
        } else if (id == R.id.message && studio.message() == Studio.Message.DENIED_FOR_EVER) {
            Uri app = Uri.fromParts("package", getPackageName(), null);
            startActivity(new Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, app));
        } else if (id == R.id.message) {
            studio.cancel();
        }
    }

    @Override
    public void onCheckedChanged(CompoundButton button, boolean isChecked) {
        studio.setOn(isChecked);
    }

    @Override
    public void onProgressChanged(SeekBar bar, int step, boolean isByUser) {
        studio.setAttenLimDb(step == limit.getMax() ? Studio.NO_LIMIT : step * LIMIT_STEP_DB);
        showLimit();
    }

    @Override
    public void onStartTrackingTouch(SeekBar bar) {}

    @Override
    public void onStopTrackingTouch(SeekBar bar) {}

    @Override
    public void onItemSelected(AdapterView<?> parent, View view, int position, long id) {
        studio.setModel(UndinStream.models().get(position));
    }

    @Override
    public void onNothingSelected(AdapterView<?> parent) {}

    private int stepOf(float attenLimDb) {
        return Math.round(Math.min(limit.getMax(), attenLimDb / LIMIT_STEP_DB));
    }

    // What is shown.

    @Override
    public void onChanged() {
        Studio.State state = studio.state();
        boolean isOpen = state == Studio.State.OPENING;
        boolean isFile = isOpen || state == Studio.State.EXPORTING;
        boolean hasTake = studio.hasTake() && state != Studio.State.RECORDING && !isFile;
        show(record, state == Studio.State.RECORDING, R.drawable.ic_record, R.string.record);
        show(listen, state == Studio.State.LISTENING, R.drawable.ic_listen, R.string.listen);
        show(play, state == Studio.State.PLAYING, R.drawable.ic_play, R.string.play);
        enable(play, hasTake);
        enable(findViewById(R.id.save), hasTake);
        enable(findViewById(R.id.share), hasTake);
        enable(findViewById(R.id.open), state != Studio.State.RECORDING && !isFile);
        enable(model, state != Studio.State.RECORDING && !isFile);
        enable(record, !isFile);
        enable(listen, !isFile && state != Studio.State.RECORDING);
        message.setText(isFile ? (isOpen ? R.string.opening : R.string.exporting) : textOf(state, studio.message()));
        progress.setVisibility(isFile ? View.VISIBLE : View.INVISIBLE);
        showLimit();
        boolean isBusy = state != Studio.State.IDLE;
        if (isBusy) {
            getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        } else {
            getWindow().clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        }
    }

    private void show(ImageButton button, boolean isRunning, int icon, int text) {
        button.setImageResource(isRunning ? R.drawable.ic_stop : icon);
        button.setContentDescription(getString(isRunning ? R.string.stop : text));
    }

    private static void enable(View view, boolean isEnabled) {
        view.setEnabled(isEnabled);
        view.setAlpha(isEnabled ? 1 : 0.35f);
    }

    private void showLimit() {
        boolean isNone = limit.getProgress() == limit.getMax();
        int db = limit.getProgress() * LIMIT_STEP_DB;
        limitText.setText(isNone ? getString(R.string.no_limit) : getString(R.string.at_most, db));
    }

    private int textOf(Studio.State state, Studio.Message message) {
        switch (message) {
            case DENIED:
                return R.string.denied;
            case DENIED_FOR_EVER:
                return R.string.denied_for_ever;
            case NO_HEADPHONES:
                return R.string.no_headphones;
            case UNPLUGGED:
                return R.string.unplugged;
            case BUSY:
                return R.string.busy;
            case INTERRUPTED:
                return R.string.interrupted;
            case LEFT:
                return R.string.left;
            case NO_MICROPHONE:
                return R.string.no_microphone;
            case MICROPHONE_LOST:
                return R.string.microphone_lost;
            case NO_SPEAKER:
                return R.string.no_speaker;
            case CANNOT_OPEN:
                return R.string.cannot_open;
            case CANNOT_WRITE:
                return R.string.cannot_write;
            case DISK_FULL:
                return R.string.disk_full;
            case SAVED:
                return R.string.saved;
            default:
                break;
        }
        switch (state) {
            case LISTENING:
                return R.string.listening;
            case RECORDING:
                return studio.isHeard() ? R.string.recording_heard : R.string.recording;
            case PLAYING:
                return R.string.playing;
            default:
                return studio.hasTake() ? R.string.has_take : R.string.welcome;
        }
    }

    /** Each picture, while the screen is seen. */
    @Override
    public void run() {
        Studio.State state = studio.state();
        if (state != Studio.State.IDLE) {
            before.invalidate();
            after.invalidate();
            progress.setProgress(Math.round(progress.getMax() * studio.share()));
        }
        boolean isSounding = state == Studio.State.LISTENING || state == Studio.State.RECORDING
                || state == Studio.State.PLAYING;
        numbers.setText(isSounding
                ? getString(R.string.numbers, studio.realTimeFactor(), Math.round(studio.latencyMs()), studio.missed())
                : "");
        before.postDelayed(this, FRAME_MS);
    }

    // What other apps do.

    @Override
    public void askToRecord() {
        requestPermissions(new String[] {Manifest.permission.RECORD_AUDIO}, PERMISSION);
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        if (request == PERMISSION && results.length > 0) { // none: the question was broken off
            studio.onPermission(kept.device.mayRecord(),
                    shouldShowRequestPermissionRationale(Manifest.permission.RECORD_AUDIO));
        }
    }

    private void open() {
        Intent intent = new Intent(Intent.ACTION_OPEN_DOCUMENT);
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        intent.setType("*/*");
        intent.putExtra(Intent.EXTRA_MIME_TYPES, new String[] {"audio/*", "video/*", "application/ogg"});
        startActivityForResult(intent, OPEN);
    }

    @Override
    public void onExported(File wav, boolean isToBeShared) {
        if (isToBeShared) {
            Intent intent = new Intent(Intent.ACTION_SEND);
            intent.setType(WavProvider.TYPE);
            intent.putExtra(Intent.EXTRA_STREAM, WavProvider.URI);
            intent.setClipData(ClipData.newRawUri(null, WavProvider.URI));
            intent.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
            startActivity(Intent.createChooser(intent, null));
        } else {
            Intent intent = new Intent(Intent.ACTION_CREATE_DOCUMENT);
            intent.addCategory(Intent.CATEGORY_OPENABLE);
            intent.setType(WavProvider.TYPE);
            intent.putExtra(Intent.EXTRA_TITLE, wav.getName());
            startActivityForResult(intent, SAVE);
        }
    }

    @Override
    protected void onActivityResult(int request, int result, Intent data) {
        if (result != RESULT_OK || data == null || data.getData() == null) {
            return;
        }
        final Uri uri = data.getData();
        final Context context = getApplicationContext();
        if (request == OPEN) {
            studio.open(new Studio.Opener() {
                @Override
                public SoundSource open() throws IOException {
                    return new MediaSound(context, uri);
                }
            });
        } else if (request == SAVE) {
            studio.copy(new Studio.Target() {
                @Override
                public OutputStream open() throws IOException {
                    OutputStream to = context.getContentResolver().openOutputStream(uri, "wt");
                    if (to == null) {
                        throw new IOException("its app has gone");
                    }
                    return to;
                }
            });
        }
    }
}
