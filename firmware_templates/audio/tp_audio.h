/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The features of a keyword network from a stream of samples, for each of the last 49 frames, as int8.
 *
 * The same as tinyprune/sound/features.py computes for one second of audio: frames of 30 ms every 20 ms, Hann window,
 * magnitudes of a 512-point transform, mel filters, logarithm. audio_tables.h says which front end it is:
 *
 * MFCC: a cosine transform of the bands of a second that is divided by its largest sample. Since that sample is not known
 * before the second is over, frames are kept as mel bands, and logarithm and transform follow when features are asked for.
 * LOGMEL: the bands themselves, of sound as loud as it is. A frame is quantized when it is over, and kept so.
 *
 * All state is in a tp_audio that the caller owns; nothing is allocated. tp_audio_float.c and tp_audio_fixed.c are two
 * implementations of the arithmetic, of which a program has one: for cores with and without a floating-point unit. What
 * they share is in tp_audio_fft.h.
 */
#ifndef TP_AUDIO_H
#define TP_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio_tables.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TP_AUDIO_RATE_HZ = 16000,
    TP_AUDIO_SECOND_SAMPLES = 16000,
    TP_AUDIO_WINDOW_SAMPLES = 480,
    TP_AUDIO_HOP_SAMPLES = 320,
    TP_AUDIO_HOPS = TP_AUDIO_SECOND_SAMPLES / TP_AUDIO_HOP_SAMPLES,
    TP_AUDIO_FRAMES = 49,
    TP_AUDIO_FEATURES = TP_AUDIO_FRAMES * TP_AUDIO_COEFFICIENTS,
    TP_AUDIO_FFT_POINTS = 512,
    TP_AUDIO_SCRATCH_BYTES = TP_AUDIO_FFT_POINTS * 4,
    TP_AUDIO_HOP_MS = 20,
};

/* A mel band of a frame. LOGMEL: the feature. MFCC, in units of samples: in float the sum of magnitudes itself, in fixed
 * point 22 + its logarithm to base 2, in Q10; either way 0 is nothing. */
#if defined(TP_AUDIO_LOGMEL)
typedef int8_t tp_audio_band;
#elif defined(TP_AUDIO_FIXED)
typedef uint16_t tp_audio_band;
#else
typedef float tp_audio_band;
#endif

/* Starts with tp_audio_reset. */
typedef struct {
    tp_audio_band bands[TP_AUDIO_FRAMES][TP_AUDIO_BANDS]; /* a ring; the next frame goes to next_frame */
    int16_t window[TP_AUDIO_WINDOW_SAMPLES];              /* the frame that is filling up */
    int16_t largest[TP_AUDIO_HOPS];                       /* of each of the last hops; a ring */
    int16_t hop_largest;                                  /* of the hop that is filling up */
    uint16_t window_samples;
    uint16_t hop_samples;
    uint8_t next_frame;
    uint8_t next_hop;
    uint32_t frames; /* complete ones since the start */
    uint32_t hops;   /* complete ones since the start; wraps after 2.7 years */
} tp_audio;

void tp_audio_reset(tp_audio *audio);

/* Takes samples, at most up to the end of a hop, and returns how many: at least one if there is one. `scratch` is
 * TP_AUDIO_SCRATCH_BYTES, aligned to 4, and may be the network's arena: nothing is kept in it between two calls. */
size_t tp_audio_push(tp_audio *audio, const int16_t *samples, size_t count, void *scratch);

/* Whether the samples so far end a hop, and a whole second has been heard: features are those of exactly the last
 * TP_AUDIO_SECOND_SAMPLES samples. */
bool tp_audio_second_ends(const tp_audio *audio);

/* The largest sample of the last complete hops, a second's at most; at least 0. */
int32_t tp_audio_largest(const tp_audio *audio);

/* Features of the last complete hops, as [frames][coefficients], quantized for the network's input. Before a whole second
 * has been heard, what is missing counts as silence that came before. */
void tp_audio_features(const tp_audio *audio, int8_t features[TP_AUDIO_FEATURES]);

/* The arithmetic, tp_audio_float.c or tp_audio_fixed.c. */

/* One frame: window, transform, filters; LOGMEL: logarithm, quantization. */
void tp_audio_frame(const int16_t window[TP_AUDIO_WINDOW_SAMPLES], tp_audio_band bands[TP_AUDIO_BANDS], void *scratch);

/* MFCC: quantized features of `count` frames that belong to a clip whose largest sample is `largest` (above 0). */
void tp_audio_coefficients(const tp_audio_band bands[][TP_AUDIO_BANDS], size_t count, int32_t largest, int8_t *features);

#ifdef __cplusplus
}
#endif

#endif
