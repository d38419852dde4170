/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_planes.h"

/* The rows and columns that an output (row, column), and every row_dilation-th and column_dilation-th one behind it, have under
 * their kernels: a layer without dilation. */
typedef struct tp_planes_part {
    const tp_planes *layer;
    const tp_planes_engine *engine;
    const int8_t *input; /* its first column, in row 0 */
    int8_t *output;
    int32_t rows, columns; /* of the output */
    int32_t top;           /* the input row under the first output's first tap */
    int32_t slot_step;
    char *band;
    tp_planes_pixels pixels; /* of a row */
} tp_planes_part;

static int32_t min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* How many steps reach from 0 to `length` or beyond. */
static int32_t steps_in(int32_t length, int32_t step)
{
    return length > 0 ? (length + step - 1) / step : 0;
}

static void pad(const tp_planes_part *part, char *word)
{
    const uint32_t pair = tp_sxtb16(part->pixels.padding);
    for (int32_t n = 0; n < part->layer->words; n++) {
        uint32_t *const four = (uint32_t *)(void *)word;
        four[0] = four[1] = four[2] = four[3] = pair;
        word += part->engine->word_step;
    }
}

/* Input rows, from `row` on, of the four channels from `channel` on. */
static void fill(const tp_planes_part *part, int32_t row, int32_t slots, int32_t channel)
{
    const tp_planes *const layer = part->layer;
    void (*const expand)(const tp_planes_pixels *) = layer->in_channels < TP_QUAD ? tp_expand_planes : tp_expand_planes_dsp;
    const int32_t in_rows = part->pixels.count > 0 ? layer->in_rows : 0, in_row_step = layer->in_row_step;
    const int32_t dilation = layer->row_dilation, slot_step = part->slot_step;
    const int32_t first = (int32_t)((const char *)part->pixels.words - part->band);
    const int8_t *const input = part->input + channel;
    const int pads = part->rows > layer->batch; /* else it is padding still, as compute_part left it */
    tp_planes_pixels pixels = part->pixels;
    char *slot = part->band;
    for (int32_t i = 0; i < slots; i++) {
        if (row >= 0 && row < in_rows) {
            pixels.input = input + row * in_row_step;
            pixels.words = (uint32_t *)(void *)(slot + first);
            expand(&pixels);
        } else if (pads) {
            pad(part, slot);
        }
        row += dilation;
        slot += slot_step;
    }
}

static void run(const tp_planes_part *part, tp_planes_rows *job, int32_t channels)
{
    if (!part->layer->exact) {
        job->channels = channels;
        part->engine->run(job);
        return;
    }
    for (int32_t i = 0; i < channels; i++) {
        job->channels = 1;
        const int rounds_twice = job->weights[job->kernel_bytes / 4] == 0;
        (rounds_twice ? tp_planes_channels : part->engine->run)(job);
    }
}

/* `rows` output rows from `row` on, of the `count` channels from `channel` on that the band has from its channel `place` on. */
static void compute(const tp_planes_part *part, const uint32_t *weights, int32_t row, int32_t rows, int32_t channel,
                    int32_t place, int32_t count)
{
    const tp_planes *const layer = part->layer;
    const int32_t multiplier = layer->depth_multiplier, pairs = layer->kernel_columns / 2 + 1;
    const int32_t kernel_bytes = 4 * layer->kernel_rows * pairs;
    const int32_t row_step = layer->row_dilation * layer->out_row_step;
    tp_planes_rows job = {
        part->band + 4 * place, weights + channel * multiplier * (kernel_bytes / 4 + 4),
        part->output + row * row_step + channel * multiplier, rows, part->columns, row_step,
        layer->column_dilation * layer->out_column_step, 0, multiplier == 1 ? 4 : 0, layer->kernel_rows, pairs,
        part->slot_step, layer->row_stride * part->slot_step, kernel_bytes, layer->output_zero_point == -128,
        part->engine->word_step, layer->column_stride, layer,
    };
    if (multiplier == 1) {
        run(part, &job, count);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        run(part, &job, multiplier);
        job.x += 4;
    }
}

static void compute_part(const tp_planes_part *part, const uint32_t *weights)
{
    const tp_planes *const layer = part->layer;
    for (int32_t i = 0; i < layer->slots; i++) {
        pad(part, part->band + i * part->slot_step);
    }
    for (int32_t channel = 0; channel < layer->in_channels; channel += TP_QUAD) {
        const int32_t count = min(TP_QUAD, layer->in_channels - channel);
        const int32_t place = min(TP_QUAD - count, channel); /* the last four overlap those before */
        for (int32_t row = 0; row < part->rows; row += layer->batch) {
            const int32_t rows = min(layer->batch, part->rows - row);
            const int32_t slots = (rows - 1) * layer->row_stride + layer->kernel_rows;
            fill(part, part->top + row * layer->row_stride * layer->row_dilation, slots, channel - place);
            compute(part, weights, row, rows, channel, place, count);
        }
    }
}

static tp_planes_part part_of(const tp_planes_engine *engine, const tp_planes *layer, int32_t row, int32_t column,
                              const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t dilation = layer->column_dilation, left = column - layer->pad_left;
    const int32_t padding = steps_in(-left, dilation); /* columns of it */
    const int32_t first = left + padding * dilation;
    const int32_t count = min(steps_in(layer->in_columns - first, dilation), 2 * layer->words - padding);
    const int32_t slot_step = engine->slot_step ? engine->slot_step : layer->words * TP_PLANES_WORD;
    char *const word = (char *)scratch + padding / 2 * engine->word_step;
    const tp_planes_part part = {
        layer, engine, input + first * layer->in_column_step,
        output + row * layer->out_row_step + column * layer->out_column_step,
        steps_in(layer->out_rows - row, layer->row_dilation), steps_in(layer->out_columns - column, dilation),
        row - layer->pad_top, slot_step, scratch,
        {input, dilation * layer->in_column_step, count, (uint32_t *)(void *)word, engine->word_step, padding & 1,
         (uint32_t)(uint8_t)layer->input_zero_point * 0x01010101u, layer->in_channels},
    };
    return part;
}

static void clamp(const tp_planes *layer, int8_t *output)
{
    const int32_t low = layer->activation_min, high = layer->activation_max;
    const int32_t count = layer->out_rows * layer->out_columns * layer->in_channels * layer->depth_multiplier;
    for (int32_t i = 0; i < count; i++) {
        output[i] = (int8_t)(output[i] < low ? low : output[i] > high ? high : output[i]);
    }
}

void tp_depthwise_planes_dsp(const tp_planes_engine *engine, const tp_planes *layer, const uint32_t *weights,
                             const int8_t *input, int8_t *output, void *scratch)
{
    for (int32_t row = 0; row < min(layer->row_dilation, layer->out_rows); row++) {
        for (int32_t column = 0; column < min(layer->column_dilation, layer->out_columns); column++) {
            const tp_planes_part part = part_of(engine, layer, row, column, input, output, scratch);
            compute_part(&part, weights);
        }
    }
    if (layer->activation_min > -128 || layer->activation_max < 127) {
        clamp(layer, output);
    }
}
