/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dot_words.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

static int32_t int16(int32_t x)
{
    return tp_clamp(x, INT16_MIN, INT16_MAX);
}

/* The table at x / 2^bits, with interpolation, times 2^bits; x >= 0. */
static int32_t interpolated(const uint16_t *table, int32_t x, int32_t bits)
{
    const int32_t place = x >> bits, left = table[place];
    return (left << bits) + (x & ((1 << bits) - 1)) * (table[place + 1] - left);
}

static int32_t sigmoid(const uint16_t *table, int32_t x)
{
    const int32_t scaled = 3 * x, absolute = scaled < 0 ? -scaled : scaled;
    const int32_t made = absolute >> 9 >= 255 ? 0x7fff << 10 : interpolated(table, absolute, 9);
    return (x >= 0 ? made + (1 << 9) : (1 << 25) - made + (1 << 9) - 1) >> 10;
}

static int32_t tangent(const uint16_t *table, int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t scaled = (x * multiplier + (int32_t)(UINT32_C(1) << shift >> 1)) >> shift;
    const int32_t absolute = scaled < 0 ? -scaled : scaled;
    const int32_t made = absolute >> 8 >= 255 ? 0xffff << 8 : interpolated(table, absolute, 8);
    return (scaled >= 0 ? made - (1 << 23) + (1 << 7) : (1 << 23) - made + (1 << 7) - 1) >> 8;
}

/* One step of one sequence; `next` gets the new hidden state. */
static void step(const tp_lstm *lstm, const int8_t *weights, const tp_lstm_sum *sums, const uint16_t *table,
                 const int8_t *input, const int8_t *hidden, int16_t *cell, int8_t *next)
{
    const int32_t inputs = lstm->inputs, units = lstm->units, zero_point = lstm->hidden_zero_point;
    for (int32_t unit = 0; unit < units; unit++) {
        int32_t gates[4]; /* input, forget, cell, output */
        for (int32_t gate = 0; gate < 4; gate++) {
            const int32_t of_input = tp_dot_words(weights, input, inputs, sums[0].bias);
            const int32_t of_hidden = tp_dot_words(weights + inputs, hidden, units, sums[1].bias);
            gates[gate] = int16(int16(tp_requantize(of_input, sums[0].multiplier, sums[0].shift))
                                + int16(tp_requantize(of_hidden, sums[1].multiplier, sums[1].shift)));
            weights += inputs + units;
            sums += 2;
        }
        const int32_t kept = int16(tp_requantize(sigmoid(table, gates[1]) * cell[unit], lstm->forget_multiplier,
                                                 lstm->forget_shift));
        const int32_t added = int16(tp_requantize(sigmoid(table, gates[0]) * tangent(table, gates[2], 3, 0),
                                                  lstm->add_multiplier, lstm->add_shift));
        cell[unit] = (int16_t)tp_clamp(kept + added, lstm->cell_min, lstm->cell_max);
        const int32_t given = tangent(table, cell[unit], lstm->tanh_multiplier, lstm->tanh_shift)
                            * sigmoid(table, gates[3]);
        const int32_t scaled = tp_requantize(given, lstm->hidden_multiplier, lstm->hidden_shift);
        next[unit] = (int8_t)(zero_point + tp_clamp(scaled, INT8_MIN - zero_point, INT8_MAX - zero_point));
    }
}

void tp_lstm_s8_dense_c(const tp_lstm *lstm, const int8_t *weights, const tp_lstm_sum *sums, const uint16_t *table,
                        const int8_t *input, int8_t *output, int8_t *hidden, int16_t *cell)
{
    const int32_t inputs = lstm->inputs, units = lstm->units;
    for (int32_t row = 0; row < lstm->batch; row++) {
        const int8_t *before = hidden + row * units;
        const int8_t *x = input + row * lstm->row_stride * inputs;
        int8_t *y = output + row * lstm->row_stride * units;
        for (int32_t n = 0; n < lstm->steps; n++) {
            step(lstm, weights, sums, table, x, before, cell + row * units, y);
            before = y;
            x += lstm->step_stride * inputs;
            y += lstm->step_stride * units;
        }
        memcpy(hidden + row * units, before, (size_t)units);
    }
}
