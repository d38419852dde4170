/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_listener.h"

#include <string.h>

#include "port.h"
#include "protocol.h"
#include "text.h"

#define NEWLINE "\r\n"

enum { MAX_SAMPLES = 27 };

_Static_assert(TP_NETWORK_INPUT_BYTES == TP_AUDIO_FEATURES, "the network takes other features");
_Static_assert(TP_NETWORK_OUTPUT_BYTES == TP_AUDIO_CLASSES, "the network has other classes");

static bool equal(const char *left, const char *right) {
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

static void put_score(int32_t class_number, int32_t score, int32_t times) {
    const int64_t nano = (score - times * TP_NETWORK_OUTPUT_ZERO_POINT) * (int64_t)TP_NETWORK_OUTPUT_SCALE_NANO;
    tp_put(tp_audio_labels[class_number]);
    tp_put(",");
    tp_put_nano(nano / times);
}

static void put_times(const char *what, uint32_t times, uint64_t time_us) {
    tp_put("m-audio-");
    tp_put(what);
    tp_put("-[");
    tp_put_decimal(times);
    tp_put(",");
    tp_put_decimal(time_us);
    tp_put("]" NEWLINE);
}

static void put_labels(void) {
    tp_put("m-audio-labels-[");
    for (size_t i = 0; i < TP_AUDIO_CLASSES; i++) {
        tp_put(i == 0 ? "" : ",");
        tp_put(tp_audio_labels[i]);
    }
    tp_put("]" NEWLINE);
}

static void start(tp_device *device) {
    memset(&device->listener, 0, sizeof device->listener);
    tp_audio_reset(&device->listener.audio);
    device->listener.listening = true;
    tp_put("m-audio-start" NEWLINE);
}

/* The network on the features of the last second. */
static void look(tp_device *device) {
    tp_listener *listener = &device->listener;
    const uint64_t start_us = tp_port_time_us();
    tp_audio_features(&listener->audio, (int8_t *)tp_device_input);
    const uint64_t features_us = tp_port_time_us();
    memcpy(tp_network_input(device->arena), tp_device_input, sizeof tp_device_input);
    tp_network_run(device->arena);
    listener->features_us += features_us - start_us;
    listener->network_us += tp_port_time_us() - features_us;
    listener->looks++;
    device->expected_bytes = sizeof tp_device_input;
    tp_device_loaded_bytes = sizeof tp_device_input;
    device->has_output = true;
}

/* The class that the detector hears in the last second. */
static int32_t heard_now(tp_device *device) {
    tp_listener *listener = &device->listener;
    if (tp_audio_largest(&listener->audio) < TP_DETECTOR_QUIET_BELOW) {
        return tp_detector_update_quiet(&listener->detector, listener->audio.hops);
    }
    look(device);
    return tp_detector_update(&listener->detector, tp_network_output(device->arena), listener->audio.hops);
}

/* Whether a word was heard. */
static bool listen(tp_device *device) {
    tp_listener *listener = &device->listener;
    const uint32_t hops = listener->audio.hops;
    const int32_t heard = heard_now(device);
    if (heard != TP_DETECTOR_NOTHING) {
        tp_put("m-audio-heard-[");
        put_score(heard, tp_detector_sum(&listener->detector, heard), TP_DETECTOR_SMOOTHED);
        tp_put(",");
        tp_put_decimal((uint64_t)hops * TP_AUDIO_HOP_MS);
        tp_put("]" NEWLINE);
    }
    return heard != TP_DETECTOR_NOTHING;
}

/* A piece of samples that ends with a hop at the latest. */
static size_t push(tp_device *device, const int16_t *samples, size_t count) {
    tp_audio *audio = &device->listener.audio;
    const uint64_t start_us = tp_port_time_us();
    const size_t taken = tp_audio_push(audio, samples, count, device->arena);
    device->listener.frames_us += tp_port_time_us() - start_us;
    device->has_output = false;
    return taken;
}

/* Whether a word was heard. */
static bool hear(tp_device *device, const int16_t *samples, size_t count) {
    const tp_audio *audio = &device->listener.audio;
    bool heard = false;
    for (size_t taken = 0; taken < count;) {
        taken += push(device, samples + taken, count - taken);
        if (tp_audio_second_ends(audio) && (audio->hops - TP_AUDIO_HOPS) % TP_AUDIO_EVERY_HOPS == 0) {
            heard |= listen(device);
        }
    }
    return heard;
}

/* 0..63, or -1 if it is no digit of base64 (RFC 4648). */
static int32_t base64_digit(char digit) {
    if (digit >= 'A' && digit <= 'Z') {
        return digit - 'A';
    }
    if (digit >= 'a' && digit <= 'z') {
        return digit - 'a' + 26;
    }
    if (digit >= '0' && digit <= '9') {
        return digit - '0' + 52;
    }
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* Four digits, of which the last one or two may be '=', to up to three bytes. How many, or -1. */
static int32_t decode_group(const char *text, uint8_t *bytes) {
    uint32_t bits = 0;
    int32_t digits = 0;
    for (; digits < 4 && base64_digit(text[digits]) >= 0; digits++) {
        bits |= (uint32_t)base64_digit(text[digits]) << (18 - 6 * digits);
    }
    for (int32_t i = digits; i < 4; i++) {
        if (digits < 2 || text[i] != '=') {
            return -1;
        }
    }
    for (int32_t i = 0; i < digits - 1; i++) {
        bytes[i] = (uint8_t)(bits >> (16 - 8 * i));
    }
    return digits - 1;
}

/* How many samples the whole text spells, or -1. */
static int32_t decode(const char *text, int16_t samples[MAX_SAMPLES]) {
    uint8_t bytes[2 * MAX_SAMPLES];
    int32_t count = 0;
    for (int32_t group = 3; *text != '\0'; text += 4, count += group) {
        if (group != 3 || count == (int32_t)sizeof bytes) {
            return -1; /* something behind the padding, or too much */
        }
        group = decode_group(text, bytes + count);
        if (group < 0) {
            return -1;
        }
    }
    for (int32_t i = 0; i < count / 2; i++) {
        samples[i] = (int16_t)(uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
    }
    return count % 2 == 0 ? count / 2 : -1;
}

static void take(tp_device *device, const char *text) {
    int16_t samples[MAX_SAMPLES];
    const int32_t count = decode(text, samples);
    if (!device->listener.listening) {
        tp_put("e-[Begin with audio start]" NEWLINE);
    } else if (count < 0) {
        tp_put("e-[Not up to 27 samples of 16 bits in base64: ");
        tp_put(text);
        tp_put("]" NEWLINE);
    } else {
        (void)hear(device, samples, (size_t)count);
    }
}

static void pad_second(tp_device *device) {
    const int16_t zeros[MAX_SAMPLES] = {0};
    while (device->listener.audio.hops < TP_AUDIO_HOPS) {
        push(device, zeros, MAX_SAMPLES);
    }
}

static void put_class(const tp_device *device) {
    const int8_t *scores = tp_network_output(device->arena);
    int32_t best = 0;
    for (int32_t i = 1; i < TP_AUDIO_CLASSES; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    tp_put("m-audio-class-[");
    put_score(best, scores[best], 1);
    tp_put("]" NEWLINE);
}

static void end(tp_device *device) {
    tp_listener *listener = &device->listener;
    if (!listener->listening) {
        tp_put("e-[Begin with audio start]" NEWLINE);
        return;
    }
    listener->listening = false;
    pad_second(device);
    if (!device->has_output) {
        look(device);
    }
    put_class(device);
    put_times("frames", listener->audio.frames, listener->frames_us);
    put_times("features", listener->looks, listener->features_us);
    put_times("network", listener->looks, listener->network_us);
}

#ifdef TP_HAS_MICROPHONE
enum { LIGHT_HOPS = 500 / TP_AUDIO_HOP_MS };

void tp_listener_start(tp_device *device) {
    memset(&device->listener, 0, sizeof device->listener);
    tp_audio_reset(&device->listener.audio);
    device->listener.live = true;
    tp_light(false);
    tp_microphone_start();
}

void tp_listener_stop(tp_device *device) {
    if (device->listener.live) {
        device->listener.live = false;
        tp_microphone_stop();
        tp_light(false);
    }
}

static void hear_live(tp_device *device, const int16_t *samples) {
    tp_listener *listener = &device->listener;
    if (hear(device, samples, TP_MICROPHONE_SAMPLES)) {
        listener->lit_hops = listener->audio.hops;
        tp_light(true);
    } else if (listener->audio.hops - listener->lit_hops >= LIGHT_HOPS) {
        tp_light(false);
    }
}

static void live(tp_device *device) {
    tp_put("m-audio-live" NEWLINE);
    tp_listener_start(device);
}

/* Two seconds and a little, in whole lines of whole groups of base64. */
enum { LINE_SAMPLES = 96, RECORDED_SAMPLES = 335 * LINE_SAMPLES };

static void record(tp_device *device) {
    int16_t *recording = tp_microphone_spare_ram(RECORDED_SAMPLES * sizeof *recording);
    if (recording == NULL) {
        tp_put("e-[Two seconds take 64320 bytes of RAM that nothing else has]" NEWLINE);
        return;
    }
    tp_put("m-audio-record" NEWLINE);
    tp_listener_start(device);
    device->listener.recording = recording;
    tp_light(true);
}

static void put_base64(const uint8_t *bytes, size_t count) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        const uint32_t bits = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        const char group[5] = {digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63], digits[bits & 63], 0};
        tp_put(group);
    }
}

static void put_recording(const int16_t *samples) {
    for (size_t at = 0; at < RECORDED_SAMPLES; at += LINE_SAMPLES) {
        tp_put("m-audio-pcm-[");
        put_base64((const uint8_t *)(samples + at), LINE_SAMPLES * sizeof *samples);
        tp_put("]" NEWLINE);
    }
    tp_put("m-audio-recorded" NEWLINE);
}

/* Of the microphone, until the recording is whole; then it is said. */
static void keep_recording(tp_device *device, const int16_t *samples) {
    tp_listener *listener = &device->listener;
    const size_t left = RECORDED_SAMPLES - listener->recorded;
    const size_t count = left < TP_MICROPHONE_SAMPLES ? left : TP_MICROPHONE_SAMPLES;
    memcpy(listener->recording + listener->recorded, samples, count * sizeof *samples);
    listener->recorded += count;
    if (count == left) {
        tp_listener_stop(device);
        put_recording(listener->recording);
    }
}

void tp_listener_step(tp_device *device) {
    const int16_t *samples = device->listener.live ? tp_microphone_take() : NULL;
    if (samples == NULL) {
        (void)tp_port_time_us();
        tp_microphone_sleep();
        return;
    }
    if (device->listener.recording != NULL) {
        keep_recording(device, samples);
    } else {
        hear_live(device, samples);
    }
    if (device->listener.live && !tp_microphone_give_back()) {
        tp_put("e-[Samples were lost: the network takes longer than there is until the next look]" NEWLINE);
        tp_listener_start(device);
    }
    tp_port_flush();
}
#endif

void tp_answer_audio(tp_device *device, char *words[]) {
    if (words[1] == NULL) {
        tp_put("e-[audio needs labels, start, end or samples in base64]" NEWLINE);
    } else if (equal(words[1], "labels")) {
        put_labels();
    } else if (equal(words[1], "start")) {
        start(device);
    } else if (equal(words[1], "end")) {
        end(device);
#ifdef TP_HAS_MICROPHONE
    } else if (equal(words[1], "live")) {
        live(device);
    } else if (equal(words[1], "record")) {
        record(device);
#endif
    } else {
        take(device, words[1]);
    }
}
