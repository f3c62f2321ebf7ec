/* The window of VST3, CLAP and LV2, by DPF: the settings, and meters. */
#include "DistrhoUI.hpp"

#include "undin_plugin.h"

#include <cmath>
#include <cstdio>
#include <utility>

START_NAMESPACE_DISTRHO

using DGL_NAMESPACE::Color;
using DGL_NAMESPACE::kMouseButtonLeft;
using DGL_NAMESPACE::Point;

class UndinWindow : public UI {
public:
    UndinWindow() : UI(DISTRHO_UI_DEFAULT_WIDTH, DISTRHO_UI_DEFAULT_HEIGHT, true) {
        loadSharedResources();
        values[kLimit] = kNoLimit;
        values[kInputLevel] = values[kOutputLevel] = kLowest;
    }

protected:
    void parameterChanged(uint32_t index, float value) override {
        if (index >= kParameters || values[index] == value)
            return;
        values[index] = value;
        repaint();
    }

    void onNanoDisplay() override {
        const float unit = getWidth() / float(DISTRHO_UI_DEFAULT_WIDTH);
        scale(unit, unit);
        fill(0, 0, DISTRHO_UI_DEFAULT_WIDTH, DISTRHO_UI_DEFAULT_HEIGHT, Color(24, 27, 31));
        fontFace(NANOVG_DEJAVU_SANS_TTF);
        write(kLeft, 30, 20, "undin", ALIGN_LEFT, kBright);
        if (values[kBypass] > 0.5f)
            write(kRight, 30, 12, "bypassed", ALIGN_RIGHT, kWarning);

        char text[32];
        row(kModelRow, "Model", kModels[model()]);
        for (int side = 0; side < 2; side++)
            write(side ? kRight - 8 : kTrack + 8, kModelRow, 14, side ? "›" : "‹", side ? ALIGN_RIGHT : ALIGN_LEFT, kBright);

        std::snprintf(text, sizeof text, values[kLimit] < kNoLimit ? "%.0f dB" : "none", values[kLimit]);
        bar(kLimitRow, "Limit", values[kLimit] / kNoLimit, text, kAccent);
        toggle(kSwitchRow, kTrack, "Bypass", values[kBypass] > 0.5f);
#if UNDIN_CHANNELS > 1
        toggle(kSwitchRow, kTrack + 120, "Separate channels", values[kSeparate] > 0.5f);
#endif
        meter(kMeterRow, "Input", kInputLevel);
        meter(kMeterRow + 32, "Output", kOutputLevel);
        std::snprintf(text, sizeof text, "%.1f dB", std::fmax(values[kReduction], 0.0f));
        bar(kMeterRow + 64, "Taken away", values[kReduction] / kMostReduction, text, kAccent);
    }

    bool onMouse(const MouseEvent &event) override {
        if (event.button != kMouseButtonLeft)
            return false;
        const auto at = place(event.pos);
        if (!event.press) {
            if (dragging)
                editParameter(kLimit, false);
            return std::exchange(dragging, false);
        }
        if (isIn(at, kModelRow) && at.first >= kTrack)
            choose(kModel, (model() + (at.first < (kTrack + kRight) / 2 ? UNDIN_PLUGIN_MODELS - 1 : 1)) % UNDIN_PLUGIN_MODELS);
        else if (isIn(at, kLimitRow) && at.first >= kTrack) {
            editParameter(kLimit, true);
            dragging = true;
            drag(at.first);
        } else if (isIn(at, kSwitchRow) && at.first >= kTrack && at.first < kTrack + 110)
            choose(kBypass, values[kBypass] > 0.5f ? 0.0f : 1.0f);
#if UNDIN_CHANNELS > 1
        else if (isIn(at, kSwitchRow) && at.first >= kTrack + 120)
            choose(kSeparate, values[kSeparate] > 0.5f ? 0.0f : 1.0f);
#endif
        else
            return false;
        return true;
    }

    bool onMotion(const MotionEvent &event) override {
        if (dragging)
            drag(place(event.pos).first);
        return dragging;
    }

    bool onScroll(const ScrollEvent &event) override {
        if (!isIn(place(event.pos), kLimitRow))
            return false;
        choose(kLimit, std::fmin(std::fmax(values[kLimit] + std::round(event.delta.getY()), 0.0f), kNoLimit));
        return true;
    }

private:
    static constexpr float kNoLimit = 100.0f, kLowest = -120.0f; /* dB, as in Plugin.cpp */
    static constexpr float kMeterBottom = -60.0f, kMostReduction = 40.0f;
    static constexpr float kLeft = 20, kTrack = 130, kRight = DISTRHO_UI_DEFAULT_WIDTH - 20, kEndOfTrack = kRight - 70;
    static constexpr float kModelRow = 76, kLimitRow = 112, kSwitchRow = 148, kMeterRow = 200, kHalfRow = 13;

    static constexpr const char *kModels[] = {UNDIN_PLUGIN_MODEL_NAMES};
    const Color kBright{236, 239, 243}, kDim{150, 158, 168}, kGroove{46, 51, 58}, kAccent{92, 172, 238},
        kWarning{240, 180, 80}, kLoud{226, 96, 84};
    float values[kParameters] = {};
    bool dragging = false;

    int model() const {
        const int number = static_cast<int>(values[kModel] + 0.5f);
        return number < 0 ? 0 : number < UNDIN_PLUGIN_MODELS ? number : UNDIN_PLUGIN_MODELS - 1;
    }

    void fill(float x, float y, float width, float height, const Color &color) {
        beginPath();
        rect(x, y, width, height);
        fillColor(color);
        NanoVG::fill();
    }

    void write(float x, float y, float size, const char *words, Align align, const Color &color) {
        fontSize(size);
        textAlign(align | ALIGN_MIDDLE);
        fillColor(color);
        text(x, y, words, nullptr);
    }

    void row(float y, const char *name, const char *value) {
        write(kLeft, y, 13, name, ALIGN_LEFT, kDim);
        fill(kTrack, y - 12, kRight - kTrack, 24, kGroove);
        write((kTrack + kRight) / 2, y, 13, value, ALIGN_CENTER, kBright);
    }

    void bar(float y, const char *name, float share, const char *value, const Color &color) {
        write(kLeft, y, 13, name, ALIGN_LEFT, kDim);
        fill(kTrack, y - 5, kEndOfTrack - kTrack, 10, kGroove);
        if (share > 0.0f)
            fill(kTrack, y - 5, (kEndOfTrack - kTrack) * std::fmin(share, 1.0f), 10, color);
        write(kRight, y, 13, value, ALIGN_RIGHT, kBright);
    }

    void meter(float y, const char *name, uint32_t index) {
        char text[32];
        const float level = values[index];
        std::snprintf(text, sizeof text, level > kLowest ? "%.0f dBFS" : "silent", level);
        bar(y, name, 1.0f - level / kMeterBottom, text, level > -1.0f ? kLoud : kAccent);
    }

    void toggle(float y, float x, const char *name, bool on) {
        fill(x, y - 8, 16, 16, kGroove);
        if (on)
            fill(x + 3, y - 5, 10, 10, kAccent);
        write(x + 24, y, 13, name, ALIGN_LEFT, kBright);
    }

    std::pair<float, float> place(const Point<double> &position) const {
        const float unit = getWidth() / float(DISTRHO_UI_DEFAULT_WIDTH);
        return {float(position.getX()) / unit, float(position.getY()) / unit};
    }

    static bool isIn(const std::pair<float, float> &at, float y) { return std::fabs(at.second - y) <= kHalfRow; }

    void drag(float x) {
        const float share = std::fmin(std::fmax((x - kTrack) / (kEndOfTrack - kTrack), 0.0f), 1.0f);
        set(kLimit, std::round(share * kNoLimit));
    }

    void choose(uint32_t index, float value) {
        editParameter(index, true);
        set(index, value);
        editParameter(index, false);
    }

    void set(uint32_t index, float value) {
        values[index] = value;
        setParameterValue(index, value);
        repaint();
    }

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(UndinWindow)
};

UI *createUI() { return new UndinWindow; }

END_NAMESPACE_DISTRHO
