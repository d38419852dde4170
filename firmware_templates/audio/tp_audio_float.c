/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The front end in single precision, for cores with a floating-point unit.
 *
 * Only additions, multiplications and one division, in a fixed order, none of them fused: every compiler and core that
 * follows IEEE 754 gives the same bits.
 */
#include "tp_audio.h"

#ifdef TP_AUDIO_FLOAT

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#include <string.h>

#include "tp_audio_fft.h"

/* Pairs of samples become complex points; what is behind the window is zero. */
static void apply_window(const int16_t *samples, float *points) {
    const size_t half = TP_AUDIO_WINDOW_SAMPLES / 2;
    points[0] = 0;
    for (size_t i = 1; i < half; i++) {
        points[i] = (float)samples[i] * tp_audio_window[i];
        points[TP_AUDIO_WINDOW_SAMPLES - i] = (float)samples[TP_AUDIO_WINDOW_SAMPLES - i] * tp_audio_window[i];
    }
    points[half] = samples[half];
    memset(points + TP_AUDIO_WINDOW_SAMPLES, 0, (TP_AUDIO_FFT_POINTS - TP_AUDIO_WINDOW_SAMPLES) * sizeof *points);
}

/* Bin k of the real transform. */
INLINE complex real_bin(const complex *points, size_t k) {
    const complex a = points[place(k)];
    const complex b = points[place((POINTS - k) % POINTS)];
    const complex even = {0.5f * (a.re + b.re), 0.5f * (a.im - b.im)};
    const complex odd = {0.5f * (a.im + b.im), 0.5f * (b.re - a.re)};
    return add(even, turn(odd, turning(k)));
}

typedef union {
    float real;
    uint32_t bits;
} word;

/* The inverse root from the exponent's half, bettered by Newton's method to 5e-6; 0 for 0. */
INLINE float square_root(float square) {
    word root = {.real = square};
    root.bits = 0x5F3759DFu - (root.bits >> 1);
    const float half = 0.5f * square;
    root.real *= 1.5f - half * root.real * root.real;
    root.real *= 1.5f - half * root.real * root.real;
    return square * root.real;
}

INLINE float magnitude(complex a) { return square_root(a.re * a.re + a.im * a.im); }

/* A bin gives a part to the filter that rises there, and the rest to the filter below, which falls. */
static void filter(const complex *points, float bands[TP_AUDIO_BANDS]) {
    size_t bin = 0;
    for (size_t interval = 0; interval <= TP_AUDIO_BANDS; interval++) {
        float sum = 0;
        float rising = 0;
        for (size_t end = bin + tp_audio_interval_bins[interval]; bin < end; bin++) {
            const float level = magnitude(real_bin(points, bin + 1));
            sum += level;
            rising += level * tp_audio_rising[bin];
        }
        if (interval < TP_AUDIO_BANDS) {
            bands[interval] = rising;
        }
        if (interval > 0) {
            bands[interval - 1] += sum - rising;
        }
    }
}

/* Of a normal number above 0, good to 1e-5. */
INLINE float log2_of(float value) {
    word mantissa = {.real = value};
    const int32_t exponent = (int32_t)(mantissa.bits >> 23) - 127;
    mantissa.bits = (mantissa.bits & 0x7FFFFFu) | 0x3F800000u;
    const float x = mantissa.real - 1.0f;
    const float *c = tp_audio_log2;
    return (float)exponent + (((((c[6] * x + c[5]) * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x + c[0];
}

static int8_t quantize(float value) {
    const float from_lowest = value + (TP_AUDIO_INPUT_ZERO_POINT + 128);
    if (from_lowest <= 0) {
        return -128;
    }
    return from_lowest >= 255 ? 127 : (int8_t)((int32_t)(from_lowest + 0.5f) - 128);
}

#ifdef TP_AUDIO_LOGMEL
static const float FULL_SCALE = 1.0f / 32768.0f;

void tp_audio_frame(const int16_t window[TP_AUDIO_WINDOW_SAMPLES], tp_audio_band bands[TP_AUDIO_BANDS], void *scratch) {
    float levels[TP_AUDIO_BANDS];
    apply_window(window, scratch);
    fourier_transform(scratch);
    filter(scratch, levels);
    for (size_t i = 0; i < TP_AUDIO_BANDS; i++) {
        bands[i] = quantize(log2_of(levels[i] * FULL_SCALE + TP_AUDIO_LOG_OFFSET) * TP_AUDIO_UNITS);
    }
}

#else
void tp_audio_frame(const int16_t window[TP_AUDIO_WINDOW_SAMPLES], tp_audio_band bands[TP_AUDIO_BANDS], void *scratch) {
    apply_window(window, scratch);
    fourier_transform(scratch);
    filter(scratch, bands);
}

/* Cosines are the same for a band and its mirror image, but for the sign in odd rows. Written out, so that the sums stay
 * in registers. */
INLINE void add_pair(float sums[TP_AUDIO_COEFFICIENTS], float low, float high, const float *cosine) {
    const float even = low + high, odd = low - high;
    sums[0] += even * cosine[0];
    sums[1] += odd * cosine[1];
    sums[2] += even * cosine[2];
    sums[3] += odd * cosine[3];
    sums[4] += even * cosine[4];
    sums[5] += odd * cosine[5];
    sums[6] += even * cosine[6];
    sums[7] += odd * cosine[7];
    sums[8] += even * cosine[8];
    sums[9] += odd * cosine[9];
}

static void cosine_transform(const tp_audio_band *bands, float scale, int8_t *features) {
    float sums[TP_AUDIO_COEFFICIENTS] = {0};
    const float *cosine = tp_audio_cosines;
    for (size_t i = 0; i < TP_AUDIO_BANDS / 2; i++, cosine += TP_AUDIO_COEFFICIENTS) {
        const float low = log2_of(bands[i] * scale + TP_AUDIO_LOG_OFFSET);
        const float high = log2_of(bands[TP_AUDIO_BANDS - 1 - i] * scale + TP_AUDIO_LOG_OFFSET);
        add_pair(sums, low, high, cosine);
    }
    for (size_t k = 0; k < TP_AUDIO_COEFFICIENTS; k++) {
        features[k] = quantize(sums[k]);
    }
}

void tp_audio_coefficients(const tp_audio_band bands[][TP_AUDIO_BANDS], size_t count, int32_t largest, int8_t *features) {
    const float scale = 1.0f / (float)largest;
    for (size_t frame = 0; frame < count; frame++) {
        cosine_transform(bands[frame], scale, features + frame * TP_AUDIO_COEFFICIENTS);
    }
}
#endif

#else
typedef int tp_audio_float_is_not_used; /* an empty file would not be C */
#endif
