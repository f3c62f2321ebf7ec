/* What DPF asks of a plug-in. UNDIN_CHANNELS is 1 or 2: of each there is a plug-in. */
#pragma once

#define DISTRHO_PLUGIN_BRAND "undin"
#if UNDIN_CHANNELS == 1
#define DISTRHO_PLUGIN_NAME "undin (mono)"
#define DISTRHO_PLUGIN_URI "urn:undin:mono"
#define DISTRHO_UI_URI "urn:undin:mono#window"
#define DISTRHO_PLUGIN_CLAP_ID "undin.mono"
#define DISTRHO_PLUGIN_CLAP_FEATURES "audio-effect", "restoration", "mono"
#define DISTRHO_PLUGIN_VST3_CATEGORIES "Fx|Restoration|Mono"
#else
#define DISTRHO_PLUGIN_NAME "undin"
#define DISTRHO_PLUGIN_URI "urn:undin:stereo"
#define DISTRHO_UI_URI "urn:undin:stereo#window"
#define DISTRHO_PLUGIN_CLAP_ID "undin.stereo"
#define DISTRHO_PLUGIN_CLAP_FEATURES "audio-effect", "restoration", "stereo"
#define DISTRHO_PLUGIN_VST3_CATEGORIES "Fx|Restoration|Stereo"
#endif

#define DISTRHO_PLUGIN_NUM_INPUTS UNDIN_CHANNELS
#define DISTRHO_PLUGIN_NUM_OUTPUTS UNDIN_CHANNELS
#define DISTRHO_PLUGIN_IS_RT_SAFE 1
#define DISTRHO_PLUGIN_WANT_LATENCY 1

#define DISTRHO_PLUGIN_HAS_UI UNDIN_HAS_WINDOW
#define DISTRHO_UI_USE_NANOVG 1
#define DISTRHO_UI_FILE_BROWSER 0
#define DISTRHO_UI_DEFAULT_WIDTH 440
#define DISTRHO_UI_DEFAULT_HEIGHT 300

/* Parameters, in the order of LV2's ports. A single channel has none to be separate from. */
enum UndinParameter {
    kLimit,
    kBypass,
    kModel,
#if UNDIN_CHANNELS > 1
    kSeparate,
#endif
    kInputLevel,
    kOutputLevel,
    kReduction,
    kParameters
};
