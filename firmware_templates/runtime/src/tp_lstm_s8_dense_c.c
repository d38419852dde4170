/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dot.h"
#include "tp_lstm.h"

/* One step of one sequence; `next` gets the new hidden state. */
static void step(const tp_lstm *lstm, const int8_t *weights, const tp_lstm_sum *sums, const uint16_t *table,
                 const int8_t *input, const int8_t *hidden, int16_t *cell, int8_t *next)
{
    const int32_t inputs = lstm->inputs, units = lstm->units, zero_point = lstm->hidden_zero_point;
    for (int32_t unit = 0; unit < units; unit++) {
        int32_t gates[4]; /* input, forget, cell, output */
        for (int32_t gate = 0; gate < 4; gate++) {
            const int32_t of_input = tp_dot(weights, input, inputs, sums[0].bias);
            const int32_t of_hidden = tp_dot(weights + inputs, hidden, units, sums[1].bias);
            gates[gate] = tp_ssat16(tp_ssat16(tp_requantize(of_input, sums[0].multiplier, sums[0].shift))
                                    + tp_ssat16(tp_requantize(of_hidden, sums[1].multiplier, sums[1].shift)));
            weights += inputs + units;
            sums += 2;
        }
        const int32_t scaled = tp_lstm_unit(lstm, table, gates, &cell[unit]);
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
