/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * What SVDF kernels share.
 */
#ifndef TP_SVDF_H
#define TP_SVDF_H

#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* What a filter makes of an input, before the variable's zero point is added. */
static inline int32_t tp_svdf_newest(const tp_svdf *svdf, const int8_t *features, int32_t bias, const int8_t *input,
                                     int32_t low, int32_t high)
{
    const int32_t dot = tp_dot(features, input, svdf->inputs, bias);
    return tp_clamp(tp_requantize(dot, svdf->memory_multiplier, svdf->memory_shift), low, high);
}

/* The output of all sums of its filters. */
static inline int8_t tp_svdf_output(const tp_svdf *svdf, uint32_t sum)
{
    const int32_t scaled = tp_requantize((int32_t)sum, svdf->output_multiplier, svdf->output_shift);
    const int32_t zero_point = svdf->output_zero_point;
    return (int8_t)(zero_point + tp_clamp(scaled, INT8_MIN - zero_point, INT8_MAX - zero_point));
}

#endif
