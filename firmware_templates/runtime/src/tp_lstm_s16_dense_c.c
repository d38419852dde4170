/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_lstm.h"
#include "tp_s16.h"

/* bias + weights[taps] . x[taps], taken to 2^-12 */
static int32_t sum(const int8_t *weights, const int16_t *x, int32_t taps, const tp_wide_channel *channel)
{
    return tp_wide_rescale(tp_wide_dot(weights, x, taps, tp_wide_bias(channel)), channel->multiplier, channel->shift);
}

/* One step of one sequence; `next` gets the new hidden state. */
static void step(const tp_lstm *lstm, const int8_t *weights, const tp_wide_channel *sums, const uint16_t *table,
                 const int16_t *input, const int16_t *hidden, int16_t *cell, int16_t *next)
{
    const int32_t inputs = lstm->inputs, units = lstm->units;
    for (int32_t unit = 0; unit < units; unit++) {
        int32_t gates[4]; /* input, forget, cell, output */
        for (int32_t gate = 0; gate < 4; gate++) {
            gates[gate] = tp_ssat16(tp_ssat16(sum(weights, input, inputs, &sums[0]))
                                    + tp_ssat16(sum(weights + inputs, hidden, units, &sums[1])));
            weights += inputs + units;
            sums += 2;
        }
        const int32_t scaled = tp_lstm_unit(lstm, table, gates, &cell[unit]);
        next[unit] = (int16_t)tp_clamp(scaled, INT16_MIN, INT16_MAX);
    }
}

void tp_lstm_s16_dense_c(const tp_lstm *lstm, const int8_t *weights, const tp_wide_channel *sums, const uint16_t *table,
                         const int16_t *input, int16_t *output, int16_t *hidden, int16_t *cell)
{
    const int32_t inputs = lstm->inputs, units = lstm->units;
    for (int32_t row = 0; row < lstm->batch; row++) {
        const int16_t *before = hidden + row * units;
        const int16_t *x = input + row * lstm->row_stride * inputs;
        int16_t *y = output + row * lstm->row_stride * units;
        for (int32_t n = 0; n < lstm->steps; n++) {
            step(lstm, weights, sums, table, x, before, cell + row * units, y);
            before = y;
            x += lstm->step_stride * inputs;
            y += lstm->step_stride * units;
        }
        memcpy(hidden + row * units, before, (size_t)units * sizeof(*hidden));
    }
}
