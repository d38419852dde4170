/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_depthwise_rows_s8_dense_dsp(const int8_t *map, int32_t slots, int32_t slot, const uint32_t *weights,
                                    int32_t channels, int8_t *output)
{
    const int8_t *words = map + 4 * slot, *bytes = map + 4 * slots + slot;
    while (channels > 0) {
        const int32_t count = channels < TP_ROW_CHANNELS ? channels : TP_ROW_CHANNELS;
        tp_depthwise_row_s8_dense_dsp(words, bytes, weights, output, 5 * slots, weights + TP_DEPTHWISE_CHANNEL_WORDS * count);
        words += 5 * slots * count;
        bytes += 5 * slots * count;
        weights += TP_DEPTHWISE_CHANNEL_WORDS * count;
        output += TP_ROW_GROUP_BYTES;
        channels -= count;
    }
}
