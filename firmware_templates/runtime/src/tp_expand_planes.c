/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_planes.h"

void tp_expand_planes(const tp_planes_pixels *job)
{
    const int8_t *x = job->input;
    const int32_t channels = job->channels < TP_QUAD ? job->channels : TP_QUAD;
    for (int32_t i = job->odd; i < job->odd + job->count; i++) {
        uint32_t *const words = job->words + (i >> 1) * (job->word_step / 4);
        const uint32_t other = i & 1 ? 0xffffu : 0xffff0000u;
        for (int32_t c = 0; c < channels; c++) {
            const uint32_t half = (uint32_t)x[c] & 0xffffu;
            words[c] = (words[c] & other) | (i & 1 ? half << 16 : half);
        }
        x += job->step;
    }
}
