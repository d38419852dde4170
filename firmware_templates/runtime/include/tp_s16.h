/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * From accumulators of int16 maps to outputs.
 */
#ifndef TP_S16_H
#define TP_S16_H

#include <stdint.h>

#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

/* Inlined, or not, whatever the compiler optimizes for. */
#if defined(__GNUC__)
#define TP_INLINE static inline __attribute__((always_inline))
#define TP_NOINLINE static __attribute__((noinline, unused))
#else
#define TP_INLINE static inline
#define TP_NOINLINE static inline
#endif

/* As many products of int8 and int16 surely fit 32 bits: 511 * 128 * 32768 < 2^31. */
#define TP_SURE_TAPS 511

/* Multipliers below it round once. */
#define TP_ROUNDS_TWICE (INT32_C(1) << 15)

static inline int64_t tp_wide_bias(const tp_wide_channel *channel)
{
    return (int64_t)channel->bias_high * (INT64_C(1) << 32) + (uint32_t)channel->bias_low;
}

/* (acc * multiplier + 2^(14 - shift)) >> (15 - shift) in 32 bits, for shift in [-31, -2] and multiplier in [0, 2^15): the half
 * that is added is a multiple of 2^16, so the lower 16 bits of the product can go before. */
TP_INLINE int32_t tp_round_once(int32_t acc, int32_t multiplier, int32_t shift)
{
    return tp_smlawb(acc, (uint32_t)multiplier, INT32_C(1) << (-shift - 2)) >> (-shift - 1);
}

TP_NOINLINE int32_t tp_round_twice(int32_t acc, int32_t multiplier, int32_t shift)
{
    return tp_requantize(acc, multiplier, shift);
}

/* weights[taps] . x[taps], taps in [1, TP_SURE_TAPS]. */
TP_INLINE int32_t tp_sure_dot(const int8_t *weights, const int16_t *x, int32_t taps)
{
    const int16_t *const end = x + taps;
    int32_t sum = 0;
    do {
        sum += *weights++ * *x++;
    } while (x != end);
    return sum;
}

/* acc + weights[taps] . x[taps]: in 32 bits as far as products are sure to fit, in 64 beyond that. */
static inline int64_t tp_wide_dot(const int8_t *weights, const int16_t *x, int32_t taps, int64_t acc)
{
    for (; taps > TP_SURE_TAPS; taps -= TP_SURE_TAPS) {
        acc += tp_sure_dot(weights, x, TP_SURE_TAPS);
        weights += TP_SURE_TAPS;
        x += TP_SURE_TAPS;
    }
    return taps > 0 ? acc + tp_sure_dot(weights, x, taps) : acc;
}

/* A call, as what calls it mostly goes by without. */
TP_NOINLINE int32_t tp_round_wide(int64_t acc, int32_t multiplier, int32_t shift)
{
    return (int32_t)((acc * multiplier + (INT64_C(1) << (14 - shift))) >> (15 - shift));
}

static inline int32_t tp_wide_rescale(int64_t acc, int32_t multiplier, int32_t shift)
{
    if (multiplier >= TP_ROUNDS_TWICE) {
        return tp_round_twice((int32_t)acc, multiplier, shift);
    }
    if (shift <= -2 && acc == (int32_t)acc) {
        return tp_round_once((int32_t)acc, multiplier, shift);
    }
    return tp_round_wide(acc, multiplier, shift);
}

/* Taps of a kernel along one axis that are inside of the map: those from first to end. */
typedef struct tp_span {
    int32_t first, end;
} tp_span;

static inline tp_span tp_span_of(int32_t begin, int32_t taps, int32_t dilation, int32_t size)
{
    tp_span found = {0, taps};
    while (found.first < taps && begin + found.first * dilation < 0) {
        found.first++;
    }
    while (found.end > found.first && begin + (found.end - 1) * dilation >= size) {
        found.end--;
    }
    return found;
}

/* What clamps outputs. */
typedef struct tp_bounds {
    int32_t low, high;
} tp_bounds;

static inline tp_bounds tp_bounds_of(const tp_layer *layer)
{
    return (tp_bounds){layer->activation_min, layer->activation_max};
}

/* The outputs of a channel from 32-bit accumulators of two pixels, shift being -2 or less where rounding is once. */
TP_INLINE void tp_outputs_s16(int32_t acc, int32_t other_acc, const tp_channel *channel, tp_bounds bounds, int16_t *output,
                              int16_t *other)
{
    const int32_t multiplier = channel->multiplier, shift = channel->shift;
    if (multiplier < TP_ROUNDS_TWICE) {
        acc = tp_round_once(acc, multiplier, shift);
        other_acc = tp_round_once(other_acc, multiplier, shift);
    } else {
        acc = tp_round_twice(acc, multiplier, shift);
        other_acc = tp_round_twice(other_acc, multiplier, shift);
    }
    *output = (int16_t)tp_limit(acc, bounds.low, bounds.high);
    *other = (int16_t)tp_limit(other_acc, bounds.low, bounds.high);
}

/* The output of a channel at one pixel. */
TP_INLINE int16_t tp_output_s16(int32_t acc, const tp_channel *channel, tp_bounds bounds)
{
    const int32_t multiplier = channel->multiplier, shift = channel->shift;
    acc = multiplier < TP_ROUNDS_TWICE ? tp_round_once(acc, multiplier, shift) : tp_round_twice(acc, multiplier, shift);
    return (int16_t)tp_limit(acc, bounds.low, bounds.high);
}

/* The output of a channel from its 64-bit accumulator. */
static inline int16_t tp_wide_output(int64_t acc, const tp_wide_channel *channel, const tp_layer *layer)
{
    const int32_t y = tp_wide_rescale(acc, channel->multiplier, channel->shift);
    return (int16_t)tp_clamp(y, layer->activation_min, layer->activation_max);
}

#endif
