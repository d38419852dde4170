/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_planes.h"

static int32_t half(uint32_t pair, int32_t which)
{
    return (int16_t)(which ? pair >> 16 : pair & 0xffffu);
}

/* The sum of the output in this row and column. */
static int32_t sum_of(const tp_planes_rows *job, int32_t row, int32_t column, int32_t bias)
{
    const char *slot = job->x + row * job->x_row_step;
    const uint32_t *weights = job->weights;
    const int32_t taps = job->layer->kernel_columns;
    int32_t acc = bias;
    for (int32_t i = 0; i < job->kernel_rows; i++) {
        for (int32_t j = 0; j < taps; j++) {
            const int32_t at = column * job->column_stride + j;
            const uint32_t pair = *(const uint32_t *)(const void *)(slot + (at >> 1) * job->word_step);
            acc += half(pair, at & 1) * half(weights[(j + 1) >> 1], j & 1);
        }
        weights += job->pairs;
        slot += job->slot_step;
    }
    return acc;
}

static int8_t output_of(const tp_planes_rows *job, int32_t acc, const uint32_t *numbers)
{
    if (numbers[0] == 0) {
        const int32_t y = tp_requantize(acc, (int32_t)numbers[2], (int32_t)numbers[3]);
        const int32_t zero_point = job->layer->output_zero_point;
        return (int8_t)(tp_clamp(y, -128 - zero_point, 127 - zero_point) + zero_point);
    }
    const int32_t x = tp_smmulr(acc, (int32_t)numbers[2]);
    return (int8_t)tp_ssat8((x + (x >> 31) + (int32_t)numbers[3]) >> numbers[0]);
}

void tp_planes_channels(tp_planes_rows *job)
{
    for (int32_t channel = 0; channel < job->channels; channel++) {
        const uint32_t *const numbers = job->weights + job->kernel_bytes / 4;
        for (int32_t row = 0; row < job->rows; row++) {
            for (int32_t column = 0; column < job->columns; column++) {
                const int32_t acc = sum_of(job, row, column, (int32_t)numbers[1]);
                job->output[row * job->row_step + column * job->column_step] = output_of(job, acc, numbers);
            }
        }
        job->x += job->channel_step;
        job->weights = numbers + 4;
        job->output++;
    }
}
