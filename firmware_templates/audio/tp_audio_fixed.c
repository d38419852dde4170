/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The front end in 32-bit integers, for cores without a floating-point unit.
 *
 * A frame is scaled to 21 bits, so that the transform's growth by at most 480 / 2 needs no more than 30 and its rounding
 * stays below that of the samples.
 */
#include "tp_audio.h"

#ifdef TP_AUDIO_FIXED

#include <string.h>

#include "tp_audio_fft.h"

enum {
    FRAME_BITS = 21,
    LOG_BITS = 12,
    BAND_BITS = 10,
    BAND_OFFSET = 22 << LOG_BITS,
};

/* Bits of a number without its leading zeros; 0 for 0. */
static int32_t bits_of(uint32_t value) { return value == 0 ? 0 : 32 - __builtin_clz(value); }

static uint32_t absolute(int32_t value) { return value < 0 ? 0 - (uint32_t)value : (uint32_t)value; }

static int32_t window_bits(const int16_t *samples) {
    uint32_t any = 0;
    for (size_t i = 0; i < TP_AUDIO_WINDOW_SAMPLES; i++) {
        any |= absolute(samples[i]);
    }
    return bits_of(any);
}

/* Pairs of samples become complex points below 2^FRAME_BITS; what is behind the window is zero. */
static void apply_window(const int16_t *samples, int32_t bits, int32_t *points) {
    const size_t half = TP_AUDIO_WINDOW_SAMPLES / 2;
    const int32_t shift = bits + 15 - FRAME_BITS;
    const int32_t right = shift > 0 ? shift : 0;
    const int32_t left = shift < 0 ? 1 << -shift : 1;
    points[0] = 0;
    for (size_t i = 1; i < half; i++) {
        const size_t mirrored = TP_AUDIO_WINDOW_SAMPLES - i;
        const int32_t weight = tp_audio_window[i];
        points[i] = (samples[i] * weight >> right) * left;
        points[mirrored] = (samples[mirrored] * weight >> right) * left;
    }
    points[half] = (samples[half] * tp_audio_window[half] >> right) * left;
    memset(points + TP_AUDIO_WINDOW_SAMPLES, 0, (TP_AUDIO_FFT_POINTS - TP_AUDIO_WINDOW_SAMPLES) * sizeof *points);
}

/* Twice bin k of the real transform. */
INLINE complex real_bin(const complex *points, size_t k) {
    const complex a = points[place(k)];
    const complex b = points[place(POINTS - k)];
    const complex even = {a.re + b.re, a.im - b.im};
    const complex odd = {a.im + b.im, b.re - a.re};
    return add(even, turn(odd, turning(k)));
}

/* Half of |a|: the larger part is scaled to 15 bits, so that the square has 29 to 31; then from the table. */
static int32_t half_magnitude(complex a) {
    const uint32_t re = absolute(a.re), im = absolute(a.im);
    const int32_t shift = bits_of(re | im) - 15;
    const uint32_t x = shift > 0 ? re >> shift : re << -shift;
    const uint32_t y = shift > 0 ? im >> shift : im << -shift;
    const uint32_t square = x * x + y * y;
    if (square == 0) {
        return 0;
    }
    const uint32_t step = square >> 23;
    const uint16_t *root = &tp_audio_sqrt[step - 32];
    const uint32_t between = (uint32_t)(root[1] - root[0]) * ((square >> 8) & 0x7FFF) >> 15;
    const uint32_t length = root[0] + between;
    return (int32_t)(shift > 0 ? length << (shift - 1) : length >> (1 - shift));
}

/* log2, Q12, of a number above 0. */
static int32_t log2_of(uint32_t value) {
    const int32_t exponent = bits_of(value) - 1;
    const uint32_t mantissa = value << (31 - exponent); /* its leading 1 is bit 31 */
    const uint16_t *step = &tp_audio_log2[mantissa >> 25 & 63];
    const uint32_t between = (uint32_t)(step[1] - step[0]) * (mantissa >> 13 & 0xFFF) >> 12;
    return exponent * (1 << LOG_BITS) + (int32_t)((step[0] + between + 4) >> 3);
}

/* log2(2^a + offset), all Q12. */
static int32_t with_offset(int32_t a) {
    const int32_t distance = a - TP_AUDIO_LOG_OFFSET;
    const uint32_t far = absolute(distance);
    const int32_t larger = distance > 0 ? a : TP_AUDIO_LOG_OFFSET;
    if (far >= 13u << LOG_BITS) {
        return larger;
    }
    const uint16_t *step = &tp_audio_log_sum[far >> 9];
    return larger + step[0] - (int32_t)((uint32_t)(step[0] - step[1]) * (far & 511) >> 9);
}

static int8_t clamp(int32_t value) { return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value); }

/* The logarithm of a filter's sum above 0, in units of samples, Q12; `bits` are what the frame was scaled from. */
INLINE int32_t level_of(int32_t sum, int32_t bits) {
    return log2_of((uint32_t)sum) + (bits - FRAME_BITS) * (1 << LOG_BITS);
}

#ifdef TP_AUDIO_LOGMEL
enum { FULL_SCALE_LOG = 15 << LOG_BITS, HALF_UNIT = 1 << (TP_AUDIO_FEATURE_SHIFT - 1) };

static tp_audio_band band_of(int32_t sum, int32_t bits) {
    if (sum <= 0) {
        return TP_AUDIO_SILENCE;
    }
    const int32_t level = with_offset(level_of(sum, bits) - FULL_SCALE_LOG);
    return clamp(((level * TP_AUDIO_UNITS + HALF_UNIT) >> TP_AUDIO_FEATURE_SHIFT) + TP_AUDIO_INPUT_ZERO_POINT);
}

#else
static tp_audio_band band_of(int32_t sum, int32_t bits) {
    if (sum <= 0) {
        return 0;
    }
    const int32_t level = level_of(sum, bits) + BAND_OFFSET;
    return (tp_audio_band)((level + (1 << (LOG_BITS - BAND_BITS - 1))) >> (LOG_BITS - BAND_BITS));
}
#endif

/* A bin gives a part to the filter that rises there, and the rest to the filter below, which falls. The magnitudes of a
 * frame's bins are at most 214 · 2^21 in Euclidean length, so no filter's sum reaches 2^31. */
static void filter(const complex *points, int32_t bits, tp_audio_band bands[TP_AUDIO_BANDS]) {
    size_t bin = 0;
    int32_t below = 0;
    for (size_t interval = 0; interval <= TP_AUDIO_BANDS; interval++) {
        int32_t sum = 0;
        int32_t rising = 0;
        for (size_t end = bin + tp_audio_interval_bins[interval]; bin < end; bin++) {
            const int32_t level = half_magnitude(real_bin(points, bin + 1));
            sum += level;
            rising += multiply(level, tp_audio_rising[bin]);
        }
        if (interval > 0) {
            bands[interval - 1] = band_of(below + sum - rising, bits);
        }
        below = rising;
    }
}

void tp_audio_frame(const int16_t window[TP_AUDIO_WINDOW_SAMPLES], tp_audio_band bands[TP_AUDIO_BANDS], void *scratch) {
    complex *points = scratch;
    const int32_t bits = window_bits(window);
    apply_window(window, bits, scratch);
    fourier_transform(points);
    filter(points, bits, bands);
}

#ifdef TP_AUDIO_MFCC
/* Of one band in a clip whose largest sample has that logarithm; less the centre. */
static int32_t band_log(tp_audio_band band, int32_t largest_log) {
    const int32_t known = (band << (LOG_BITS - BAND_BITS)) - BAND_OFFSET - largest_log;
    const int32_t level = band == 0 ? TP_AUDIO_LOG_OFFSET : with_offset(known);
    return (level < TP_AUDIO_LOG_HIGHEST ? level : TP_AUDIO_LOG_HIGHEST) - TP_AUDIO_LOG_CENTRE;
}

/* Cosines are the same for a band and its mirror image, but for the sign in odd rows. */
static void cosine_transform(const tp_audio_band *bands, int32_t largest_log, int8_t *features) {
    const size_t half = TP_AUDIO_BANDS / 2;
    int32_t pairs[2][TP_AUDIO_BANDS / 2];
    for (size_t i = 0; i < half; i++) {
        const int32_t low = band_log(bands[i], largest_log);
        const int32_t high = band_log(bands[TP_AUDIO_BANDS - 1 - i], largest_log);
        pairs[0][i] = low + high;
        pairs[1][i] = low - high;
    }
    const int16_t *cosine = tp_audio_cosines;
    for (size_t k = 0; k < TP_AUDIO_COEFFICIENTS; k++) {
        const int32_t *pair = pairs[k & 1];
        int32_t sum = tp_audio_bias[k];
        for (size_t i = 0; i < half; i++) {
            sum += pair[i] * *cosine++ >> TP_AUDIO_COSINE_SHIFT;
        }
        features[k] = clamp((sum >> TP_AUDIO_FEATURE_SHIFT) + TP_AUDIO_INPUT_ZERO_POINT);
    }
}

void tp_audio_coefficients(const tp_audio_band bands[][TP_AUDIO_BANDS], size_t count, int32_t largest, int8_t *features) {
    const int32_t largest_log = log2_of((uint32_t)largest);
    for (size_t frame = 0; frame < count; frame++) {
        cosine_transform(bands[frame], largest_log, features + frame * TP_AUDIO_COEFFICIENTS);
    }
}
#endif

#else
typedef int tp_audio_fixed_is_not_used; /* an empty file would not be C */
#endif
