/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels.h"
#include "tp_loops.h"

TP_INLINE uint32_t both(const tp_logical *op, uint32_t a, uint32_t b)
{
    const uint32_t operands = (uint32_t)op->invert_operands * 0x01010101u, result = (uint32_t)op->invert_result * 0x01010101u;
    return ((a ^ operands) & (b ^ operands)) ^ result;
}

TP_DEFINE_ROW_OF_WORDS(row, tp_logical, both)

void tp_logical_b8_dense_c(const tp_loops *loops, const tp_logical *op, const int8_t *left, const int8_t *right,
                           int8_t *output)
{
#define ROW(a, b, y) row(op, loops, a, b, y)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
