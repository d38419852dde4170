/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_five_carried_dsp(const tp_five_pixels *job, int8_t *output, int32_t groups)
{
    const tp_carried_tile tile = {job->expanded, groups, TP_TILE_PIXELS, TP_GROUP_WORDS - TP_TILE_PIXELS, TP_GROUP_WORDS, output,
                                  job->to, job->channel_step};
    tp_carried_channels_dsp(job->carried, &tile);
}
