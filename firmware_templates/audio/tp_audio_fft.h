/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The Fourier transform of tp_audio_float.c and tp_audio_fixed.c, which alone include this file.
 *
 * The real transform of 512 points is a complex one of 256 (radix 4, in place, decimation in frequency) whose output stays
 * in digit-reversed order: it is read once, where it lies.
 */
#ifndef TP_AUDIO_FFT_H
#define TP_AUDIO_FFT_H

#include "tp_audio.h"

enum { POINTS = TP_AUDIO_FFT_POINTS / 2, QUARTER_TURN = TP_AUDIO_FFT_POINTS / 4 };

/* Small functions in the innermost loops, inline even where the compiler is told to save bytes. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

#ifdef TP_AUDIO_FIXED
typedef int32_t number;

/* a · b / 2^15, rounded down; b has 16 bits. One long multiplication where the core has it, two short ones on Armv6-M,
 * with the same result. */
INLINE number multiply(number a, number b) {
#if defined(__ARM_ARCH) && __ARM_ARCH == 6
    return (a >> 16) * b * 2 + ((int32_t)((uint32_t)a & 0xFFFF) * b >> 15);
#else
    return (int32_t)((int64_t)a * b >> 15);
#endif
}
#else
typedef float number;

INLINE number multiply(number a, number b) { return a * b; }
#endif

typedef struct {
    number re, im;
} complex;

INLINE complex add(complex a, complex b) { return (complex){a.re + b.re, a.im + b.im}; }

INLINE complex subtract(complex a, complex b) { return (complex){a.re - b.re, a.im - b.im}; }

/* e^(2 pi i k / 512), fixed: Q15 */
INLINE complex turning(size_t k) { return (complex){tp_audio_sine[k + QUARTER_TURN], tp_audio_sine[k]}; }

/* Clockwise. */
INLINE complex turn(complex a, complex by) {
    return (complex){multiply(a.re, by.re) + multiply(a.im, by.im), multiply(a.im, by.re) - multiply(a.re, by.im)};
}

/* Four points, `span` apart, become sums that the next stages transform. */
INLINE void butterfly(const complex *point, size_t span, complex result[4]) {
    const complex even = add(point[0], point[2 * span]);
    const complex even_rest = subtract(point[0], point[2 * span]);
    const complex odd = add(point[span], point[3 * span]);
    const complex odd_rest = subtract(point[span], point[3 * span]);
    result[0] = add(even, odd);
    result[1] = (complex){even_rest.re + odd_rest.im, even_rest.im - odd_rest.re};
    result[2] = subtract(even, odd);
    result[3] = (complex){even_rest.re - odd_rest.im, even_rest.im + odd_rest.re};
}

/* The butterflies of a stage that need no turning. */
static void plain_butterflies(complex *points, size_t span) {
    for (size_t at = 0; at < POINTS; at += 4 * span) {
        complex *point = points + at;
        complex result[4];
        butterfly(point, span, result);
        point[0] = result[0];
        point[span] = result[1];
        point[2 * span] = result[2];
        point[3 * span] = result[3];
    }
}

/* The others, which all turn by `angle`, in units of 1 / 512 turn. */
static void turning_butterflies(complex *points, size_t span, size_t angle) {
    const complex first = turning(angle), second = turning(2 * angle), third = turning(3 * angle);
    for (size_t at = 0; at < POINTS; at += 4 * span) {
        complex *point = points + at;
        complex result[4];
        butterfly(point, span, result);
        point[0] = result[0];
        point[span] = turn(result[1], first);
        point[2 * span] = turn(result[2], second);
        point[3 * span] = turn(result[3], third);
    }
}

static void fourier_transform(complex *points) {
    size_t step = 2;
    for (size_t span = POINTS / 4; span > 0; span /= 4, step *= 4) {
        plain_butterflies(points, span);
        for (size_t i = 1; i < span; i++) {
            turning_butterflies(points + i, span, i * step);
        }
    }
}

/* Where the transform left point k: its four base-4 digits in reverse. */
INLINE size_t place(size_t k) { return (k & 3) << 6 | (k >> 2 & 3) << 4 | (k >> 4 & 3) << 2 | k >> 6; }

#endif
