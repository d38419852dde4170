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

/* Multipliers below it round once. */
#define TP_ROUNDS_TWICE (INT32_C(1) << 15)

static inline int64_t tp_wide_bias(const tp_wide_channel *channel)
{
    return (int64_t)channel->bias_high * (INT64_C(1) << 32) + (uint32_t)channel->bias_low;
}

/* (acc * multiplier + 2^(14 - shift)) >> (15 - shift) in 32 bits, for shift in [-31, -2] and multiplier in [0, 2^15): the half
 * that is added is a multiple of 2^16, so the lower 16 bits of the product can go before. */
static inline int32_t tp_round_once(int32_t acc, int32_t multiplier, int32_t shift)
{
    return tp_smlawb(acc, (uint32_t)multiplier, INT32_C(1) << (-shift - 2)) >> (-shift - 1);
}

static inline int32_t tp_wide_rescale(int64_t acc, int32_t multiplier, int32_t shift)
{
    if (multiplier >= TP_ROUNDS_TWICE) {
        return tp_requantize((int32_t)acc, multiplier, shift);
    }
    if (shift <= -2 && acc == (int32_t)acc) {
        return tp_round_once((int32_t)acc, multiplier, shift);
    }
    return (int32_t)((acc * multiplier + (INT64_C(1) << (14 - shift))) >> (15 - shift));
}

/* The output of a channel from its 32-bit accumulator, shift being -2 or less where rounding is once. */
static inline int16_t tp_output_s16(int32_t acc, const tp_channel *channel, const tp_layer *layer)
{
    const int32_t multiplier = channel->multiplier, shift = channel->shift;
    const int32_t y = multiplier < TP_ROUNDS_TWICE ? tp_round_once(acc, multiplier, shift)
                                                   : tp_requantize(acc, multiplier, shift);
    return (int16_t)tp_clamp(y, layer->activation_min, layer->activation_max);
}

/* The output of a channel from its 64-bit accumulator. */
static inline int16_t tp_wide_output(int64_t acc, const tp_wide_channel *channel, const tp_layer *layer)
{
    const int32_t y = tp_wide_rescale(acc, channel->multiplier, channel->shift);
    return (int16_t)tp_clamp(y, layer->activation_min, layer->activation_max);
}

#endif
