/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * From int32 accumulators to int8 outputs as TFLite does it, twice rounded (gemmlowp's fixed point). Right shifts of
 * negative numbers are arithmetic and conversions to int32_t wrap, as all compilers for these cores have it.
 */
#ifndef TP_FIXED_POINT_H
#define TP_FIXED_POINT_H

#include <stdint.h>

#include "tp_dsp.h"
#include "tp_kernels.h"

static inline int32_t tp_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* tp_doubling_high_mul from products of 32 bits, for cores that have no wider ones; none of the sums can overflow. */
static inline int32_t tp_doubling_high_mul_by_halves(int32_t a, int32_t b)
{
    const int32_t a_low = a & 0xffff, a_high = a >> 16, b_low = b & 0xffff, b_high = b >> 16;
    const uint32_t low = (uint32_t)a_low * (uint32_t)b_low;
    const int32_t first = a_high * b_low + (int32_t)(low >> 16);
    const int32_t second = a_low * b_high + (first & 0xffff);
    const int32_t high = a_high * b_high + (first >> 16) + (second >> 16); /* of the product, whose next bits are second's */
    return high * 2 + (((second >> 14 & 3) + 1) >> 1);
}

/* a * b / 2^31 to the nearest, ties upwards; a and b are not both -2^31. */
static inline int32_t tp_doubling_high_mul(int32_t a, int32_t b)
{
#if defined(__ARM_ARCH_6M__)
    return tp_doubling_high_mul_by_halves(a, b);
#elif !TP_DSP
    const int64_t product = (int64_t)a * b; /* a sum of 64 bits is slow here */
    return (int32_t)(product >> 32) * 2 + (int32_t)((((uint32_t)product >> 30) + 1) >> 1);
#else
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
#endif
}

/* tp_doubling_high_mul where |a| is at most 2^30 - 1: a single instruction more than the product on cores with DSP. */
static inline int32_t tp_doubling_high_mul_narrow(int32_t a, int32_t b)
{
#if TP_DSP
    return tp_smmulr(a * 2, b);
#else
    return tp_doubling_high_mul(a, b);
#endif
}

/* x / 2^exponent to the nearest, ties away from zero; exponent in [0, 31]. */
static inline int32_t tp_rounding_shift_right(int32_t x, int32_t exponent)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1);
    const int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + ((x & mask) > threshold);
}

/* acc * multiplier * 2^(shift - 31); a left shift wraps at 32 bits. Any acc, multiplier >= 0, shift in [-31, 31]. */
static inline int32_t tp_requantize(int32_t acc, int32_t multiplier, int32_t shift)
{
    if (shift >= 0) {
        return tp_doubling_high_mul((int32_t)((uint32_t)acc << shift), multiplier);
    }
    const int32_t x = tp_doubling_high_mul(acc, multiplier);
    return (((x + (x >> 31)) >> (-shift - 1)) + 1) >> 1; /* tp_rounding_shift_right; |x| < 2^31 - 1, as multiplier < 2^31 */
}

/* tp_requantize where |acc| * 2^max(shift, 0) is at most 2^30: of fewer instructions on cores with DSP. */
static inline int32_t tp_requantize_narrow(int32_t acc, int32_t multiplier, int32_t shift)
{
#if TP_DSP
    if (shift >= 0) {
        return tp_smmulr((int32_t)((uint32_t)acc << (shift + 1)), multiplier);
    }
    const int32_t x = tp_smmulr(acc * 2, multiplier);
    return (((x + (x >> 31)) >> (-shift - 1)) + 1) >> 1;
#else
    return tp_requantize(acc, multiplier, shift);
#endif
}

/* A layer's outputs: their zero point, and the bounds of what is above it. */
typedef struct tp_range {
    int32_t zero_point, low, high;
} tp_range;

static inline tp_range tp_range_of(const tp_layer *layer)
{
    const int32_t zero_point = layer->output_zero_point;
    return (tp_range){zero_point, layer->activation_min - zero_point, layer->activation_max - zero_point};
}

/* The output of a channel from its accumulator, for every layer that tinyprune accepts. */
static inline int8_t tp_output_within(tp_range range, int32_t acc, const tp_channel *channel)
{
    return (int8_t)(range.zero_point + tp_clamp(tp_requantize(acc, channel->multiplier, channel->shift), range.low, range.high));
}

/* The same where the range is not at hand: outputs and layers could overlap for all that compilers know. */
static inline int8_t tp_output(int32_t acc, const tp_channel *channel, const tp_layer *layer)
{
    return tp_output_within(tp_range_of(layer), acc, channel);
}

/* What tp_requantize_fast adds before its last shift: a half for rounding, and the zero point. */
static inline int32_t tp_fast_offset(int32_t right_shift, int32_t zero_point)
{
    return (1 << (right_shift - 1)) + zero_point * (1 << right_shift);
}

/* tp_requantize(acc, multiplier, -right_shift) + zero_point without 64-bit arithmetic, offset being tp_fast_offset's. Exact
 * for right_shift in [1, 30] and |acc| < 2^30 as long as no sum overflows; the proof and the condition to check are in
 * fixed_point.py: fast_rounding_is_exact. */
static inline int32_t tp_requantize_fast(int32_t acc, int32_t multiplier, int32_t right_shift, int32_t offset)
{
    int32_t x = tp_smmulr(acc * 2, multiplier);
    x += x >> 31;
    return (x + offset) >> right_shift;
}

#endif
