/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_depthwise_rows_dsp(const tp_depthwise_engine *engine, const int8_t *map, int32_t slots, int32_t slot,
                           const uint32_t *weights, int32_t channels, int32_t input_zero_point, int8_t *output)
{
    tp_depthwise_row job = {map + 4 * slot, map + 4 * slots + slot, weights, NULL, 5 * slots, input_zero_point, output};
    while (channels > 0) {
        const int32_t count = channels < TP_ROW_CHANNELS ? channels : TP_ROW_CHANNELS;
        job.weights_end = job.weights + engine->channel_words * count;
        engine->run(&job);
        job.words += 5 * slots * count;
        job.bytes += 5 * slots * count;
        job.weights = job.weights_end;
        job.output += TP_ROW_GROUP_BYTES;
        channels -= count;
    }
}
