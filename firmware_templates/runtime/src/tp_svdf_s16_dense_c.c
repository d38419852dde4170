/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_svdf.h"

void tp_svdf_s16_dense_c(const tp_svdf *svdf, const int8_t *features, const int32_t *feature_bias, const int16_t *times,
                      const int32_t *bias, const int8_t *input, int8_t *output, int16_t *memory)
{
    const int32_t last = svdf->memory - 1, zero_point = svdf->memory_zero_point;
    for (int32_t row = 0; row < svdf->rows; row++) {
        const int8_t *feature = features;
        const int16_t *time = times;
        for (int32_t filter = 0, unit = 0; unit < svdf->units; unit++) {
            uint32_t sum = (uint32_t)bias[unit];
            for (int32_t rank = 0; rank < svdf->rank; rank++, filter++) {
                const int32_t newest
                    = zero_point + tp_svdf_newest(svdf, feature, feature_bias[filter], input, INT16_MIN, INT16_MAX);
                const int16_t *time_end = time + last;
                while (time != time_end) {
                    const int16_t older = memory[1];
                    *memory++ = older;
                    sum += (uint32_t)(*time++ * older);
                }
                *memory = (int16_t)(uint16_t)newest;
                sum += (uint32_t)(*time++ * *memory++);
                feature += svdf->inputs;
            }
            *output++ = tp_svdf_output(svdf, sum);
        }
        input += svdf->inputs;
    }
}
