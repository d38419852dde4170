/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * From one quantization to another. */
#ifndef TP_QUANTIZE_H
#define TP_QUANTIZE_H

#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

/* output[i] = what input[i] is, as OUTPUT within [low, high], for each of quantize->count values. */
#define TP_QUANTIZE(quantize, input, output, OUTPUT, low, high)                                                            \
    for (int32_t tp_i = 0; tp_i < (quantize)->count; tp_i++) {                                                             \
        const int32_t tp_x = (input)[tp_i] - (quantize)->input_zero_point;                                                 \
        const int32_t tp_y = tp_requantize(tp_x, (quantize)->multiplier, (quantize)->shift) + (quantize)->output_zero_point; \
        (output)[tp_i] = (OUTPUT)tp_clamp(tp_y, low, high);                                                                \
    }

#endif
