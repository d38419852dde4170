/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* From samples to frames, and the rings that hold the last second. */
#include "tp_audio.h"

#include <string.h>

enum { LOUDEST = 32768, OVERLAP_SAMPLES = TP_AUDIO_WINDOW_SAMPLES - TP_AUDIO_HOP_SAMPLES };

void tp_audio_reset(tp_audio *audio) {
    memset(audio, 0, sizeof *audio);
    memset(audio->bands, TP_AUDIO_SILENCE, sizeof audio->bands);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static int16_t larger(int16_t a, int16_t b) { return a > b ? a : b; }

static void end_frame(tp_audio *audio, void *scratch) {
    tp_audio_frame(audio->window, audio->bands[audio->next_frame], scratch);
    audio->next_frame = (uint8_t)(audio->next_frame + 1 == TP_AUDIO_FRAMES ? 0 : audio->next_frame + 1);
    memmove(audio->window, audio->window + TP_AUDIO_HOP_SAMPLES, OVERLAP_SAMPLES * sizeof audio->window[0]);
    audio->window_samples = OVERLAP_SAMPLES;
    audio->frames++;
}

static void end_hop(tp_audio *audio) {
    audio->largest[audio->next_hop] = audio->hop_largest;
    audio->next_hop = (uint8_t)(audio->next_hop + 1 == TP_AUDIO_HOPS ? 0 : audio->next_hop + 1);
    audio->hop_largest = 0; /* all that matters is what is above 0 */
    audio->hop_samples = 0;
    audio->hops++;
}

/* Hops and frames end at different samples: a piece ends where the first of them does. */
static size_t push_piece(tp_audio *audio, const int16_t *samples, size_t count, void *scratch) {
    const size_t to_hop = (size_t)(TP_AUDIO_HOP_SAMPLES - audio->hop_samples);
    const size_t to_frame = (size_t)(TP_AUDIO_WINDOW_SAMPLES - audio->window_samples);
    const size_t taken = smaller(count, smaller(to_hop, to_frame));
    memcpy(audio->window + audio->window_samples, samples, taken * sizeof *samples);
    int16_t largest = audio->hop_largest;
    for (size_t i = 0; i < taken; i++) {
        largest = larger(largest, samples[i]);
    }
    audio->hop_largest = largest;
    audio->window_samples = (uint16_t)(audio->window_samples + taken);
    audio->hop_samples = (uint16_t)(audio->hop_samples + taken);
    if (audio->window_samples == TP_AUDIO_WINDOW_SAMPLES) {
        end_frame(audio, scratch);
    }
    if (audio->hop_samples == TP_AUDIO_HOP_SAMPLES) {
        end_hop(audio);
    }
    return taken;
}

size_t tp_audio_push(tp_audio *audio, const int16_t *samples, size_t count, void *scratch) {
    size_t taken = 0;
    while (taken < count) {
        taken += push_piece(audio, samples + taken, count - taken, scratch);
        if (audio->hop_samples == 0) {
            break;
        }
    }
    return taken;
}

bool tp_audio_second_ends(const tp_audio *audio) { return audio->hop_samples == 0 && audio->hops >= TP_AUDIO_HOPS; }

int32_t tp_audio_largest(const tp_audio *audio) {
    int16_t largest = 0;
    for (size_t i = 0; i < TP_AUDIO_HOPS; i++) {
        largest = larger(largest, audio->largest[i]);
    }
    return largest;
}

#ifdef TP_AUDIO_LOGMEL
void tp_audio_features(const tp_audio *audio, int8_t features[TP_AUDIO_FEATURES]) {
    const size_t oldest = audio->next_frame;
    const size_t old_features = (TP_AUDIO_FRAMES - oldest) * TP_AUDIO_BANDS;
    memcpy(features, audio->bands[oldest], old_features);
    memcpy(features + old_features, audio->bands, oldest * TP_AUDIO_BANDS);
}
#else
void tp_audio_features(const tp_audio *audio, int8_t features[TP_AUDIO_FEATURES]) {
    const int32_t peak = tp_audio_largest(audio);
    const int32_t largest = peak > 0 ? peak : LOUDEST; /* as features.py: a second without a sample above 0 keeps its level */
    const size_t oldest = audio->next_frame;
    const size_t old_frames = TP_AUDIO_FRAMES - oldest;
    tp_audio_coefficients(&audio->bands[oldest], old_frames, largest, features);
    tp_audio_coefficients(audio->bands, oldest, largest, features + old_frames * TP_AUDIO_COEFFICIENTS);
}
#endif
