/* undin as VST3 and CLAP, by DPF. */
#include "DistrhoPlugin.hpp"

#include "undin_plugin.h"

#include <atomic>

START_NAMESPACE_DISTRHO

/* Hosts set parameters in whichever thread: they are taken where sound is made, at the next block. */
class UndinPlugin : public Plugin {
public:
    UndinPlugin() : Plugin(kParameters, 0, 0) {
        for (auto &value : values)
            value = 0.0f;
        values[kLimit] = UNDIN_PLUGIN_NO_LIMIT_DB;
        values[kInputLevel] = values[kOutputLevel] = kSilence;
        open(getSampleRate());
    }

    ~UndinPlugin() override { undin_plugin_close(plugin); }

protected:
    const char *getLabel() const override { return UNDIN_CHANNELS == 1 ? "undin_mono" : "undin"; }
    const char *getDescription() const override { return "Takes the din out of speech."; }
    const char *getMaker() const override { return "undin"; }
    const char *getLicense() const override { return "Apache-2.0"; }
    uint32_t getVersion() const override { return d_version(UNDIN_VERSION); }
    int64_t getUniqueId() const override { return d_cconst('u', 'n', 'd', UNDIN_CHANNELS == 1 ? 'M' : 'S'); }

    void initAudioPort(bool input, uint32_t index, AudioPort &port) override {
        port.groupId = UNDIN_CHANNELS == 1 ? kPortGroupMono : kPortGroupStereo;
        Plugin::initAudioPort(input, index, port);
    }

    void initParameter(uint32_t index, Parameter &parameter) override {
        switch (index) {
        case kLimit:
            describe(parameter, kParameterIsAutomatable, "Limit", "limit", "dB", UNDIN_PLUGIN_NO_LIMIT_DB, 0.0f,
                     UNDIN_PLUGIN_NO_LIMIT_DB);
            break;
        case kBypass:
            parameter.initDesignation(kParameterDesignationBypass);
            break;
        case kModel:
            describe(parameter, kParameterIsAutomatable | kParameterIsInteger, "Model", "model", "", 0.0f, 0.0f,
                     UNDIN_PLUGIN_MODELS - 1);
            parameter.enumValues.count = UNDIN_PLUGIN_MODELS;
            parameter.enumValues.restrictedMode = true;
            parameter.enumValues.values = new ParameterEnumerationValue[UNDIN_PLUGIN_MODELS];
            for (int model = 0; model < UNDIN_PLUGIN_MODELS; model++) {
                parameter.enumValues.values[model].value = model;
                parameter.enumValues.values[model].label = undin_plugin_model_name(model);
            }
            break;
#if UNDIN_CHANNELS > 1
        case kSeparate:
            describe(parameter, kParameterIsAutomatable | kParameterIsBoolean | kParameterIsInteger, "Separate channels",
                     "separate", "", 0.0f, 0.0f, 1.0f);
            break;
#endif
        case kInputLevel:
            describe(parameter, kParameterIsOutput, "Input level", "input_level", "dB", kSilence, kSilence, 20.0f);
            break;
        case kOutputLevel:
            describe(parameter, kParameterIsOutput, "Output level", "output_level", "dB", kSilence, kSilence, 20.0f);
            break;
        case kReduction:
            describe(parameter, kParameterIsOutput, "Taken away", "reduction", "dB", 0.0f, 0.0f, 120.0f);
            break;
        }
    }

    float getParameterValue(uint32_t index) const override { return values[index]; }
    void setParameterValue(uint32_t index, float value) override { values[index] = value; }

    void activate() override {
        if (!plugin)
            return;
        undin_plugin_reset(plugin);
        followParameters();
    }

    void sampleRateChanged(double rate) override { open(rate); }

    void run(const float **inputs, float **outputs, uint32_t frames) override {
        if (!plugin) { /* at a rate that undin has not: silence, which nobody takes for enhanced sound */
            for (int channel = 0; channel < UNDIN_CHANNELS; channel++)
                std::memset(outputs[channel], 0, frames * sizeof(float));
            return;
        }
        followParameters();
        undin_plugin_run(plugin, inputs, outputs, 1, frames);
        undin_levels levels;
        undin_plugin_get_levels(plugin, &levels);
        values[kInputLevel] = levels.input_dbfs;
        values[kOutputLevel] = levels.output_dbfs;
        values[kReduction] = levels.reduction_db;
    }

private:
    static constexpr float kSilence = -120.0f; /* dBFS */

    undin_plugin *plugin = nullptr;
    std::atomic<float> values[kParameters];

    static void describe(Parameter &parameter, uint32_t hints, const char *name, const char *symbol, const char *unit,
                         float otherwise, float low, float high) {
        parameter.hints = hints;
        parameter.name = name;
        parameter.symbol = symbol;
        parameter.unit = unit;
        parameter.ranges = ParameterRanges(otherwise, low, high);
    }

    void open(double rate) {
        undin_plugin_close(plugin);
        bool isRate = rate >= UNDIN_MIN_SAMPLE_RATE_HZ && rate <= UNDIN_MAX_SAMPLE_RATE_HZ;
        plugin = isRate ? undin_plugin_open(static_cast<int>(rate + 0.5), UNDIN_CHANNELS) : nullptr;
        if (plugin)
            followParameters();
        else
            setLatency(0);
    }

    void followParameters() {
        undin_plugin_settings settings;
        settings.limit_db = values[kLimit];
        settings.bypass = values[kBypass] > 0.5f;
        settings.model = undin_plugin_model_of(values[kModel]);
#if UNDIN_CHANNELS > 1
        settings.separate_channels = values[kSeparate] > 0.5f;
#else
        settings.separate_channels = 0;
#endif
        undin_plugin_set(plugin, &settings);
        setLatency(undin_plugin_latency_samples(plugin));
    }

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(UndinPlugin)
};

Plugin *createPlugin() { return new UndinPlugin; }

END_NAMESPACE_DISTRHO
