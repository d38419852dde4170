/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * What one unit of an LSTM makes of its gates.
 */
#ifndef TP_LSTM_H
#define TP_LSTM_H

#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* The table at x / 2^bits, with interpolation, times 2^bits; x >= 0. */
static inline int32_t tp_gate_between(const uint16_t *table, int32_t x, int32_t bits)
{
    const int32_t place = x >> bits, left = table[place];
    return (left << bits) + (x & ((1 << bits) - 1)) * (table[place + 1] - left);
}

static inline int32_t tp_gate_sigmoid(const uint16_t *table, int32_t x)
{
    const int32_t scaled = 3 * x, absolute = scaled < 0 ? -scaled : scaled;
    const int32_t made = absolute >> 9 >= 255 ? 0x7fff << 10 : tp_gate_between(table, absolute, 9);
    return (x >= 0 ? made + (1 << 9) : (1 << 25) - made + (1 << 9) - 1) >> 10;
}

static inline int32_t tp_gate_tangent(const uint16_t *table, int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t scaled = (x * multiplier + (int32_t)(UINT32_C(1) << shift >> 1)) >> shift;
    const int32_t absolute = scaled < 0 ? -scaled : scaled;
    const int32_t made = absolute >> 8 >= 255 ? 0xffff << 8 : tp_gate_between(table, absolute, 8);
    return (scaled >= 0 ? made - (1 << 23) + (1 << 7) : (1 << 23) - made + (1 << 7) - 1) >> 8;
}

/* The unit's new hidden state before its zero point, from the gates (input, forget, cell, output), which are int16 with scale
 * 2^-12. `cell` becomes the new one. */
static inline int32_t tp_lstm_unit(const tp_lstm *lstm, const uint16_t *table, const int32_t *gates, int16_t *cell)
{
    const int32_t kept = tp_ssat16(tp_requantize(tp_gate_sigmoid(table, gates[1]) * *cell, lstm->forget_multiplier,
                                                 lstm->forget_shift));
    const int32_t added = tp_ssat16(tp_requantize(
        tp_gate_sigmoid(table, gates[0]) * tp_gate_tangent(table, gates[2], 3, 0), lstm->add_multiplier, lstm->add_shift));
    *cell = (int16_t)tp_clamp(kept + added, lstm->cell_min, lstm->cell_max);
    const int32_t given = tp_gate_tangent(table, *cell, lstm->tanh_multiplier, lstm->tanh_shift)
                        * tp_gate_sigmoid(table, gates[3]);
    return tp_requantize(given, lstm->hidden_multiplier, lstm->hidden_shift);
}

#endif
