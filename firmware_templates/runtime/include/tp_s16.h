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

/* The output of a channel from its 64-bit accumulator. */
static inline int16_t tp_wide_output(int64_t acc, const tp_wide_channel *channel, const tp_layer *layer)
{
    const int32_t multiplier = channel->multiplier, shift = channel->shift;
    const int32_t y = multiplier < TP_ROUNDS_TWICE
                          ? (int32_t)((acc * multiplier + (INT64_C(1) << (14 - shift))) >> (15 - shift))
                          : tp_requantize((int32_t)acc, multiplier, shift);
    return (int16_t)tp_clamp(y, layer->activation_min, layer->activation_max);
}

#endif
