/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_reduce.h"

void tp_reduce_max_s8_dense_c(const tp_reduce *reduce, const int8_t *input, int8_t *output)
{
    tp_reduce_to_largest(reduce, input, output, 0);
}
