/* undin as an element of GStreamer: `undin`, for raw sound of any rate and number of channels that undin.h takes.
 *
 * Sound keeps its time: the first samples, which are of before the beginning, are left out, what comes out is dated as it
 * was when it came in, and the rest comes at the end. A live pipeline is told the latency. */
#include "undin_plugin.h"

#include <gst/audio/gstaudiofilter.h>
#include <gst/gst.h>
#include <string.h>

#ifndef PACKAGE
#define PACKAGE "undin"
#endif

#define UNDIN_TYPE_FILTER (gst_undin_get_type())
G_DECLARE_FINAL_TYPE(GstUndin, gst_undin, UNDIN, FILTER, GstAudioFilter)

struct _GstUndin {
    GstAudioFilter parent;
    undin_plugin *plugin; /* NULL until a format is known */
    int channels, sample_rate_hz;
    size_t to_drop;       /* samples of before the beginning that are still to come out */
    GstClockTime next;    /* when what comes out next begins */
    undin_plugin_settings settings; /* guarded by the lock of the object */
};

G_DEFINE_TYPE(GstUndin, gst_undin, GST_TYPE_AUDIO_FILTER)

enum { PROP_0, PROP_LIMIT, PROP_BYPASS, PROP_MODEL, PROP_SEPARATE };

#define GST_TYPE_UNDIN_MODEL (gst_undin_model_get_type())
static GType gst_undin_model_get_type(void) {
    static gsize type = 0;
    if (g_once_init_enter(&type)) {
        GEnumValue *values = g_new0(GEnumValue, UNDIN_PLUGIN_MODELS + 1); /* kept as long as the process */
        for (int model = 0; model < UNDIN_PLUGIN_MODELS; model++)
            values[model] = (GEnumValue){model, undin_plugin_model_name(model), model ? undin_plugin_model_name(model) : "by-rate"};
        g_once_init_leave(&type, g_enum_register_static("GstUndinModel", values));
    }
    return type;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
    GstUndin *self = UNDIN_FILTER(object);
    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_LIMIT:
        self->settings.limit_db = g_value_get_float(value);
        break;
    case PROP_BYPASS:
        self->settings.bypass = g_value_get_boolean(value);
        break;
    case PROP_MODEL:
        self->settings.model = g_value_get_enum(value);
        break;
    case PROP_SEPARATE:
        self->settings.separate_channels = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
    GST_OBJECT_UNLOCK(self);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
    GstUndin *self = UNDIN_FILTER(object);
    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_LIMIT:
        g_value_set_float(value, self->settings.limit_db);
        break;
    case PROP_BYPASS:
        g_value_set_boolean(value, self->settings.bypass);
        break;
    case PROP_MODEL:
        g_value_set_enum(value, self->settings.model);
        break;
    case PROP_SEPARATE:
        g_value_set_boolean(value, self->settings.separate_channels);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
    GST_OBJECT_UNLOCK(self);
}

static void close_plugin(GstUndin *self) {
    GST_OBJECT_LOCK(self);
    undin_plugin_close(self->plugin);
    self->plugin = NULL;
    GST_OBJECT_UNLOCK(self);
}

static GstClockTime duration(const GstUndin *self, size_t samples) {
    return gst_util_uint64_scale_int(samples, GST_SECOND, self->sample_rate_hz);
}

/* Silence came before; sound that comes next is to keep its time. */
static void begin(GstUndin *self) {
    undin_plugin_reset(self->plugin);
    self->to_drop = (size_t)undin_plugin_latency_samples(self->plugin);
    self->next = GST_CLOCK_TIME_NONE;
}

static gboolean setup(GstAudioFilter *filter, const GstAudioInfo *info) {
    GstUndin *self = UNDIN_FILTER(filter);
    close_plugin(self);
    undin_plugin *opened = undin_plugin_open(GST_AUDIO_INFO_RATE(info), GST_AUDIO_INFO_CHANNELS(info));
    if (!opened)
        return FALSE;
    GST_OBJECT_LOCK(self);
    undin_plugin_set(opened, &self->settings);
    self->plugin = opened;
    self->sample_rate_hz = GST_AUDIO_INFO_RATE(info);
    self->channels = GST_AUDIO_INFO_CHANNELS(info);
    begin(self);
    GST_OBJECT_UNLOCK(self);
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
    return TRUE;
}

/* Interleaved sound through the stream, in place. */
static void run(GstUndin *self, float *samples, size_t count) {
    const float *in[UNDIN_MAX_CHANNELS];
    float *out[UNDIN_MAX_CHANNELS];
    for (int channel = 0; channel < self->channels; channel++)
        in[channel] = out[channel] = samples + channel;
    undin_plugin_run(self->plugin, in, out, (size_t)self->channels, count);
}

/* Leave out what is of before the beginning of a buffer that was just enhanced, and date the rest; whether there is one. */
static gboolean keep_time(GstUndin *self, GstBuffer *buffer, GstClockTime start) {
    size_t frame = (size_t)self->channels * sizeof(float), samples = gst_buffer_get_size(buffer) / frame;
    size_t dropped = self->to_drop < samples ? self->to_drop : samples;
    self->to_drop -= dropped;
    gst_buffer_resize(buffer, (gssize)(dropped * frame), -1);
    GST_BUFFER_OFFSET(buffer) = GST_BUFFER_OFFSET_END(buffer) = GST_BUFFER_OFFSET_NONE;
    if (GST_CLOCK_TIME_IS_VALID(start)) {
        GstClockTime late = duration(self, (size_t)undin_plugin_latency_samples(self->plugin));
        start += duration(self, dropped);
        GST_BUFFER_PTS(buffer) = start > late ? start - late : 0;
        GST_BUFFER_DURATION(buffer) = duration(self, samples - dropped);
        self->next = GST_BUFFER_PTS(buffer) + GST_BUFFER_DURATION(buffer);
    }
    return dropped < samples;
}

static GstFlowReturn transform_in_place(GstBaseTransform *base, GstBuffer *buffer) {
    GstUndin *self = UNDIN_FILTER(base);
    GstClockTime start = GST_BUFFER_PTS(buffer);
    if (GST_CLOCK_TIME_IS_VALID(start)) /* follow what is automated */
        gst_object_sync_values(GST_OBJECT(self), gst_segment_to_stream_time(&base->segment, GST_FORMAT_TIME, start));
    if (GST_BUFFER_IS_DISCONT(buffer))
        begin(self);
    GST_OBJECT_LOCK(self);
    undin_plugin_settings settings = self->settings;
    GST_OBJECT_UNLOCK(self);
    int latency = undin_plugin_latency_samples(self->plugin);
    undin_plugin_set(self->plugin, &settings);
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_READWRITE))
        return GST_FLOW_ERROR;
    if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP))
        memset(map.data, 0, map.size); /* whatever it holds, it is said to be silence */
    run(self, (float *)map.data, map.size / sizeof(float) / (size_t)self->channels);
    gst_buffer_unmap(buffer, &map);
    GST_BUFFER_FLAG_UNSET(buffer, GST_BUFFER_FLAG_GAP); /* the end of what came before is in it */
    if (undin_plugin_latency_samples(self->plugin) != latency)
        gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
    return keep_time(self, buffer, start) ? GST_FLOW_OK : GST_BASE_TRANSFORM_FLOW_DROPPED;
}

/* Let out what is still inside, at the end. */
static void drain(GstUndin *self) {
    size_t samples = (size_t)undin_plugin_latency_samples(self->plugin);
    size_t bytes = samples * (size_t)self->channels * sizeof(float);
    GstBuffer *rest = gst_buffer_new_allocate(NULL, bytes, NULL);
    GstMapInfo map;
    if (!gst_buffer_map(rest, &map, GST_MAP_WRITE)) {
        gst_buffer_unref(rest);
        return;
    }
    memset(map.data, 0, bytes);
    run(self, (float *)map.data, samples);
    gst_buffer_unmap(rest, &map);
    GstClockTime start = GST_CLOCK_TIME_IS_VALID(self->next) ? self->next + duration(self, samples) : GST_CLOCK_TIME_NONE;
    if (keep_time(self, rest, start))
        gst_pad_push(GST_BASE_TRANSFORM_SRC_PAD(self), rest);
    else
        gst_buffer_unref(rest);
}

static gboolean sink_event(GstBaseTransform *base, GstEvent *event) {
    GstUndin *self = UNDIN_FILTER(base);
    gboolean ends = GST_EVENT_TYPE(event) == GST_EVENT_EOS;
    if (self->plugin && ends)
        drain(self);
    if (self->plugin && (ends || GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP))
        begin(self);
    return GST_BASE_TRANSFORM_CLASS(gst_undin_parent_class)->sink_event(base, event);
}

static gboolean query(GstBaseTransform *base, GstPadDirection direction, GstQuery *asked) {
    GstUndin *self = UNDIN_FILTER(base);
    if (!GST_BASE_TRANSFORM_CLASS(gst_undin_parent_class)->query(base, direction, asked))
        return FALSE;
    if (direction != GST_PAD_SRC || GST_QUERY_TYPE(asked) != GST_QUERY_LATENCY)
        return TRUE;
    gboolean live;
    GstClockTime least, most, own = 0;
    gst_query_parse_latency(asked, &live, &least, &most);
    GST_OBJECT_LOCK(self);
    if (self->plugin)
        own = duration(self, (size_t)undin_plugin_latency_samples(self->plugin));
    GST_OBJECT_UNLOCK(self);
    gst_query_set_latency(asked, live, least + own, GST_CLOCK_TIME_IS_VALID(most) ? most + own : most);
    return TRUE;
}

static gboolean stop(GstBaseTransform *base) {
    close_plugin(UNDIN_FILTER(base));
    return TRUE;
}

static void finalize(GObject *object) {
    close_plugin(UNDIN_FILTER(object));
    G_OBJECT_CLASS(gst_undin_parent_class)->finalize(object);
}

static void gst_undin_init(GstUndin *self) {
    self->settings.limit_db = UNDIN_PLUGIN_NO_LIMIT_DB;
    gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_undin_class_init(GstUndinClass *class) {
    GObjectClass *object = G_OBJECT_CLASS(class);
    GstBaseTransformClass *base = GST_BASE_TRANSFORM_CLASS(class);
    const GParamFlags automated = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_CONTROLLABLE;
    object->set_property = set_property;
    object->get_property = get_property;
    object->finalize = finalize;
    g_object_class_install_property(object, PROP_LIMIT,
                                    g_param_spec_float("limit", "Limit", "Attenuate no sound by more, dB; 100 is no limit", 0,
                                                       UNDIN_PLUGIN_NO_LIMIT_DB, UNDIN_PLUGIN_NO_LIMIT_DB, automated));
    g_object_class_install_property(
        object, PROP_BYPASS,
        g_param_spec_boolean("bypass", "Bypass", "Let the delayed input out as it is", FALSE, automated));
    g_object_class_install_property(object, PROP_MODEL,
                                    g_param_spec_enum("model", "Model", "What takes the noise out", GST_TYPE_UNDIN_MODEL,
                                                      0, automated));
    g_object_class_install_property(object, PROP_SEPARATE,
                                    g_param_spec_boolean("separate-channels", "Separate channels",
                                                         "Give each channel a gain of its own", FALSE, automated));
    gst_type_mark_as_plugin_api(GST_TYPE_UNDIN_MODEL, 0);
    gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(class), "undin", "Filter/Effect/Audio",
                                          "Takes the din out of speech", "undin");
    gchar *text = g_strdup_printf("audio/x-raw, format=(string)%s, layout=(string)interleaved, rate=(int)[%d, %d], "
                                  "channels=(int)[1, %d]",
                                  GST_AUDIO_NE(F32), UNDIN_MIN_SAMPLE_RATE_HZ, UNDIN_MAX_SAMPLE_RATE_HZ, UNDIN_MAX_CHANNELS);
    GstCaps *caps = gst_caps_from_string(text);
    gst_audio_filter_class_add_pad_templates(GST_AUDIO_FILTER_CLASS(class), caps);
    gst_caps_unref(caps);
    g_free(text);
    GST_AUDIO_FILTER_CLASS(class)->setup = setup;
    base->transform_ip = transform_in_place;
    base->transform_ip_on_passthrough = FALSE;
    base->sink_event = sink_event;
    base->query = query;
    base->stop = stop;
}

static gboolean plugin_init(GstPlugin *plugin) {
    return gst_element_register(plugin, "undin", GST_RANK_NONE, UNDIN_TYPE_FILTER);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, undin, "Takes the din out of speech", plugin_init, UNDIN_VERSION,
                  "Apache 2.0", "undin", "undin")
